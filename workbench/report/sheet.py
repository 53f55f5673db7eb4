"""The result sheet: one A4 page per unit for the notice board, and the same in large print."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from workbench.report.blocks import Block, line
from workbench.report.document import finished, framed, long_date, notice_blocks
from workbench.report.front import best
from workbench.report.register import Finding, Num, Register, Run, finite
from workbench.report.text import by_loss, verdict
from workbench.report.typst_pdf import LARGE, Pdf, compile_pdf
from workbench.report.words import Words

__all__ = ["losses", "objecting", "points", "result_sheet", "standing_lines"]

_LOSSES = 7
_ONE_PAGE = (1.25, 1.12, 1.0, 0.92, 0.84, 0.76, 0.68)


def points(register: Register) -> list[str]:
    """Ids of the points of each indicator, in the order recorded."""
    return [
        key
        for key, row in register.rows.items()
        if key.startswith("score.points.") and finite(row.get("max_points"))
    ]


def standing_lines(register: Register, words: Words) -> list[list[Run]]:
    """Tell rank or tier, and what cannot be told apart."""
    out: list[list[Run]] = []
    if register.rows.get("context.rank", {}).get("status") == "not_computed":
        reason = register.words("context.rank", "reason")
        return [[register.label("context.rank"), words("colon"), *([reason] if reason else [])]]
    for key in ("context.rank", "context.tier"):
        if not register.has(key):
            continue
        told: list[Run] = [register.label(key), words("colon"), Num(key)]
        if register.has(key, "interval"):
            told += [words("open"), Num(key, "interval"), words("close")]
        out.append(told)
    return out


def losses(register: Register, words: Words, most: int) -> list[list[Run]]:
    """Tell the dearest deductions with place and reason; of the rest how many there are."""
    out: list[list[Run]] = []
    keys = by_loss(register)
    for key in keys[:most]:
        parts = [p for p in (register.words(key, "place"), register.words(key, "reason")) if p]
        told = line(parts, words("colon"))
        why = [words("semicolon"), *told] if told else []
        out.append([register.label(key), words("open"), "−", Num(key, "points"), words("close"),
                    *why])  # fmt: skip
    if len(keys) > most:
        rest = keys[most:]
        n = register.count("report.losses.rest", len(rest), " + ".join(rest))
        out.append(words.fill("sheet.rest", n=n))
    return out


def objecting(words: Words, begin: date, until: date | None) -> list[list[Run]]:
    """Tell the period of the notice and how to object."""
    if until is None:
        period: list[Run] = words.fill("sheet.from", begin=long_date(begin, words.lang))
    else:
        period = words.fill(
            "sheet.period",
            begin=long_date(begin, words.lang),
            until=long_date(until, words.lang),
        )
    return [period, [words("object.how")], [words("object.who")], [words("object.then")]]


def result_sheet(
    findings: Iterable[Finding],
    *,
    lang: str,
    evidence_digest: str,
    issued: date,
    edition: int,
    report_number: str,
    demonstration: bool,
    begin: date,
    until: date | None,
    large: bool = False,
) -> Pdf:
    """Typeset the result sheet of a unit, PDF/A-3a and PDF/UA-1.

    Parameters
    ----------
    findings
        Findings of the unit's report.
    evidence_digest, issued, edition, report_number, demonstration
        Those of the report: the sheet bears its number and code.
    begin, until
        First and last day for objections; ``until`` None where the programme names no limit.
    large
        Large print: the same template, text of 16 points, as many pages as it takes. Otherwise the
        sheet is one page, set smaller when there is much to tell.
    """
    rows = list(findings)
    register, words = Register(rows, lang), Words(lang)
    doc = framed(
        register,
        words,
        kind="sheet",
        evidence_digest=evidence_digest,
        issued=issued,
        edition=edition,
        report_number=report_number,
        demonstration=demonstration,
    )
    block = _sheet(register, words, rows, begin, until)
    plain = finished(doc, {"front": [[block]], "sections": [], "annexes": []}, register)
    return compile_pdf(
        {**plain, "zoom": LARGE if large else 1.0},
        {},
        {},
        issued=issued,
        scales=(1.0,) if large else _ONE_PAGE,
    )


def _sheet(
    register: Register,
    words: Words,
    rows: list[Finding],
    begin: date,
    until: date | None,
) -> Block:
    total = register.rows.get("score.total", {})
    scored = finite(total.get("value"))
    spread: list[Run] = []
    if scored and register.has("score.total", "whole_low"):
        spread = words.fill(
            "front.range",
            low=Num("score.total", "whole_low"),
            high=Num("score.total", "whole_high"),
        )
    facts = [Num(k) for k in ("head.programme", "head.parent", "head.period") if register.has(k)]
    parts: list[Block] = []
    if register.has("score.total") or points(register):
        listed = points(register)
        parts = [
            {
                "name": "points",
                "title": words("sheet.points"),
                "rows": [
                    {
                        "label": [register.label(key)],
                        "share": _share(register.rows[key]),
                        "value": line(
                            [Num(key, f) for f in ("points", "max_points") if register.has(key, f)],
                            "/",
                        ),
                    }
                    for key in listed
                ],
            },
            {
                "name": "lost",
                "title": words("sheet.lost"),
                "items": losses(register, words, _LOSSES) or [[words("stairs.none")]],
            },
            {"name": "best", "title": words("best.title"), "items": best(register, words)},
            {
                "name": "rank",
                "title": words("sheet.rank"),
                "items": standing_lines(register, words),
            },
        ]
    parts.append(
        {
            "name": "object",
            "title": words("object.title"),
            "items": objecting(words, begin, until),
        }
    )
    withheld = not scored and any(
        r.get("verdict") == "failed"
        and r.get("severity") == "critical"
        and r.get("reach") == "community"
        for r in rows
    )
    return {
        "type": "sheet",
        "title": words("doc.sheet"),
        "unit": [Num("head.unit")],
        "facts": line(facts, " · "),
        "scored": scored,
        "score_title": words("front.score"),
        "score": [Num("score.total", "bare")] if scored else [words("front.no_score")],
        "of": words.fill("front.of", max=Num("score.total", "max_points")) if scored else [],
        "spread": spread,
        "verdict": notice_blocks(register, words, rows) if withheld else verdict(register, words),
        "parts": [part for part in parts if part.get("items") or part.get("rows")],
        "code": words.fill("sheet.code", code=Num("report.code")),
    }


def _share(row: Finding) -> float:
    got, most = row.get("points"), row.get("max_points")
    if not finite(got) or not finite(most) or not most:
        return 0.0
    return max(0.0, min(1.0, float(got or 0.0) / float(most)))
