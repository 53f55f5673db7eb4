"""One function per design that compare() may choose: estimates of each item, one form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.change._frames import check_waves, not_computed, record, refuse, row, table
from workbench.change._means import mean_difference
from workbench.change.cross import answers
from workbench.change.did import did
from workbench.change.durations import durations
from workbench.change.panel import paired_means, paired_shares
from workbench.change.proportions import newcombe, two_shares
from workbench.change.published import published
from workbench.change.rates import counts, rate_ratio
from workbench.change.series import Fit, segmented_counts
from workbench.change.staggered import callaway_santanna
from workbench.change.survival import survival_change
from workbench.survey import Design
from workbench.survey.rows import to_rows

__all__ = [
    "aggregates",
    "controlled",
    "overlap",
    "paired",
    "plain",
    "rates",
    "series",
    "simple",
    "staggered",
    "times",
    "waves",
]

Waves = tuple[str, Any, Any]
Top = Sequence[float] | Mapping[str, Sequence[float]]


def plain(data: Design | pd.DataFrame) -> pd.DataFrame:
    """Give the rows themselves."""
    return data.data if isinstance(data, Design) else data


def waves(data: pd.DataFrame, names: Sequence[str], of: Waves) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the rows of the two waves; each must have some."""
    by, baseline, current = of
    check_waves(data, (by, *names), by, baseline, current)
    parts = []
    for wave in (baseline, current):
        part = data[data[by] == wave]
        if part.empty:
            refuse(
                "wave",
                "该期没有数据",
                "a wave without rows",
                "核对期的名称",
                "check the name of the wave",
                column=by,
                expected=", ".join(str(v) for v in pd.unique(data[by].dropna())[:8]),
                found=str(wave),
            )
        parts.append(part)
    return parts[0], parts[1]


def simple(
    data: pd.DataFrame, items: Sequence[str], of_waves: Waves, of: str, top: Top, level: float
) -> pd.DataFrame:
    """Compare two simple random samples: Newcombe for shares, Welch for means."""
    first, second = waves(data, items, of_waves)
    rows = []
    for item in items:
        y0, y1 = (answers(part[item], of, _top(top, item)) for part in (first, second))
        rows.append(_simple_row(item, y0[~np.isnan(y0)], y1[~np.isnan(y1)], of, level))
    return table(rows)


def _top(top: Top, item: str) -> Sequence[float]:
    return top[item] if isinstance(top, Mapping) else top


def _simple_row(item: str, y0: Any, y1: Any, of: str, level: float) -> dict[str, Any]:
    common: dict[str, Any] = {
        "item": item,
        "adjustment": "raw",
        "level": level,
        "n_before": len(y0),
        "n_after": len(y1),
        "n": len(y0) + len(y1),
    }
    unit = "score" if of == "mean" else "pp"
    method = "change.welch" if of == "mean" else "change.difference.newcombe"
    if not len(y0) or not len(y1):
        zh, en = ("基期", "baseline") if not len(y0) else ("本期", "current")
        return not_computed(
            of,
            f"{zh}没有人回答此题",
            f"nobody answered in the {en} wave",
            unit=unit,
            method=method,
            **common,
        )
    common.update(before=float(y0.mean()), after=float(y1.mean()))
    spread = float(np.ptp(y0)) + float(np.ptp(y1))
    if spread == 0 or (of == "mean" and min(len(y0), len(y1)) < 2):
        return not_computed(
            of,
            "各期回答全部相同，没有可估计的误差" if spread == 0 else "一期只有一个回答",
            "all answers are equal: no error to estimate" if spread == 0 else "one answer only",
            unit=unit,
            method=method,
            **common,
        )
    if of != "mean":
        x0, n0, x1, n1 = y0.sum(), len(y0), y1.sum(), len(y1)
        best = two_shares(x0, n0, x1, n1, level=level).iloc[0]
        inner = newcombe(x0, n0, x1, n1, level=2 * level - 1)
        keep = ("std_error", "ci_low", "ci_high", "test_statistic", "p_value", "flags")
        more = {name: best[name] for name in (*keep, "reason_zh", "reason_en")}
        return row(
            of,
            float(best["value"]),
            unit=unit,
            method=method,
            inner_low=inner[0],
            inner_high=inner[1],
            **common,
            **more,
        )
    return row(of, unit=unit, method=method, **mean_difference(y0, y1, level=level), **common)


