"""A whole report as plain data: what PDF and HTML are both made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import Any

from workbench.errors import InputError, Problem
from workbench.report.annex import annexes
from workbench.report.blocks import Block, plain, to_json
from workbench.report.body import DRAWN, FIGURES, body_sections
from workbench.report.fonts import clean
from workbench.report.front import front_pages
from workbench.report.register import Finding, Num, Quote, Register, Run, finite
from workbench.report.words import Words

__all__ = [
    "assessed",
    "figure_blocks",
    "finished",
    "framed",
    "heads",
    "load_methods",
    "long_date",
    "notice_blocks",
    "printed",
    "signatures",
    "withheld",
]

_TITLES = {"assessed": "doc.title", "sheet": "doc.sheet", "factual": "doc.factual",
           "overview": "doc.overview"}  # fmt: skip
ROLES = ("lead", "reviewer", "institution")
Figure = Mapping[str, Any]
# what no figure may hold; apart, for each is then looked for by its first letter
_FOREIGN = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        "<(?:script|foreignObject|!ENTITY|image)",
        r"\son\w+\s*=",
        r"href\s*=\s*[\"'](?!#)",
    )
)


@lru_cache(maxsize=1)
def load_methods() -> dict[str, dict[str, str]]:
    """Give the registered methods: key → ``zh``, ``en``, ``formula``, ``citation``.

    ``workbench/methods.yaml`` and the ``methods.yaml`` of each sub-package, merged.
    """
    import yaml

    found: dict[str, dict[str, str]] = {}
    package = resources.files("workbench")
    places = [package, *sorted((p for p in package.iterdir() if p.is_dir()), key=lambda p: p.name)]
    for place in places:
        file = place / "methods.yaml"
        if file.is_file():
            found |= yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    return found


def long_date(day: date, lang: str) -> str:
    """Write a day in words."""
    months = (
        "January February March April May June July August September October November December"
    ).split()
    if lang == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {months[day.month - 1]} {day.year}"


def framed(
    register: Register,
    words: Words,
    *,
    kind: str,
    evidence_digest: str,
    issued: date,
    edition: int,
    report_number: str,
    demonstration: bool,
) -> dict[str, Any]:
    """Give what every page needs; the code enters the register as a row of the report."""
    register.add(
        {
            "finding": "report.code",
            "section": "report",
            "kind": "text",
            "display_zh": evidence_digest[:12],
            "display_en": evidence_digest[:12],
            "notebook": "report",
            "counted": "evidence-sha256.txt",
        }
    )
    if demonstration:
        register.add({"finding": "report.demonstration", "section": "report", "kind": "text"})
    title = words(_TITLES.get(kind, "doc.notice"))
    if kind == "assessed" and register.has("head.report_kind"):
        title = register.text(Num("head.report_kind"))
    unit = register.text(Num("head.unit"))
    return {
        "lang": register.lang,
        "kind": kind,
        "title": title,
        "unit": unit,
        "document_title": f"{unit} · {title}",
        "author": register.text(Num("head.assessor")) if register.has("head.assessor") else unit,
        "issued": {"year": issued.year, "month": issued.month, "day": issued.day},
        "footer": {
            "report": words("page.report"),
            "number": report_number,
            "edition": words("page.edition").replace("{n}", str(edition)),
            "code_title": words("page.code"),
            "code": evidence_digest[:12],
            "page": words("page.of"),
            "demo": words("page.demo") if demonstration else "",
        },
        "issued_title": words("issued"),
        "issued_long": long_date(issued, register.lang),
        "digest": evidence_digest,
        "words": {
            key: words(key)
            for key in ("original", "open", "close", "prevails", "sign.digest",
                        "sign.attached")
        },
    }  # fmt: skip


def figure_blocks(
    figures: Mapping[str, Figure], lang: str
) -> tuple[dict[str, list[Block]], dict[str, str]]:
    """Sort the figures of one language into sections; give the SVG of each file too."""
    placed: dict[str, list[Block]] = {}
    files: dict[str, str] = {}
    for name, figure in figures.items():
        stem, _, of = name.rpartition(".")
        kind = re.split(r"[._-]", stem)[0]
        if of != lang or kind in DRAWN:
            continue
        alt = str(figure.get(f"alt_{lang}") or "").strip()
        svg = figure["svg"]
        svg = svg.decode("utf-8") if isinstance(svg, bytes) else str(svg)
        problem = _figure_problem(stem, alt, svg)
        if problem:
            raise InputError(problem)
        file = f"figures/{name}.svg"
        files[file] = svg
        section = FIGURES.get(kind, "other")
        placed.setdefault(section, []).append({"type": "figure", "file": file, "alt": alt})
    return placed, files


def _picture_files(
    register: Register, pictures: Mapping[str, Figure]
) -> tuple[dict[str, dict[str, str]], dict[str, bytes]]:
    """Give file and alternative text of each picture that a finding tells of, and the files."""
    placed: dict[str, dict[str, str]] = {}
    files: dict[str, bytes] = {}
    for key, told in pictures.items():
        alt = str(told.get(f"alt_{register.lang}") or "").strip()
        if key not in register.rows or not alt:
            continue
        file = f"figures/{re.sub(r'[^a-z0-9.-]', '_', key.lower())}.jpg"
        placed[key], files[file] = {"file": file, "alt": alt}, bytes(told["jpeg"])
    return placed, files


def _figure_problem(name: str, alt: str, svg: str) -> Problem | None:
    if not re.fullmatch(r"[a-z0-9._-]+", name):
        return Problem(
            code="report.figure-name",
            zh=f"图的名称 {name!r} 只能用小写字母、数字、点、横线",
            en=f"the figure name {name!r} may hold a–z, digits, dots and dashes only",
        )
    if not alt:
        return Problem(
            code="report.figure-alt",
            zh=f"图 {name} 没有替代文字",
            en=f"figure {name} has no alternative text",
            remedy_zh="在 show() 里给出 alt_zh 和 alt_en",
            remedy_en="give alt_zh and alt_en to show()",
        )
    found = (pattern.search(svg) for pattern in _FOREIGN)
    foreign = next((match for match in found if match), None)
    if foreign:
        return Problem(
            code="report.figure-content",
            zh=f"图 {name} 含有不允许的内容",
            en=f"figure {name} holds what a figure may not hold",
            found=foreign.group(0),
            remedy_zh="用 workbench.charts 画图",
            remedy_en="draw it with workbench.charts",
        )
    return None


def finished(doc: dict[str, Any], parts: Mapping[str, Any], register: Register) -> dict[str, Any]:
    """Turn all parts into JSON form and add the strings of every number that they name."""
    named: dict[Num, None] = {}
    made = {key: to_json(part, register, named=named) for key, part in parts.items()}
    strings: dict[str, dict[str, Any]] = {}
    for num in named:
        strings.setdefault(num.id, {})[num.field] = to_json(register.shown(num), register)
    # numbers lead to their line in the annex; of texts the id stands there
    blocks = [block for part in made.get("annexes", []) for block in part["blocks"]]
    listed = [group for b in blocks if b["type"] == "sources" for group in b["groups"]]
    anchors = {name["anchor"] for group in listed for name, _ in group["items"]}
    return {**doc, **made, "register": strings, "anchors": sorted(anchors)}


def signatures(register: Register, words: Words, roles: Iterable[str] = ROLES) -> Block:
    """Give the block over which the signature fields lie, one box for each who signs."""
    boxes = []
    for role in roles:
        key = f"head.signatory.{role}"
        name: list[Run] = [Num(key)] if register.has(key) else [words("sign.unnamed")]
        boxes.append({"role": role, "title": words(f"role.{role}"), "name": name})
    return {
        "type": "signatures",
        "note": words("sign.note" if len(boxes) > 1 else "sign.note_one"),
        "boxes": boxes,
    }


def assessed(
    findings: Iterable[Finding],
    figures: Mapping[str, Figure],
    *,
    lang: str,
    evidence_digest: str,
    issued: date,
    edition: int,
    report_number: str,
    demonstration: bool,
    methods: Mapping[str, Mapping[str, str]],
    pictures: Mapping[str, Figure] | None = None,
) -> tuple[dict[str, Any], dict[str, str | bytes]]:
    """Give the report of an assessed unit as plain data, and its figures by file name.

    Parameters
    ----------
    findings
        Findings of the unit's notebook and of its context, in order (DESIGN §4).
    figures
        ``items.zh`` → ``svg``, ``alt_zh``, ``alt_en``; those of the other language are left out.
    lang
        ``zh`` or ``en``.
    pictures
        What :func:`workbench.findings.pictures` gives: finding → ``jpeg``, ``alt_zh``, ``alt_en``.

    Raises
    ------
    NotebookError
        When the report refers to a number that nobody recorded (``head.unit`` is required).
    InputError
        When a figure has no alternative text or holds scripts or links.
    """
    register, words = Register(findings, lang), Words(lang)
    doc = framed(
        register,
        words,
        kind="assessed",
        evidence_digest=evidence_digest,
        issued=issued,
        edition=edition,
        report_number=report_number,
        demonstration=demonstration,
    )
    placed, files = figure_blocks(figures, lang)
    seen, photos = _picture_files(register, pictures or {})
    front = front_pages(register, words, seen)
    sections, further = body_sections(register, words, placed, seen)
    sections.append(
        {
            "id": "signatures",
            "no": str(len(sections) + 1),
            "title": words("sec.signatures"),
            "blocks": [signatures(register, words)],
        }
    )
    parts = {
        "front": front,
        "sections": sections,
        "annexes": annexes(register, words, methods, [front, sections], further),
    }
    return finished(doc, parts, register), {**files, **photos}


def withheld(
    findings: Iterable[Finding],
    *,
    lang: str,
    evidence_digest: str,
    issued: date,
    edition: int,
    report_number: str,
    demonstration: bool,
) -> tuple[dict[str, Any], dict[str, str | bytes]]:
    """Give the notice of a withheld unit as plain data; its facts stand in both languages."""
    rows = list(findings)
    register, words = Register(rows, lang), Words(lang)
    doc = framed(
        register,
        words,
        kind="withheld",
        evidence_digest=evidence_digest,
        issued=issued,
        edition=edition,
        report_number=report_number,
        demonstration=demonstration,
    )
    critical = [(key, register.rows[key]) for key in _critical(register)]
    notice: list[Block] = []
    for each in (lang, "en" if lang == "zh" else "zh"):
        notice.append(_notice(register, Register(rows, each), Words(each), critical))
    parts = {
        "front": [[*notice, signatures(register, words)]],
        "sections": [],
        "annexes": [],
    }
    return finished(doc, parts, register), {}


def notice_blocks(register: Register, words: Words, rows: Iterable[Finding]) -> list[list[Run]]:
    """Say in sentences that a unit gets no result, which checks failed, and what that means."""
    told = Register(rows, words.lang)
    unit = Quote(told.text(Num("head.unit")), words.lang)
    out: list[list[Run]] = [words.fill("withheld.lead", unit=unit), [words("withheld.not_bad")]]
    for key in _critical(register):
        reason = told.words(key, "reason")
        told_why: list[Run] = [words("colon"), reason] if reason else []
        out.append([told.label(key), *told_why])
    return out


def _critical(register: Register) -> list[str]:
    return [
        key
        for key, row in register.rows.items()
        if row.get("verdict") == "failed"
        and row.get("severity") == "critical"
        and row.get("reach") == "community"
    ]


def _notice(
    register: Register, told: Register, words: Words, critical: list[tuple[str, Finding]]
) -> Block:
    """One language of the notice; texts are quoted so that each carries its language."""
    unit = Quote(told.text(Num("head.unit")), words.lang)
    failed: list[list[Run]] = []
    todo: list[list[Run]] = []
    for key, row in critical:
        reason = told.words(key, "reason")
        runs: list[Run] = [told.label(key)]
        if finite(row.get("value")):
            runs += words.fill("withheld.found", found=Num(key, "digits"))
        failed.append(runs + ([words("colon"), reason] if reason else []))
        remedy = told.words(key, "remedy")
        if remedy:
            todo.append([remedy])
    return {
        "type": "notice",
        "lang": words.lang,
        "kind": words("doc.notice"),
        "lead": words.fill("withheld.lead", unit=unit),
        "note": words("withheld.not_bad"),
        "why_title": words("withheld.why"),
        "why": failed or [[words("withheld.unlisted")]],
        "todo_title": words("withheld.todo"),
        "todo": [*todo, [words("withheld.generic")], [words("withheld.again")]],
    }


def heads(document: Mapping[str, Any]) -> list[str]:
    """List the numbers in heads of tables, which stand again where a table goes on."""
    register = document["register"]
    blocks = [b for part in (*document["sections"], *document["annexes"]) for b in part["blocks"]]
    found = [b for b in blocks if b["type"] == "table"]
    return [
        text
        for b in found
        for text in plain([b["head"], [r for r in b["rows"][:1] if len(r) == 1]], register)
    ]


def printed(document: Mapping[str, Any]) -> list[str]:
    """List every string that a report prints, in order and as printed; footers apart."""
    register = document["register"]
    out = [
        text
        for part in ("front", "sections", "annexes")
        for text in plain(document[part], register)
    ]
    out += [document["issued_long"], document["digest"], *document["words"].values()]
    return [clean(text) for text in out]
