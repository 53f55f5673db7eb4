"""The body of a report: one section for each part of the assessment, tables of findings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from workbench.report.blocks import Block, fits_half, keys, line, table
from workbench.report.register import Finding, Num, Register, finite
from workbench.report.tables import (
    Cell,
    Page,
    Pair,
    comparisons,
    estimates,
    groups,
    not_made,
    waves,
)
from workbench.report.text import by_loss
from workbench.report.words import Words

__all__ = ["DRAWN", "FIGURES", "KNOWN", "body_sections", "deductions_table", "of_source"]

# first part of a figure's name: the section it stands in
FIGURES = {
    "composition": "composition",
    "items": "satisfaction",
    "subgroups": "satisfaction",
    "quadrants": "priorities",
    "change": "change",
    "moved": "change",
    "survival": "requests",
    "requests": "requests",
    "indicators": "indicators",
    "staircase": "score",
    "deductions": "deductions",
    "series": "warnings",
    "warnings": "warnings",
    "ranks": "context",
}

# figures of the notebook that the report draws itself, with each number linked
DRAWN = {"points"}

# sections of findings that the body prints; another section is printed under «other results»
KNOWN = set(
    "head data checks response weights fieldwork satisfaction subgroups priorities change requests "
    "agreement indicators score deductions eligibility warnings standing decisions limits scope "
    "context disclosure report ruleset reference followup lower demand participation funds "
    "milestones claims objections organisations pictures voices".split()
)


_LONG_LABEL = {"zh": 24, "en": 48}
_PICTURES = 6  # pictures in the body; others stand in the annex
_TOPICS = 8  # topics of a source in the body
# parts of voices that are no source of texts (a test holds them against workbench.text.PARTS)
_VOICES = set("validation accuracy peak hours area groups phrases coded quotation".split())
_MANY = 6  # rows from which on two stand in a line, and comparisons of units in an annex


def _sub(title: str) -> Block:
    return {"type": "subhead", "title": title}


def _para(runs: Sequence[Any]) -> Block:
    return {"type": "para", "runs": list(runs)}


def _keys(page: Page, pairs: Iterable[Pair]) -> list[Block]:
    """Make a list of label and value; where labels are sentences, a plain list."""
    rows = [[page.label(key), page.num(key)] for key, _ in pairs if page.register.has(key)]
    if not rows:
        return []
    longest = max(len(page.register.plain(label)) for label, _ in rows)
    if longest > _LONG_LABEL[page.words.lang]:
        items = [[*label, page.words("colon"), *value] for label, value in rows]
        return [{"type": "list", "items": items}]
    return [keys(page.register, rows)]


def _head(page: Page) -> list[Block]:
    """Give what the report is about, two facts a line where they are short."""
    apart = ("head.signatory.", "head.demonstration", "head.objection")
    told = [pair for pair in page.rows("head") if not pair[0].startswith(apart)]
    short = [
        (key, row)
        for key, row in told
        if page.register.has(key)
        and fits_half(page.register.plain(page.label(key)), page.register.plain(page.num(key)))
    ]
    if len(short) < _MANY:
        return _keys(page, told)
    return _keys(page, short) + _keys(page, [pair for pair in told if pair not in short])


def _data(page: Page) -> list[Block]:
    w, out = page.words, []
    tables = page.rows("data")
    counts = [pair for pair in tables if finite(pair[1].get("value"))]
    plain = [pair for pair in counts if not (page.verdict(pair[1]) or page.note(*pair))]
    if plain:
        told = [[*page.label(k), w("colon"), *page.num(k)] for k, row in plain if row["value"]]
        empty = [page.label(key) for key, row in plain if not row["value"]]
        if empty:
            told.append([w("sub.no_data"), w("colon"), *line(empty, w("comma"))])
        out += [_sub(w("sub.tables")), _para(line(told, w("semicolon")))]
    out += estimates(page, [pair for pair in counts if pair not in plain])
    out += _keys(page, [pair for pair in tables if pair not in counts])
    return out + _checked(page, page.rows("checks"), "checks")


def _checked(page: Page, checks: Sequence[Pair], section: str) -> list[Block]:
    """Make the table of checks that failed; those passed are counted, an annex lists them."""
    w, out = page.words, []
    out_of_place = [pair for pair in checks if pair[1].get("verdict") == "not_applicable"]
    checks = [pair for pair in checks if pair not in out_of_place]
    unmade = [pair for pair in checks if pair[1].get("status") == "not_computed"]
    failed = [p for p in checks if p not in unmade and p[1].get("verdict") != "passed"]
    passed = [p for p in checks if p not in unmade and p[1].get("verdict") == "passed"]
    if failed:
        out.append(_sub(w("sub.failed")))
        out.append(
            table(
                [(w("col.check"), 2, "left"), (w("col.result"), 0, "left"),
                 (w("col.severity"), 0, "left"), (w("col.reach"), 0, "left"),
                 (w("col.reason"), 3, "left")],
                [[page.label(key), _result(page, key, row),
                  [w.get(f"severity.{row.get('severity')}", str(row.get("severity") or ""))],
                  [w.get(f"reach.{row.get('reach')}", str(row.get("reach") or ""))],
                  page.note(key, row)] for key, row in failed],
            )
        )  # fmt: skip
    if passed:
        n = page.register.count(f"report.{section}.passed", len(passed), f"section: {section}")
        out.append(_para(w.fill("sub.passed" if failed else "sub.no_failed", n=n)))
    elif checks and not failed:
        out.append(_para([w("sub.no_checks")]))
    if unmade:
        out += [_sub(w("sub.unchecked")), *not_made(page, unmade)]
    return out


def _threats(page: Page, checks: Sequence[Pair], section: str) -> list[Block]:
    """Name what speaks against a comparison; the table of these checks stands in an annex."""
    if not checks:
        return []
    w = page.words
    page.later(section, "sub.threats", _checked(page, checks, section))
    made = [p for p in checks if p[1].get("status") != "not_computed"]
    failed = [p for p in made if p[1].get("verdict") not in ("passed", "not_applicable")]
    if not failed:
        return []
    names = list(dict.fromkeys(page.register.label(key) for key, _ in failed))
    return [_para([w("sub.against"), w("colon"), *line(names, w("semicolon")), w("verdict.end")])]


def _result(page: Page, key: str, row: Finding) -> Cell:
    """Give what a check counted, or else its verdict."""
    told = page.num(key)
    return told if re.search(r"\d", page.register.plain(told)) else page.verdict(row)


_COMPOSED = ("response.composition.", "response.participants.")


def _response(page: Page) -> list[Block]:
    pairs = page.rows("response")
    composed = [pair for pair in pairs if pair[0].startswith(_COMPOSED)]
    other = [pair for pair in pairs if pair not in composed]
    texts = [pair for pair in other if pair[1].get("kind") == "text"]
    out = waves(page, [pair for pair in other if pair not in texts]) + _keys(page, texts)
    if composed:
        w = page.words
        made = table(
            [(w("col.group"), 2, "left"), (w("col.n"), 0, "right"),
             (w("col.sample"), 0, "right"), (w("col.population"), 0, "right"),
             (w("col.note"), 2, "left")],
            [[page.label(key), page.num(key, "n"), page.num(key), page.num(key, "target"),
              page.note(key, row)] for key, row in composed],
        )  # fmt: skip
        drawn = page.figures.get("composition", [])
        page.later("response", "sub.composition", [*drawn, made])
    weights = page.rows("weights")
    told = [pair for pair in weights if pair[1].get("kind") == "text"]
    page.later("response", "sub.weights", estimates(page, [p for p in weights if p not in told]))
    return out + _keys(page, told)


def volunteered(row: Finding) -> bool:
    """Tell whether a finding is of people who chose to take part."""
    return "opt_in" in str(row.get("flags") or "").split(";")


def _satisfaction(page: Page) -> list[Block]:
    told = page.rows("satisfaction")
    own = [pair for pair in told if not volunteered(pair[1])] or told
    shares = [(k, r) for k, r in own if r.get("unit") == "share" and not _supposed(r)] or own
    out = waves(page, shares)
    rest = [pair for pair in own if pair not in shares]
    page.later("satisfaction", "sub.means", waves(page, rest))
    if len(own) < len(told):
        out.append({"type": "notes", "items": [[page.words("sub.opt_in")]]})
    page.later("satisfaction", "sub.subgroups", groups(page, page.rows("subgroups")))
    drawn = page.figures.get("priorities", [])
    page.later(
        "satisfaction", "sub.priorities", [*drawn, *estimates(page, page.rows("priorities"))]
    )
    return out


def _supposed(row: Finding) -> bool:
    """Tell whether a finding says what would be if those who did not answer differed."""
    return row.get("method") == "survey.sensitivity_band"


def _aside(pair: Pair) -> bool:
    """Tell whether a comparison is for an annex: not made, or a variant of another."""
    key, row = pair
    variant = key.endswith((".unweighted", ".standardised", ".composition"))
    return variant or row.get("status") == "not_computed"


def _change(page: Page) -> list[Block]:
    pairs = page.rows("change")
    compared = [pair for pair in pairs if pair[1].get("kind") == "comparison"]
    texts = [pair for pair in pairs if pair[1].get("kind") == "text"]
    checks = [pair for pair in pairs if pair[1].get("kind") == "check"]
    other = [pair for pair in pairs if pair not in [*compared, *texts, *checks]]
    aside = [pair for pair in compared if _aside(pair)]
    out = comparisons(page, [pair for pair in compared if pair not in aside])
    page.later("change", "sub.uncompared", comparisons(page, aside))
    page.later("change", "sub.grounds", estimates(page, other) + _keys(page, texts))
    return out + _threats(page, checks, "change")


def _requests(page: Page) -> list[Block]:
    pairs = page.rows("requests")
    compared = [pair for pair in pairs if pair[1].get("kind") == "comparison"]
    texts = [pair for pair in pairs if pair[1].get("kind") == "text"]
    checks = [pair for pair in pairs if pair[1].get("kind") == "check"]
    kinds = [pair for pair in pairs if str(pair[1].get("subgroup") or "").startswith("kind=")]
    other = [pair for pair in pairs if pair not in [*compared, *texts, *checks, *kinds]]
    out = waves(page, other) + comparisons(page, compared) + _keys(page, texts)
    page.later("requests", "sub.requests.kinds", groups(page, kinds))
    return out + _threats(page, checks, "requests")


def _voices(page: Page) -> list[Block]:
    """Give the topics of each source in a table; error rates and hours stand in the annex."""
    w = page.words
    by: dict[str, list[Pair]] = {}
    for pair in page.rows("voices"):
        by.setdefault(pair[0].split(".")[1], []).append(pair)
    columns = [
        (w("col.topic"), 2, "left"),
        (w("col.texts_share"), 0, "right"),
        (page.interval_head(page.rows("voices")), 0, "right"),
        (w("col.complaining"), 0, "right"),
        (page.interval_head(page.rows("voices")), 0, "right"),
        (w("col.praising"), 0, "right"),
        (w("col.n"), 0, "right"),
        (w("col.note"), 0, "left"),
    ]
    rows: list[list[Cell]] = []
    small: list[Pair] = []
    for source, mine in by.items():
        if source in _VOICES:
            continue
        small += [pair for pair in mine if pair[1].get("kind") == "text"]
        known = {key for key, _ in mine}
        shares = [key for key, row in mine if row.get("statistic") == "share"]
        for key in shares[:_TOPICS]:
            parts = [page.num(key), page.num(key, "interval")]
            for end in ("negative", "positive"):
                other = key.removesuffix("share") + end
                parts.append(page.num(other) if other in known else [w("none")])
                if end == "negative":
                    parts.append(page.num(other, "interval") if other in known else [])
            rows.append([page.label(key), *parts, page.num(key, "numerator"), page.quote(key)])
    page.later("voices", "sub.voices.accuracy", _ledger(page, by.get("accuracy", [])))
    page.later("voices", "sub.voices.hours", groups(page, by.get("hours", [])))
    page.later("voices", "sub.voices.area", estimates(page, by.get("area", [])))
    page.later("voices", "sub.voices.groups", groups(page, by.get("groups", [])))
    page.later("voices", "sub.voices.phrases", _keys(page, by.get("phrases", [])))
    return [
        *_keys(page, by.get("validation", [])),
        *([table(columns, rows)] if rows else []),
        *_keys(page, small),
        *_ledger(page, by.get("peak", [])),
        *_coded(page, by.get("coded", [])),
        *_keys(page, by.get("quotation", [])),
    ]


def _coded(page: Page, pairs: Sequence[Pair]) -> list[Block]:
    """Give the themes of interviews with the coders' agreement, one line each."""
    w = page.words
    known = {key for key, _ in pairs}
    themes = [key for key, row in pairs if row.get("statistic") == "passages"]
    parts = [end for end in ("kappa", "alpha", "ac1") if any(key.endswith(end) for key in known)]
    columns = [
        (w("col.topic"), 2, "left"),
        (w("col.passages"), 0, "right"),
        *((w(f"col.{end}"), 0, "right") for end in parts),
        (w("col.note"), 2, "left"),
    ]
    rows: list[list[Cell]] = []
    for key in themes:
        others = [key.removesuffix("passages") + end for end in parts]
        rows.append([page.label(key), page.num(key), *(page.num(o) for o in others),
                     page.quote(key)])  # fmt: skip
    told = _keys(page, [pair for pair in pairs if pair[1].get("kind") == "text"])
    return [*told, *([table(columns, rows)] if rows else [])]


