"""The same report as one HTML file that loads nothing from anywhere."""

from __future__ import annotations

import base64
import html
import re
import string
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from workbench.report import document, fonts
from workbench.report.document import load_methods
from workbench.report.register import Finding

__all__ = ["Writer", "page", "render_html", "withheld_html"]

_CSP = "default-src 'none'; font-src data:; img-src data:; style-src 'unsafe-inline'"

_STYLE = """
:root{--ink:#1d2733;--soft:#5b6776;--rule:#c9d0d8;--pale:#dfe5eb;--blue:#00588a;--bar:#0072b2;
--red:#b34700;--lost:#d55e00;--green:#00704f}
*{box-sizing:border-box}
html{font-size:17px}
body{margin:0 auto;padding:1.2rem 1.1rem 3rem;max-width:50rem;color:var(--ink);background:#fff;
line-height:1.6;font-family:Report,sans-serif}
h1{font-size:2rem;line-height:1.25;margin:.2rem 0}
h2{font-size:1.25rem;color:var(--blue);border-bottom:2px solid var(--blue);margin:2.4rem 0 .8rem;
padding-bottom:.2rem}
h3{font-size:1.02rem;margin:1.5rem 0 .4rem}
a{color:inherit;text-decoration:none}
a:hover,a:focus{text-decoration:underline}
.soft{color:var(--soft);font-size:.85rem}
.demo{border:1px solid var(--red);color:var(--red);padding:.15rem .5rem;display:inline-block;
font-size:.85rem}
.hero{display:grid;grid-template-columns:13rem 1fr;gap:1.5rem;margin:1rem 0}
.score{background:var(--blue);color:#fff;padding:1rem;border-radius:3px}
.score b{display:block;font-size:3rem;font-weight:400;line-height:1.2}
.verdict p{font-size:1.12rem;margin:.3rem 0 .6rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.85rem;margin:.6rem 0 1.2rem;
border-top:2px solid var(--ink);border-bottom:1px solid var(--ink)}
th,td{text-align:left;vertical-align:top;padding:.32rem .45rem;border-top:1px solid var(--rule)}
thead th{word-break:keep-all;color:var(--soft);font-weight:400;border-bottom:1px solid var(--ink)}
tbody th{font-weight:400}
.lead td{color:var(--soft);padding-top:.7rem}.lead~tr th{padding-left:1.2rem}
.keys th{width:11rem;color:var(--soft)}
.r{text-align:right;white-space:nowrap}
td.r.wrap{white-space:normal}
.good{color:var(--green)}.bad{color:var(--red)}.open{color:var(--blue)}.mute{color:var(--soft)}
.bar{background:var(--pale);height:.55rem;min-width:9rem;margin-top:.45rem}
.bar i{display:block;height:100%;background:var(--bar)}
.step{position:relative;height:.8rem;min-width:8rem;margin-top:.3rem}
.step i{position:absolute;top:0;bottom:0;background:var(--lost);min-width:2px}
.step i.post{background:var(--blue)}
.dots{color:var(--bar);letter-spacing:.12em}
.tenths td{white-space:nowrap}
.own{color:var(--soft);font-size:.85em}
figure{margin:1rem 0}
figure img{width:100%;height:auto}
.stairs img{height:4.5rem;margin-top:.3rem}
.album{display:grid;grid-template-columns:repeat(auto-fill,minmax(13rem,1fr));gap:1rem}
.album figure{margin:0}figcaption{font-size:.78rem;color:var(--soft)}
.boxes{display:flex;gap:1rem;flex-wrap:wrap}
.boxes div{flex:1 1 12rem;border:1px solid var(--soft);border-radius:3px;padding:.6rem;
min-height:6rem}
.sources{font-size:.78rem}
.sources h4{margin:.9rem 0 .1rem;border-bottom:1px solid var(--soft);font-size:.8rem}
.sources p{margin:0;overflow-wrap:anywhere}
.sources span{color:var(--blue)}
code{font-size:.85em;overflow-wrap:anywhere}
:target{background:#fff3c4}
html:lang(en) body{font-family:Georgia,"Times New Roman",Report,serif}
html:lang(en) :is(header,footer,h1,h2,h3,table,figure,.sans){
font-family:Arial,Helvetica,Report,sans-serif}
@media (min-width:40.01rem){.stairs td:first-child{width:2.6rem}
.stairs td:nth-child(2){width:9.5rem}.stairs td:nth-child(3){width:4rem}
.stairs td:nth-child(5){width:15rem}}
@media (max-width:40rem){.stairs thead{position:absolute;left:-99rem}
.stairs,.stairs tbody{display:block}
.stairs tr{display:grid;grid-template-columns:2.2rem 1fr 4rem;border-top:1px solid var(--rule)}
.stairs tr td{border:0}.stairs td:nth-child(4),.stairs td:nth-child(5){grid-column:2/4}
.stairs td:nth-child(5):empty{display:none}
.hero{grid-template-columns:1fr}html{font-size:16px}}
@media print{html{font-size:10pt}body{max-width:none;padding:0}.wide{overflow:visible}
h2,h3{break-after:avoid}tr,figure{break-inside:avoid}.page2{break-before:page}}
"""


