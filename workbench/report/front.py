"""Pages one and two: for the village committee and every resident."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.report.blocks import Block, line
from workbench.report.register import Num, Quote, Register, Run, finite, tenths
from workbench.report.text import by_loss, changes, objection, top_two, verdict
from workbench.report.words import Words

__all__ = ["best", "change_lines", "front_pages"]

STEPS = 7  # steps of the staircase told one by one
# characters told on these pages, of which the body has the full text: reasons and remedies of all
# steps together, and one remedy or list on page two
PAGE_ONE = {"zh": 560, "en": 1250}
PAGE_TWO = {"zh": 110, "en": 260}
EXAMPLES = 6
CHANGES = 4


def front_pages(
    register: Register, words: Words, pictures: Mapping[str, Mapping[str, str]] | None = None
) -> list[list[Block]]:
    """Blocks of page one and of page two; ``pictures`` by finding, with ``file`` and ``alt``."""
    return [
        [
            _hero(register, words),
            *_amended(register, words),
            *_staircase(register, words, pictures or {}),
        ],
        [
            *_residents(register, words),
            _listed(words("change.title"), change_lines(register, words)),
            _listed(words("best.title"), best(register, words), numbered=True),
            *_gates(register, words),
            _listed(words("unseen.title"), _unseen(register, words)),
            _listed(words("object.title"), objection(register, words)),
            _listed(words("genuine.title"), _genuine(register, words)),
        ],
    ]


def _amended(register: Register, words: Words) -> list[Block]:
    """Say of a later edition that it is one, and what the score was before."""
    if not register.has("context.amendment"):
        return []
    items = [words.fill("amended.what")]
    if register.has("context.amendment.score"):
        items.append(words.fill("amended.score", scores=Num("context.amendment.score")))
    return [_listed(words("amended.title"), items)]


def _listed(title: str, items: list[list[Run]], *, numbered: bool = False) -> Block:
    numbers = [str(i) for i in range(1, len(items) + 1)] if numbered else []
    return {"type": "listed", "title": title, "items": items, "numbers": numbers}


def _hero(register: Register, words: Words) -> Block:
    total = register.rows.get("score.total", {})
    scored = finite(total.get("value"))
    spread: list[Run] = []
    if scored and register.has("score.total", "whole_low"):
        spread = words.fill(
            "front.range",
            low=Num("score.total", "whole_low"),
            high=Num("score.total", "whole_high"),
        )
    facts = [
        Num(key)
        for key in ("head.type", "head.parent", "head.period")
        if register.has(key) and register.text(Num(key)) != words("none")
    ]
    return {
        "type": "hero",
        "programme": [Num("head.programme")] if register.has("head.programme") else [],
        "unit": [Num("head.unit")],
        "facts": line(facts, " · "),
        "score_title": words("front.score"),
        "score": [Num("score.total", "bare")] if scored else [words("front.no_score")],
        "scored": scored,
        "of": words.fill("front.of", max=Num("score.total", "max_points")) if scored else [],
        "spread": spread,
        "verdict_title": words("front.verdict"),
        "verdict": verdict(register, words),
    }


def _short(text: Quote, most: Mapping[str, int]) -> tuple[Quote, bool]:
    """Cut long words of people for these pages; tell whether they were cut."""
    limit = most[text.lang] if text.lang in most else most["en"]
    if len(text.text) <= limit:
        return text, False
    kept = text.text[:limit]
    if text.lang == "en":
        kept = kept.rpartition(" ")[0] or kept
    return Quote(kept.rstrip("，、,;； ") + "…", text.lang, text.original), True


def _thumbnail(
    register: Register, key: str, pictures: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """Give the first picture of a deduction that may be shown, or nothing."""
    wanted = str(register.rows[key].get("pictures") or "").split(";")
    by_id = {str(register.rows[name].get("item")): told for name, told in pictures.items()}
    return next((dict(by_id[name]) for name in wanted if name in by_id), {})


def _staircase(
    register: Register, words: Words, pictures: Mapping[str, Mapping[str, str]]
) -> list[Block]:
    total = register.rows.get("score.total", {})
    losses = by_loss(register)
    if not (finite(total.get("value")) and finite(total.get("max_points"))):
        return []
    score, most = float(total["value"]), float(total["max_points"])
    steps: list[dict[str, Any]] = []
    at = most
    told = losses if len(losses) <= STEPS + 1 else losses[:STEPS]
    each = {lang: most // (2 * max(len(told), 4)) for lang, most in PAGE_ONE.items()}
    for number, key in enumerate(told, 1):
        lost = float(register.rows[key]["points"])
        steps.append(
            {
                "no": str(number),
                "from": at,
                "to": at - lost,
                "points": [Num(key, "points")],
                "what": [register.label(key)],
                "why": _why(register, words, key, each),
                "todo": _todo(register, words, key, each),
                "picture": _thumbnail(register, key, pictures),
            }
        )
        at -= lost
    rest = losses[len(told) :]
    if rest:
        lost = sum(float(register.rows[key]["points"]) for key in rest)
        count = register.count("report.losses.rest", len(rest), " + ".join(rest))
        points = register.add(_points("report.points.rest", lost, rest))
        steps.append(_plain_step(at, lost, points, words.fill("stairs.rest", n=count)))
        at -= lost
    if at - score >= 0.05:
        points = register.add(_points("report.points.other", at - score, ["score.total", *losses]))
        steps.append(_plain_step(at, at - score, points, [words("stairs.other")]))
        at = score
    floor = min([score, *(step["to"] for step in steps)])
    return [
        {
            "type": "stairs",
            "title": words.fill(
                "stairs.title", max=Num("score.total", "max_points"), score=Num("score.total")
            ),
            "note": [words("stairs.note")] if steps else [words("stairs.none")],
            "head": {
                key: words(f"stairs.{key}")
                for key in ("no", "points", "what", "todo", "start", "end")
            },
            "low": max(0.0, floor - 0.04 * (most - floor)),
            "high": most,
            "max": [Num("score.total", "max_points")],
            "score": [Num("score.total", "bare")],
            "at": score,
            "steps": steps,
        }
    ]


def _points(key: str, value: float, of: list[str]) -> dict[str, Any]:
    """Make the row of points that the report itself adds up from findings."""
    return {
        "finding": key,
        "kind": "score",
        "section": "report",
        "value": value,
        "points": value,
        "unit": "points",
        "status": "ok",
        "method": "",
        "notebook": "report",
        "counted": " + ".join(of),
    }


def _plain_step(at: float, lost: float, points: Num, what: list[Run]) -> dict[str, Any]:
    return {
        "no": "",
        "from": at,
        "to": at - lost,
        "points": [Num(points.id, "points")],
        "what": what,
        "why": [],
        "todo": [],
        "picture": {},
    }


def _why(register: Register, words: Words, key: str, most: Mapping[str, int]) -> list[Run]:
    place, reason = register.words(key, "place"), register.words(key, "reason")
    cut = False
    if reason:
        reason, cut = _short(reason, most)
    runs = line([part for part in (place, reason) if part], words("colon"))
    if cut:
        runs += [words("open"), words("stairs.full"), words("close")]
    return runs


def _todo(register: Register, words: Words, key: str, most: Mapping[str, int]) -> list[list[Run]]:
    """Two lines: what to do; who and by when."""
    remedy = register.words(key, "remedy")
    who = register.words(key, "responsible")
    due: list[Run] = words.fill("due", date=Num(key, "due")) if register.has(key, "due") else []
    end: list[Run] = line(
        [part for part in ([who] if who else [], due) if part], words("verdict.join")
    )
    what: list[Run] = [_short(remedy, most)[0]] if remedy else []
    return [part for part in (what, end) if part] or [[words("stairs.open")]]


def _residents(register: Register, words: Words) -> list[Block]:
    rows = []
    for key in top_two(register)[:EXAMPLES]:
        row = register.rows[key]
        if not register.has(key, "tenths"):
            rows.append(
                {
                    "label": [register.label(key)],
                    "dots": 0,
                    "value": [words("dots.hidden")],
                    "range": [],
                }
            )
            continue
        spread: list[Run] = []
        if register.has(key, "tenths_low"):
            spread = words.fill("dots.range", lo=Num(key, "tenths_low"), hi=Num(key, "tenths_high"))
        rows.append(
            {
                "label": [register.label(key)],
                "dots": tenths(row["value"]),
                "value": words.fill("dots.value", t=Num(key, "tenths")),
                "range": spread,
            }
        )
    if not rows:
        return []
    return [
        {"type": "dots", "title": words("dots.title"), "note": words("dots.note"), "rows": rows}
    ]


def change_lines(register: Register, words: Words) -> list[list[Run]]:
    """Tell what moved, each by itself; of the rest how many did not or cannot be told."""
    told = changes(register, words)
    if not told:
        return [[words("change.elsewhere" if register.has("head.baseline") else "change.none")]]
    out: list[list[Run]] = []
    if register.has("head.baseline"):
        out = [words.fill("change.against", baseline=Num("head.baseline"))]
    by = {
        "clear": [key for key in told if register.rows[key]["verdict"] in ("better", "worse")],
        "same": [k for k in told if register.rows[k]["verdict"] == "no_relevant_change"],
        "unclear": [key for key in told if register.rows[key]["verdict"] == "cannot_tell"],
    }
    shown = {next(iter(told)), *by["clear"][:CHANGES]}
    out += [told[key] for key in told if key in shown]
    for name, keys in by.items():
        rest = [key for key in keys if key not in shown]
        if rest:
            n = register.count(f"report.changes.{name}", len(rest), " + ".join(rest))
            out.append(words.fill(f"change.rest_{name}", n=n))
    return out


def _gates(register: Register, words: Words) -> list[Block]:
    """Name the conditions for taking part that are not met, in plain words."""
    out: list[list[Run]] = []
    for key, row in register.rows.items():
        if row.get("section") != "eligibility" or row.get("verdict") in (None, "passed"):
            continue
        strict = "cannot_tell" in str(row.get("flags") or "") and row["verdict"] == "failed"
        name = "strict" if strict else "failed" if row["verdict"] == "failed" else "unclear"
        label = register.label(key).removeprefix(str(row.get("rule") or "")).strip(" ：:")
        out.append([label, words("colon"), words(f"gates.{name}"), words("verdict.end")])
    return [_listed(words("gates.title"), out)] if out else []


def best(register: Register, words: Words) -> list[list[Run]]:
    """Tell what would bring most points back, and who would have to do it."""
    out: list[list[Run]] = []
    for key in by_loss(register)[:3]:
        remedy = register.words(key, "remedy")
        what: list[Run] = [register.label(key)]
        if remedy:
            what += [words("colon"), _short(remedy, PAGE_TWO)[0]]
        inner: list[Run] = words.fill("best.gain", points=Num(key, "points"))
        who = register.words(key, "responsible")
        if who:
            inner += [words("verdict.join"), who]
        if not remedy:
            inner += [words("semicolon"), words("best.open")]
        out.append([*what, words("open"), *inner, words("close")])
    return out or [[words("best.none")]]


def _unseen(register: Register, words: Words) -> list[list[Run]]:
    out: list[list[Run]] = []
    if register.has("scope.outside"):
        outside = Num("scope.outside")
        listed, cut = _short(Quote(register.text(outside), words.lang), PAGE_TWO)
        told: list[Run] = [words("unseen.scope"), words("colon"), listed if cut else outside]
        out.append([*told, *([words("unseen.full")] if cut else [])])
    missing = [
        key
        for key, row in register.rows.items()
        if row.get("section") == "indicators" and row.get("status") == "not_computed"
    ]
    for key in missing[:4]:
        reason = register.words(key, "reason")
        runs: list[Run] = [words("unseen.not_computed"), words("colon"), register.label(key)]
        if reason:
            runs += [words("open"), _short(reason, PAGE_TWO)[0], words("close")]
        out.append(runs)
    return out or [[words("unseen.none")]]


def _genuine(register: Register, words: Words) -> list[list[Run]]:
    out: list[list[Run]] = [
        words.fill("genuine.code", code=Num("report.code")),
        [words("genuine.sign")],
    ]
    if "report.demonstration" in register.rows:
        out.append([words("genuine.demo")])
    out.append([words("prevails")])
    return out