def _indicators(page: Page) -> list[Block]:
    pairs = page.rows("indicators")
    if not pairs:
        return []
    w = page.words
    scored = _scored(page)
    columns = [
        (w("col.indicator"), 2.4, "left"),
        (w("col.value"), 0, "right"),
        (page.interval_head(pairs), 0, "right"),
        (w("col.base"), 0, "right"),
        (w("col.target"), 0, "right"),
        (w("col.attainment"), 0, "right"),
        (w("col.verdict"), 0, "left"),
        (w("col.points"), 0, "right"),
    ]
    channels: dict[str, list[list[Cell]]] = {}
    apart: list[list[Cell]] = []
    notes = []
    for key, row in pairs:
        channel = str(row.get("channel") or "")
        base = line(
            [part for part in (page.num(key, "numerator"), page.num(key, "denominator")) if part],
            " / ",
        ) or page.num(key, "n")
        mine = channels.setdefault(w.get(f"channel.{channel}", channel), [])
        (apart if row.get("statistic") == "share_of_participants" else mine).append(
            [
                page.label(key),
                page.num(key),
                page.num(key, "interval"),
                base,
                page.num(key, "target"),
                page.num(key, "attainment"),
                page.verdict(row),
                _of_points(page, scored.get(key, "")),
            ]
        )
        note = page.note(key, row)
        if note:
            notes.append([*page.label(key), w("colon"), *note])
    rows: list[list[Cell]] = []
    for channel, mine in channels.items():
        rows += [[[w("col.channel"), w("colon"), channel]], *mine] if channel and mine else mine
    out: list[Block] = [table(columns, rows)] if rows else []
    if apart:  # shares of those who took part stand in no table beside rates of residents
        out += [_sub(w("sub.of_participants")), table(columns, apart)]
    if notes:
        out.append({"type": "notes", "items": notes})
    return out


