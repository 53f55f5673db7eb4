"""Questionnaires and scoring sheets on paper: A4 and large print, Chinese and English."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from workbench.forms.asked import Asked, Feeds
from workbench.forms.words import PURPOSES, UNITS, WORDS
from workbench.intake.entered import WORDS as VALUES
from workbench.intake.entered import said

if TYPE_CHECKING:
    from workbench.study import Item, Study
    from workbench.study._words import Text

__all__ = ["inspection_pdf", "questionnaire_pdf"]

_UNPRINTED = ("skipped", "not_asked")  # reasons that nobody ticks
_WIDE = 178.0  # mm between the margins
_COLUMNS = 8
_LINES = 3  # places of one item on a scoring sheet
_SEVERAL = re.compile(
    r"多选|多项|选.{0,3}项|\b(?:several|multiple|all that apply|more than one|up to)\b", re.I
)
"""Wording that says by itself that several answers may be ticked."""


class _Page:
    """One language of a form."""

    def __init__(self, study: Study, asked: Asked, lang: str, *, large: bool = False) -> None:
        self.study, self.asked, self.lang, self.large = study, asked, lang, large
        self.zh = lang == "zh"

    def __call__(self, key: str, **values: object) -> str:
        text = WORDS[key][0 if self.zh else 1]
        return text.format(**values) if values else text

    def runs(self, text: Text) -> list[Any]:
        """Give a text in the form's language; one without translation stays, marked as Chinese."""
        own = text.zh if self.zh else text.en
        return [own] if own else [{"t": text.zh, "l": "zh"}]

    def plain(self, text: Text) -> str:
        """Give a text in the form's language, else in Chinese."""
        return text.zh if self.zh else text.en or text.zh

    def document(self, title: str, code: str, **parts: Any) -> dict[str, Any]:
        """Give what both forms have in common."""
        settings = self.study.settings
        issued = settings.issued
        programme = self.asked.title[0 if self.zh else 1]
        return {
            "lang": self.lang,
            "large": self.large,
            "title": title,
            "subtitle": f"{programme} · {self.asked.study} · {self.asked.wave}",
            "author": self.plain(settings.parties.assessor),
            "issued": {"year": issued.year, "month": issued.month, "day": issued.day},
            "foot": {"left": f"{self('version')} {code}", "page": self("page")},
            "words": {name: self(name) for name in ("year", "month", "day")},
            "front": [""],
            "notice": {"title": "", "lines": [], "ticks": []},
            "end": [],
            "signing": [],
            **parts,
        }

    def field(
        self, key: str, *, digits: int = 0, wide: bool = False, value: str = "",
        options: Sequence[str] = (),
    ) -> dict[str, Any]:  # fmt: skip
        """Give one box of the head."""
        return {
            "label": self(key),
            "digits": digits,
            "wide": wide,
            "value": value,
            "options": list(options),
        }

    def option(self, text: list[Any], code: str) -> dict[str, Any]:
        """Give one option; a code is shown where it is a number."""
        shown = code if code.lstrip("-").isdecimal() else ""
        told = "".join(r if isinstance(r, str) else r["t"] for r in text)
        length = sum(2 if ord(char) > 0x2E80 else 1 for char in told)
        return {"text": text, "code": shown, "long": length > 68}

    def options(self, item: Item) -> list[dict[str, Any]]:
        """Give what can be ticked: points or options, and why there is no answer."""
        labels = item.values
        if item.kind == "check":
            out = [self.option([self(name)], "") for name in ("yes", "no_answer")]
        else:
            out = [
                self.option(self.runs(labels[p]) if p in labels else [p], p if p in labels else "")
                for p in item.points
            ]
        return out + self.lost(item)

    def lost(self, item: Item) -> list[dict[str, Any]]:
        """Give the reasons that may be ticked instead of an answer, each by its first code."""
        first = {reason: code for code, reason in reversed(item.missing.items())}
        return [
            self.option([said(reason)[0 if self.zh else 1]], code)
            for code, reason in item.missing.items()
            if reason not in _UNPRINTED and first[reason] == code
        ]


def _compiled(document: dict[str, Any], study: Study) -> bytes:
    from workbench.report.typst_pdf import compile_pdf

    source = resources.files("workbench.report").joinpath("templates/form.typ").read_bytes()
    issued = study.settings.issued
    return compile_pdf(document, {}, {}, issued=issued, source=source, scales=(1.0,)).data