def rates(
    data: pd.DataFrame, items: Sequence[str], of_waves: Waves, exposure: str | None, level: float
) -> pd.DataFrame:
    """Compare counts over exposure: the preferred rate ratio of each item."""
    if exposure is None:
        refuse(
            "exposure",
            "率的比较须给出暴露量",
            "a rate needs its exposure",
            "写 exposure=（户·年）",
            "write exposure= (household-years)",
        )
    first, second = waves(data, [*items, exposure], of_waves)
    compared = data[of_waves[0]].isin(of_waves[1:])
    for item in items:
        counts(data[item].where(compared, 0), item)
    size = pd.to_numeric(data[exposure], errors="coerce").to_numpy(dtype=float)
    bad = np.flatnonzero(compared.to_numpy() & ~(size > 0))
    if len(bad):
        refuse(
            "exposure",
            "暴露量须大于 0",
            "exposure is above zero",
            "补上户数与时间，或不列入该期",
            "give households and time, or leave the period out",
            column=exposure,
            row=int(bad[0]) + 1,
            found=str(data[exposure].iloc[bad[0]]),
        )
    rows = []
    for item in items:
        given = (first[item], second[item])
        sizes = {"exposure_before": first[exposure], "exposure_after": second[exposure]}
        made = rate_ratio(*given, level=level, **sizes)
        best = record(made[made["preferred"]])
        inner = rate_ratio(*given, level=2 * level - 1, **sizes)
        inner = inner[inner["method"] == best["method"]]
        best.update(
            item=item,
            adjustment="raw",
            before=100 * float(first[item].sum()) / float(first[exposure].sum()),
            after=100 * float(second[item].sum()) / float(second[exposure].sum()),
            inner_low=inner.get("ci_low", pd.Series([math.nan])).iloc[0],
            inner_high=inner.get("ci_high", pd.Series([math.nan])).iloc[0],
        )
        del best["preferred"]
        rows.append(best)
    return table(rows)


def times(
    data: pd.DataFrame,
    of_waves: Waves,
    *,
    duration: str | None,
    closed: str | None,
    start: str | None,
    end: str | None,
    censored_at: Any,
    within: float,
    unit: str,
    level: float,
) -> pd.DataFrame:
    """Compare the share closed in time, open cases censored."""
    waves(data, [], of_waves)
    if start is not None and end is not None:
        data = durations(data, start=start, end=end, censored_at=censored_at, unit=unit)
        if data.attrs["set_aside"]:
            refuse(
                "duration",
                "有个案在受理之前办结",
                "a case was closed before it was opened",
                "更正时间，或去掉这些个案",
                "correct the times or leave these cases out",
                column=end,
                found=f"{data.attrs['set_aside']}",
            )
        duration, closed = "duration", "closed"
    if duration is None or closed is None:
        refuse(
            "argument",
            "须给出 start、end、censored_at，或 duration、closed",
            "give start, end and censored_at, or duration and closed",
            "写明列名",
            "name the columns",
        )
    by, baseline, current = of_waves
    settings: dict[str, Any] = {
        "duration": duration,
        "closed": closed,
        "by": by,
        "baseline": baseline,
        "current": current,
        "within": within,
        "unit": unit,
    }
    one = record(survival_change(data, level=level, **settings))
    inner = record(survival_change(data, level=2 * level - 1, **settings))
    one.update(
        item=f"closed_within_{within:g}_{unit}",
        adjustment="raw",
        inner_low=inner.get("ci_low", math.nan),
        inner_high=inner.get("ci_high", math.nan),
    )
    return table([one])


def overlap(data: pd.DataFrame, of_waves: Waves, person: str) -> float:
    """Give the share of the smaller wave's people who are in both; repeated names are refused."""
    first, second = waves(data, [person], of_waves)
    for part, wave in ((first, of_waves[1]), (second, of_waves[2])):
        twice = part[person].duplicated() & part[person].notna()
        if twice.any():
            refuse(
                "duplicate",
                "同一人在一期内出现两次",
                "a person appears twice in one wave",
                "每人每期只留一份答卷",
                "keep one questionnaire per person and wave",
                column=person,
                found=f"{part.loc[twice, person].iloc[0]} ({wave})",
            )
    both = len(set(first[person].dropna()) & set(second[person].dropna()))
    return both / min(len(first), len(second))


