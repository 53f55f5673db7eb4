"""Confidence sets of ranks (Mogstad, Romano, Shaikh & Wilhelm), also for thousands of units."""

from __future__ import annotations

import numpy as np

from workbench.scoring._frames import Bools, Floats, Ints

DENSE = 80
"""Up to so many units all pairs are held in memory; above, the search prunes."""
FEW_PAIRS = 20_000
"""Up to so many pairs not yet told apart are gone through one by one."""
MANY = 2000
"""Above so many units the step-down stops after its second step, which is cautious."""
WIDEST = 2048
"""A pruned search gives up at so many candidates and takes the bound, which is cautious."""


def simultaneous_critical(
    x: Floats, se: Floats, rng: np.random.Generator, level: float, draws: int
) -> tuple[Ints, Ints, float]:
    """Count for each unit those surely above and surely below it, right for all pairs at once.

    Step-down: pairs told apart leave the maximum, the critical value falls, until no pair follows.
    """
    noise = _Noise(se, rng, draws)
    apart = None
    while True:
        largest = noise.largest(x, apart)
        c = float(np.quantile(largest, level)) if len(largest) else 0.0
        above, below = _count(x, se, c)
        # a pair once told apart stays so: c only falls
        if apart is not None and int(above.sum()) == apart[1]:
            return above, below, c
        if len(x) > MANY and apart is not None:
            return above, below, c
        apart = (c, int(above.sum()))
        if apart[1] == 0:
            return above, below, c


def marginal_sets(
    x: Floats, se: Floats, units: Ints, rng: np.random.Generator, level: float, draws: int
) -> tuple[Ints, Ints]:
    """Count those surely above and below each of ``units``, right for that unit alone."""
    n = len(x)
    above, below = np.zeros(len(units), dtype=np.int64), np.zeros(len(units), dtype=np.int64)
    blocks = max(1, int(4e6 / n))
    for place, j in enumerate(units):
        scale = np.hypot(se[j], se)
        rest: Bools = (np.arange(n) != j) & (scale > 0)
        exact = (np.arange(n) != j) & (scale == 0)
        diff = x - x[j]
        active = rest.copy()
        ratios = []
        for start in range(0, draws, blocks):
            z = rng.standard_normal((min(blocks, draws - start), n)) * se
            ratios.append(np.abs(z[:, rest] - z[:, [j]]) / scale[rest])
        table = np.concatenate(ratios)
        told = np.zeros(n, dtype=bool)
        while True:
            columns = active[rest]
            if not columns.any():
                break
            c = np.quantile(table[:, columns].max(axis=1), level)
            new = active & (np.abs(diff) > c * scale)
            if not new.any():
                break
            told |= new
            active &= ~new
        told |= exact & (diff != 0)
        above[place] = int((told & (diff > 0)).sum())
        below[place] = int((told & (diff < 0)).sum())
    return above, below


def surely_above(x: Floats, se: Floats, rng: np.random.Generator, level: float, draws: int) -> Ints:
    """Count for each unit those surely above it: one-sided, right for all units at once.

    Of a pair told apart one direction is dropped and the other stays in the maximum.
    """
    i, j = np.triu_indices(len(x), 1)
    scale = np.hypot(se[i], se[j])
    keep = scale > 0
    a, b, s = i[keep], j[keep], scale[keep]
    gap = x[a] - x[b]
    seed = rng.integers(0, 2**63 - 1)
    told = np.zeros(len(a), dtype=bool)
    while len(a):
        again = np.random.default_rng(seed)
        largest = np.empty(draws)
        block = max(1, int(4e6 / max(len(a), 1)))
        for start in range(0, draws, block):
            z = again.standard_normal((min(block, draws - start), len(x))) * se
            ratio = (z[:, a] - z[:, b]) / s
            # what is left of a pair told apart: the lower one ahead of the higher one
            left = np.where(told, np.where(gap > 0, -ratio, ratio), np.abs(ratio))
            largest[start : start + len(z)] = left.max(axis=1)
        new = ~told & (np.abs(gap) > float(np.quantile(largest, level)) * s)
        if not new.any():
            break
        told |= new
    above = np.bincount(b[told & (gap > 0)], minlength=len(x))
    above += np.bincount(a[told & (gap < 0)], minlength=len(x))
    exact = ~keep & (x[i] != x[j])
    above += np.bincount(np.where(x[i] > x[j], j, i)[exact], minlength=len(x))
    return np.asarray(above, dtype=np.int64)


