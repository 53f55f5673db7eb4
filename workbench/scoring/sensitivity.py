"""How much a ranking rests on choices of method: uncertainty and Sobol' indices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from workbench.scoring._frames import Floats, check_level, refuse, weights_of

__all__ = ["ScoringChoices", "choice_sensitivity", "choice_uncertainty", "sobol_indices"]


def sobol_indices(
    model: Callable[[Floats], Floats],
    names: Sequence[str],
    *,
    rng: np.random.Generator,
    base: int = 4096,
    bounds: Sequence[tuple[float, float]] | None = None,
    level: float = 0.95,
    resamples: int = 200,
) -> pd.DataFrame:
    """Share out the variance of a model's output over its inputs (Sobol' indices).

    Parameters
    ----------
    model : callable
        Takes inputs (runs × inputs) and gives one output per run.
    names : sequence of str
        Inputs, independent and uniform.
    rng : numpy Generator
        Scrambles the Sobol' sequence and draws the bootstrap.
    base : int
        Base points, a power of two; the model runs base × (inputs + 2) times.
    bounds : sequence of (low, high), optional
        Range of each input; 0–1 if not given.
    level, resamples
        Bootstrap limits.

    Returns
    -------
    DataFrame
        Rows ``first_order`` and ``total`` per ``item`` (``value``, ``ci_low``, ``ci_high``), and
        ``variance``, ``mean`` of the output; ``n`` (runs).

    Raises
    ------
    InputError
        ``base`` not a power of two, an output that does not vary or is not finite.

    Notes
    -----
    First order ``mean(f_B (f_ABi − f_A))/V`` on centred output (Saltelli et al. 2010, table 2 b),
    total ``mean((f_A − f_ABi)²)/(2V)`` (Jansen), both and their bootstrap by SALib; only its
    design is laid out here, all rows at once. Small negative values are noise around zero.

    References
    ----------
    Saltelli et al. (2010), Comput. Phys. Commun. 181, 259-270; Jansen (1999), Comput. Phys.
    Commun. 117, 35-43; Owen (1998), J. Complexity 14, 466-489 (scrambling); Herman & Usher (2017),
    SALib, J. Open Source Softw. 2(9), 97.
    """
    from SALib.analyze import sobol
    from scipy.stats import qmc

    check_level(level)
    d = len(names)
    if base < 2 or base & (base - 1):
        raise refuse("base", "base 应为 2 的幂", "base must be a power of two", found=str(base))
    ends = np.array(bounds if bounds is not None else [(0.0, 1.0)] * d, dtype=float)
    sampler = qmc.Sobol(2 * d, scramble=True, rng=rng)
    points = sampler.random_base2(int(np.log2(base)))
    # Saltelli's design as SALib lays it out: A, then A with one column of B at a time, then B
    low, span = ends[:, 0], ends[:, 1] - ends[:, 0]
    runs = np.repeat((low + points[:, :d] * span)[:, None, :], d + 2, axis=1)
    other = low + points[:, d:] * span
    runs[:, d + 1, :] = other
    runs[:, np.arange(1, d + 1), np.arange(d)] = other
    out = np.asarray(model(runs.reshape(-1, d)), dtype=float)
    if not np.isfinite(out).all():
        raise refuse("not-finite", "模型输出不是有限的数", "the model gives a value not finite")
    plain = out.reshape(base, d + 2)[:, [0, d + 1]]
    mean, variance = float(plain.mean()), float(plain.var())
    if not variance > 0:
        raise refuse("no-spread", "模型输出没有变化", "the output of the model does not vary")
    told = sobol.analyze(
        {"num_vars": d, "names": list(names), "bounds": ends.tolist()},
        out,
        calc_second_order=False,
        num_resamples=max(resamples, 2),
        conf_level=level,
        seed=int(rng.integers(1, 2**31)),
    )
    rows = [
        {"item": name, "statistic": kind, "value": float(told[key][i]),
         "ci_low": float(told[key][i] - told[f"{key}_conf"][i]),
         "ci_high": float(told[key][i] + told[f"{key}_conf"][i])}
        for kind, key in (("first_order", "S1"), ("total", "ST"))
        for i, name in enumerate(names)
    ]  # fmt: skip
    rows.append({"item": "", "statistic": "variance", "value": variance})
    rows.append({"item": "", "statistic": "mean", "value": mean})
    return pd.DataFrame(rows).assign(n=out.size, level=level, method="scoring.sobol_indices")


@dataclass(frozen=True)
class ScoringChoices:
    """The scores a set of method choices would give; weights vary around their nominal value."""

    tables: Mapping[str, pd.DataFrame]
    """Normalisation → units × parts (the first is the nominal one); same units and parts."""
    weights: Mapping[str, float]
    """Nominal weight of each part."""
    means: Sequence[Literal["arithmetic", "geometric", "harmonic"]] = ("arithmetic", "geometric")
    """Ways to combine the parts (the first is nominal); geometric and harmonic need values > 0."""
    spread: float = 0.25
    """Each weight is multiplied by 1 ± at most this."""
    schemes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Further schemes: weight of each part in each; they are drawn as often as ``weights``."""

    def __post_init__(self) -> None:
        first = next(iter(self.tables.values()))
        for name, table in self.tables.items():
            same = table.index.equals(first.index) and table.columns.equals(first.columns)
            if not same or bool(table.isna().any(axis=None)):
                raise refuse("tables", f"表 {name} 的单元或指标不同，或有缺失",
                             f"the table {name} has other units or parts, or gaps")  # fmt: skip
            if set(self.means) & {"geometric", "harmonic"} and bool((table <= 0).any(axis=None)):
                raise refuse("not-positive", f"表 {name} 有不大于零的值",
                             f"the table {name} holds values of zero or below")  # fmt: skip
        if not 0 <= self.spread < 1:
            raise refuse("spread", "权重变动幅度应在 0–1", "spread must lie in 0–1")

    @property
    def inputs(self) -> list[str]:
        """Names of the uncertain inputs, in order."""
        parts = next(iter(self.tables.values())).columns
        scheme = ["scheme"] if self.schemes else []
        return ["normalisation", "aggregation", *scheme, *(f"weight_{p}" for p in parts)]

    def scores(self, u: Floats) -> Floats:
        """Scores (runs × units) for inputs u in [0, 1], in the order of ``inputs``."""
        stack = np.stack([t.to_numpy(dtype=float) for t in self.tables.values()])
        parts = [str(c) for c in next(iter(self.tables.values()))]
        sets = np.array([weights_of(w, parts) for w in (self.weights, *self.schemes.values())])
        which = np.zeros(len(u), dtype=int)
        if self.schemes:
            which = np.minimum((u[:, 2] * len(sets)).astype(int), len(sets) - 1)
        w = sets[which] * (1 + self.spread * (2 * u[:, -len(parts) :] - 1))
        w = w / w.sum(axis=1, keepdims=True)
        table = np.minimum((u[:, 0] * len(stack)).astype(int), len(stack) - 1)
        mean = np.minimum((u[:, 1] * len(self.means)).astype(int), len(self.means) - 1)
        out = np.empty((len(u), stack.shape[1]))
        for i, x in enumerate(stack):
            for j, kind in enumerate(self.means):
                rows = (table == i) & (mean == j)
                if kind == "arithmetic":
                    out[rows] = w[rows] @ x.T
                elif kind == "geometric":
                    out[rows] = np.exp(w[rows] @ np.log(x).T)
                else:
                    out[rows] = 1 / (w[rows] @ (1 / x).T)
        return out

    def nominal(self) -> Floats:
        """Scores under the first options and the weights as given."""
        u = np.full((1, len(self.inputs)), 0.5)
        u[0, : 3 if self.schemes else 2] = 0.0
        return np.asarray(self.scores(u)[0])

    def ranks(self, u: Floats) -> Floats:
        """Ranks (runs × units), 1 = best, ties get the lowest."""
        return _ranks(self.scores(u))


