"""The score from the study's protocol, what lost its points, the gates, and the warnings."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import scoring
from workbench.assess import records
from workbench.assess.inspections import marks, places
from workbench.assess.pictured import shown
from workbench.assess.series import by_period
from workbench.findings import number
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["OPT_IN", "chosen", "deductions", "score", "warnings"]

_MYSTERY = "mystery_visits"
_CHANNELS = {
    "survey": ("居民问卷", "residents' survey"),
    "inspection": ("现场检查", "inspections"),
    "record": ("记录与数据", "records"),
}
_NO_DIMENSION = "none"
_SMALL = 0.05  # points of 100: less is not a step anybody could take


def _scheme(c: Community, frame: pd.DataFrame) -> scoring.Scheme:
    """Turn the protocol's scheme into weighed parts; without one a channel weighs its points."""
    if not c.protocol.schemes:
        return _plain(c, frame)
    told = c.protocol.scheme()
    parts = []
    for letter, share in told.shares().items():
        channel = told.channels[letter]
        members = [str(e) for e in channel.evidence if e != "inspection"]
        if "inspection" in channel.evidence:
            members += {
                "any": ["inspection", "mystery"],
                "mystery": ["mystery"],
                "not_mystery": ["inspection"],
            }[channel.visits]
        parts.append(
            scoring.Part(
                slug=letter.lower(),
                zh=channel.name.zh,
                en=channel.name.en,
                weight=share,
                members=tuple(members),
            )
        )
    name = c.protocol.chosen_scheme() or "own"
    return scoring.Scheme(
        slug=name,
        parts=tuple(parts),
        origin=told.origin,
        formula=told.formula,
        citation=told.source,
    )


def _plain(c: Community, frame: pd.DataFrame) -> scoring.Scheme:
    """Weigh each channel by the points of its indicators: the total is the sum of all points."""
    aimed = frame[frame["target_kind"].fillna("").ne("") & frame["channel"].ne("fact")]
    told = {r["indicator"]: float(r["max_points"]) for r in c.protocol.points(aimed["indicator"])}
    sums: dict[str, float] = {}
    for slug, channel in zip(aimed["indicator"], aimed["channel"], strict=True):
        sums[channel] = sums.get(channel, 0.0) + told[slug]
    sums = sums or dict.fromkeys(_CHANNELS, 1.0)  # nothing is scored
    parts = tuple(
        scoring.Part(
            slug=channel,
            zh=_CHANNELS[channel][0],
            en=_CHANNELS[channel][1],
            weight=points / sum(sums.values()),
            members=(channel, "mystery") if channel == "inspection" else (channel,),
        )
        for channel, points in sorted(sums.items())
    )
    return scoring.Scheme(
        slug="points", parts=parts, origin="assumption", formula="sum of points", citation="R-01"
    )


def _points(c: Community, frame: pd.DataFrame, scheme: scoring.Scheme) -> pd.DataFrame:
    """Give each indicator with a target its maximum points and what it attained.

    An indicator of a channel that no part of the scheme holds (facts, in schemes A and B) is a gate
    and carries no points.
    """
    held = {member for part in scheme.parts for member in part.members}
    aimed = frame["target_kind"].fillna("").ne("")
    scored = frame[aimed & frame["channel"].isin(held)].copy()
    if scored.empty:
        return pd.DataFrame()
    secret = [_only_mystery(c.measures.get(slug, {})) for slug in scored["indicator"]]
    scored["channel"] = scored["channel"].mask(pd.Series(secret, index=scored.index), "mystery")
    told = {row["indicator"]: row for row in c.protocol.points(list(scored["indicator"]))}
    scored["max_points"] = [told[slug]["max_points"] for slug in scored["indicator"]]
    keep = [
        "indicator",
        "channel",
        "dimension",
        "max_points",
        "attainment",
        "attainment_se",
        "attainment_low",
        "attainment_high",
    ]
    out = scored[[n for n in keep if n in scored]].reset_index(drop=True)
    alone = any(part.members == ("mystery",) for part in scheme.parts)
    if alone and c.has("inspections") and not out["channel"].eq("mystery").any():
        out = pd.concat([out, _mystery(c)], ignore_index=True)
    # so that dimensions add up to the total too
    out["dimension"] = out["dimension"].fillna("").replace("", _NO_DIMENSION)
    return out


