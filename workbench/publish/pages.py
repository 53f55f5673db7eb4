"""One unit's page of the public site: what the signed report says, as text, tables and pictures."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from workbench.report.blocks import Block, line, table
from workbench.report.body import deductions_table
from workbench.report.document import finished, framed, notice_blocks
from workbench.report.front import best, change_lines
from workbench.report.html import Writer
from workbench.report.register import Finding, Num, Register, Run, finite
from workbench.report.sheet import objecting, points, standing_lines
from workbench.report.tables import Page
from workbench.report.text import top_two, verdict
from workbench.report.words import Words

__all__ = ["CSP", "Unit", "bars", "frame", "unit_page"]

CSP = (
    "default-src 'none'; img-src 'self'; font-src 'self'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'"
)
_LANGS = {"zh": "zh-CN", "en": "en"}
_CARDS = 4  # columns from which on a phone cannot hold a table
_OTHER = {"zh": "English", "en": "中文"}


@dataclass(frozen=True)
class Unit:
    """What the site tells of one unit besides its findings."""

    id: str
    edition: int
    number: str
    digest: str
    issued: date
    demonstration: bool


def _esc(text: Any) -> str:
    return html.escape(str(text), quote=True)


def frame(
    lang: str, title: str, body: str, *, base: str, other: str, words: Words, csp: str = CSP,
    head: str = "", data: str = "",
) -> str:  # fmt: skip
    """Give a whole page around its body; ``base`` leads to the site's first folder."""
    home = "index.html" if lang == "zh" else "index.en.html"
    return (
        f'<!doctype html><html lang="{_LANGS[lang]}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{csp}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<title>{_esc(title)}</title><link rel="stylesheet" href="{base}assets/site.css">{head}'
        f'</head><body{data}><a class="skip" href="#main">{_esc(words("site.skip"))}</a>'
        f'<header><p><a href="{base}{home}">{_esc(words("site.home"))}</a></p>'
        f'<nav aria-label="{_esc(words("site.language"))}"><a href="{_esc(other)}" '
        f'lang="{_LANGS["en" if lang == "zh" else "zh"]}">{_OTHER[lang]}</a></nav>'
        f'</header><main id="main">{body}</main></body></html>\n'
    )


Bar = tuple[str, float, float | None, float | None, str]


def bars(rows: Sequence[Bar], lang: str, alt: str) -> str:
    """Draw bars from 0 to 1, with a line from low to high where both are given, as inline SVG.

    A label stands above its bar and the value beside it, so that a phone shows all of it in the
    size of its text.
    """
    step, wide, most = 44, 270, 24 if lang == "zh" else 46
    out = [
        f'<svg role="img" aria-label="{_esc(alt)}" viewBox="0 0 360 {step * len(rows) + 4}" '
        'font-size="14" fill="#1d2733">'
    ]
    for i, (label, value, low, high, text) in enumerate(rows):
        y = step * i
        at = wide * max(0.0, min(1.0, value))
        shown = label if len(label) <= most else label[: most - 1] + "…"
        out.append(
            f'<text x="0" y="{y + 15}">{_esc(shown)}</text>'
            f'<rect x="0" y="{y + 22}" width="{wide}" height="14" fill="#dfe5eb"/>'
            f'<rect x="0" y="{y + 22}" width="{at:.1f}" height="14" fill="#0072b2"/>'
        )
        if low is not None and high is not None:
            a, b = (wide * max(0.0, min(1.0, v)) for v in (low, high))
            out.append(
                f'<path d="M{a:.1f} {y + 29}H{b:.1f}M{a:.1f} {y + 24}v10M{b:.1f} {y + 24}v10" '
                'stroke="#1d2733" stroke-width="2" fill="none"/>'
            )
        out.append(f'<text x="{wide + 8}" y="{y + 34}">{_esc(text)}</text>')
    return "".join([*out, "</svg>"])


