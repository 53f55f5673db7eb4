"""Who answered: rates, questionnaires by mode, the sample beside the population."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import survey
from workbench.assess.facts import MODES
from workbench.assess.sample import (
    NUMBERS,
    Sample,
    cases,
    labelled,
    role_en,
    role_zh,
    wave_role,
    waves_of,
)

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["response"]

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

    An opt-in sample gets a participation count and no response rate.
    """
    rows: list[dict[str, Any]] = []
    if not c.has("responses"):
        return pd.DataFrame(rows)
    reached = c.tables.get("dispositions")
    for wave in waves_of(c):
        when = wave_role(c, wave)
        mine = reached[reached["wave"].eq(wave)] if reached is not None else None
        rates = survey.response_rates(cases(mine)).set_index("statistic")
        for name, (zh, en) in _RATES.items():
            told = rates.loc[name].to_dict()
            more: dict[str, Any] = {k: told.get(k) for k in NUMBERS if k in told}
            label = (f"{zh}，{role_zh(when)}", f"{en}, {role_en(when)}")
            rows.append(labelled(f"response.{name}.{when}", "estimate", *label, wave=wave, **more))
        answers = c.tables["responses"]
        answers = answers[answers["wave"].eq(wave)]
        kinds = c.kind_of_sample(answers)
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
    if sample.base is not None and not sample.margins.empty:
        rows += _composition(c, sample)
    return pd.DataFrame(rows)


def _composition(c: Community, sample: Sample) -> list[dict[str, Any]]:
    """Set each group's share among the answers beside the population; small groups withheld."""
    assert sample.base is not None
    frame = survey.composition(sample.base, sample.margins, by="wave")
    frame = frame[frame["wave"].eq(c.wave)].assign(value=frame["share_unweighted"])
    kept = ["item", "category", "value", "unit", "n", "population", "status"]
    frame = frame[[*kept, "reason_zh", "reason_en"]]
    hidden = survey.disclosure(frame, minimum=c.min_cell, cells="category", keys=["item"])
    rows = []
    for told in hidden.astype({"n": float}).to_dict("records"):
        name, category = told["item"], told["category"]
        rows.append(
            labelled(
                f"response.composition.{name}.{category}",
                "estimate",
                c.answer(name, category, "zh"),
                c.answer(name, category, "en"),
                wave=c.wave,
                target=told["population"],
                method="survey.composition",
                **{k: told[k] for k in ("value", "unit", "n", "status", "reason_zh", "reason_en")},
                flags=told["flags"],
            )
        )
    return rows
