"""Where marks vary: generalisability studies, crossed random effects, many-facet Rasch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.scoring._frames import Floats, matrix, need, numbers, refuse

__all__ = ["crossed_effects", "d_study", "g_study", "many_facet_rasch"]


def g_study(
    scores: pd.DataFrame,
    *,
    unit: str = "community",
    assessor: str = "assessor",
    visit: str | None = None,
    score: str = "score",
) -> pd.DataFrame:
    """Split the variance of marks by unit, assessor and visit (generalisability study).

    Parameters
    ----------
    scores : DataFrame
        Fully crossed: one mark for every unit, assessor (and visit).
    unit, assessor, visit, score : str
        Column names; without ``visit`` the study has one facet.

    Returns
    -------
    DataFrame
        One row per component: ``item`` (``unit``, ``assessor``, ``unit:assessor`` …, ``residual``),
        ``statistic`` ``variance``, ``value`` (as estimated, even below zero; ``flags``
        ``negative``), ``share`` (of the total, negatives as 0), ``df``, ``mean_square``, ``n``.

    Raises
    ------
    InputError
        A cell empty or marked twice, fewer than two levels of anything.

    Notes
    -----
    Expected mean squares of the random model. Not for sheets with gaps: use
    :func:`crossed_effects`.

    References
    ----------
    Brennan (2001), Generalizability Theory, §3.3; Cronbach et al. (1972).
    """
    facets = [unit, assessor, *([visit] if visit else [])]
    need(scores, [*facets, score], of="scores")
    y = numbers(scores, score)
    codes, sizes = [], []
    for facet in facets:
        code, levels = pd.factorize(scores[facet], sort=True)
        codes.append(code)
        sizes.append(len(levels))
    if min(sizes) < 2:
        raise refuse("too-few", "每个侧面至少要有两个水平", "each facet needs at least two levels")
    cube = np.full(sizes, np.nan)
    cube[tuple(codes)] = y
    if len(scores) != cube.size or np.isnan(cube).any():
        raise refuse(
            "not-crossed",
            "概化研究要求完全交叉、每格恰有一个评分",
            "a generalisability study needs one mark in every cell",
            expected=str(cube.size),
            found=str(int((~np.isnan(y)).sum())),
        )
    names = ("unit", "assessor", "visit")[: len(facets)]
    effects = _mean_squares(cube, names)
    components = _solve(effects, dict(zip(names, sizes, strict=True)))
    total = sum(max(v, 0.0) for v in components.values())
    rows = []
    for key, value in components.items():
        label = "residual" if len(key) == len(names) else ":".join(key)
        rows.append({"item": label, "statistic": "variance", "value": value,
                     "share": max(value, 0.0) / total if total > 0 else np.nan,
                     "df": float(effects[key][1]), "mean_square": effects[key][0],
                     "flags": "negative" if value < 0 else "", "n": cube.size})  # fmt: skip
    return pd.DataFrame(rows).assign(unit="variance", method="scoring.g_study")


def _mean_squares(cube: Floats, names: Sequence[str]) -> dict[tuple[str, ...], tuple[float, int]]:
    """Mean square and degrees of freedom of every effect of a crossed design."""
    axes = range(cube.ndim)
    out: dict[tuple[str, ...], tuple[float, int]] = {}
    parts: dict[tuple[int, ...], Floats] = {(): np.asarray(cube.mean(keepdims=True))}
    subsets = sorted(
        (tuple(a for a in axes if mask >> a & 1) for mask in range(1, 2**cube.ndim)),
        key=lambda s: (len(s), s),
    )
    for kept in subsets:
        mean = cube.mean(axis=tuple(a for a in axes if a not in kept), keepdims=True)
        for lower, effect in parts.items():
            if set(lower) < set(kept):
                mean = mean - effect
        parts[kept] = mean
        df = int(np.prod([cube.shape[a] - 1 for a in kept]))
        repeat = cube.size / np.prod([cube.shape[a] for a in kept])
        out[tuple(names[a] for a in kept)] = (float(repeat * (mean**2).sum() / df), df)
    return out


def _solve(
    effects: dict[tuple[str, ...], tuple[float, int]], sizes: dict[str, int]
) -> dict[tuple[str, ...], float]:
    """Variance components: a mean square is the sum of all components that contain its effect."""
    keys = list(effects)
    a = np.zeros((len(keys), len(keys)))
    for i, effect in enumerate(keys):
        for j, component in enumerate(keys):
            if set(effect) <= set(component):
                a[i, j] = np.prod([sizes[n] for n in sizes if n not in component])
    values = np.linalg.solve(a, np.array([effects[k][0] for k in keys]))
    return {k: float(v) for k, v in zip(keys, values, strict=True)}


def d_study(
    components: pd.DataFrame, *, assessors: Sequence[int], visits: Sequence[int] = (1,)
) -> pd.DataFrame:
    """Say how exact a score would be with so many assessors and visits.

    Parameters
    ----------
    components : DataFrame
        Result of :func:`g_study`; a negative component counts as 0.
    assessors, visits : sequence of int
        Numbers to try.

    Returns
    -------
    DataFrame
        For each combination rows ``generalizability`` (relative: for ranking), ``dependability``
        (Phi, absolute: for a mark against a bound) and ``sem`` (absolute standard error, points);
        ``value``, ``assessors``, ``visits``.

    Notes
    -----
    All facets random. ``Eρ² = σ²_u/(σ²_u + σ²_δ)``, ``Φ = σ²_u/(σ²_u + σ²_Δ)``.

    References
    ----------
    Brennan (2001), Generalizability Theory, §4.1.
    """
    need(components, ("item", "value"), of="components")
    var = {str(k): max(float(v), 0.0)
           for k, v in zip(components["item"], components["value"], strict=True)}  # fmt: skip
    two = "visit" in var
    rows = []
    for a in assessors:
        for v in visits:
            if a < 1 or v < 1:
                raise refuse("too-few", "评分人数与次数至少为 1", "assessors and visits start at 1")
            each = a * v if two else a
            relative = var["residual"] / each
            absolute = var.get("assessor", 0.0) / a
            if two:
                relative += var["unit:assessor"] / a + var["unit:visit"] / v
                absolute += var["visit"] / v + var["assessor:visit"] / each
            absolute += relative
            top = var["unit"]
            with np.errstate(invalid="ignore"):
                figures = {"generalizability": np.float64(top) / (top + relative),
                           "dependability": np.float64(top) / (top + absolute),
                           "sem": float(np.sqrt(absolute))}  # fmt: skip
            rows += [{"statistic": k, "value": float(x), "assessors": a, "visits": v}
                     for k, x in figures.items()]  # fmt: skip
    return pd.DataFrame(rows).assign(method="scoring.d_study")


def crossed_effects(
    scores: pd.DataFrame,
    *,
    unit: str = "community",
    assessor: str = "assessor",
    score: str = "score",
) -> pd.DataFrame:
    """Fit ``score = mean + unit + assessor + error`` with random effects by REML.

    Parameters
    ----------
    scores : DataFrame
        One row per mark; gaps allowed.
    unit, assessor, score : str
        Column names.

    Returns
    -------
    DataFrame
        Rows ``variance`` (``item`` unit, assessor, residual), ``mean``, and ``effect`` per unit and
        assessor (``facet``; best linear unbiased prediction, shrunken): ``value``, ``n``.

    Raises
    ------
    InputError
        Fewer than two units or assessors, two marks in one cell.

    Notes
    -----
    REML by the penalised least squares form of Bates et al.; two parameters, found by Nelder-Mead
    from three starts. For balanced data it equals the mean squares where none is negative.

    References
    ----------
    Bates, Mächler, Bolker & Walker (2015), J. Stat. Softw. 67(1), §3.
    """
    from scipy import linalg, optimize

    table = matrix(scores, unit, assessor, score, of="scores")
    x = table.to_numpy(dtype=float)
    rows, cols = np.nonzero(~np.isnan(x))
    y = x[rows, cols]
    n_units, n_assessors = x.shape
    if min(x.shape) < 2 or len(y) < sum(x.shape):
        raise refuse("too-few", "评分太少", "too few marks for crossed effects")
    z = np.zeros((len(y), n_units + n_assessors))
    z[np.arange(len(y)), rows] = 1
    z[np.arange(len(y)), n_units + cols] = 1
    ones = np.ones(len(y))
    zz, zy, z1 = z.T @ z, z.T @ y, z.T @ ones

    def solve(theta: Floats) -> tuple[float, float, Floats, float]:
        scale = np.concatenate([np.full(n_units, theta[0]), np.full(n_assessors, theta[1])])
        inner = scale[:, None] * zz * scale + np.eye(len(scale))
        factor = linalg.cho_factor(inner, lower=True)
        a, b = linalg.cho_solve(factor, scale * zy), linalg.cho_solve(factor, scale * z1)
        information = len(y) - (scale * z1) @ b
        mean = float((y.sum() - (scale * z1) @ a) / information)
        u = a - mean * b
        residual = y - mean - z @ (scale * u)
        penalised = float(residual @ residual + u @ u)
        log_det = 2 * float(np.log(np.diag(factor[0])).sum())
        df = len(y) - 1
        deviance = log_det + np.log(information) + df * (1 + np.log(2 * np.pi * penalised / df))
        return deviance, mean, scale * u, penalised / df

    starts = ([1.0, 1.0], [3.0, 0.5], [0.3, 2.0])
    fits = [
        optimize.minimize(lambda t: solve(np.abs(t))[0], s, method="Nelder-Mead",
                          options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 4000})
        for s in starts
    ]  # fmt: skip
    theta = np.abs(min(fits, key=lambda f: float(f.fun)).x)
    _, mean, effects, sigma2 = solve(theta)
    out: list[dict[str, Any]] = [
        {"statistic": "variance", "item": "unit", "value": theta[0] ** 2 * sigma2},
        {"statistic": "variance", "item": "assessor", "value": theta[1] ** 2 * sigma2},
        {"statistic": "variance", "item": "residual", "value": sigma2},
        {"statistic": "mean", "item": "", "value": mean},
    ]
    for facet, names, part in (("unit", table.index, effects[:n_units]),
                               ("assessor", table.columns, effects[n_units:])):  # fmt: skip
        out += [{"statistic": "effect", "facet": facet, "item": str(n), "value": float(v)}
                for n, v in zip(names, part, strict=True)]  # fmt: skip
    return pd.DataFrame(out).assign(n=len(y), method="scoring.crossed_effects")


def many_facet_rasch(
    marks: pd.DataFrame,
    *,
    unit: str = "community",
    assessor: str = "assessor",
    items: Sequence[str],
    nodes: int = 61,
) -> pd.DataFrame:
    """Fit a many-facet rating-scale Rasch model by marginal maximum likelihood.

    Parameters
    ----------
    marks : DataFrame
        One row per unit and assessor, one column per item with marks 0, 1, …, K (gaps allowed).
    unit, assessor : str
        Column names.
    items : sequence of str
        Item columns.
    nodes : int
        Quadrature points over ±6 standard deviations.

    Returns
    -------
    DataFrame
        Rows ``severity`` (per assessor, logit, positive = severe; they sum to zero), ``difficulty``
        (per item), ``step`` (per threshold; they sum to zero), ``ability_variance``,
        ``reliability`` (EAP), ``ability`` (per unit: EAP, with ``std_error``).

    Raises
    ------
    InputError
        Marks that are no whole numbers from 0, a category nobody used, fewer than two assessors.

    Notes
    -----
    ``log P(k)/P(k − 1) = θ − item − assessor − step_k``, θ ~ N(0, σ²). Joint maximum likelihood is
    biased outwards and not offered. Not where assessors use the scale in different ways.

    References
    ----------
    Linacre (1989), Many-Facet Rasch Measurement; Bock & Aitkin (1981), Psychometrika 46, 443-459.
    """
    from scipy import optimize

    need(marks, (unit, assessor, *items), of="marks")
    x = np.column_stack([numbers(marks, i) for i in items])
    seen = x[~np.isnan(x)]
    top = int(seen.max()) if len(seen) else 0
    used = np.unique(seen)
    if len(seen) == 0 or (seen < 0).any() or (seen % 1 != 0).any() or len(used) != top + 1:
        raise refuse(
            "category",
            "评分应为从 0 起的整数，且每一档都有人使用",
            "marks must be whole numbers from 0, and every category used",
            found=", ".join(f"{v:g}" for v in used[:20]),
        )
    u, units = pd.factorize(marks[unit], sort=True)
    a, assessors = pd.factorize(marks[assessor], sort=True)
    if len(assessors) < 2 or top < 1:
        raise refuse("too-few", "至少需要两名评分人", "at least two assessors are needed")
    row, item = np.nonzero(~np.isnan(x))
    k = x[row, item].astype(int)
    u, a = u[row], a[row]
    grid = np.linspace(-6, 6, nodes)
    prior = np.exp(-(grid**2) / 2)
    prior = prior / prior.sum()
    sizes = (len(items), len(assessors) - 1, top - 1)
    steps = np.arange(top + 1)

    def unpack(p: Floats) -> tuple[Floats, Floats, Floats, float]:
        cut = np.cumsum(sizes)
        b, g, t = p[: cut[0]], p[cut[0] : cut[1]], p[cut[1] : cut[2]]
        return b, np.append(g, -g.sum()), np.append(t, -t.sum()), float(np.exp(p[-1]))

    def posterior(p: Floats) -> tuple[Floats, Floats, Floats, float]:
        b, g, t, sigma = unpack(p)
        shift = b[item] + g[a]
        logit = steps * (sigma * grid[None, :, None] - shift[:, None, None])
        logit = logit - np.concatenate([[0.0], np.cumsum(t)])
        logit -= logit.max(axis=2, keepdims=True)
        prob = np.exp(logit)
        prob /= prob.sum(axis=2, keepdims=True)
        log_p = np.log(prob[np.arange(len(k)), :, k])
        by_unit = np.zeros((len(units), nodes))
        np.add.at(by_unit, u, log_p)
        peak = by_unit.max(axis=1, keepdims=True)
        like = np.exp(by_unit - peak) * prior
        total = like.sum(axis=1)
        return like / total[:, None], prob, grid * sigma, float((np.log(total) + peak[:, 0]).sum())

    def objective(p: Floats) -> tuple[float, Floats]:
        weight, prob, _, log_like = posterior(p)
        sigma = float(np.exp(p[-1]))
        w = weight[u]
        score = k[:, None] - prob @ steps  # d log P / d θ
        each = (w * score).sum(axis=1)
        d_item = -np.bincount(item, each, minlength=len(items))
        d_assessor = -np.bincount(a, each, minlength=len(assessors))
        at_least = np.cumsum(prob[:, :, ::-1], axis=2)[:, :, ::-1][:, :, 1:]
        passed = (k[:, None] >= steps[1:]).astype(float)
        d_step = -(passed - np.einsum("rq,rqh->rh", w, at_least)).sum(axis=0)
        d_sigma = float((w * score * grid).sum()) * sigma
        gradient = np.concatenate(
            [d_item, d_assessor[:-1] - d_assessor[-1], d_step[:-1] - d_step[-1], [d_sigma]]
        )
        return -log_like, -gradient

    fit = optimize.minimize(objective, np.zeros(sum(sizes) + 1), jac=True, method="L-BFGS-B",
                            options={"maxiter": 500, "ftol": 1e-12, "gtol": 1e-6})  # fmt: skip
    b, g, t, sigma = unpack(fit.x)
    weight, _, theta, _ = posterior(fit.x)
    eap = weight @ theta
    variance = weight @ theta**2 - eap**2
    reliability = float(eap.var() / (eap.var() + variance.mean()))
    rows: list[dict[str, Any]] = []
    for name, labels, values in (
        ("severity", [str(v) for v in assessors], g),
        ("difficulty", [str(v) for v in items], b),
        ("step", [str(v) for v in steps[1:]], t),
    ):
        rows += [{"statistic": name, "item": n, "value": float(v)}
                 for n, v in zip(labels, values, strict=True)]  # fmt: skip
    rows.append({"statistic": "ability_variance", "item": "", "value": sigma**2})
    rows.append({"statistic": "reliability", "item": "", "value": reliability})
    rows += [{"statistic": "ability", "item": str(n), "value": float(m), "std_error": float(s)}
             for n, m, s in zip(units, eap, np.sqrt(variance), strict=True)]  # fmt: skip
    status = "ok" if bool(fit.success) else "low_precision"
    return pd.DataFrame(rows).assign(unit="logit", n=len(k), status=status,
                                     method="scoring.many_facet_rasch")  # fmt: skip