def _scored(page: Page) -> dict[str, str]:
    """Give for each row of the table of indicators the finding that holds its points."""
    points = {
        row.get("indicator"): key
        for key, row in page.rows("score")
        if key.startswith("score.points.")
    }
    return {
        key: points[row["indicator"]]
        for key, row in page.rows("indicators")
        if row.get("kind") == "estimate" and row.get("indicator") in points
    }


def _of_points(page: Page, key: str) -> Cell:
    """Give points reached / points possible."""
    if key not in page.register.rows:
        return []
    both = (page.num(key, "points"), page.num(key, "max_points"))
    return line([part for part in both if part], "/")


def _score(page: Page) -> list[Block]:
    w, out = page.words, []
    pairs = page.rows("score")
    told = set(_scored(page).values())  # the table of indicators has them
    total = [pair for pair in pairs if pair[0] == "score.total"]
    if total:
        out += estimates(page, total)
    for prefix, title in (
        ("score.channel.", "sub.channel"),
        ("score.dimension.", "sub.dimension"),
        ("score.points.", "sub.points"),
    ):
        part = [p for p in pairs if p[0].startswith(prefix) and p[0] not in told]
        if part:
            out += [_sub(w(title)), _points(page, part)]
    known = ("score.total", "score.channel.", "score.dimension.", "score.points.")
    out += estimates(page, [pair for pair in pairs if not pair[0].startswith(known)])
    return out