def paired(
    data: pd.DataFrame,
    items: Sequence[str],
    of_waves: Waves,
    person: str,
    of: str,
    top: Top,
    level: float,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Compare the same people: Tango and mid-p McNemar for shares, paired t for means."""
    first, second = waves(data, [*items, person], of_waves)
    wide = first.merge(second, on=person, how="left", suffixes=("_0", "_1"), indicator=True)
    lost = float((wide["_merge"] != "both").mean())
    rows = []
    for item in items:
        wanted = _top(top, item)
        x = answers(wide[f"{item}_0"], of, wanted)
        y = answers(wide[f"{item}_1"], of, wanted)
        made = paired_means(x, y, level=level) if of == "mean" else paired_shares(x, y, level=level)
        one = record(made)
        one.update(item=item, adjustment="raw", statistic=of, attrition=lost)
        one.pop("preferred", None)
        asked = ~np.isnan(x)
        if of != "mean" and one["status"] == "ok" and asked.any():
            gone = asked & np.isnan(y)
            start, kept = float(x[asked].mean()), float(np.nansum(y[asked]))
            one["bound_low"] = kept / asked.sum() - start
            one["bound_high"] = (kept + gone.sum()) / asked.sum() - start
        rows.append(one)
    known = {"kind": "panel", "attrition": lost, "attrition_bounded": of != "mean"}
    return table(rows), known


def controlled(
    data: pd.DataFrame,
    items: Sequence[str],
    of_waves: Waves,
    community: str,
    treated: str,
    of: str,
    top: Top,
    level: float,
    rng: Any,
    unit: str | Mapping[str, str] = "score",
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Compare treated and comparison communities: t on community changes."""
    first, second = waves(data, [*items, community, treated], of_waves)
    both = pd.concat([first.assign(_post=0), second.assign(_post=1)])
    rows = []
    sizes: list[int] = [0, 0]
    gap: float | None = 0.0
    few = False
    for item in items:
        frame = both.assign(_y=answers(both[item], of, _top(top, item)))
        made = did(
            frame,
            outcome="_y",
            community=community,
            treated=treated,
            post="_post",
            level=level,
            unit=(unit[item] if isinstance(unit, Mapping) else unit) if of == "mean" else "pp",
            rng=rng,
        )
        one = record(made[made["preferred"]])
        few = min(one["treated"], one["comparison"]) < 4 or one["treated"] + one["comparison"] < 11
        if few and one["status"] == "ok":
            drawn = made[made["method"] == "change.did.randomisation"]
            one["p_value"] = float(drawn["p_value"].iloc[0])
        one.update(item=item, adjustment="raw", statistic="did")
        del one["preferred"]
        if min(one["treated"], one["comparison"]) < 2 and one["status"] == "ok":
            one.update(dict.fromkeys(_FIGURES, math.nan), status="not_computed", **_ALONE)
        rows.append(one)
        g = float(made.loc[made["statistic"] == "baseline_g", "value"].iloc[0])
        gap = None if gap is None or g != g else max(gap, abs(g))
        sizes = [int(one["treated"]), int(one["comparison"])]
    known = {
        "kind": "controlled",
        "treated": sizes[0],
        "comparison": sizes[1],
        "baseline_g": gap,
        "same_dates": True,
        "inference_by_community": True,
        "p_by_randomisation": True if few else None,
    }
    return table(rows), known


# one community has no spread of its own: what happened there alone cannot be told from the rest
_FIGURES = ("value", "std_error", "ci_low", "ci_high", "inner_low", "inner_high", "p_value")
_ALONE = {
    "reason_zh": "一组只有一个社区，无从区分干预与该社区自身的变动；"
    "可用自身序列（date=）或合成控制",
    "reason_en": "an arm of one community: what was done cannot be told from what else happened "
    "there; compare it with its own series (date=) or a synthetic control",
}


def staggered(
    data: pd.DataFrame,
    items: Sequence[str],
    community: str,
    time: str,
    first_treated: str,
    level: float,
    rng: Any,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Average group-time effects of communities that start at different dates."""
    rows = []
    drawn = True
    for item in items:
        made = callaway_santanna(
            data,
            outcome=item,
            unit=community,
            time=time,
            first_treated=first_treated,
            level=level,
            rng=rng,
        )
        one = record(made[made["statistic"] == "simple"])
        test = record(made[made["statistic"] == "randomisation"])
        if test["status"] == "ok" and one["status"] == "ok":
            one["p_value"] = float(test["p_value"])
        else:
            drawn = False
        one.update(item=item, adjustment="raw")
        if one.get("std_error") is None or math.isnan(one.get("std_error", math.nan)):
            one.update(value=math.nan, status="not_computed")
        rows.append(one)
    start = data.groupby(community)[first_treated].first().fillna(0)
    groups = start[start > 0]
    known = {
        "kind": "controlled",
        "treated": len(groups),
        "comparison": int((start == 0).sum()),
        "pre_periods": int((data[time].drop_duplicates() < groups.min()).sum()),
        "same_dates": True,
        "inference_by_community": True,
        "group_time_effects": True,
        "p_by_randomisation": True if drawn else None,
    }
    return table(rows), known


def series(
    data: pd.DataFrame,
    items: Sequence[str],
    time: str,
    date: float,
    exposure: str | None,
    harmonics: int,
    level: float,
    unit: str | Mapping[str, str],
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Compare a series with its own trend: the effect at its end, or the level of a count."""
    rows = []
    settings: dict[str, Any] = {"time": time, "start": date, "harmonics": harmonics}
    for item in items:
        if exposure is None:
            own = unit[item] if isinstance(unit, Mapping) else unit
            fit = Fit(data, value=item, level=level, unit=own, **settings)
            if fit.enough:
                one = {"test_statistic": math.nan} | fit.honest("effect")
            else:
                one = fit.too_short("level")
        else:
            made = segmented_counts(data, count=item, exposure=exposure, level=level, **settings)
            chosen = made[made["preferred"]] if "preferred" in made else made
            one = record(chosen)
            if one["status"] == "ok":
                ends = ("value", "ci_low", "ci_high", "inner_low", "inner_high")
                one.update({n: math.exp(min(one[n], 700.0)) for n in ends}, unit="ratio")
        one.update(item=item, adjustment="raw")
        one.pop("preferred", None)
        rows.append(one)
    after = data[time] >= date
    known = {
        "kind": "series",
        "points_before": int((~after).sum()),
        "points_after": int(after.sum()),
        "seasonal": harmonics > 0,
        "autocorrelation_modelled": True,
        "same_months": True if harmonics > 0 else None,
    }
    return table(rows), known


def aggregates(data: pd.DataFrame, level: float) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Compare published percentages, with an interval where n was published."""
    need = ["item", "before", "after"]
    for name in need:
        if name not in data.columns:
            refuse(
                "column", "缺少所需的列", "a column is missing", "补上该列", "add it", column=name
            )
    rows = []
    for one in to_rows(data):
        sizes: dict[str, Any] = {
            str(name): None if pd.isna(one.get(name, math.nan)) else int(one[name])
            for name in ("n_before", "n_after")
        }
        made = published(float(one["before"]), float(one["after"]), level=level, **sizes)
        best = record(made[made["statistic"] == "difference"])
        best.update(item=str(one["item"]), adjustment="raw", statistic="difference")
        best.pop("preferred", None)
        if best["status"] == "ok":
            counts = [
                round(best[p] * best[n]) for p, n in (("before", "n_before"), ("after", "n_after"))
            ]
            n0, n1 = int(best["n_before"]), int(best["n_after"])
            inner = newcombe(counts[0], n0, counts[1], n1, level=2 * level - 1)
            best.update(inner_low=inner[0], inner_high=inner[1])
        else:
            # two figures without n: they are reported, no interval can be given
            points = record(made[made["statistic"] == "points"])
            keep = {"value": points["value"], "status": "ok", "item": best["item"]}
            best.update(keep, before=points["before"], after=points["after"])
        rows.append(best)
    known = {"kind": "reported", "dates_known": None, "question_known": None}
    return table(rows), known