def _only_mystery(measure: Mapping[str, Any]) -> bool:
    return measure.get("channel") == "inspection" and measure.get("visits") == ["mystery"]


def _mystery(c: Community) -> pd.DataFrame:
    """Make one scored row of the mystery visits: the share of their points that was earned."""
    row: dict[str, Any] = {"indicator": _MYSTERY, "channel": "mystery", "max_points": 100.0}
    if c.has("inspections"):
        frame = marks(c, ["mystery"])
        if len(frame):
            told = scoring.inspection(frame, level=c.level, places_total=places(c))
            whole = to_rows(
                told[told["statistic"].eq("score_0_100") & told["item"].fillna("").eq("")]
            )
            if whole and whole[0]["value"] == whole[0]["value"]:
                one = whole[0]
                row |= {"points": one["value"], "points_se": one["std_error"]}
    return pd.DataFrame([row])


def score(c: Community, frame: pd.DataFrame) -> pd.DataFrame:
    """Compose the score of the unit from the points of its indicators.

    Parameters
    ----------
    c
        The unit.
    frame
        Result of :func:`workbench.assess.indicators`.

    Returns
    -------
    DataFrame
        ``score.total``, one row per part of the scheme, per dimension, and per indicator; over the
        indicators ``points`` and ``max_points`` are shares of the 100 points of the total and add
        up to it. Empty when no indicator has a target.
    """
    frame = _own(frame)
    whole = _scheme(c, frame)
    points = _points(c, frame, whole)
    if points.empty:
        return pd.DataFrame()
    scheme = _held(whole, points)
    told = scoring.composite(points, scheme=scheme, level=c.level)
    told = told[told["value"].notna() | told["part"].isin(["total", "channel"])]
    out = told.copy()
    out["kind"] = "score"
    out["unit"] = "points"
    labels = {lang: _labels(c, scheme, frame, lang) for lang in ("zh", "en")}
    for lang in ("zh", "en"):
        out[f"label_{lang}"] = [labels[lang].get(f, f) for f in out["finding"]]
    out["max_points"] = out["max_points"].where(out["part"].ne("total"), 100.0)
    out["points"] = out["points"].where(out["part"].ne("total"), out["value"])
    per = out["part"].eq("indicator")
    available = _available(points, scheme)
    # points as the protocol gives them; what follows are points of the total's 100
    out.loc[per, "numerator"] = out.loc[per, "points"]
    out.loc[per, "denominator"] = out.loc[per, "max_points"]
    out.loc[per, "max_points"] = out.loc[per, "indicator"].map(available)
    out.loc[per, "points"] = out.loc[per, "contribution"]
    out.loc[per, "value"] = out.loc[per, "contribution"]
    out.loc[per, ["std_error", "ci_low", "ci_high"]] = None
    blind = out["flags"].fillna("").str.contains("error_unknown") & out["std_error"].eq(0)
    out.loc[blind, ["std_error", "ci_low", "ci_high"]] = None
    out = _readded(_named(frame, out), available)
    out = _qualified(out, [p for p in whole.parts if p.slug not in {q.slug for q in scheme.parts}])
    out = _modelled(frame, points, out)
    out["wave"] = c.wave
    return out.reset_index(drop=True)


def _modelled(frame: pd.DataFrame, points: pd.DataFrame, out: pd.DataFrame) -> pd.DataFrame:
    """Mark the scores whose interval holds the model-based interval of an opt-in survey."""
    if not chosen(frame) & set(points["indicator"]):
        return out
    for i in out.index[out["part"].eq("total")]:
        told = (("flags", "opt_in", ";"), ("reason_zh", OPT_IN[0], "；"),
                ("reason_en", OPT_IN[1], "; "))  # fmt: skip
        for column, word, join in told:
            was = out.loc[i, column]
            out.loc[i, column] = join.join(
                s for s in (was if isinstance(was, str) else "", word) if s
            )
    return out