class _Writer(Writer):
    """Tables that fall into cards on a phone: each cell says under which head it stands."""

    def _table(self, b: Mapping[str, Any]) -> str:
        if len(b["head"]) < _CARDS:
            return super()._table(b)
        heads = [re.sub(r"<[^>]*>", "", self.runs(cell, link=False)) for cell in b["head"]]
        made = super()._table(b).replace("<table>", '<table class="cards">', 1)

        def named(row: re.Match[str]) -> str:
            first, *cells = row[1].split("<td")
            if len(cells) != len(heads) - 1:
                return row[0]
            pairs = zip(heads[1:], cells, strict=True)
            return f"<tr>{first}" + "".join(f'<td data-head="{h}"{c}' for h, c in pairs) + "</tr>"

        return re.sub(r"<tr>(.*?)</tr>", named, made, flags=re.DOTALL)


def unit_page(
    findings: Iterable[Finding],
    pictures: Mapping[str, Mapping[str, Any]],
    unit: Unit,
    *,
    lang: str,
    begin: date,
    until: date | None,
    stem: str,
    sheets: Mapping[str, str] | None = None,
) -> tuple[str, dict[str, bytes]]:
    """Give a unit's page and the pictures that lie beside it.

    Parameters
    ----------
    findings
        Findings of the unit's report. Values that were suppressed stay so: the page is made of the
        same finished strings as the report.
    pictures
        What :func:`workbench.findings.pictures` gives; only those released to the public are shown.
    stem
        Beginning of the names of the files that belong to the page.
    sheets
        Key of the link's text → name of a PDF that lies beside the page.
    """
    rows = list(findings)
    register, words = Register(rows, lang), Words(lang)
    doc = framed(
        register,
        words,
        kind="sheet",
        evidence_digest=unit.digest,
        issued=unit.issued,
        edition=unit.edition,
        report_number=unit.number,
        demonstration=unit.demonstration,
    )
    files: dict[str, bytes] = {}
    blocks = _blocks(register, words, rows, begin, until)
    plain = finished(doc, {"front": [blocks], "sections": [], "annexes": []}, register)
    writer = _Writer(plain, {})
    links = (f'<a href="{_esc(f)}">{_esc(words(k))}</a>' for k, f in (sheets or {}).items())
    body = [_top(register, words, plain, unit)]
    body += [f"<p>{' · '.join(links)}</p>"] if sheets else []
    for block in plain["front"][0]:
        if block["type"] == "chart":
            drawn = bars(block["data"], lang, block["alt"])
            body.append(f'<figure class="chart" tabindex="0">{drawn}</figure>')
        elif block["type"] == "title":
            body.append(f"<h2>{_esc(block['text'])}</h2>")
        else:
            body.append(writer.block(block))
    body += _album(register, words, pictures, stem, files)
    name = register.plain([Num("head.unit")])
    other = f"{stem}.en.html" if lang == "zh" else f"{stem}.html"
    title = f"{name} · {words('doc.sheet')}"
    page = frame(lang, title, "".join(body), base="../../", other=other, words=words)
    return page, files


def _top(register: Register, words: Words, plain: Mapping[str, Any], unit: Unit) -> str:
    foot = plain["footer"]
    demo = f'<p><span class="demo">{_esc(foot["demo"])}</span></p>' if unit.demonstration else ""
    facts = [Num(k) for k in ("head.programme", "head.type", "head.parent", "head.period")
             if register.has(k)]  # fmt: skip
    return (
        f"{demo}<h1>{_esc(register.plain([Num('head.unit')]))}</h1>"
        f'<p class="soft">{_esc(register.plain(line(facts, " · ")))}</p>'
        f'<p class="soft">{_esc(foot["report"])} {_esc(foot["number"])} · {_esc(foot["edition"])}'
        f" · {_esc(foot['code_title'])} <code>{_esc(foot['code'])}</code></p>"
    )


