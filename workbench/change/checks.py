"""All 28 checks on a comparison: each gives a finding, also the one that cannot be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.change import checks_claim as claim
from workbench.change import checks_design as design
from workbench.change._checks import CHECKS, Row, check_row
from workbench.change._frames import table
from workbench.change.grade import DesignFacts
from workbench.survey.rows import from_rows, to_rows

__all__ = ["checks", "checks_by_number"]


def checks(
    made: pd.DataFrame,
    data: pd.DataFrame | None = None,
    *,
    by: str = "wave",
    baseline: Any = None,
    current: Any = None,
    facts: DesignFacts | Mapping[str, Any] | None = None,
    variables: Sequence[str] = (),
    weights: str | None = None,
    psu: str | None = None,
    community: str | None = None,
    person: str | None = None,
    highest: float = 5,
    earlier: Mapping[str, Sequence[float]] | None = None,
    months: tuple[Sequence[int], Sequence[int]] | None = None,
    instruments: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None,
    denominators: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None,
    selection: Mapping[str, Any] | None = None,
    others: Sequence[pd.DataFrame | list[Row]] = (),
    absent: Sequence[int] = (),
) -> pd.DataFrame:
    """Run the 28 checks on a comparison and give one finding or more for each.

    Parameters
    ----------
    made
        Frame of :func:`~workbench.change.compare`.
    data
        Rows of respondents behind it; ``None``: checks that need them cannot be made.
    by, baseline, current, weights, psu, community, person
        Columns and waves as for :func:`~workbench.change.compare`.
    facts
        Design facts: response rates, attrition, communities per arm, date fixed beforehand.
    variables
        Columns of composition.
    highest
        Top category of the scale.
    earlier
        Values of waves before the baseline, by item.
    months
        Calendar months of the two waves.
    instruments, denominators
        What defines measurement and denominator in each wave.
    selection
        Keywords of :func:`~workbench.change.check_regression_to_mean` but ``observed``.
    others
        Frames of single checks that need a series, a panel or durations (7-9, 11, 12, 19-24), or
        the rows of such frames; they replace "not applicable".
    absent
        Checks that cannot arise in this design, so that nothing is missing where they are not
        made.

    Returns
    -------
    pandas.DataFrame
        ``check`` 1-28, ``label_zh/en``, ``item``, ``verdict`` (passed, failed, cannot_tell,
        not_applicable), ``severity``, ``reach``, ``reason_zh/en``, ``method``
        ``change.check.NN``; every number occurs.
    """
    told = DesignFacts.of(facts)
    found: list[Row] = []
    for other in others:
        found += other if isinstance(other, list) else _records(other)
    raw = made[made["adjustment"] == "raw"] if "adjustment" in made else made
    for one in _records(raw):
        item = str(one["item"])
        parts = _item_checks(one, item, data, by, baseline, current, told, highest)
        if 5 in absent and told.response_before is None and told.response_after is None:
            parts = [part for part in parts if part["check"] != 5]
        if selection is not None:
            observed = abs(float(one["value"]))
            parts += design.check_regression_to_mean.rows(observed=observed, **selection)
        if earlier is not None and item in earlier:
            parts += design.check_baseline.rows(float(one["before"]), earlier[item])
        if data is not None and item in data.columns:
            parts += _data_checks(
                item, data, by, baseline, current, weights, psu, community, one["method"]
            )
        found += [part | {"item": item} for part in parts]
    found += claim.check_many_tests.rows(raw)
    if months is not None:
        found += design.check_season.rows(*months)
    if instruments is not None:
        found += design.check_instrument.rows(*instruments)
    if denominators is not None:
        found += design.check_denominator.rows(*denominators)
    if data is not None and variables:
        found += design.check_composition.rows(
            data, by=by, baseline=baseline, current=current, variables=variables, weights=weights
        )
    if data is not None and person is not None:
        names = [data.loc[data[by] == wave, person] for wave in (baseline, current)]
        how = ["change.paired_t", "change.difference.tango"]
        if psu is not None and data.groupby(person)[psu].nunique().le(1).all():
            how.append("change.difference.design")  # one unit of the design holds both answers
        paired = bool(raw["method"].isin(how).any())
        found += design.check_pairs.rows(*names, paired=paired)
    if told.kind == "panel" or told.attrition is not None:
        found += design.check_attrition.rows(told.attrition, boundary=told.attrition_boundary)
    if told.treated is not None and told.comparison is not None:
        found += design.check_few.rows(told.treated, told.comparison)
    return _complete(found, absent)


def _item_checks(
    one: dict[str, Any],
    item: str,
    data: pd.DataFrame | None,
    by: str,
    baseline: Any,
    current: Any,
    told: DesignFacts,
    highest: float,
) -> list[Row]:
    text = f"{one.get('wording_zh', '')} {one.get('wording_en', '')}"
    parts = [
        *claim.check_overlap_rule.rows(text, str(one.get("wording_en", ""))),
        *claim.check_unchanged.rows(text, str(one["verdict"])),
        *claim.check_conflicting_text.rows([text]),
    ]
    if one.get("unit") == "pp" and one["status"] == "ok":
        shares = (float(one["before"]), float(one["after"]))
        if all(0 <= s <= 1 for s in shares):
            parts += design.check_response.rows(*shares, told.response_before, told.response_after)
    counts = _counts(one)
    if counts:
        parts += claim.check_sparse.rows(*counts, used=one["method"] in _EXACT)
    if data is not None and item in data.columns and baseline is not None:
        answers = data[item][data[by] == baseline]
        if pd.api.types.is_numeric_dtype(answers):
            parts += design.check_ceiling.rows(answers, highest=highest)
    return parts


def _counts(one: dict[str, Any]) -> list[float]:
    if one.get("unit") != "pp" or one["status"] != "ok":
        return []
    out: list[float] = []
    for share, n in (("before", "n_before"), ("after", "n_after")):
        p, size = float(one.get(share, float("nan"))), float(one.get(n, float("nan")))
        if p != p or size != size or not 0 <= p <= 1:
            return []
        out += [round(p * size), round((1 - p) * size)]
    return out


def _data_checks(
    item: str,
    data: pd.DataFrame,
    by: str,
    baseline: Any,
    current: Any,
    weights: str | None,
    psu: str | None,
    community: str | None,
    method: str,
) -> list[Row]:
    parts: list[Row] = []
    if not pd.api.types.is_numeric_dtype(data[item]):
        return parts
    if weights is not None or psu is not None:
        now = data[by] == current
        used = method in (
            "change.difference.design",
            "change.difference.newcombe_effective",
            "change.did.community_t",
        )
        parts += design.check_clusters.rows(
            data[item][now],
            cluster=None if psu is None else data[psu][now],
            weights=None if weights is None else data[weights][now],
            used=used,
        )
    if community is not None:
        parts += design.check_directions.rows(
            data, item=item, by=by, baseline=baseline, current=current, community=community
        )
    return parts


# methods that hold for few counts
_EXACT = (
    "change.difference.newcombe",
    "change.difference.newcombe_effective",
    "change.difference.tango",
    "change.difference.hybrid",
    "change.rate_ratio.exact",
    "change.rate_ratio.midp",
)
# which facts would be needed where a check was not made
_NEEDS: dict[int, tuple[str, str]] = {
    1: ("是否因基期低而选、以往信度未给出", "how the unit was chosen was not stated"),
    2: ("更早各期未给出", "earlier waves were not given"),
    3: ("构成变量未给出", "variables of composition were not given"),
    5: ("应答率未给出", "response rates were not given"),
    6: ("各期月份未给出", "the months of the waves were not given"),
    13: ("分母未说明", "denominators were not stated"),
    14: ("群组与权重未给出", "clusters and weights were not given"),
    15: ("没有可识别的人", "people are not identified"),
    25: ("测量工具未说明", "the instruments were not stated"),
    26: ("没有社区列", "there is no column of communities"),
    27: ("没有逐人回答", "answers of persons were not given"),
}


def _records(frame: pd.DataFrame) -> list[Row]:
    return [{str(name): one[name] for name in one} for one in to_rows(frame)]


def _complete(found: list[Row], absent: Sequence[int]) -> pd.DataFrame:
    have = {int(one["check"]) for one in found}
    for number in sorted(set(CHECKS) - have):
        if number in _NEEDS and number not in absent:
            found.append(check_row(number, "cannot_tell", *_NEEDS[number]))
        else:
            said = ("此设计不涉及", "does not arise in this design")
            found.append(check_row(number, "not_applicable", *said))
    rows: list[Row] = []
    for one in found:
        texts = {n: "" if pd.isna(one.get(n, "")) else one.get(n, "") for n in ("item", "flags")}
        rows.append({"item": "", "flags": ""} | one | texts)
    return table(sorted(rows, key=lambda one: (one["check"], one["item"])))


# the worst first
_ORDER = ("failed", "cannot_tell", "passed", "not_applicable")


def checks_by_number(found: pd.DataFrame, labels: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    """Put the results of several comparisons together: one row per check, its worst verdict.

    Parameters
    ----------
    found
        Frame of :func:`checks`, or several of them one below the other.
    labels
        What each ``item`` is called, zh and en; another keeps its name.

    Returns
    -------
    pandas.DataFrame
        28 rows: ``check``, labels, ``verdict``, ``n`` comparisons it was made on, ``reason_zh/en``
        with the comparisons that have the worst verdict and why (three at most are named).
    """
    rows = []
    names = ["check", "item", "verdict", "reason_zh", "reason_en"]
    names += ["method", "label_zh", "label_en", "severity", "reach"]
    told = to_rows(found[[name for name in names if name in found]])
    for number in sorted(CHECKS):
        mine = [one for one in told if one["check"] == number]
        worst = next(v for v in _ORDER if any(one["verdict"] == v for one in mine))
        hit = [one for one in mine if one["verdict"] == worst]
        one = hit[0]
        known = worst in ("passed", "failed")
        made = {k: one.get(k) for k in ("method", "label_zh", "label_en", "severity", "reach")}
        made |= {"check": number, "verdict": worst, "status": "ok" if known else "not_computed"}
        made["n"] = len(mine)
        for at, lang, joint in ((0, "zh", "；"), (1, "en", "; ")):
            said = dict.fromkeys(
                _named(labels, str(item), at) + str(why)
                for item, why in ((row["item"], row[f"reason_{lang}"]) for row in hit)
            )
            if worst == "passed" and len(said) > 1:
                text = (f"{len(hit)}项比较均通过", f"passed on all {len(hit)} comparisons")[at]
            else:
                text = joint.join(list(said)[:3])
                if len(said) > 3:
                    text += (f"；等{len(said)}项", f"; {len(said)} in all")[at]
            made[f"reason_{lang}"] = text
        rows.append(made)
    return from_rows(rows)


def _named(labels: Mapping[str, tuple[str, str]], item: str, at: int) -> str:
    if not item:
        return ""
    return f"{labels.get(item, (item, item))[at]}" + ("：", ": ")[at]