def chosen(frame: pd.DataFrame) -> set[str]:
    """Give the indicators that rest on answers of people who chose to take part."""
    if "flags" not in frame:
        return set()
    words = [str(told).split(";") for told in frame["flags"]]
    return set(frame.loc[["opt_in" in told for told in words], "indicator"])


OPT_IN = (
    "区间中含自愿参与样本的模型区间，不是抽样区间",
    "the interval holds the model-based interval of an opt-in survey, which is no sampling "
    "interval",
)


def _named(frame: pd.DataFrame, out: pd.DataFrame) -> pd.DataFrame:
    """Call indicators by their names where a reason names their slugs."""
    slugs = [*frame["indicator"].astype(str), _MYSTERY]
    known = "|".join(sorted(map(re.escape, slugs), key=len, reverse=True))
    for lang in ("zh", "en"):
        names = dict(zip(frame["indicator"], frame[f"label_{lang}"], strict=True))
        names[_MYSTERY] = {"zh": "神秘顾客暗访", "en": "mystery visits"}[lang]
        out[f"reason_{lang}"] = [
            re.sub(rf"\b(?:{known})\b", lambda m, n=names: str(n[m.group()]), text)  # type: ignore[misc]
            if isinstance(text, str)
            else text
            for text in out[f"reason_{lang}"]
        ]
    return out