def questionnaire_pdf(study: Study, asked: Asked, lang: str, *, large: bool = False) -> bytes:
    """Typeset the questionnaire, PDF/A-3a and PDF/UA-1; the same study gives the same bytes.

    Parameters
    ----------
    study, asked
        The study, and what it asks.
    lang
        ``zh`` or ``en``; wording without translation stays Chinese, marked as such.
    large
        Large print: no text below 16 points; scales one under another and not in a grid.
    """
    page = _Page(study, asked, lang, large=large)
    modes = [VALUES["mode"][m][0 if page.zh else 1] for m in ("paper", "household")]
    boxes = [
        page.field("no", digits=8),
        page.field("interviewer", digits=5),
        page.field("community", wide=True),
        page.field("date"),
        page.field("time"),
        page.field("mode", wide=True, options=modes),
    ]
    document = page.document(
        page("questionnaire", unit=UNITS[asked.unit][0 if page.zh else 1]),
        asked.code,
        boxes=boxes,
        notice=_notice(page),
        parts=_parts(page),
        end=[page("thanks")],
    )
    return _compiled(document, study)


def _notice(page: _Page) -> dict[str, Any]:
    """Give the notice of the law: who, for what, voluntary, kept how long, rights; and consent."""
    settings = page.study.settings
    parties = settings.parties
    purposes = dict.fromkeys(i.purpose for i in page.asked.questions.values() if i.purpose)
    told = [PURPOSES.get(p, (p, p))[0 if page.zh else 1] for p in purposes]
    sensitive = any(i.protection == "sensitive" for i in page.asked.questions.values())
    kept = settings.retention
    until = page("kept", until=kept.isoformat()) if kept is not None else page("kept_blank")
    lines = [
        page("who", assessor=page.plain(parties.assessor),
             commissioner=page.plain(parties.commissioner), title=page.asked.title[not page.zh]),
        page("purpose", purposes=("、" if page.zh else "; ").join(told)),
        page("voluntary"),
        page("anonymous", n=settings.decisions.min_cell),
        until,
        page("rights"),
        page("law") + (page("law_sensitive") if sensitive else ""),
    ]  # fmt: skip
    ticks = [page("consent"), *([page("consent_sensitive")] if sensitive else [])]
    return {"title": page("notice"), "lines": [[line] for line in lines], "ticks": ticks}


def _parts(page: _Page) -> list[dict[str, Any]]:
    """Give the questions in their order; neighbours on one scale as a grid."""
    numbers = {code: n for n, code in enumerate(page.asked.questions, 1)}
    items = list(page.asked.questions.items())
    out: list[dict[str, Any]] = []
    at = 0
    while at < len(items):
        alike = _alike(items[at:])
        width = None if page.large or alike < 3 else _width(page, items[at][1])
        if width is not None:
            out.append(_matrix(page, items[at : at + alike], numbers, width))
            at += alike
        else:
            out.append(_question(page, *items[at], numbers))
            at += 1
    return out


def _alike(items: Sequence[tuple[str, Item]]) -> int:
    """Count the items from the first on that share its options, missing codes and condition."""
    first = items[0][1]
    n = 0
    for _, item in items:
        same = (item.kind, item.values, item.missing, item.where) == (
            first.kind, first.values, first.missing, first.where,
        )  # fmt: skip
        if not same or item.kind not in ("scale", "single") or item.role == "attention":
            break
        n += 1
    return n


def _width(page: _Page, item: Item) -> float | None:
    """Give the width of a grid's columns in millimetres; none where labels do not fit."""
    options = page.options(item)
    if len(options) > _COLUMNS:
        return None
    words = [_longest(o["text"]) for o in options]
    if max(words) * 0.353 > 20.0 or any(o["long"] for o in options):
        return None
    return min(max(max(words) * 0.353 + 2.5, 12.0), 22.0)


