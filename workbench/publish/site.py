"""The public site's index: search and filter over any number of units, without a server.

The rows stand in parts of 500. For the search, two or three characters that follow each other in
a name, number or parent lead to the numbers of the rows that have them; a browser loads the parts
that a question needs and no others. Parts are scripts that hand over data (``wb("rows/0000", …)``),
so that the site works from a disk too. For readers without scripts there is the whole list.
"""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from workbench.publish.pages import CSP, frame
from workbench.report.standing import Entry
from workbench.report.words import Words

__all__ = ["Entry", "bucket_of", "grams_of", "shard", "write_index"]

_CHUNK = 500
_LISTED = 200  # units on a page of the whole list
_COMMON = 20_000  # characters that more units share tell nothing
_CHOICES = 300  # of more, the search finds them
_WITH_SCRIPT = CSP + "; script-src 'self'"


def shard(unit: str) -> str:
    """Give the folder of a unit's files: 256 folders, so that none grows too large.

    Examples
    --------
    >>> shard("JX-01")
    '14'
    """
    return hashlib.sha256(unit.encode()).hexdigest()[:2]


def write_index(entries: Iterable[Entry], to: Path, *, title: tuple[str, str], note: str) -> None:
    """Write the index, the whole list and the assets into the site's folder.

    Parameters
    ----------
    entries
        The units; best rank first in the index, those without one last, by number.
    to
        The site's folder.
    title
        Name of the assessment in Chinese and in English.
    note
        Mark of a demonstration, or empty.
    """
    rows = sorted(entries, key=lambda one: (one.order, one.id))
    (to / "assets").mkdir(parents=True, exist_ok=True)
    for name in ("site.css", "site.js"):
        source = resources.files("workbench.publish") / "site_files" / name
        (to / "assets" / name).write_bytes(source.read_bytes())
    kinds = list(dict.fromkeys(one.kind for one in rows if one.kind[0]))
    for i, part in enumerate(_parts(rows, _CHUNK)):
        _put(to, f"rows/{i:04}", [_cells(one, kinds) for one in part])
    buckets = 1 if len(rows) <= _CHUNK else 256
    for number, grams in enumerate(_grams(rows, buckets)):
        _put(to, f"grams/{number:04}", grams)
    facets = _facets(rows, kinds, to)
    _put(
        to,
        "meta",
        {"n": len(rows), "chunk": _CHUNK, "buckets": buckets, "kinds": [list(k) for k in kinds]},
    )
    for lang in ("zh", "en"):
        suffix = "" if lang == "zh" else ".en"
        page = _index(lang, title[0 if lang == "zh" else 1], note, facets)
        (to / f"index{suffix}.html").write_text(page, encoding="utf-8")
        _list(rows, to, lang, title[0 if lang == "zh" else 1])


def _put(to: Path, name: str, value: Any) -> None:
    """Write one part; ``<`` is written as an escape, so that no text can end the script."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    file = to / "data" / f"{name}.js"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"wb({json.dumps(name)},{text})\n", encoding="utf-8")


def _parts(rows: Sequence[Entry], size: int) -> Iterator[Sequence[Entry]]:
    for start in range(0, max(len(rows), 1), size):
        yield rows[start : start + size]


def _path(one: Entry) -> str:
    return f"{shard(one.id)}/{one.id}"


def _cells(one: Entry, kinds: list[tuple[str, str]]) -> list[Any]:
    parent = " ".join(dict.fromkeys(p for p in (one.parent, one.parent_en) if p))
    kind = kinds.index(one.kind) if one.kind[0] else ""
    return [one.id, one.name, one.name_en, parent, kind, one.score, one.span, one.rank, _path(one)]


def grams_of(text: str) -> set[str]:
    """Give what a text is found by: three characters of Latin text, two where one is Chinese.

    Examples
    --------
    >>> sorted(grams_of("jx-01 锦绣"))
    ['-01', 'jx-', 'x-0', '锦绣']
    """
    pairs = {text[i : i + 2] for i in range(len(text) - 1)}
    threes = {text[i : i + 3] for i in range(len(text) - 2)}
    kept = {p for p in pairs if not p.isascii()} | {t for t in threes if t.isascii()}
    return {gram for gram in kept if " " not in gram}


def bucket_of(gram: str, buckets: int) -> int:
    """Give the part of the index that holds what ``gram`` leads to; the page's script does too."""
    return (ord(gram[0]) * 31 + ord(gram[1]) + 7 * ord(gram[2:] or "\0")) % buckets


def _grams(rows: Sequence[Entry], buckets: int) -> list[dict[str, Any]]:
    """Give for each bucket: characters → steps between the rows that have them, 0 if many."""
    found: dict[str, list[int]] = {}
    for number, one in enumerate(rows):
        text = " ".join([one.id, one.name, one.name_en, one.parent, one.parent_en]).lower()
        for gram in grams_of(text):
            found.setdefault(gram, []).append(number)
    out: list[dict[str, Any]] = [{} for _ in range(buckets)]
    for gram in sorted(found):
        at = found[gram]
        out[bucket_of(gram, buckets)][gram] = 0 if len(at) > _COMMON else _steps(at)
    return out


def _steps(numbers: Sequence[int]) -> list[int]:
    return [n - before for n, before in zip(numbers, [0, *numbers], strict=False)]


Facet = tuple[str, list[tuple[str, str, str]]]