def _blocks(
    register: Register, words: Words, rows: list[Finding], begin: date, until: date | None
) -> list[Block]:
    page = Page(register, words)
    total = register.rows.get("score.total", {})
    out: list[Block] = []

    def titled(title: str, *made: Block) -> None:
        if made:
            out.extend([{"type": "title", "text": title}, *made])

    if finite(total.get("value")):
        score: list[Run] = [words("front.score"), words("colon"), Num("score.total")]
        score += [words("comma" if words.lang == "zh" else "verdict.join")]
        score += words.fill("front.of", max=Num("score.total", "max_points"))
        if register.has("score.total", "whole_low"):
            score += [words("verdict.join"), *words.fill(
                "front.range", low=Num("score.total", "whole_low"),
                high=Num("score.total", "whole_high"))]  # fmt: skip
        out.append({"type": "para", "runs": score})
        said = verdict(register, words)
    else:
        said = notice_blocks(register, words, rows)
    out.append({"type": "list", "items": said})
    listed = points(register)
    if listed:
        titled(words("sheet.points"), *_points(page, listed))
    shares = [key for key in top_two(register) if register.rows[key].get("value") is not None]
    if shares:
        titled(words("dots.title"), *_residents(page, shares))
    titled(words("sec.deductions"), *deductions_table(page))
    for title, items in (
        ("best.title", best(register, words)),
        ("sheet.rank", standing_lines(register, words)),
        ("change.title", change_lines(register, words)),
        ("object.title", objecting(words, begin, until)),
        ("genuine.title", [words.fill("sheet.code", code=Num("report.code")), [words("prevails")]]),
    ):
        if items and (title in ("object.title", "genuine.title") or listed):
            titled(words(title), {"type": "list", "items": items})
    return out


def _points(page: Page, keys: Sequence[str]) -> list[Block]:
    register, words = page.register, page.words
    data = []
    for key in keys:
        row = register.rows[key]
        got, most = row.get("points"), row.get("max_points")
        share = float(got) / float(most) if got is not None and most else 0.0
        text = "/".join(
            register.text(Num(key, f)) for f in ("points", "max_points") if register.has(key, f)
        )
        data.append([register.plain([register.label(key)]), share, None, None, text])
    made = table(
        [(words("col.indicator"), 1, "left"), (words("col.points"), 0, "right"),
         (words("col.note"), 1, "left")],
        [
            [page.label(key),
             line([Num(key, f) for f in ("points", "max_points") if register.has(key, f)], "/"),
             page.note(key, register.rows[key])]
            for key in keys
        ],
    )  # fmt: skip
    chart = {"type": "chart", "name": "points", "alt": words("site.points_alt"), "data": data}
    return [chart, made]


def _residents(page: Page, keys: Sequence[str]) -> list[Block]:
    register, words = page.register, page.words
    data = []
    for key in keys:
        row = register.rows[key]
        if row.get("status") == "suppressed" or not finite(row.get("value")):
            continue
        low, high = row.get("ci_low"), row.get("ci_high")
        data.append([register.plain([register.label(key)]), float(row["value"]), low, high,
                     register.text(Num(key))])  # fmt: skip
    made = table(
        [(words("col.item"), 1, "left"), (words("col.value"), 0, "right"),
         (page.interval_head([(k, register.rows[k]) for k in keys]), 0, "right"),
         (words("col.n"), 0, "right"), (words("col.note"), 1, "left")],
        [
            [page.label(key), page.num(key), page.num(key, "interval"), page.count(key),
             page.note(key, register.rows[key])]
            for key in keys
        ],
    )  # fmt: skip
    chart = {"type": "chart", "name": "residents", "alt": words("site.residents_alt"), "data": data}
    return [chart, made] if data else [made]


def _album(
    register: Register,
    words: Words,
    pictures: Mapping[str, Mapping[str, Any]],
    stem: str,
    files: dict[str, bytes],
) -> list[str]:
    """Show the pictures that were released to the public."""
    shown = []
    for key, told in pictures.items():
        row = register.rows.get(key)
        if row is None or "public" not in str(row.get("flags") or "").split(";"):
            continue
        name = f"{stem}.{key.replace('.', '-')}.jpg"
        files[name] = bytes(told["jpeg"])
        alt = str(told[f"alt_{words.lang}"])
        caption = register.plain([register.label(key), words("open"), Num(key), words("close")])
        shown.append(
            f'<figure><img src="{_esc(name)}" alt="{_esc(alt)}">'
            f"<figcaption>{_esc(caption)}</figcaption></figure>"
        )
    if not shown:
        return []
    return [
        f"<h2>{_esc(words('site.pictures'))}</h2>",
        f'<div class="album">{"".join(shown)}</div>',
    ]