def _own(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave only the indicators, without the checks that stand beside them."""
    return frame[frame["finding"].str.startswith("indicator.")]


def _readded(out: pd.DataFrame, available: Mapping[str, float]) -> pd.DataFrame:
    """Give parts and dimensions their points of the total's 100, so that they add up to it."""
    total = out.loc[out["part"].eq("total"), "value"].iloc[0]
    per = out["part"].eq("indicator")
    if pd.isna(total):
        out.loc[per, "status"] = "not_computed"
        out.loc[per, "reason_zh"] = "总分无法计算，本指标的得分不能折算为总分中的分值"
        out.loc[per, "reason_en"] = "the total cannot be computed, so neither can its share of it"
        return out
    for kind in ("channel", "dimension"):
        group = out["part"].eq(kind) & out["contribution"].notna()
        most = out[per].assign(most=out.loc[per, "indicator"].map(available))
        sums = most.groupby(kind)["most"].sum()
        if kind == "channel":
            out.loc[group, "max_points"] = 100 * out.loc[group, "weight"]
        else:
            out.loc[group, "max_points"] = out.loc[group, kind].map(sums)
        out.loc[group, "points"] = out.loc[group, "contribution"]
    return out


def _qualified(out: pd.DataFrame, absent: list[scoring.Part]) -> pd.DataFrame:
    """Say on the total what it lacks: indicators without a result, parts without any indicator."""
    for i in out.index[out["part"].eq("total")]:
        one = out.loc[i]
        flags = [w for w in str(one["flags"] or "").split(";") if w]
        zh, en = ([one[f"reason_{lang}"]] if one[f"reason_{lang}"] else [] for lang in ("zh", "en"))
        low, high = (float(one[n]) for n in ("bound_low", "bound_high"))
        if pd.isna(one["value"]) and pd.notna(low) and pd.notna(high):
            zh.append(f"缺的部分从全不得分到全得满分，总分在{low:.1f}至{high:.1f}之间")
            en.append(
                "with none to all of the missing points the total would lie between "
                f"{low:.1f} and {high:.1f}"
            )
        elif "rescaled" in " ".join(flags):
            flags.append("incomplete")
            out.loc[i, "status"] = "low_precision"
            zh.append(
                f"总分按其余指标折算；缺的指标从全不得分到全得满分，总分在{low:.1f}至{high:.1f}之间"
            )
            en.append(
                "the total is scaled from the others; with none to all of the missing points it "
                f"would lie between {low:.1f} and {high:.1f}"
            )
        if absent:
            flags.append("reweighted")
            names = [(f"{p.zh}（{p.weight:.0%}）", f"{p.en} ({p.weight:.0%})") for p in absent]
            zh.append(f"范围内没有指标属于{'、'.join(n[0] for n in names)}，其权重按比例归其他部分")
            en.append(
                f"no indicator in scope belongs to {', '.join(n[1] for n in names)}; the other "
                "parts take its weight in proportion"
            )
        out.loc[i, ["flags", "reason_zh", "reason_en"]] = [
            ";".join(flags),
            "；".join(zh),
            "; ".join(en),
        ]
    return out


def _held(scheme: scoring.Scheme, points: pd.DataFrame) -> scoring.Scheme:
    """Leave a study's scheme as it is; a channel without any indicator in scope leaves its part."""
    channels = set(points["channel"])
    parts = [p for p in scheme.parts if channels & set(p.members)]
    if len(parts) == len(scheme.parts):
        return scheme
    total = sum(p.weight for p in parts)
    scaled = tuple(
        scoring.Part(slug=p.slug, zh=p.zh, en=p.en, weight=p.weight / total, members=p.members)
        for p in parts
    )
    return scoring.Scheme(
        slug=scheme.slug, parts=scaled, origin="assumption", formula=scheme.formula
    )


def _available(points: pd.DataFrame, scheme: scoring.Scheme) -> dict[str, float]:
    """Give the points of the total that each indicator with a value could have earned."""
    have = points["attainment"].notna()
    if "points" in points:
        have |= points["points"].notna()
    found: dict[str, float] = {}
    for part in scheme.parts:
        mine = points[have & points["channel"].isin(part.members)]
        total = mine["max_points"].sum()
        for slug, most in zip(mine["indicator"], mine["max_points"], strict=True):
            found[slug] = 100 * part.weight * most / total
    return found


def _labels(c: Community, scheme: scoring.Scheme, frame: pd.DataFrame, lang: str) -> dict[str, str]:
    zh = lang == "zh"
    names = {"score.total": "总分" if zh else "Total score"}
    for part in scheme.parts:
        weight = f"{part.weight:.0%}"
        name = part.zh if zh else part.en
        names[f"score.channel.{part.slug}"] = (
            f"{name}（占{weight}）" if zh else f"{name} ({weight})"
        )
    names[f"score.dimension.{_NO_DIMENSION}"] = (
        "不属于任何维度的指标" if zh else "Indicators that belong to no dimension"
    )
    for slug, dimension in c.protocol.dimensions.items():
        names[f"score.dimension.{slug}"] = dimension.name.zh if zh else dimension.name.en
    for slug, label in zip(frame["indicator"], frame[f"label_{lang}"], strict=True):
        names[f"score.points.{slug}"] = label
    names[f"score.points.{_MYSTERY}"] = "神秘顾客暗访" if zh else "Mystery visits"
    return names


def deductions(c: Community, frame: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Say what each lost point was lost for; the points add up to 100 minus the score.

    One row per indicator that lost points, dearest first, with the items and places that were
    marked down, and what is to be done, by whom and when, where the study's ``issues`` say so.
    """
    if scores.empty:
        return pd.DataFrame()
    frame = _own(frame)
    per = scores[scores["part"].eq("indicator")]
    lost = (per["max_points"] - per["points"]).set_axis(per["indicator"])
    lost = lost[lost.gt(1e-9)].sort_values(ascending=False)
    wanted = frame.set_index("indicator")
    rows = []
    for i, (slug, points) in enumerate(lost.items(), 1):
        row = {"finding": f"deduction.{i}", "kind": "deduction", "indicator": slug}
        row |= {"points": float(points), "value": float(points), "unit": "points"}
        label = per[per["indicator"].eq(str(slug))].iloc[0]
        row |= {"label_zh": label["label_zh"], "label_en": label["label_en"]}
        row["display_zh"] = "−" + number(float(points), "points", "zh")
        row["display_en"] = "−" + number(float(points), "points", "en")
        row |= _why(c, str(slug), wanted)
        row["flags"] = "small" if points < _SMALL else None
        row["method"] = "scoring.deductions"
        rows.append(row)
    return from_rows(rows)


def _why(c: Community, slug: str, wanted: pd.DataFrame) -> dict[str, Any]:
    """Give reason, places, remedy, person and date of a loss."""
    row: dict[str, Any] = {}
    if slug in wanted.index:
        one: Any = wanted.loc[slug]
        unit = str(one["unit"])
        shown = [one.get(f"display_{lang}") for lang in ("zh", "en")]
        said = [
            text if isinstance(text, str) else number(one["value"], unit, lang)
            for text, lang in zip(shown, ("zh", "en"), strict=True)
        ]
        if (
            isinstance(one.get("responsible_zh"), str) and one["responsible_zh"]
        ):  # the body responsible for the target, where one is named
            row["responsible"] = one["responsible_zh"]
        row["reason_zh"] = f"实测{said[0]}，目标{one['target_zh']}"
        row["reason_en"] = f"measured {said[1]}, target {one['target_en']}"
        if one["own_scale"]:
            row["reason_zh"] = f"实测{said[0]}，按百分制计分"
            row["reason_en"] = f"measured {said[1]}, scored on its own scale"
        measure: Mapping[str, Any] = c.measures.get(slug, {})
        items, visits = measure.get("items"), measure.get("visits")
    else:
        row |= {"reason_zh": "暗访各项合计", "reason_en": "all items of the mystery visits"}
        measure, items, visits = {"channel": "inspection"}, None, ["mystery"]
    if measure.get("channel") == "inspection" and c.has("inspections"):
        found = marks(c, visits)
        found = found[found["item"].isin(items)] if items else found
        told = scoring.deductions(found) if len(found) else found
        if len(told):
            top = told.head(3)
            row["place"] = "；".join(dict.fromkeys(top["place"].dropna().astype(str)))
            words = "；".join(dict.fromkeys(top["reason_zh"].dropna().astype(str)))
            seen = found[found["item"].isin(top["item"]) & found["place"].isin(top["place"])]
            day = seen["observed_at"].min() if "observed_at" in seen else pd.NaT
            when = "" if pd.isna(day) else f"{day:%Y-%m-%d}"
            if words:
                row["reason_zh"] += f"。检查记录{f'（{when}）' if when else ''}：{words}"
                row["reason_en"] += f". From the sheets{f' ({when})' if when else ''}: {words}"
            row["date"] = when or None
            row["item"] = ";".join(dict.fromkeys(top["item"].astype(str)))
    if c.has("issues"):
        row |= _remedy(c, slug, list(items or ()))
    return row


def _remedy(c: Community, slug: str, items: list[str]) -> dict[str, Any]:
    """Give remedy, person, date and pictures of the first open issue of an indicator or item."""
    issues = c.tables["issues"]
    about = issues["indicator"].eq(slug) | issues["item"].isin(items)
    mine = issues[about & issues["closed"].isna()]
    if mine.empty:
        return {}
    one = mine.sort_values("due", na_position="last").iloc[0]
    due = one["due"]
    row = {
        "remedy_zh": one.get("recommendation_zh"),
        "remedy_en": one.get("recommendation_en"),
        "responsible": one.get("responsible"),
        "due": None if pd.isna(due) else f"{due:%Y-%m-%d}",
    }
    row["pictures"] = ";".join(shown(c, one.to_dict())) or None
    return {name: value for name, value in row.items() if value is not None and value == value}


def warnings(c: Community) -> pd.DataFrame:
    """Evaluate the protocol's early warnings on the unit's monthly values.

    A warning starts a procedure and is no penalty. Warnings whose data the study does not bring
    are not listed here.
    """
    if not c.has("measurements"):
        return pd.DataFrame()
    from workbench.protocol.units import UNITS

    frame = c.tables["measurements"]
    frame = frame[frame["period"].str.fullmatch(r"\d{4}-\d{2}")]
    rows = []
    for name, one in c.protocol.warnings.items():
        told = one.condition
        slug = told.indicator
        bound = told.below if told.below is not None else told.above
        measure = c.measures.get(slug or "", {}).get("measurement")
        mine = frame[frame["indicator"].eq(measure)] if measure else frame.iloc[:0]
        if told.test not in {"run", "threshold"} or bound is None or mine.empty:
            continue
        scale = 100.0 if UNITS[c.protocol.indicator(str(slug)).unit].family == "share" else 1.0
        months = by_period(mine, add=c.measures[str(slug)].get("statistic") == "sum")
        months = months[["period"]].assign(
            indicator=slug, value=(months["figure"] * scale).round(9)
        )
        rule = {
            "id": name,
            "kind": "run",
            "indicator": slug,
            "operator": _SIDES[told.below is not None, told.inclusive],
            "threshold": float(bound),
            "run": told.consecutive or 1,
            "severity": "yellow",
        }
        rows += _fired(rule, months, one, _months(c))
    return from_rows(rows)


def _months(c: Community) -> list[str]:
    """Give the months of records of this wave."""
    span = records.window(c, c.wave)
    if span is None:
        return []
    every = pd.period_range(f"{span[0]:%Y-%m}", f"{span[1]:%Y-%m}", freq="M")
    return [str(month) for month in every[:-1]]


def _fired(
    rule: dict[str, Any], months: pd.DataFrame, one: Any, wave: list[str]
) -> list[dict[str, Any]]:
    """Give the cards whose run touches the wave's months; without any, one row that tells why."""
    if wave:
        months = months[months["period"].le(wave[-1])]
        lacking = sorted(set(wave) - set(months["period"]))
        empty = pd.DataFrame({"period": lacking, "indicator": rule["indicator"], "value": math.nan})
        months = pd.concat([months, empty], ignore_index=True).sort_values("period")
    log = scoring.warning_log(months, [rule])
    cards = to_rows(scoring.warnings(months, [rule]))
    fired = [card for card in cards if card["verdict"] == "failed"]
    current = [card for card in fired if not wave or _last(log, card["period"]) >= wave[0]]
    earlier = [str(card["period"]) for card in fired if card not in current]
    if not current:  # what this wave alone says, with the months that a run may have begun in
        first = f"{pd.Period(wave[0], 'M') - (rule['run'] - 1)}" if wave else ""
        cards = to_rows(scoring.warnings(months[months["period"].ge(first)], [rule]))
    rows = []
    for k, card in enumerate(current or cards[:1]):
        hit = card["verdict"] == "failed"
        shown = ", ".join(f"{float(v):.1f}" for v in str(card["values"]).split(", ")) if hit else ""
        since = str(card["period"])
        if hit:  # the words below say it all
            run = str(card["reason_en"]).partition(": ")[0]  # its months
            span = since if rule["run"] == 1 else run
            told = (f"触发（{span}）：{shown}", f"fired ({span}): {shown}")
            card = card | {"reason_zh": "", "reason_en": ""}
        if hit and wave and since < wave[0]:  # a card of an earlier wave that still holds
            last = _last(log, since)
            now = log[log["period"].between(wave[0], last)]
            listed = ", ".join(f"{v:.1f}" for v in now["value"])
            card = card | {"period": f"{since}..{last}", "values": listed}
            first = str(now["period"].iloc[0])
            span = first if first == last else f"{first}–{last}"
            told = (f"触发，{since}起持续；本期（{span}）：{listed}",
                    f"fired, unbroken since {since}; this wave ({span}): {listed}")  # fmt: skip
        quiet = _QUIET.get(card["verdict"], ("", ""))
        before = ", ".join(earlier)
        rows.append(
            card
            | {
                "finding": f"warning.{rule['id']}" + (f".{k + 1}" if k else ""),
                "kind": "warning",
                "label_zh": f"{rule['id']} {one.title.zh}",
                "label_en": f"{rule['id']} {one.title.en}",
                "display_zh": (told[0] if hit else quiet[0])
                + (f"；此前：{before}" if before else ""),
                "display_en": (told[1] if hit else quiet[1])
                + (f"; earlier: {before}" if before else ""),
                "remedy_zh": one.effect.zh if hit else None,
                "remedy_en": one.effect.en if hit else None,
                "value": None,
                "target": None,
            }
        )
    return rows


def _last(log: pd.DataFrame, period: str) -> str:
    """Give the last month of the run whose card was given in ``period``."""
    after = log[log["period"].gt(period)]
    ended = after.index[after["outcome"].ne("continued")]
    run = after.loc[: ended[0] - 1] if len(ended) else after
    return str(run["period"].iloc[-1]) if len(run) else period


_SIDES = {(True, False): "<", (True, True): "≤", (False, False): ">", (False, True): "≥"}
_QUIET = {
    "passed": ("未触发", "did not fire"),
    "cannot_tell": ("无法判断（缺月份）", "cannot tell (months are missing)"),
}
