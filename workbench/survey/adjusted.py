"""Two groups compared with and without adjustment for who is in them: a difference, no effect."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.survey._input import check_columns, check_level, labels, numbers, refuse
from workbench.survey.design import Design
from workbench.survey.regression import glm


def adjusted_difference(
    design: Design,
    outcome: str,
    group: str,
    *,
    adjust: Sequence[str] = (),
    reference: str | None = None,
    share: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare groups as they are, and as if they had the same make-up (linear regression).

    Parameters
    ----------
    design : the sample. outcome : numeric column (0/1 for a share).
    group : column of categories, such as took part or not, or the mode of the interview.
    adjust : columns held equal. Those with a single category among the complete rows are left out
        and named in ``flags``.
    reference : the group others are compared with; ``None``: the one with most answers.
    share : the outcome is 0/1, differences are in points (stored 0-1, unit ``pp``).
    level : confidence level.

    Returns
    -------
    DataFrame, two rows for each other group (``adjustment`` ``raw`` and ``adjusted``): ``item``,
    ``group``, ``reference``, ``adjustment``, ``statistic`` (``difference``), ``value``, ``unit``,
    ``std_error``, ``ci_low``, ``ci_high``, ``level``, ``n``, ``df``, ``p_value``, ``method``,
    ``status``, ``flags``, ``reason_zh``, ``reason_en``. Both rows rest on the same complete rows,
    so that their difference is the adjustment and not another sample.

    Raises
    ------
    InputError
        Fewer than two groups have answers; a column is missing; collinear columns.

    Notes
    -----
    Coefficient of the group in a design-weighted linear regression; for a share that is the
    difference of average predicted shares under a linear probability model. People chose their
    group: what is left after adjustment is an association, never the effect of taking part.

    References
    ----------
    Korn & Graubard (1999), *Analysis of Health Surveys*, 3.3 and 3.6.

    Examples
    --------
    >>> data = pd.DataFrame({"y": [1, 0, 1, 1, 0, 0, 1, 0], "g": list("aabbaabb")})
    >>> out = adjusted_difference(Design(data), "y", "g", reference="a", share=True)
    >>> out[["group", "adjustment", "value"]].values.tolist()
    [['b', 'raw', 0.5]]
    """
    check_level(level)
    check_columns(design.data, [outcome, group, *adjust], "adjusted_difference")
    text = labels(design.data[group])
    use = design.inside & text.notna().to_numpy() & ~np.isnan(numbers(design.data, outcome))
    for name in adjust:
        use &= design.data[name].notna().to_numpy()
    counts = text[use].value_counts()
    if len(counts) < 2:
        raise refuse(
            "survey.one-group",
            "可比较的组少于两个",
            "fewer than two groups have complete answers",
            column=group,
            found=", ".join(map(str, counts.index)),
        )
    first = (
        reference
        if reference is not None
        else str(sorted(counts.index, key=lambda g: (-counts[g], g))[0])
    )
    if first not in counts.index:
        raise refuse(
            "survey.no-such-category",
            "没有这个组",
            "there is no such group",
            column=group,
            found=first,
            expected=", ".join(map(str, counts.index)),
        )
    order = [first, *sorted(g for g in counts.index if g != first)]
    data = design.data.assign(_group=pd.Categorical(text, categories=order))
    held: list[str] = []
    single: list[str] = []
    for name in adjust:
        several = labels(design.data[name])[use].nunique() > 1
        (held if several else single).append(name)
    whole = design.changed(data=data).subset(use)
    parts = [_rows(whole, outcome, order, counts, [], level, "raw")]
    if held:
        parts.append(_rows(whole, outcome, order, counts, held, level, "adjusted"))
    out = pd.concat(parts, ignore_index=True)
    out["unit"] = "pp" if share else "score"
    out["flags"] = out["flags"] + (";constant:" + ",".join(single) if single else "")
    return out


def _rows(
    design: Design,
    outcome: str,
    order: list[str],
    counts: pd.Series[int],
    held: list[str],
    level: float,
    adjustment: str,
) -> pd.DataFrame:
    table = glm(design, outcome, ["_group", *held], level=level).table.set_index("term")
    rows = []
    for name in order[1:]:
        one = table.loc[f"_group{name}"]
        ok = one["status"] == "ok"
        rows.append(
            {
                "item": outcome,
                "group": name,
                "reference": order[0],
                "adjustment": adjustment,
                "statistic": "difference",
                "value": one["value"],
                "std_error": one["std_error"],
                "ci_low": one["ci_low"],
                "ci_high": one["ci_high"],
                "level": level,
                "n": int(counts[name] + counts[order[0]]),
                "df": one["df"],
                "p_value": one["p_value"],
                "method": "survey.adjusted_difference",
                "status": one["status"],
                "flags": "association" if ok else "association;no_interval",
                "reason_zh": one["reason_zh"] or "差异，不是效果：是否参加由居民自己选择",
                "reason_en": one["reason_en"]
                or "a difference, not an effect: people chose their group",
            }
        )
    return pd.DataFrame(rows)