def render_html(
    findings: Iterable[Finding],
    figures: Mapping[str, Mapping[str, Any]],
    *,
    lang: str,
    evidence_digest: str,
    issued: date,
    edition: int,
    report_number: str,
    demonstration: bool,
    methods: Mapping[str, Mapping[str, str]] | None = None,
    pictures: Mapping[str, Mapping[str, Any]] | None = None,
) -> bytes:
    """Render the report of an assessed unit as one HTML file.

    Arguments as :func:`workbench.report.render`; content and order are those of the PDF. The file
    holds no script and no link to anywhere; figures are embedded; all text is escaped.
    """
    plain, files = document.assessed(
        findings,
        figures,
        lang=lang,
        evidence_digest=evidence_digest,
        issued=issued,
        edition=edition,
        report_number=report_number,
        demonstration=demonstration,
        methods=load_methods() if methods is None else methods,
        pictures=pictures,
    )
    return page(plain, files)


def withheld_html(
    findings: Iterable[Finding],
    *,
    lang: str,
    evidence_digest: str,
    issued: date,
    edition: int,
    report_number: str,
    demonstration: bool,
) -> bytes:
    """Render the notice of a withheld unit as one HTML file; see :func:`render_html`."""
    plain, files = document.withheld(
        findings,
        lang=lang,
        evidence_digest=evidence_digest,
        issued=issued,
        edition=edition,
        report_number=report_number,
        demonstration=demonstration,
    )
    return page(plain, files)


_LANGS = {"zh": "zh-CN", "en": "en"}
_BASE64 = string.ascii_letters + string.digits + "+/="


def _esc(text: Any) -> str:
    return html.escape(str(text), quote=True)