def _points(page: Page, pairs: Sequence[Pair]) -> Block:
    bars, rows = [], []
    for key, row in pairs:
        got, most = row.get("points"), row.get("max_points")
        bars.append(
            max(0.0, min(1.0, got / most))
            if finite(got) and finite(most) and got is not None and most
            else None
        )
        rows.append([page.label(key), _of_points(page, key) or page.num(key), page.note(key, row)])
    return {
        "type": "bars",
        "head": [[page.words("col.item")], [page.words("col.points")], [page.words("col.note")]],
        "rows": rows,
        "bars": bars,
    }


def deductions_table(page: Page) -> list[Block]:
    """Make the table of deductions: number, item, points, reason, remedy, who and when."""
    pairs = page.rows("deductions")
    if not pairs:
        return []
    w = page.words
    # the order and the numbers of the staircase on page one; records without a loss come last
    order = {key: i for i, key in enumerate(by_loss(page.register))}
    pairs = sorted(pairs, key=lambda pair: order.get(pair[0], len(order)))
    rows = []
    for number, (key, row) in enumerate(pairs, 1):
        place, reason = page.quote(key, "place"), page.quote(key, "reason")
        due = w.fill("due", date=Num(key, "due")) if page.register.has(key, "due") else []
        who = page.quote(key, "responsible")
        rows.append(
            [
                [str(number)],
                [
                    *page.label(key),
                    *([w("open"), str(row["item"]), w("close")] if row.get("item") else []),
                ],
                page.num(key, "points"),
                line([part for part in (place, reason) if part], w("colon")),
                page.quote(key, "remedy"),
                line([part for part in (who, due) if part], w("verdict.join")),
            ]
        )
    columns = [
        (w("stairs.no"), 0, "left"),
        (w("col.indicator"), 1.3, "left"),
        (w("col.lost"), 0, "right"),
        (w("col.place_reason"), 3, "left"),
        (w("col.remedy"), 1.8, "left"),
        (w("col.who_due"), 1.3, "left"),
    ]
    return [table(columns, rows)]


