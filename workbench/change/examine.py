"""A comparison with its 28 checks: what each design makes possible is checked by itself."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from workbench.change import checks_claim as claim
from workbench.change import checks_design as design
from workbench.change import checks_series as trend
from workbench.change._checks import Row, check
from workbench.change.checks import checks
from workbench.change.compare import compare
from workbench.change.durations import durations
from workbench.change.grade import DesignFacts
from workbench.change.rates import rate_models
from workbench.change.series import Fit
from workbench.errors import InputError
from workbench.survey import Design
from workbench.survey.rows import to_rows

__all__ = ["Examined", "examine"]


# checks of respondents: they do not arise for records
_OF_PERSONS = (3, 4, 5, 14, 15, 26, 27)
# what is compared there are not the answers of persons
_NO_ROWS = ("rate", "time", "estimates", "published")


class Examined(NamedTuple):
    """What a comparison claims, and what the 28 checks found about it."""

    claims: pd.DataFrame
    checks: pd.DataFrame


def examine(
    data: Design | pd.DataFrame,
    items: str | Sequence[str] | None = None,
    *,
    facts: DesignFacts | Mapping[str, Any] | None = None,
    item_facts: Mapping[str, Mapping[str, Any]] | None = None,
    variables: Sequence[str] = (),
    clusters: str | None = None,
    earlier: Mapping[str, Sequence[float]] | None = None,
    months: tuple[Sequence[int], Sequence[int]] | None = None,
    instruments: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None,
    denominators: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None,
    selection: Mapping[str, Any] | None = None,
    targets: Mapping[str, float] | None = None,
    highest: float = 5,
    absent: Sequence[int] = (),
    **how: Any,
) -> Examined:
    """Compare as :func:`~workbench.change.compare` does and run all 28 checks on the result.

    What a check finds out about the design enters the grade where it is not stated: other
    calendar months (6), a baseline that is the lowest or highest of four or more (2), another
    instrument (25).

    Parameters
    ----------
    data, items, facts, item_facts
        As for :func:`~workbench.change.compare`, which also takes everything in ``how``.
    variables
        Columns of composition.
    clusters
        Column of clusters of a design, for check 14.
    earlier, months, instruments, denominators, selection, highest
        As for :func:`~workbench.change.checks`.
    targets
        Target share by item (0-1), for check 19.
    absent
        Checks that cannot arise in the design, beside those of persons for records.
    how
        Every other keyword of :func:`~workbench.change.compare`.

    Returns
    -------
    Examined
        ``claims`` and ``checks``, frames of both functions.

    Raises
    ------
    InputError
        As :func:`~workbench.change.compare`.
    """
    given = DesignFacts.of(facts)
    stated = dict(facts) if isinstance(facts, Mapping) else {}
    learned: dict[str, Any] = {}
    if months is not None and given.same_months is None and all(months):
        learned["same_months"] = set(months[0]) == set(months[1])
    if instruments is not None and given.same_question is None:
        verdict = design.check_instrument.rows(*instruments)[0]["verdict"]
        learned["same_question"] = {"passed": True, "failed": False}.get(str(verdict))
    told: Any = {**learned, **stated} if isinstance(facts, Mapping) or facts is None else facts
    per_item: dict[str, dict[str, Any]] = {k: dict(v) for k, v in (item_facts or {}).items()}
    made = compare(data, items, facts=told, item_facts=per_item, **how)
    extreme = False
    if earlier:
        raw = made[made["adjustment"] == "raw"]
        for item, before in zip(raw["item"], raw["before"], strict=True):
            if item in earlier and not math.isnan(before):
                verdict = design.check_baseline.rows(float(before), earlier[item])[0]["verdict"]
                if verdict == "failed":
                    per_item.setdefault(str(item), {}).setdefault("baseline_extreme", True)
                    extreme = True
    if extreme:  # the grade takes it in
        made = compare(data, items, facts=told, item_facts=per_item, **how)
    rows = data.data if isinstance(data, Design) else data
    weights = how.get("weights")
    if isinstance(data, Design):
        rows, weights = rows.assign(_weight=data.weights), "_weight"
    of_records = how.get("date") is not None or how.get("of") in ("rate", "time", "estimates")
    psu = clusters if clusters is not None else how.get("psu")
    names = {n: how[n] for n in ("by", "baseline", "current", "person", "community") if n in how}
    found = checks(
        made,
        rows if how.get("date") is None and how.get("of") not in _NO_ROWS else None,
        facts=told,
        variables=variables,
        weights=weights,
        psu=psu if isinstance(psu, str) else None,
        highest=highest,
        earlier=earlier,
        months=months,
        instruments=instruments,
        denominators=denominators,
        selection=selection,
        others=[_others(rows, made, how, targets or {})],
        absent=(*absent, *(_OF_PERSONS if of_records else ())),
        **names,
    )
    return Examined(made, found)


def _others(
    rows: pd.DataFrame, made: pd.DataFrame, how: Mapping[str, Any], targets: Mapping[str, float]
) -> list[Row]:
    """Make the checks that only some designs have."""
    out: list[Row] = []
    raw = made[made["adjustment"] == "raw"]
    of = how.get("of", "top2")
    for one in to_rows(raw):
        item = str(one["item"])
        parts: list[Row] = []
        if item in targets and one["status"] == "ok" and 0 <= one["after"] <= 1:
            n = float(one.get("n_effective", math.nan))
            parts += _target(one, n, targets[item])
        if one["status"] == "not_computed":
            out += [part | {"item": item} for part in parts]
            continue
        if how.get("date") is not None:
            parts += _series(rows, item, how)
        if how.get("first_treated") is not None:
            parts += _staggered(rows, item, how)
        if of == "rate":
            parts += _counts(rows, item, one, how)
        if of == "time":
            parts += _open(rows, how)
        if of == "published":
            sizes = [one.get(n) for n in ("n_before", "n_after")]
            for p, size in zip(("before", "after"), sizes, strict=True):
                asked = None if pd.isna(size) else int(size)
                parts += claim.check_impossible.rows(100 * one[p], asked)
        out += [part | {"item": item} for part in parts]
    arms = raw[["treated", "comparison"]] if "treated" in raw else pd.DataFrame()
    if how.get("treated") is not None and len(arms.dropna()):
        treated, comparison = (int(n) for n in arms.iloc[0].astype(int))
        out += design.check_few.rows(treated, comparison)
    return out


def _target(one: Mapping[Any, Any], n: float, target: float) -> list[Row]:
    """Check 19 on the effective number of answers: a claim by the point estimate is compared."""
    size = round(float(one["n_after"]) if math.isnan(n) else n)
    share = float(one["after"])
    said = "met" if share >= target else "not_met"
    return claim.check_target.rows(round(share * size), size, target, claimed=said)


def _series(rows: pd.DataFrame, item: str, how: Mapping[str, Any]) -> list[Row]:
    exposure = how.get("exposure")
    value = rows.assign(_y=rows[item] if exposure is None else rows[item] / rows[exposure])
    settings: dict[str, Any] = {
        "value": "_y",
        "time": how["time"],
        "start": how["date"],
        "harmonics": how.get("harmonics", 1),
    }
    facts = DesignFacts.of(how.get("facts"))
    fit = Fit(value, **settings)
    return [
        *trend.of_trend(fit, used=True),
        *trend.of_autocorrelation(fit, used=True),
        *trend.check_date.rows(value, registered=facts.date_fixed_before is True, **settings),
        *_season(settings["harmonics"], len(rows)),
    ]


def _season(harmonics: int, n: int) -> list[Row]:
    if harmonics > 0:
        return check(6, "passed", "季节已列入模型", "the season is in the model", n=n)
    return check(
        6,
        "cannot_tell",
        "序列太短，季节与变化不能分开",
        "too short a series to tell season from change",
        n=n,
    )


def _staggered(rows: pd.DataFrame, item: str, how: Mapping[str, Any]) -> list[Row]:
    names: dict[str, Any] = {
        "outcome": item,
        "unit": how["community"],
        "time": how["time"],
        "first_treated": how["first_treated"],
    }
    start = rows.groupby(how["community"])[how["first_treated"]].first().fillna(0)
    sizes = start[start > 0].value_counts()
    out = [
        *trend.check_staggered.rows(rows, used=True, **names),
        *design.check_few.rows(int((start > 0).sum()), int((start == 0).sum())),
    ]
    # where no period lies before the start of the largest group, check 24 cannot be made
    with contextlib.suppress(InputError):
        out += trend.check_pre_trends.rows(rows, group=float(sizes.index[0]), **names)
    return out


def _counts(
    rows: pd.DataFrame, item: str, one: Mapping[Any, Any], how: Mapping[str, Any]
) -> list[Row]:
    by, waves = how.get("by", "wave"), (how["baseline"], how["current"])
    parts = [rows[rows[by] == wave] for wave in waves]
    counts = [float(part[item].sum()) for part in parts]
    sizes = [float(part[how["exposure"]].sum()) for part in parts]
    exact = str(one["method"]) in ("change.rate_ratio.exact", "change.rate_ratio.midp")
    out = [
        *claim.check_sparse.rows(*counts, used=exact),
        *design.check_denominator.rows({"exposure": sizes[0]}, {"exposure": sizes[1]}),
    ]
    if min(len(part) for part in parts) >= 3 and min(counts) > 0:
        models = rate_models(
            pd.concat(parts).assign(_post=[0] * len(parts[0]) + [1] * len(parts[1])),
            count=item,
            exposure=how["exposure"],
            after="_post",
        )
        if (models["statistic"] == "dispersion").any():
            used = "poisson" not in str(one["method"])
            out += claim.check_dispersion.rows(models, used=used)
    return out


def _open(rows: pd.DataFrame, how: Mapping[str, Any]) -> list[Row]:
    now = rows[rows[how.get("by", "wave")] == how["current"]]
    within, unit = how.get("within", 3.0), how.get("time_unit", "days")
    names = {"duration": how.get("duration"), "closed": how.get("closed")}
    if how.get("start") is not None:
        now = durations(
            now, start=how["start"], end=how["end"], censored_at=how.get("censored_at"), unit=unit
        )
        names = {"duration": "duration", "closed": "closed"}
    return claim.check_open_cases.rows(
        now, duration=str(names["duration"]), closed=str(names["closed"]), within=within,
        unit=unit, used=True,
    )  # fmt: skip