def _ranks(scores: Floats) -> Floats:
    order = np.argsort(-scores, axis=1, kind="stable")
    ordered = np.take_along_axis(scores, order, axis=1)
    new = np.concatenate(
        [np.ones((len(scores), 1), bool), ordered[:, 1:] < ordered[:, :-1]], axis=1
    )
    place = np.where(new, np.arange(1, scores.shape[1] + 1), 0)
    place = np.maximum.accumulate(place, axis=1)
    out = np.empty_like(place)
    np.put_along_axis(out, order, place, axis=1)
    return out.astype(float)


def choice_sensitivity(
    choices: ScoringChoices, *, rng: np.random.Generator, base: int = 4096, resamples: int = 200
) -> pd.DataFrame:
    """Say which choice moves the ranking most (Sobol' indices of the mean rank shift).

    Parameters
    ----------
    choices : ScoringChoices
    rng, base, resamples
        As for :func:`sobol_indices`.

    Returns
    -------
    DataFrame
        As :func:`sobol_indices`; the output is the mean over units of |rank − nominal rank|.

    References
    ----------
    Saisana, Saltelli & Tarantola (2005), JRSS A 168, 307-323.
    """
    nominal = _ranks(choices.nominal()[None, :])

    def shift(u: Floats) -> Floats:
        out = np.empty(len(u))
        block = max(1, int(4e6 / nominal.shape[1]))
        for start in range(0, len(u), block):
            part = choices.ranks(u[start : start + block])
            out[start : start + block] = np.abs(part - nominal).mean(axis=1)
        return out

    return sobol_indices(shift, choices.inputs, rng=rng, base=base, resamples=resamples)


def choice_uncertainty(
    choices: ScoringChoices,
    *,
    rng: np.random.Generator,
    draws: int = 8192,
    quantiles: tuple[float, float] = (0.05, 0.95),
) -> pd.DataFrame:
    """Give the ranks a unit would have under other choices of method.

    Parameters
    ----------
    choices : ScoringChoices
    rng : numpy Generator
    draws : int
        Random combinations of choices.
    quantiles : (float, float)
        Ends of the rank interval.

    Returns
    -------
    DataFrame
        One row per unit (``item``): ``value`` (nominal score), ``rank`` (nominal), ``rank_low``,
        ``rank_median``, ``rank_high`` (inverse of the empirical distribution), ``rank_mean``,
        ``p_first`` (share of draws in first place), ``n`` (draws).

    Notes
    -----
    This is the choice of method alone; sampling and assessor error are in :func:`ranks`. The two
    are shown apart: one is chance, the other a decision.

    References
    ----------
    Saisana, Saltelli & Tarantola (2005), JRSS A 168, 307-323.
    """
    ranks = choices.ranks(rng.random((draws, len(choices.inputs))))
    low, middle, high = np.quantile(
        ranks, [quantiles[0], 0.5, quantiles[1]], axis=0, method="inverted_cdf"
    )
    nominal = choices.nominal()
    units = next(iter(choices.tables.values())).index
    return pd.DataFrame(
        {"item": [str(u) for u in units], "value": nominal, "rank": _ranks(nominal[None, :])[0],
         "rank_low": low, "rank_median": middle, "rank_high": high,
         "rank_mean": ranks.mean(axis=0), "p_first": (ranks == 1).mean(axis=0), "n": draws}
    ).assign(method="scoring.choice_uncertainty")  # fmt: skip