def _facets(rows: Sequence[Entry], kinds: list[tuple[str, str]], to: Path) -> list[Facet]:
    """Write the rows of each value that can be chosen; give the choices, value and both labels."""
    out: list[Facet] = []
    by_kind = [(str(i), *kind) for i, kind in enumerate(kinds)]
    tiers = sorted({one.tier for one in rows if one.tier})
    by_tier = [(str(n), Words("zh").text("site.tier_n", n=n), Words("en").text("site.tier_n", n=n))
               for n in tiers]  # fmt: skip
    names = sorted({(one.parent, one.parent_en) for one in rows if one.parent})
    by_parent = [(str(i), zh, en or zh) for i, (zh, en) in enumerate(names)]
    place = {name: str(i) for i, name in enumerate(names)}
    values = {
        "kind": [str(kinds.index(one.kind)) if one.kind[0] else "" for one in rows],
        "tier": [str(one.tier) if one.tier else "" for one in rows],
        "parent": [place.get((one.parent, one.parent_en), "") for one in rows],
    }
    for facet, choices in (("kind", by_kind), ("tier", by_tier), ("parent", by_parent)):
        if not 1 < len(choices) <= _CHOICES:
            continue
        at: dict[str, list[int]] = {}
        for number, value in enumerate(values[facet]):
            at.setdefault(value, []).append(number)
        for value, _, _ in choices:
            _put(to, f"facet/{facet}-{value}", _steps(at.get(value, [])))
        out.append((facet, choices))
    return out


def _esc(text: Any) -> str:
    return html.escape(str(text), quote=True)


def _heads(words: Words) -> str:
    names = ("site.unit", "site.id", "site.kind", "site.score", "site.range", "site.rank")
    return "".join(f'<th scope="col">{_esc(words(name))}</th>' for name in names)


def _index(lang: str, title: str, note: str, facets: Sequence[Facet]) -> str:
    words = Words(lang)
    at = 1 if lang == "zh" else 2
    choices = "".join(
        f'<label>{_esc(words(f"site.{facet}"))}<select name="{facet}">'
        f'<option value="">{_esc(words("site.all"))}</option>'
        + "".join(f'<option value="{v[0]}">{_esc(v[at])}</option>' for v in values)
        + "</select></label>"
        for facet, values in facets
    )
    told = {name: words(f"site.{name}") for name in ("first", "found", "failed")}
    suffix = "" if lang == "zh" else ".en"
    body = (
        (f'<p><span class="demo">{_esc(note)}</span></p>' if note else "")
        + f"<h1>{_esc(title)}</h1><p>{_esc(words('doc.sheet'))}</p>"
        f'<p class="soft">{_esc(words("site.chance"))}</p>'
        f'<form id="find" role="search" hidden><label>{_esc(words("site.search"))}'
        f'<input id="search" type="search" autocomplete="off"></label>{choices}</form>'
        '<p id="said" role="status" aria-live="polite"></p>'
        f'<div class="wide"><table class="cards"><caption>{_esc(words("doc.sheet"))}</caption>'
        f"<thead><tr>{_heads(words)}</tr></thead>"
        '<tbody id="results"></tbody></table></div>'
        f'<p><button id="more" type="button" hidden>{_esc(words("site.more"))}</button></p>'
        f'<p><a href="list/0001{suffix}.html">{_esc(words("site.list"))}</a></p>'
        f'<script id="words" type="application/json">'
        f"{json.dumps(told, ensure_ascii=False).replace('<', chr(92) + 'u003c')}</script>"
    )
    return frame(
        lang,
        f"{title} · {words('doc.sheet')}",
        body,
        base="",
        other="index.en.html" if lang == "zh" else "index.html",
        words=words,
        csp=_WITH_SCRIPT,
        head='<script src="assets/site.js" defer></script>',
        data=' data-base=""',
    )


def _list(rows: Sequence[Entry], to: Path, lang: str, title: str) -> None:
    words = Words(lang)
    at = 0 if lang == "zh" else 1
    suffix = ".html" if lang == "zh" else ".en.html"
    (to / "list").mkdir(exist_ok=True)
    pages = list(_parts(rows, _LISTED))
    for number, part in enumerate(pages, 1):
        lines = "".join(
            f'<tr><th scope="row"><a href="../units/{_esc(_path(one))}{suffix}">'
            f"{_esc((one.name, one.name_en or one.name)[at])}</a></th>"
            + "".join(
                f'<td data-head="{_esc(words(f"site.{name}"))}">{_esc(value)}</td>'
                for name, value in (
                    ("id", one.id),
                    ("kind", one.kind[at]),
                    ("score", one.score),
                    ("range", one.span),
                    ("rank", one.rank),
                )
            )
            + "</tr>"
            for one in part
        )
        steps = []
        if number > 1:
            steps.append(f'<a href="{number - 1:04}{suffix}">{_esc(words("site.before"))}</a>')
        if number < len(pages):
            steps.append(f'<a href="{number + 1:04}{suffix}">{_esc(words("site.next"))}</a>')
        body = (
            f'<h1>{_esc(title)}</h1><p class="soft">{_esc(words("site.chance"))}</p>'
            f'<div class="wide"><table class="cards"><caption>{number}/{len(pages)}</caption>'
            f"<thead><tr>{_heads(words)}</tr></thead><tbody>{lines}</tbody></table></div>"
            f"<p>{' · '.join(steps)}</p>"
        )
        other = f"{number:04}{'.en.html' if lang == 'zh' else '.html'}"
        page = frame(lang, title, body, base="../", other=other, words=words)
        (to / "list" / f"{number:04}{suffix}").write_text(page, encoding="utf-8")
