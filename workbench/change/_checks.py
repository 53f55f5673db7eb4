"""The 28 checks by number and name, and the row each of them gives."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, Generic, ParamSpec

import pandas as pd

from workbench.change._frames import row, table

__all__ = ["CHECKS", "Row", "check", "check_row", "framed"]

P = ParamSpec("P")
Row = dict[str, Any]


class framed(Generic[P]):  # noqa: N801  (a decorator)
    """A check as others call it, giving a frame; its ``rows`` are for putting many together.

    A frame of one row costs as much as the check itself, and a comparison has thirty checks.
    """

    def __init__(self, rows: Callable[P, list[Row]]) -> None:
        self.rows = rows
        functools.update_wrapper(self, rows)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        """Give the frame of the check's rows."""
        return table(self.rows(*args, **kwargs))


# METHODS_AND_GRADES §2: what each check looks for
CHECKS: dict[int, tuple[str, str]] = {
    1: ("向均值回归", "regression to the mean"),
    2: ("因极端而选的基期", "baseline picked because it was extreme"),
    3: ("样本构成改变", "composition changed"),
    4: ("样本流失", "attrition"),
    5: ("应答率改变", "response rate moved"),
    6: ("季节", "season"),
    7: ("忽略趋势", "trend ignored"),
    8: ("忽略自相关", "autocorrelation ignored"),
    9: ("看过数据才定日期", "date chosen after looking"),
    10: ("以区间重叠判断无差别", "overlapping intervals read as no difference"),
    11: ("百分比与百分点混淆", "percent and percentage points mixed"),
    12: ("不可能的百分比", "impossible or over-precise percentages"),
    13: ("分母改变", "denominator changed"),
    14: ("忽略聚集或权重", "clustering or weights ignored"),
    15: ("配对与独立混淆", "pairs analysed as independent, or the reverse"),
    16: ("社区太少", "few communities"),
    17: ("检验太多", "many tests"),
    18: ("把不显著写成没有变化", "no significant change written as unchanged"),
    19: ("以点估计判断达标", "target met by a point estimate"),
    20: ("丢掉未结个案", "open cases dropped from durations"),
    21: ("计数过度离散", "overdispersed counts under Poisson"),
    22: ("计数太少", "sparse counts"),
    23: ("分批开始而用双向固定效应", "two-way fixed effects under staggered start"),
    24: ("平行趋势“通过”", "parallel trends passed"),
    25: ("措辞、量表、方式或口径改变", "wording, scale, mode or rounding changed"),
    26: ("合计与各社区方向相反", "pooled and community directions disagree"),
    27: ("天花板", "ceiling"),
    28: ("文字自相矛盾", "conflicting text"),
}


def check(number: int, verdict: str, zh: str, en: str, **more: Any) -> list[Row]:
    """Give a check as a list of one row, made of what :func:`check_row` takes."""
    return [check_row(number, verdict, zh, en, **more)]


def check_row(
    number: int,
    verdict: str,
    zh: str,
    en: str,
    *,
    value: float = math.nan,
    unit: str = "",
    severity: str = "warning",
    **more: Any,
) -> Row:
    """Give the row of a check.

    Parameters
    ----------
    number
        1 to 28.
    verdict
        ``passed``, ``failed``, ``cannot_tell`` (information is missing) or ``not_applicable``.
    zh, en
        What was found.
    value, unit, severity
        The figure behind it, and ``warning`` or ``critical``.
    more
        Further columns.
    """
    known = verdict in ("passed", "failed")
    made = row(
        f"check_{number:02d}",
        value,
        unit=unit,
        method=f"change.check.{number:02d}",
        kind="check",
        check=number,
        label_zh=CHECKS[number][0],
        label_en=CHECKS[number][1],
        verdict=verdict,
        severity=severity,
        reach="indicator",
        reason_zh=zh,
        reason_en=en,
        **more,
    )
    # a check without a figure of its own is made all the same
    made["status"] = "ok" if known else "not_computed"
    return made