def _longest(text: Iterable[Any]) -> float:
    """Give the points that the longest piece of a label needs which may not be broken."""
    most = 0.0
    for run in text:
        told = run if isinstance(run, str) else run["t"]
        if any(ord(c) > 0x2E80 for c in told):
            lines = 1 if len(told) <= 5 else 2
            most = max(most, 8.2 * -(-len(told) // lines))
        else:
            most = max(most, *(3.7 * len(word) for word in told.split()))
    return most


def _matrix(
    page: _Page, items: Sequence[tuple[str, Item]], numbers: Mapping[str, int], width: float
) -> dict[str, Any]:
    rows = [_question(page, code, item, numbers) for code, item in items]
    return {
        "type": "matrix",
        "before": rows[0]["before"],
        "lead": page("grid"),
        "width": round(width, 1),
        "head": page.options(items[0][1]),
        "rows": rows,
    }


def _question(page: _Page, code: str, item: Item, numbers: Mapping[str, int]) -> dict[str, Any]:
    """Give one question with its options, and what to do before and after it."""
    hints = []
    if item.kind == "multiple" and not _SEVERAL.search(page.plain(item.wording)):
        hints.append(page("several"))
    if item.protection == "sensitive":
        hints.append(page("sensitive"))
    options = page.options(item) if item.kind in ("scale", "single", "multiple", "check") else []
    low, high = item.range or (None, None)
    if item.kind in ("number", "date", "text") and item.missing:
        options = page.lost(item)
    return {
        "type": "question",
        "kind": item.kind,
        "no": str(numbers[code]),
        "code": code,
        "text": page.runs(item.wording),
        "hint": "".join(hints),
        "options": options,
        "range": "" if low is None else f"{low:g} – {high:g}",
        "before": _before(page, item, numbers),
        "skip": _skip(page, code, numbers),
        "tall": len(options) > 12 or sum(len(o["text"][0]) for o in options) > 400,
    }


def _answers(page: _Page, item: Item, wanted: Iterable[str]) -> str:
    labels = [page.plain(item.values[w]) if w in item.values else w for w in wanted]
    return page("or").join(f"“{label}”" for label in labels)


def _before(page: _Page, item: Item, numbers: Mapping[str, int]) -> str:
    """Say of whom a question is asked, where not of all."""
    told = [
        page("asked_if", no=numbers[name],
             answers=_answers(page, page.asked.questions[name], wanted))
        for name, wanted in item.where.items()
        if name in numbers
    ]  # fmt: skip
    return page("and").join(told)


def _skip(page: _Page, code: str, numbers: Mapping[str, int]) -> str:
    """Say where to go on from a question that decides about those right after it."""
    items = list(page.asked.questions.items())
    at = list(numbers).index(code) + 1
    wanted: list[str] | None = None
    last = at
    while last < len(items) and code in items[last][1].where:
        here = items[last][1].where[code]
        wanted = here if wanted is None else wanted
        if here != wanted:
            break
        last += 1
    if wanted is None:
        return ""
    to = page("to", no=last + 1) if last < len(items) else page("to_end")
    return page("skip", answers=_answers(page, page.asked.questions[code], wanted), to=to)


def inspection_pdf(study: Study, asked: Asked, visit: str, lang: str) -> bytes:
    """Typeset the scoring sheet of one kind of visit: every item, its indicators, three places.

    Parameters
    ----------
    visit
        A kind of visit that :meth:`Asked.by_visit` names.
    """
    page = _Page(study, asked, lang)
    k = 0 if page.zh else 1
    rows = [
        _inspected(page, n, code, asked.inspected[code], asked.feeds.get(code, Feeds()))
        for n, code in enumerate(asked.by_visit()[visit], 1)
    ]
    width = max(26.0, *(min(60.0, 4.0 + _wide(row["options"], page)) for row in rows))
    kinds = ("announced", "cross", "spot_check", "recheck")
    ticked = [VALUES["visit"][v][k] for v in kinds]
    value = VALUES["visit"][visit][k]
    own = []
    if visit == "announced":  # the same sheet serves whoever comes again
        own = [page.field("visit", wide=True, options=ticked)]
    elif visit != "mystery":
        own = [page.field("visit", wide=True, value=value)]
    roles = [VALUES["role"][r][k] for r in ("expert", "analyst", "resident")]
    table = {
        "type": "sheet",
        "lines": _LINES,
        "width": width,
        "head": [page(f"sheet.{name}") for name in
                 ("no", "item", "place", "time", "mark", "reason", "photos")],
        "rows": rows,
    }  # fmt: skip
    document = page.document(
        page("sheet.mystery" if visit == "mystery" else "sheet"),
        asked.inspection_code,
        boxes=[
            page.field("assessor", digits=6),
            page.field("date"),
            page.field("community", wide=True),
            page.field("role", wide=True, options=roles) if visit != "mystery" else
            page.field("role", wide=True, value=VALUES["role"]["mystery"][k]),
            *own,
        ],
        notice={"title": page("alone"), "ticks": [],
                "lines": [[page(f"alone{n}")] for n in (1, 2, 3)]},
        parts=[table],
        end=[page("declare")],
        signing=[page.field("signature"), page.field("sealed_at"),
                 page.field("seal", digits=12, wide=True)],
    )  # fmt: skip
    return _compiled(document, study)


def _inspected(page: _Page, n: int, code: str, item: Item, feeds: Feeds) -> dict[str, Any]:
    names = feeds.zh if page.zh else feeds.en
    options: list[dict[str, Any]] = []
    if item.kind == "check":
        options = [page.option([VALUES["passed"][v][0 if page.zh else 1]], "")
                   for v in ("true", "false")]  # fmt: skip
    elif item.kind in ("scale", "single"):
        options = page.options(item)
    hint = page("feeds") + ("、" if page.zh else "; ").join(names) if names else ""
    return {
        "no": str(n),
        "code": code,
        "text": page.runs(item.wording),
        "hint": hint,
        "options": options,
    }


def _wide(options: Sequence[Mapping[str, Any]], page: _Page) -> float:
    """Give about how many millimetres options take side by side."""
    size = 3.2 if page.zh else 1.75
    return sum(6.0 + size * sum(len(r if isinstance(r, str) else r["t"]) for r in o["text"])
               for o in options)  # fmt: skip