class Writer:
    """Write the blocks of one document; knows its register, words and figures."""

    def __init__(self, doc: Mapping[str, Any], files: Mapping[str, str | bytes]) -> None:
        self.doc, self.files = doc, files
        self.register: Mapping[str, Mapping[str, Any]] = doc["register"]
        self.anchors = set(doc["anchors"])
        self.words: Mapping[str, str] = doc["words"]

    def run(self, run: Any, *, link: bool = True) -> str:
        """Write one run, escaped."""
        if isinstance(run, str):
            return _esc(run)
        if "n" in run:
            shown = self.runs(self.register[run["n"]][run["f"]])
            name = _esc(run["n"])
            if link and run["n"] in self.anchors:
                return f'<a href="#n-{name}" data-finding="{name}">{shown}</a>'
            return f'<span data-finding="{name}">{shown}</span>'
        if "q" in run:
            text = f'<span lang="{_LANGS[run["l"]]}">{_esc(run["q"])}</span>'
            if run["o"]:
                mark = self.words["open"] + self.words["original"] + self.words["close"]
                text += f'<span class="own">{_esc(mark)}</span>'
            return text
        if "anchor" in run:
            return f'<b id="n-{_esc(run["anchor"])}">{_esc(run["anchor"])}</b>'
        if "id" in run:
            return _esc(run["id"])
        return f'<span class="{_esc(run["tone"])}">{_esc(run["t"])}</span>'

    def runs(self, runs: Iterable[Any], *, link: bool = True) -> str:
        """Write runs one after another."""
        return "".join(self.run(run, link=link) for run in runs)

    def block(self, block: Mapping[str, Any]) -> str:
        """Write a block of :mod:`workbench.report.blocks`."""
        made: str = getattr(self, f"_{block['type']}")(block)
        return made

    # -- pages one and two

    def _hero(self, b: Mapping[str, Any]) -> str:
        programme = self.runs(b["programme"]) + (" · " if b["programme"] else "")
        score = self.runs(b["score"])
        spread = f"<div>{self.runs(b['spread'])}</div>" if b["spread"] else ""
        verdict = "".join(f"<p>{self.runs(s)}</p>" for s in b["verdict"])
        return (
            f'<p class="soft sans">{programme}{_esc(self.doc["title"])}</p>'
            f"<h1>{self.runs(b['unit'])}</h1>"
            f'<p class="soft sans">{self.runs(b["facts"])}</p>'
            f'<div class="hero"><div class="score sans"><div>{_esc(b["score_title"])}</div>'
            f"<b>{score}</b><div>{self.runs(b['of'])}</div>{spread}</div>"
            f'<div class="verdict"><h3>{_esc(b["verdict_title"])}</h3>{verdict}</div></div>'
        )

    def _stairs(self, b: Mapping[str, Any]) -> str:
        head = b["head"]
        span = b["high"] - b["low"] or 1.0

        def bar(start: float, width: float, kind: str = "") -> str:
            style = f"left:{100 * start / span:.2f}%;width:{100 * width / span:.2f}%"
            return f'<div class="step" aria-hidden="true"><i{kind} style="{style}"></i></div>'

        post = ' class="post"'
        rows = [
            f'<tr><td></td><td>{bar(0, 0, post)}</td><td class="r">{self.runs(b["max"])}</td>'
            f"<td>{_esc(head['start'])}</td><td></td></tr>"
        ]
        for s in b["steps"]:
            why = f"<br>{self.runs(s['why'])}" if s["why"] else ""
            why += f"<br>{self._image(s['picture'])}" if s["picture"] else ""
            todo = "<br>".join(self.runs(line) for line in s["todo"])
            rows.append(
                f"<tr><td>{_esc(s['no'])}</td>"
                f"<td>{bar(b['high'] - s['from'], s['from'] - s['to'])}</td>"
                f'<td class="r bad">−{self.runs(s["points"])}</td>'
                f"<td><strong>{self.runs(s['what'])}</strong>{why}</td><td>{todo}</td></tr>"
            )
        rows.append(
            f"<tr><td></td><td>{bar(b['high'] - b['at'], 0, post)}</td>"
            f'<td class="r"><strong>{self.runs(b["score"])}</strong></td>'
            f"<td><strong>{_esc(head['end'])}</strong></td><td></td></tr>"
        )
        heads = "".join(
            f'<th scope="col">{_esc(text)}</th>'
            for text in (head["no"], "", head["points"], head["what"], head["todo"])
        )
        return (
            f'<h3>{self.runs(b["title"])}</h3><p class="soft sans">{self.runs(b["note"])}</p>'
            f'<table class="stairs"><thead><tr>{heads}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table>"
        )

    def _dots(self, b: Mapping[str, Any]) -> str:
        rows = "".join(
            f'<tr><th scope="row">{self.runs(r["label"])}</th>'
            f'<td class="dots" aria-hidden="true">{"●" * r["dots"]}{"○" * (10 - r["dots"])}</td>'
            f"<td><strong>{self.runs(r['value'])}</strong></td><td>{self.runs(r['range'])}</td></tr>"
            for r in b["rows"]
        )
        return (
            f"<h3>{_esc(b['title'])}</h3>"
            f'<div class="wide" tabindex="0"><table class="tenths"><tbody>{rows}</tbody></table>'
            f"</div>"
            f'<p class="soft sans">{_esc(b["note"])}</p>'
        )

    def _listed(self, b: Mapping[str, Any]) -> str:
        tag = "ol" if b["numbers"] else "ul"
        return f"<h3>{_esc(b['title'])}</h3>{self._items(b['items'], tag)}"

    def _notice(self, b: Mapping[str, Any]) -> str:
        return (
            f'<section lang="{_LANGS[b["lang"]]}"><h1>{_esc(b["kind"])}</h1>'
            f"<p>{self.runs(b['lead'])}</p><p>{_esc(b['note'])}</p>"
            f"<h3>{_esc(b['why_title'])}</h3>{self._items(b['why'], 'ul')}"
            f"<h3>{_esc(b['todo_title'])}</h3>{self._items(b['todo'], 'ul')}</section>"
        )

    # -- body

    def _items(self, items: Iterable[Any], tag: str) -> str:
        return f"<{tag}>{''.join(f'<li>{self.runs(item)}</li>' for item in items)}</{tag}>"

    def _list(self, b: Mapping[str, Any]) -> str:
        return self._items(b["items"], "ul")

    def _notes(self, b: Mapping[str, Any]) -> str:
        return "".join(f'<p class="soft sans">{self.runs(item)}</p>' for item in b["items"])

    def _para(self, b: Mapping[str, Any]) -> str:
        return f"<p>{self.runs(b['runs'])}</p>"

    def _subhead(self, b: Mapping[str, Any]) -> str:
        return f"<h3>{_esc(b['title'])}</h3>"

    def _table(self, b: Mapping[str, Any]) -> str:
        sides = ["r" if side == "right" else "" for side in b["sides"]]
        head = "".join(
            f'<th scope="col"{self._side(side)}>{self.runs(cell, link=False)}</th>'
            for cell, side in zip(b["head"], sides, strict=True)
        )
        rows = []
        for row in b["rows"]:
            if len(row) == 1:
                rows.append(
                    f'<tr class="lead"><td colspan="{len(sides)}">{self.runs(row[0])}</td></tr>'
                )
                continue
            cells = [f'<th scope="row"{self._side(sides[0])}>{self.runs(row[0])}</th>']
            cells += [
                f"<td{self._side(side)}>{self.runs(cell)}</td>"
                for cell, side in zip(row[1:], sides[1:], strict=True)
            ]
            rows.append(f"<tr>{''.join(cells)}</tr>")
        return (
            f'<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table></div>"
        )

    @staticmethod
    def _side(side: str) -> str:
        return f' class="{side}"' if side else ""

    def _keys(self, b: Mapping[str, Any]) -> str:
        rows = "".join(
            f'<tr><th scope="row">{self.runs(row[0])}</th><td>{self.runs(row[1])}</td></tr>'
            for row in b["rows"]
        )
        return f'<table class="keys"><tbody>{rows}</tbody></table>'

    def _bars(self, b: Mapping[str, Any]) -> str:
        noted = any(row[2] for row in b["rows"])
        heads = [self.runs(b["head"][0]), "", self.runs(b["head"][1])]
        heads += [self.runs(b["head"][2])] if noted else []
        rows = []
        for row, share in zip(b["rows"], b["bars"], strict=True):
            bar = (
                f'<div class="bar" aria-hidden="true">'
                f'<i style="width:{100 * share:.1f}%"></i></div>'
                if share is not None
                else ""
            )
            note = f"<td>{self.runs(row[2])}</td>" if noted else ""
            rows.append(
                f'<tr><th scope="row">{self.runs(row[0])}</th><td>{bar}</td>'
                f'<td class="r">{self.runs(row[1])}</td>{note}</tr>'
            )
        head = "".join(f'<th scope="col">{text}</th>' for text in heads)
        return (
            f'<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table></div>"
        )

    def _image(self, b: Mapping[str, Any]) -> str:
        content = self.files[b["file"]]
        kind = "svg+xml" if isinstance(content, str) else "jpeg"
        raw = content.encode("utf-8") if isinstance(content, str) else content
        data = base64.b64encode(raw).decode("ascii")
        return f'<img alt="{_esc(b["alt"])}" src="data:image/{kind};base64,{data}">'

    def _figure(self, b: Mapping[str, Any]) -> str:
        return f"<figure>{self._image(b)}</figure>"

    def _album(self, b: Mapping[str, Any]) -> str:
        items = "".join(
            f"<figure>{self._image(i)}<figcaption>{self.runs(i['caption'])}</figcaption></figure>"
            for i in b["items"]
        )
        return f'<div class="album sans">{items}</div>'

    def _signatures(self, b: Mapping[str, Any]) -> str:
        doc = self.doc
        boxes = "".join(
            f"<div><strong>{_esc(x['title'])}</strong><br>{self.runs(x['name'])}</div>"
            for x in b["boxes"]
        )
        return (
            f'<p>{_esc(b["note"])}</p><div class="boxes sans">{boxes}</div>'
            f'<p class="soft sans">{_esc(doc["issued_title"])} {_esc(doc["issued_long"])}</p>'
            f'<p class="soft sans">{_esc(self.words["sign.digest"])}<br>'
            f"<code>{_esc(doc['digest'])}</code></p>"
            f'<p class="soft sans">{_esc(self.words["prevails"])}</p>'
        )

    def _sources(self, b: Mapping[str, Any]) -> str:
        out = [f'<div class="sources sans"><p class="soft">{_esc(" · ".join(b["head"]))}</p>']
        for group in b["groups"]:
            out.append(f"<h4>{_esc(' · '.join(part for part in group['place'] if part))}</h4>")
            out += [f"<p>{_esc(group['texts'])}</p>"] if group["texts"] else []
            out += [
                f"<p>{self.run(name)} <span>{self.run(value, link=False)}</span></p>"
                for name, value in group["items"]
            ]
        return "".join([*out, "</div>"])