def _ruled(page: Page, key: str) -> list[Cell]:
    """Give rule and label; a label that begins with the rule loses it."""
    rule = str(page.register.rows[key].get("rule") or key.partition(".")[2])
    if not re.fullmatch(r"[A-Z]+-\d+\S*", rule):  # an id of ours, no rule of the programme
        return [[], page.label(key)]
    return [[rule], [page.register.label(key).removeprefix(rule).strip(" ：:")]]


def _eligibility(page: Page) -> list[Block]:
    w = page.words
    rows = [
        [
            *_ruled(page, key),
            page.verdict(row),
            page.note(key, row) or page.num(key),
        ]
        for key, row in page.rows("eligibility")
    ]
    columns = [
        (w("col.rule"), 0, "left"),
        (w("col.condition"), 2, "left"),
        (w("col.result"), 0, "left"),
        (w("col.reason"), 2, "left"),
    ]
    return [table(columns, rows)] if rows else []


def _warnings(page: Page) -> list[Block]:
    w = page.words
    rows = []
    for key, row in page.rows("warnings"):
        when = row.get("date") or row.get("period")
        rows.append(
            [
                *_ruled(page, key),
                page.verdict(row, "warning"),
                [str(when)] if when else [],
                line(
                    [part for part in (page.num(key), page.note(key, row)) if part], w("semicolon")
                ),
            ]
        )
    columns = [
        (w("col.rule"), 0, "left"),
        (w("col.warning"), 2, "left"),
        (w("col.result"), 0, "left"),
        (w("col.period"), 0, "left"),
        (w("col.values"), 2, "left"),
    ]
    return [table(columns, rows)] if rows else []


