"""The sampling design: what every estimate needs to know about how the rows came to be there."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from workbench.errors import InputError, Problem
from workbench.survey._input import (
    Bools,
    Floats,
    Ints,
    check_choice,
    check_columns,
    names,
    numbers,
    refuse,
)
from workbench.survey._variance import Adjustment, Lonely, Stage, covariances, variances

Kind = Literal["probability", "opt_in", "census"]


@dataclass(frozen=True)
class Replicates:
    """Replicate weights, shape (rows, replicates).

    The variance is ``scale * sum_r rscales_r (t_r - centre)^2``;

    ``centre`` is ``mean`` (of the replicate estimates) or ``estimate`` (the full-sample estimate).
    """

    weights: Floats
    scale: float
    rscales: Floats
    centre: Literal["mean", "estimate"]
    method: str


class Design:
    """A sample with its weights, strata, clusters and stages; frozen.

    Parameters
    ----------
    data : DataFrame, one row per respondent. Rows are never dropped: missing answers and
        subgroups are domains.
    weights : column of base weights (inverse inclusion probabilities, > 0). ``None``: implied by
        ``fpc`` where given as counts or fractions, else 1.
    strata : column, or columns to be crossed; ``None`` is one stratum. May not be missing.
    psu : column, or columns to be crossed; ``None`` is one row per unit. May not be missing.
    ssu : column or columns of the units of stage 2, 3, ... in this order, each within the one
        before.
    fpc : column or columns, one per stage from the first: number of units in the population of the
        stratum (stage 1) or parent unit (later), or the sampled fraction when all values are at
        most 1. Missing out later stages makes them count as drawn with replacement (they then
        add nothing).
    nest : PSU names are taken within strata. ``False`` refuses a PSU found in two strata.
    lonely : a stratum with one PSU of several. ``adjust``: deviation from the mean of all PSU
        totals (conservative, the default); ``certainty``: adds nothing; ``average``: the mean of
        the other strata; ``fail``: refused.
    lonely_domain : apply ``adjust`` also where one PSU of the stratum has members of the domain.
    kind : ``probability``; ``opt_in`` (nobody drew these people: no sampling interval); ``census``.
    respondent : column or columns (wave and number, say) that tell one respondent from another; a
        respondent who stands twice is refused. ``None``: not looked at.

    Raises
    ------
    InputError
        A column is missing, a respondent stands twice, a weight is zero, negative, missing or
        infinite, a stratum or PSU is missing, a population count is below the number sampled, or
        varies where it must be constant.

    Notes
    -----
    The same PSUs observed in two waves are **one** design (``strata`` and ``psu`` without the
    wave): the covariance of shared clusters then enters every difference. Degrees of freedom are
    PSUs minus strata (of the domain, for a domain), Korn & Graubard (1999), *Analysis of Health
    Surveys*, 5.2.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"b": [1, 1, 2, 2], "w": [2.0, 2.0, 3.0, 3.0], "q": [1, 0, 1, 1]})
    >>> Design(data, weights="w", psu="b").df
    1
    """

    __slots__ = (
        "adjustments",
        "base_weights",
        "data",
        "domain",
        "kind",
        "log",
        "lonely",
        "lonely_domain",
        "replicates",
        "stages",
        "weights",
    )

    data: pd.DataFrame
    weights: Floats
    base_weights: Floats
    stages: tuple[Stage, ...]
    domain: Bools
    adjustments: tuple[Adjustment, ...]
    lonely: Lonely
    lonely_domain: bool
    kind: Kind
    replicates: Replicates | None
    log: tuple[pd.DataFrame, ...]

    def __init__(
        self,
        data: pd.DataFrame,
        *,
        weights: str | None = None,
        strata: str | Sequence[str] | None = None,
        psu: str | Sequence[str] | None = None,
        ssu: str | Sequence[str] | None = None,
        fpc: str | Sequence[str] | None = None,
        nest: bool = True,
        lonely: Lonely = "adjust",
        lonely_domain: bool = False,
        kind: Kind = "probability",
        respondent: str | Sequence[str] | None = None,
    ) -> None:
        check_choice(lonely, ("adjust", "fail", "certainty", "average"), "lonely")
        check_choice(kind, ("probability", "opt_in", "census"), "kind")
        if len(data) == 0:
            raise refuse(
                "survey.empty",
                "数据没有一行",
                "the data have no rows",
                remedy_zh="检查波次与社区的筛选条件",
                remedy_en="check the selection of wave and community",
            )
        used = [weights] if weights else []
        used += names(strata) + names(psu) + names(ssu) + names(fpc) + names(respondent)
        check_columns(data, used, "design")
        rows = data.reset_index(drop=True)
        _check_respondents(rows, names(respondent))
        stages = _stages(rows, names(strata), names(psu), names(ssu), names(fpc), nest)
        _check_lonely(rows, stages[0], lonely)
        w = _weights(rows, weights, stages, bool(fpc))
        set_ = object.__setattr__
        set_(self, "data", rows)
        set_(self, "weights", w)
        set_(self, "base_weights", w)
        set_(self, "stages", stages)
        set_(self, "domain", np.ones(len(rows), dtype=bool))
        set_(self, "adjustments", ())
        set_(self, "lonely", lonely)
        set_(self, "lonely_domain", lonely_domain)
        set_(self, "kind", kind)
        set_(self, "replicates", None)
        set_(self, "log", ())

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a Design is frozen: functions return a new one")

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return (
            f"Design(rows={self.domain.sum()}, psus={self.psus}, strata={self.strata}, "
            f"df={self.df}, kind={self.kind!r})"
        )

    def changed(self, **parts: Any) -> Design:
        """Return a copy with some parts replaced (for functions that give a new design)."""
        new = copy.copy(self)
        for name, value in parts.items():
            object.__setattr__(new, name, value)
        return new

    @property
    def inside(self) -> Bools:
        """Rows that count: in the domain and with a positive weight, shape (rows,)."""
        return self.domain & (self.weights > 0)

    @property
    def psus(self) -> int:
        """Number of PSUs with members of the domain."""
        return int(np.unique(self.stages[0].unit[self.inside]).size)

    @property
    def strata(self) -> int:
        """Number of strata with members of the domain."""
        stage = self.stages[0]
        return int(np.unique(stage.stratum[stage.unit[self.inside]]).size)

    @property
    def df(self) -> int:
        """Degrees of freedom: PSUs minus strata that hold members of the domain.

        With replicate weights: the rank of the replicates minus 1.
        """
        if self.replicates is not None:
            return replicate_df(self.replicates.weights[self.inside])
        return self.psus - self.strata

    def subset(self, where: str | pd.Series[bool] | Bools) -> Design:
        """Return the design restricted to a domain; rows outside stay for the variance.

        Parameters
        ----------
        where : boolean array or Series of shape (rows,) in the order of the data, or a query string
            of :meth:`pandas.DataFrame.query`. Missing counts as outside.
        """
        if isinstance(where, str):
            mask = np.zeros(len(self.data), dtype=bool)
            mask[self.data.query(where).index.to_numpy()] = True
        else:
            series = pd.Series(np.asarray(where))
            if series.size != len(self.data):
                raise refuse(
                    "survey.mask-length",
                    "筛选条件的长度与数据行数不同",
                    "the condition has another length than the data",
                    expected=str(len(self.data)),
                    found=str(series.size),
                )
            mask = series.fillna(False).to_numpy(dtype=bool)
        return self.changed(domain=self.domain & mask)

    def summary(self) -> pd.DataFrame:
        """Return the design in figures, one row each.

        Returns
        -------
        DataFrame with columns ``statistic``, ``value``, ``unit``: n, psus, strata, df,
        lonely_strata, certainty_strata, weight_sum, weight_min, weight_max, weight_cv,
        kish_deff, n_effective.
        """
        w = self.weights[self.inside]
        first = self.stages[0]
        present = np.unique(first.stratum[first.unit[self.inside]])
        size, fraction = first.size[present], first.fraction[present]
        effect = kish(w)
        cells: list[tuple[str, float, str]] = [
            ("n", w.size, "count"),
            ("psus", self.psus, "count"),
            ("strata", self.strata, "count"),
            ("df", self.df, "count"),
            ("lonely_strata", int(((size == 1) & (fraction < 1)).sum()), "count"),
            ("certainty_strata", int((fraction >= 1).sum()), "count"),
            ("weight_sum", w.sum(), "count"),
            ("weight_min", w.min() if w.size else np.nan, "weight"),
            ("weight_max", w.max() if w.size else np.nan, "weight"),
            ("weight_cv", np.sqrt(max(effect - 1, 0.0)), "ratio"),
            ("kish_deff", effect, "ratio"),
            ("n_effective", w.size / effect if w.size else 0.0, "count"),
        ]
        frame = pd.DataFrame(cells, columns=["statistic", "value", "unit"])
        frame["value"] = frame["value"].astype(float)
        return frame

    @property
    def diagnostics(self) -> pd.DataFrame:
        """What each weighting step did: convergence, worst margin, weight range, Kish effect."""
        if not self.log:
            return pd.DataFrame()
        return pd.concat(self.log, ignore_index=True)

    def variances(self, z: Any, members: Any | None = None) -> Floats:
        """Design variance of the totals of the columns of ``z`` (rows, k), weights included."""
        if self.replicates is not None:
            return np.diag(self.covariances(z)).copy()
        if not self.lonely_domain:
            members = None
        return variances(self.stages, z, self.adjustments, self.lonely, members=members)

    def covariances(self, z: Any) -> Floats:
        """Joint design covariance of the totals of the columns of ``z``, weights included.

        With replicate weights, the linearised totals are repeated with each replicate's weights.
        """
        if self.replicates is not None:
            r = self.replicates
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(self.weights[:, None] > 0, r.weights / self.weights[:, None], 0.0)
            use = r.rscales > 0
            t = np.asarray(z.T @ ratio[:, use])
            centre = t.mean(axis=1) if r.centre == "mean" else np.asarray(z.sum(axis=0)).ravel()
            t = (t - centre[:, None]) * np.sqrt(r.scale * r.rscales[use])
            joint: Floats = t @ t.T
            return joint
        return covariances(self.stages, z, self.adjustments, self.lonely)


def replicate_df(weights: Floats) -> int:
    """Rank of the replicate weights minus 1."""
    if weights.size == 0:
        return 0
    small = weights.T @ weights if weights.shape[1] < weights.shape[0] else weights @ weights.T
    scale = np.sqrt(np.maximum(np.diag(small), 1e-300))
    values = np.linalg.eigvalsh(small / np.outer(scale, scale))
    return int((values > 1e-10 * values.max()).sum()) - 1


def kish(weights: Any) -> float:
    """Kish's design effect of unequal weights, ``n sum w^2 / (sum w)^2``.

    Parameters
    ----------
    weights : array of shape (n,), not negative; zeros do not count as interviews.

    Returns
    -------
    float, at least 1; NaN without a positive weight.

    References
    ----------
    Kish (1965), *Survey Sampling*, eq. 11.7.6.

    Examples
    --------
    >>> kish([1.0, 1.0, 2.0])
    1.125
    """
    w = np.asarray(weights, dtype=float)
    w = w[w > 0]
    if w.size == 0:
        return float("nan")
    return float(w.size * (w @ w) / w.sum() ** 2)


def _coded(data: pd.DataFrame, columns: list[str], what: str) -> Ints:
    """Codes 0.. of the crossing of columns, in sorted order; missing raises."""
    problems = []
    total: Ints = np.zeros(len(data), dtype=np.int64)
    for column in columns:
        codes, levels = pd.factorize(data[column], sort=True)
        if (codes < 0).any():
            problems.append(
                Problem(
                    code="survey.design-missing",
                    column=column,
                    row=int(np.flatnonzero(codes < 0)[0]) + 1,
                    zh=f"{what}缺失（共 {int((codes < 0).sum())} 行）",
                    en=f"{what} is missing ({int((codes < 0).sum())} rows)",
                    remedy_zh="从抽样框补全；无法补全的行须作为决定记录后剔除",
                    remedy_en="fill it from the frame, or exclude the rows by a recorded decision",
                )
            )
            continue
        total = total * len(levels) + codes
        total = np.unique(total, return_inverse=True)[1].astype(np.int64)
    if problems:
        raise InputError(*problems)
    return total


def _check_respondents(data: pd.DataFrame, columns: list[str]) -> None:
    twice = data.duplicated(columns, keep=False) if columns else np.zeros(0, dtype=bool)
    if not twice.any():
        return
    at = np.flatnonzero(twice)
    raise refuse(
        "survey.respondent-twice",
        f"{at.size} 行的受访者编号重复",
        f"{at.size} rows share the name of a respondent with another row",
        column=", ".join(columns),
        row=int(at[0]) + 1,
        found=" / ".join(str(v) for v in data[columns].iloc[int(at[0])]),
        remedy_zh="删去重复的行；同一人在两期作答时，把轮次也列入 respondent=",
        remedy_en="remove the repeated row; where a person answers in two waves, name the wave too",
    )


def _stages(
    data: pd.DataFrame,
    strata: list[str],
    psu: list[str],
    ssu: list[str],
    fpc: list[str],
    nest: bool,
) -> tuple[Stage, ...]:
    n = len(data)
    stratum = _coded(data, strata, "stratum")
    unit = _coded(data, psu, "psu") if psu else np.arange(n, dtype=np.int64)
    if psu and not nest:
        pairs = np.unique(np.column_stack([unit, stratum]), axis=0)
        twice = np.flatnonzero(np.bincount(pairs[:, 0]) > 1)
        if twice.size:
            row = int(np.flatnonzero(unit == twice[0])[0])
            raise refuse(
                "survey.psu-crosses-strata",
                f"{twice.size} 个初级单元出现在多个层中",
                f"{twice.size} primary units lie in more than one stratum",
                column=", ".join(psu),
                row=row + 1,
                found=str(data[psu[0]].iloc[row]),
                remedy_zh="若编号在层内重复使用，设 nest=True；否则改正分层",
                remedy_en="set nest=True when names repeat in strata; otherwise correct the strata",
            )
    if len(fpc) > 1 + len(ssu):
        raise refuse(
            "survey.fpc-stages",
            "总体单元数的列多于抽样阶段",
            "more population counts than stages",
            found=", ".join(fpc),
            expected=f"{1 + len(ssu)}",
            remedy_zh="用 ssu= 给出后续阶段的单元",
            remedy_en="name the units of the further stages by ssu=",
        )
    out: list[Stage] = []
    parent = stratum
    carried = np.ones(int(stratum.max()) + 1)  # product of earlier fractions, by parent
    columns = [psu, *[[name] for name in ssu]]
    for number, column in enumerate(columns):
        inner = unit if number == 0 else _coded(data, column, "ssu")
        key = parent * (int(inner.max()) + 1) + inner
        _, first, code = np.unique(key, return_index=True, return_inverse=True)
        code = code.astype(np.int64)
        above = parent[first]
        size = np.bincount(above, minlength=carried.size).astype(float)
        fraction = np.zeros(carried.size)
        if number < len(fpc):
            fraction = _fractions(data, fpc[number], parent, size)
        out.append(Stage(code, above, size, fraction, carried))
        carried = (carried * fraction)[above]
        parent = code
    return tuple(out)


def _fractions(data: pd.DataFrame, column: str, parent: Ints, size: Floats) -> Floats:
    value = numbers(data, column)
    problems = []
    bad = ~np.isfinite(value) | (value <= 0)
    if bad.any():
        problems.append(
            Problem(
                code="survey.fpc-missing",
                column=column,
                row=int(np.flatnonzero(bad)[0]) + 1,
                zh="总体单元数缺失或不为正",
                en="the population count is missing or not positive",
                remedy_zh="从抽样框补全",
                remedy_en="fill it from the frame",
            )
        )
        raise InputError(*problems)
    low = np.full(size.size, np.inf)
    high = np.full(size.size, -np.inf)
    np.minimum.at(low, parent, value)
    np.maximum.at(high, parent, value)
    uneven = high - low > 1e-9 * np.maximum(high, 1)
    if uneven[parent].any():
        problems.append(
            Problem(
                code="survey.fpc-varies",
                column=column,
                row=int(np.flatnonzero(uneven[parent])[0]) + 1,
                zh="同一层（或上级单元）内的总体单元数不一致",
                en="the population count varies inside a stratum (or parent unit)",
                remedy_zh="每层只能有一个总体单元数",
                remedy_en="give one count per stratum",
            )
        )
    counts = not bool((value <= 1).all())
    small = (high < size * (1 - 1e-9)) & (size > 0) if counts else np.zeros(size.size, dtype=bool)
    if small[parent].any():
        row = int(np.flatnonzero(small[parent])[0])
        problems.append(
            Problem(
                code="survey.fpc-too-small",
                column=column,
                row=row + 1,
                zh="总体单元数小于抽中的单元数",
                en="fewer units in the population than in the sample",
                expected=f">= {size[parent[row]]:g}",
                found=f"{value[row]:g}",
                remedy_zh="核对抽样框；或该列其实是抽样比，则须全部不大于 1",
                remedy_en="check the frame; if it is a fraction, all values must be at most 1",
            )
        )
    if problems:
        raise InputError(*problems)
    high = np.where(np.isfinite(high), high, 1.0)
    return np.minimum(size / high, 1.0) if counts else high


def _weights(
    data: pd.DataFrame, column: str | None, stages: tuple[Stage, ...], fpc: bool
) -> Floats:
    if column is None:
        w = np.ones(len(data))
        if fpc:
            parent = stages[0].stratum[stages[0].unit]
            for stage in stages:
                f = stage.fraction[parent]
                w = w / np.where(f > 0, f, 1.0)
                parent = stage.unit
        return w
    w = numbers(data, column)
    problems = []
    for what, zh, bad in (
        ("missing", "缺失", np.isnan(w)),
        ("zero", "为零", w == 0),
        ("negative", "为负", w < 0),
    ):
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            problems.append(
                Problem(
                    code=f"survey.weight-{what}",
                    column=column,
                    row=row + 1,
                    zh=f"权重{zh}（共 {int(bad.sum())} 行）",
                    en=f"the weight is {what} ({int(bad.sum())} rows)",
                    expected="> 0",
                    found=f"{w[row]:g}",
                    remedy_zh="补上抽样概率的倒数；不属于样本的行不应进入数据",
                    remedy_en="give the inverse selection probability",
                )
            )
    if problems:
        raise InputError(*problems)
    return w


def _check_lonely(data: pd.DataFrame, stage: Stage, lonely: str) -> None:
    alone = (stage.size == 1) & (stage.fraction < 1)
    if lonely != "fail" or not alone.any():
        return
    row = int(np.flatnonzero(alone[stage.stratum[stage.unit]])[0])
    raise refuse(
        "survey.lonely-psu",
        f"{int(alone.sum())} 个层只有一个初级单元，无法估计方差",
        f"{int(alone.sum())} strata have a single primary unit: no variance can be estimated",
        row=row + 1,
        remedy_zh="合并层，或选 lonely='adjust'（偏保守）",
        remedy_en="merge strata explicitly, or choose lonely='adjust' (conservative)",
    )


def indicator(codes: Ints, k: int) -> sparse.csr_matrix:
    """Return dummy variables, shape (rows, k); code -1 is a row of zeros."""
    keep = np.flatnonzero(codes >= 0)
    return sparse.csr_matrix((np.ones(keep.size), (keep, codes[keep])), shape=(codes.size, k))