def page(document: Mapping[str, Any], files: Mapping[str, str | bytes]) -> bytes:
    """Write a document as one HTML file; see :func:`workbench.report.document.assessed`."""
    doc = fonts.cleaned(dict(document))
    write = Writer(doc, files)
    foot = doc["footer"]
    line = (
        f"{_esc(foot['report'])} {_esc(foot['number'])} · {_esc(foot['edition'])} · "
        f"{_esc(foot['code_title'])} <code>{_esc(foot['code'])}</code>"
    )
    demo = f' <span class="demo">{_esc(foot["demo"])}</span>' if foot["demo"] else ""
    parts = [f'<header class="soft">{line}{demo}</header><main>']
    for i, blocks in enumerate(doc["front"]):
        mark = ' class="page2"' if i else ""
        parts.append(f"<section{mark}>{''.join(write.block(b) for b in blocks)}</section>")
    for section in (*doc["sections"], *doc["annexes"]):
        body = "".join(write.block(b) for b in section["blocks"])
        parts.append(
            f'<section id="s-{_esc(section["id"])}">'
            f"<h2>{_esc(section['no'])} {_esc(section['title'])}</h2>{body}</section>"
        )
    parts.append(f'</main><footer class="soft">{line}{demo}</footer></body></html>\n')
    body = "\n".join(parts)
    head = [
        "<!doctype html>",
        f'<html lang="{_LANGS[doc["lang"]]}"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_CSP}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_esc(doc['document_title'])}</title>",
        f"<style>{_font_face(body, doc['lang'])}{_STYLE}</style></head><body>",
    ]
    return "\n".join([*head, body]).encode("utf-8")


def _font_face(body: str, lang: str) -> str:
    """Embed the characters that the page uses; in English letters and marks are every reader's."""
    # what fills a page are pictures; of those letters and digits count, each found at once
    words = re.sub('="data:[^"]*', "", body)  # in what people wrote, marks are escaped
    used = set(html.unescape(words)) | {char for char in _BASE64 if char in body}
    if lang == "en":
        used = {char for char in used if ord(char) > 0x206F}
    data = base64.b64encode(fonts.subset(used)).decode("ascii")
    return (
        '@font-face{font-family:Report;src:url("data:font/otf;base64,'
        f'{data}") format("opentype")}}'
    )