def _ledger(page: Page, pairs: Sequence[Pair]) -> list[Block]:
    """Make a table of item, result, target, verdict and note, without columns that stay empty."""
    if not pairs:
        return []
    w = page.words
    target = any(page.register.has(key, "target") for key, _ in pairs)
    judged = any(row.get("verdict") for _, row in pairs)
    spread = any(page.register.has(key, "interval") for key, _ in pairs)
    columns: list[tuple[Any, float, str]] = [
        (w("col.item"), 2.4, "left"),
        (w("col.result"), 1.6, "left"),
        *([(page.interval_head(pairs), 0, "right")] if spread else []),
        *([(w("col.target"), 0, "right")] if target else []),
        *([(w("col.verdict"), 0, "left")] if judged else []),
        (w("col.note"), 2.2, "left"),
    ]
    rows = [
        [
            page.label(key),
            page.num(key),
            *([page.num(key, "interval")] if spread else []),
            *([page.num(key, "target")] if target else []),
            *([page.verdict(row)] if judged else []),
            page.note(key, row),
        ]
        for key, row in pairs
    ]
    return [table(columns, rows)]


def _plain(*sections: str) -> Callable[[Page], list[Block]]:
    """Give the maker of a section that is one ledger of its findings."""
    return lambda page: _ledger(page, page.rows(*sections))


def _ledgers(*parts: tuple[str, ...]) -> Callable[[Page], list[Block]]:
    """Give the maker of a section that is one ledger for each group of ids, by how they begin."""
    return lambda page: [
        block
        for part in parts
        for block in _ledger(
            page,
            [pair for pair in page.rows(part[0].split(".")[0]) if pair[0].startswith(part)],
        )
    ]


def _ruleset(page: Page) -> list[Block]:
    pairs = page.rows("ruleset")
    texts = [pair for pair in pairs if pair[1].get("kind") == "text"]
    numbers = _ledger(page, [pair for pair in pairs if pair not in texts])
    page.later("ruleset", "", [*_keys(page, texts), *numbers])
    return []


def _reference(page: Page) -> list[Block]:
    page.later("reference", "", _ledger(page, page.rows("reference")))
    return []


def _followup(page: Page) -> list[Block]:
    w, out = page.words, []
    pairs = page.rows("followup")
    for part in ("earlier", "current"):
        mine = [pair for pair in pairs if pair[0].startswith(f"followup.{part}.")]
        if not mine:
            continue
        out.append(_sub(w(f"sub.followup.{part}")))
        out += _ledger(page, [pair for pair in mine if pair[0].endswith(".done")])
        rows = [
            [
                [str(number)],
                line([part for part in (page.label(key), page.quote(key, "remedy")) if part],
                     w("semicolon")),
                page.quote(key),
                line([part for part in (
                    page.quote(key, "responsible"),
                    w.fill("due", date=Num(key, "due")) if page.register.has(key, "due") else [],
                ) if part], w("verdict.join")),
                page.num(key),
            ]
            for number, (key, _) in enumerate(
                (pair for pair in mine if not pair[0].endswith(".done")), 1)
        ]  # fmt: skip
        columns = [
            (w("stairs.no"), 0, "left"),
            (w("col.problem"), 2.6, "left"),
            (w("col.found"), 1.6, "left"),
            (w("col.who_due"), 1.2, "left"),
            (w("col.state"), 1.1, "left"),
        ]
        out.append(table(columns, rows))
    out += _ledger(page, [p for p in pairs if p[0].startswith("followup.monitors")])
    seen = [key for key, _ in page.rows("pictures") if key in page.pictures]
    page.later("followup", "sub.pictures", _album(page, seen[_PICTURES:]))
    return out + _album(page, seen[:_PICTURES])


def _album(page: Page, keys: Sequence[str]) -> list[Block]:
    """Show pictures of problems, each with its caption, problem, time and place."""
    if not keys:
        return []
    w = page.words
    items = [
        {
            **page.pictures[key],
            "caption": [*page.label(key), w("open"), Num(key), w("close")],
        }
        for key in keys
    ]
    return [{"type": "album", "items": items}]