class _Noise:
    """Draws of the errors, and the largest standardised difference among pairs."""

    def __init__(self, se: Floats, rng: np.random.Generator, draws: int) -> None:
        self.se = se
        self.seed = rng.integers(0, 2**63 - 1)
        self.draws = draws

    def largest(self, x: Floats, apart: tuple[float, int] | None) -> Floats:
        """Largest ratio over the pairs not yet told apart, for each draw."""
        n = len(x)
        if n < 2 or not (self.se > 0).any():
            return np.empty(0)
        rng = np.random.default_rng(self.seed)  # the same draws in every step
        told = 0 if apart is None else apart[1]  # pairs told apart already
        if n <= DENSE or n * (n - 1) // 2 - told <= FEW_PAIRS:
            return self._dense(x, apart, rng)
        return self._pruned(x, apart, rng)

    def _dense(
        self, x: Floats, apart: tuple[float, int] | None, rng: np.random.Generator
    ) -> Floats:
        i, j, scale = self._open_pairs(x, apart)
        if len(i) == 0:
            return np.zeros(self.draws)
        out = np.empty(self.draws)
        block = max(1, int(4e6 / len(i)))
        for start in range(0, self.draws, block):
            z = rng.standard_normal((min(block, self.draws - start), len(x))) * self.se
            out[start : start + len(z)] = (np.abs(z[:, i] - z[:, j]) / scale).max(axis=1)
        return out

    def _open_pairs(self, x: Floats, apart: tuple[float, int] | None) -> tuple[Ints, Ints, Floats]:
        """Pairs not yet told apart, found block by block."""
        n, found = len(x), []
        block = max(1, int(4e6 / n))
        for start in range(0, n, block):
            rows = np.arange(start, min(start + block, n))
            scale = np.hypot(self.se[rows, None], self.se[None, :])
            keep = (scale > 0) & (rows[:, None] < np.arange(n)[None, :])
            if apart is not None:
                keep &= np.abs(x[rows, None] - x[None, :]) <= apart[0] * scale
            i, j = np.nonzero(keep)
            found.append((rows[i], j, scale[i, j]))
        i, j, scale = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return i, j, scale

    def _pruned(
        self, x: Floats, apart: tuple[float, int] | None, rng: np.random.Generator
    ) -> Floats:
        """Exact maximum from few candidates.

        ``|e_i − e_j|/sqrt(s_i² + s_j²) ≤ sqrt(z_i² + z_j²)``: a pair can only win when its two z
        are large, so the search starts with the largest and stops when no other pair can win.
        """
        out = np.empty(self.draws)
        for r in range(self.draws):
            z = rng.standard_normal(len(x))
            z[self.se == 0] = 0.0
            order = np.argsort(-np.abs(z))
            size, best = 32, 0.0
            while True:
                head = order[:size]
                e, s, v = z[head] * self.se[head], self.se[head], x[head]
                scale = np.hypot(s[:, None], s[None, :])
                open_pair = scale > 0
                np.fill_diagonal(open_pair, False)
                scale = np.where(open_pair, scale, 1.0)
                if apart is not None:
                    open_pair &= np.abs(v[:, None] - v[None, :]) <= apart[0] * scale
                ratio = np.where(open_pair, np.abs(e[:, None] - e[None, :]) / scale, 0.0)
                best = float(ratio.max())
                if size >= len(x):
                    break
                bound = z[order[0]] ** 2 + z[order[size]] ** 2
                if best**2 >= bound:
                    break
                if size >= WIDEST:
                    best = float(np.sqrt(bound))
                    break
                size = min(size * 2, len(x))
            out[r] = best
        return out


def _count(x: Floats, se: Floats, c: float) -> tuple[Ints, Ints]:
    """How many units lie surely above, and surely below, each unit."""
    n = len(x)
    above, below = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    block = max(1, int(4e6 / n))
    for start in range(0, n, block):
        part = slice(start, start + block)
        gap = x[None, :] - x[part, None]
        margin = c * np.hypot(se[None, :], se[part, None])
        above[part] = (gap > margin).sum(axis=1)
        below[part] = (-gap > margin).sum(axis=1)
    return above, below
