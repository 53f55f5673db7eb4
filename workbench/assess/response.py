"""Who answered: rates, questionnaires by mode, the sample beside the population."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import survey
from workbench.assess.editions import beside_earlier
from workbench.assess.facts import MODES
from workbench.assess.sample import (
    NUMBERS,
    Sample,
    composition,
    labelled,
    reachable,
    role_en,
    role_zh,
    wave_role,
    waves_of,
)
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["population_size", "response"]

_RATES = {
    "rr1": ("应答率（RR1）", "Response rate (RR1)"),
    "rr3": ("应答率（RR3，按比例估计未知个案的合格率）", "Response rate (RR3)"),
    "coop1": ("合作率", "Cooperation rate"),
    "ref1": ("拒访率", "Refusal rate"),
    "con1": ("接触率", "Contact rate"),
}


_KINDS = {
    "probability": ("概率样本", "probability sample"),
    "opt_in": ("自愿参与，不计应答率", "opt-in, no response rate"),
    "census": ("普查", "census"),
}


def response(c: Community, sample: Sample) -> pd.DataFrame:
    """Say who was reached: AAPOR rates, questionnaires by mode, the sample against the margins.

    An opt-in sample gets a participation count and rate, and no response rate.
    """
    rows: list[dict[str, Any]] = []
    if not c.has("responses"):
        return pd.DataFrame(rows)
    drawn = reachable(c)
    for wave in waves_of(c):
        when = wave_role(c, wave)
        answers = c.tables["responses"]
        answers = answers[answers["wave"].eq(wave)]
        kinds = c.kind_of_sample(answers)
        mine = None if drawn is None else drawn[drawn["wave"].eq(wave)]
        rates = survey.response_rates(mine).set_index("statistic")
        only_opt_in = len(answers) > 0 and bool(kinds.eq("opt_in").all())
        for name, (zh, en) in _RATES.items():
            told = rates.loc[name].to_dict()
            more: dict[str, Any] = {k: told.get(k) for k in NUMBERS if k in told}
            if only_opt_in:
                more |= {"value": None, "n": None, "status": "not_computed", **_NO_RATE}
            label = (f"{zh}，{role_zh(when)}", f"{en}, {role_en(when)}")
            rows.append(labelled(f"response.{name}.{when}", "estimate", *label, wave=wave, **more))
        modes = answers["mode"].fillna("?")
        counted: dict[str, int] = {str(k): int(v) for k, v in modes.value_counts().items()}
        for mode, n in sorted(counted.items()):
            kind = kinds[modes.eq(mode)].iloc[0]
            rows.append(
                labelled(
                    f"response.mode.{mode}.{when}",
                    "estimate",
                    f"{MODES.get(mode, (mode, mode))[0]}（{_KINDS[kind][0]}），{role_zh(when)}",
                    f"{MODES.get(mode, (mode, mode))[1]} ({_KINDS[kind][1]}), {role_en(when)}",
                    wave=wave,
                    value=float(n),
                    n=int(n),
                    unit="count",
                    method="records.count",
                )
            )
    rows += _participation(c, sample)
    if not sample.margins.empty:
        if sample.base is not None:
            rows += _composition(
                c, composition(c, sample.base, sample.margins), "response.composition"
            )
        if sample.opt_in is not None:
            opted = survey.composition(sample.opt_in, sample.margins, by="wave")
            rows += _composition(c, opted, "response.participants")
    return from_rows(rows)


_NO_RATE = {
    "reason_zh": "自愿参与样本没有抽取任何人，不存在应答率",
    "reason_en": "an opt-in sample draws nobody: there is no response rate",
}


_OF_WHOM = {
    "response.composition": ("", ""),
    "response.participants": ("（自愿参与者）", " (those who chose to take part)"),
}


def population_size(c: Community, sample: Sample) -> float:
    """Count the population that the answers are meant to speak for; NaN where it is not known."""
    if not sample.margins.empty:
        first = sample.margins["variable"].iloc[0]
        return float(sample.margins.loc[sample.margins["variable"].eq(first), "count"].sum())
    told = c.unit.get(c.settings["weighting"].get("population") or "adults")
    return float("nan") if told is None else float(told)


def _participation(c: Community, sample: Sample) -> list[dict[str, Any]]:
    """Give the share of the population that chose to take part, this wave."""
    if sample.opt_in is None:
        return []
    now = sample.opt_in.subset(sample.opt_in.data["wave"].eq(c.wave))
    size = pd.DataFrame({"count": [population_size(c, sample)]})
    told = survey.participation(now, size).iloc[0].to_dict()
    label = ("自愿参与者占总体的比例，本期", "Participation rate of the opt-in sample, this wave")
    more = {k: told[k] for k in NUMBERS if k in told}
    return [labelled("response.participation.current", "estimate", *label, wave=c.wave, **more)]


def _composition(c: Community, frame: pd.DataFrame, prefix: str) -> list[dict[str, Any]]:
    """Set each group's share among the answers beside the population; small groups withheld."""
    frame = frame[frame["wave"].eq(c.wave)].assign(value=frame["share_unweighted"])
    kept = ["item", "category", "value", "unit", "n", "population", "status"]
    frame = frame[[*kept, "reason_zh", "reason_en"]]
    hidden = survey.disclosure(frame, minimum=c.min_cell, cells="category", keys=["item"])
    ids = zip(hidden["item"], hidden["category"], strict=True)
    hidden["finding"] = [f"{prefix}.{item}.{category}" for item, category in ids]
    hidden = beside_earlier(c, hidden, ["item"])
    rows = []
    for told in to_rows(hidden.astype({"n": float})):
        name, category = told["item"], told["category"]
        rows.append(
            labelled(
                told["finding"],
                "estimate",
                c.answer(name, category, "zh") + _OF_WHOM[prefix][0],
                c.answer(name, category, "en") + _OF_WHOM[prefix][1],
                wave=c.wave,
                target=told["population"],
                method="survey.composition",
                **{k: told[k] for k in ("value", "unit", "n", "status", "reason_zh", "reason_en")},
                flags=told["flags"],
            )
        )
    return rows