_SHARES_OF_FUNDS = ("funds.stated.", "funds.allocation.", "funds.nature.", "funds.source.")


def _funds(page: Page) -> list[Block]:
    pairs = page.rows("funds")
    shares = [pair for pair in pairs if pair[0].startswith(_SHARES_OF_FUNDS)]
    page.later("funds", "sub.fund_shares", _ledger(page, shares))
    lines = _ledgers(
        ("funds.line.", "funds.field.", "funds.total"),
        ("funds.progress", "funds.need", "funds.special", "funds.reward", "funds.welfare"),
    )
    return lines(page) + _ledger(page, page.rows("organisations"))


def _lower(page: Page) -> list[Block]:
    return groups(page, page.rows("lower"))


def _demand(page: Page) -> list[Block]:
    w, out = page.words, []
    pairs = page.rows("demand")
    for part, title, make in (
        ("match", "sub.demand.match", _ledger),
        ("group", "sub.demand.group", groups),
        ("heat", "sub.demand.heat", groups),
    ):
        mine = [pair for pair in pairs if pair[0].startswith(f"demand.{part}.")]
        if part != "match":
            page.later("demand", title, make(page, mine))
        elif mine:
            out += [_sub(w(title)), *make(page, mine)]
    return out


def _participation(page: Page) -> list[Block]:
    """Give votes, levels and the loop of suggestions; a long list of them stands in an annex."""
    pairs = page.rows("participation")
    listed = [pair for pair in pairs if pair[0].startswith("participation.suggestion.")]
    if len(listed) > _MANY:
        page.later("participation", "sub.suggestions", _ledger(page, listed))
        pairs = [pair for pair in pairs if pair not in listed]
    parts = (
        ("participation.vote.", "participation.level."),
        ("participation.sheet.", "participation.loop."),
        ("participation.suggestion",),
    )
    return [b for part in parts for b in _ledger(page, [p for p in pairs if p[0].startswith(part)])]


def _decisions(page: Page) -> list[Block]:
    w = page.words
    rows = [[page.label(key), page.num(key), page.quote(key)] for key, _ in page.rows("decisions")]
    columns = [
        (w("col.decision"), 2, "left"),
        (w("col.decided"), 3, "left"),
        (w("col.reason"), 2, "left"),
    ]
    return [table(columns, rows)] if rows else []


def _agreement(page: Page) -> list[Block]:
    """Make the table of those who scored, and of differences too large; the rest in an annex."""
    pairs = page.rows("agreement")
    plain = [
        pair
        for pair in pairs
        if pair[0].split(".")[1] in ("visit", "total") or pair[1].get("verdict") == "failed"
    ]
    rest = [pair for pair in pairs if pair not in plain]
    page.later("agreement", "sub.coefficients", estimates(page, rest))
    return estimates(page, plain)


def _standing(page: Page) -> list[Block]:
    """Tell colour, title and money; what is decided stands as a table."""
    pairs = page.rows("standing")
    texts = [pair for pair in pairs if pair[1].get("kind") == "text"]
    return _keys(page, texts) + estimates(page, [pair for pair in pairs if pair not in texts])


def _context(page: Page) -> list[Block]:
    pairs = page.rows("context")
    texts = [pair for pair in pairs if pair[1].get("kind") == "text"]
    compared = [pair for pair in pairs if pair[1].get("kind") == "comparison"]
    other = [pair for pair in pairs if pair not in texts and pair not in compared]
    made = comparisons(page, compared)
    if len(compared) >= _MANY:
        page.later("context", "sub.others", made)
        made = []
    page.later("context", "sub.batch", _keys(page, texts))
    return estimates(page, other) + made


def of_source(row: Finding) -> bool:
    """Tell whether a limit is a known flaw of the programme's documents (``X-…``)."""
    told = f"{row.get('rule') or ''} {row.get('display_en') or ''}"
    return row.get("section") == "limits" and re.search(r"\bX-\d+\b", told) is not None


def _limit(page: Page, key: str) -> Cell:
    """Give a limit with its label, unless the label only counts."""
    label = page.register.label(key)
    counted = re.fullmatch(r"\D*\d+", label)
    return [*([] if counted else [label, page.words("colon")]), *page.num(key)]


def _limits(page: Page) -> list[Block]:
    w = page.words
    out: list[Block] = []
    items = [_limit(page, key) for key, row in page.rows("limits") if not of_source(row)]
    if items:
        out.append({"type": "list", "items": items})
    scope = page.rows("scope")
    if scope:
        out += [
            _sub(w("sub.outside")),
            *(_para(page.num(key)) for key, _ in scope if page.num(key)),
        ]
    missing = [pair for pair in page.rows("indicators") if pair[1].get("status") == "not_computed"]
    if missing:
        out.append(_sub(w("sub.not_computed")))
        notes = [
            [*page.label(key), *([w("colon"), *page.quote(key)] if page.quote(key) else [])]
            for key, _ in missing
        ]
        out.append({"type": "list", "items": notes})
    return out


def _other(page: Page) -> list[Block]:
    pairs = [
        (key, row)
        for key, row in page.register.rows.items()
        if row.get("section") not in KNOWN and not key.startswith("x.")
    ]
    texts = [pair for pair in pairs if pair[1].get("kind") == "text"]
    return estimates(page, [pair for pair in pairs if pair not in texts]) + _keys(page, texts)


_SECTIONS: tuple[tuple[str, Callable[[Page], list[Block]]], ...] = (
    ("head", _head),
    ("data", _data),
    ("response", _response),
    ("satisfaction", _satisfaction),
    ("change", _change),
    ("requests", _requests),
    ("voices", _voices),
    ("agreement", _agreement),
    ("indicators", _indicators),
    ("score", _score),
    ("ruleset", _ruleset),
    ("deductions", deductions_table),
    ("reference", _reference),
    ("followup", _followup),
    ("eligibility", _eligibility),
    ("warnings", _warnings),
    ("standing", _standing),
    ("lower", _lower),
    ("demand", _demand),
    ("participation", _participation),
    ("funds", _funds),
    ("milestones", _plain("milestones")),
    ("claims", _plain("claims")),
    ("objections", _plain("objections")),
    ("context", _context),
    ("decisions", _decisions),
    ("limits", _limits),
    ("other", _other),
)
_ALWAYS = {"decisions", "warnings", "limits"}
# sections that no kind of report may leave out
_LAW = ("head", "decisions", "limits", "other")


def _ordered(register: Register) -> list[tuple[str, Callable[[Page], list[Block]]]]:
    """Give the sections of this kind of report (``item`` of ``head.report_kind``) in its order."""
    told = str(register.rows.get("head.report_kind", {}).get("item") or "").split()
    if not told:
        return list(_SECTIONS)
    makers = dict(_SECTIONS)
    names = ["head", *(n for n in told if n in makers and n not in _LAW), *_LAW[1:]]
    return [(name, makers[name]) for name in names]


def body_sections(
    register: Register,
    words: Words,
    figures: dict[str, list[Block]],
    pictures: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[list[dict[str, Any]], list[Block]]:
    """Give the numbered sections, and the blocks that they leave to the annex of further results.

    A section without findings or figures is left out. Decisions, warnings and limits are always
    there: that there were none is news too. A section names what of it stands in the annex.
    """
    page = Page(register, words, figures, pictures)
    out: list[dict[str, Any]] = []
    further: list[Block] = []
    for name, make in _ordered(register):
        blocks = [*figures.get(name, []), *make(page)]
        title = words(f"sec.{name}")
        later = page.further.get(name, [])
        for sub, more in later:
            further += [_sub(words("colon").join(part for part in (title, sub) if part)), *more]
        if not blocks and name in _ALWAYS:
            blocks = [_para([words("empty.section")])]
        if not blocks:
            continue
        if later:
            named = words("semicolon").join(sub or title for sub, _ in later)
            blocks.append({"type": "notes", "items": [words.fill("note.further", what=named)]})
        out.append({"id": name, "no": str(len(out) + 1), "title": title, "blocks": blocks})
    return out, further
