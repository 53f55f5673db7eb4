"""A series around a date: segmented regression with season and AR(1), counts, break search."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from workbench.change._frames import check_level, not_computed, problem, refuse, row, table
from workbench.change._means import mean_difference
from workbench.change.autocorrelation import gls, integrated, newey_west
from workbench.change.rates import _poisson
from workbench.errors import InputError

__all__ = ["break_search", "segmented", "segmented_counts", "structural"]

Array = np.ndarray[Any, Any]
# Turner et al. (2021), BMC Med Res Methodol 21:181: least squares below, REML from here on
SMALL_SERIES = 12


@dataclass(frozen=True)
class _Series:
    y: Array
    t: Array
    post: Array
    X: Array  # constant, trend, level, slope, harmonics
    start: float


def _series(
    data: pd.DataFrame, value: str, time: str, start: float, harmonics: int, period: float
) -> _Series:
    for name in (value, time):
        if name not in data.columns:
            refuse(
                "column", "缺少所需的列", "a column is missing", "补上该列", "add it", column=name
            )
    frame = data[[time, value]].sort_values(time)
    t = frame[time].to_numpy(dtype=float)
    y = frame[value].to_numpy(dtype=float)
    found = []
    if np.isnan(y).any():
        at = t[np.isnan(y)][0]
        found.append(
            problem(
                "missing",
                "序列中有缺失的值",
                "a value of the series is missing",
                "补上该月；没有记录与零不同",
                "fill the month; no record is not zero",
                column=value,
                found=f"{time} = {at:g}",
            )
        )
    steps = np.diff(t)
    if len(steps) and (steps == 0).any():
        found.append(
            problem(
                "duplicate",
                "同一时点出现两次",
                "a time appears twice",
                "每个时点一行",
                "one row per time",
                column=time,
                found=f"{t[:-1][steps == 0][0]:g}",
            )
        )
    elif len(steps) and (np.abs(steps - steps[0]) > 1e-9).any():
        at = t[1:][np.abs(steps - np.median(steps)) > 1e-9][0]
        found.append(
            problem(
                "gap",
                "序列有缺口",
                "the series has a gap",
                "补上缺失的时点",
                "fill the missing times",
                column=time,
                found=f"before {time} = {at:g}",
            )
        )
    if not len(t) or not t[0] < start <= t[-1]:
        span = f"{t[0]:g} to {t[-1]:g}" if len(t) else "no rows"
        found.append(
            problem(
                "date",
                "干预日期不在序列之内",
                "the date lies outside the series",
                "核对日期",
                "check the date",
                column=time,
                expected=span,
                found=f"{start:g}",
            )
        )
    if found:
        raise InputError(*found)
    post = (t >= start).astype(float)
    return _Series(y, t, post, _design(t, start, harmonics, period), start)


def _design(t: Array, start: float, harmonics: int, period: float) -> Array:
    """Give the columns constant, trend, level, slope and harmonics (n, 4 + 2 * harmonics)."""
    post = (t >= start).astype(float)
    since = np.where(post > 0, t - start + 1, 0.0)
    columns = [np.ones(len(t)), t, post, since]
    for h in range(1, harmonics + 1):
        angle = 2 * np.pi * h * t / period
        columns += [np.cos(angle), np.sin(angle)]
    return np.column_stack(columns)


def segmented(
    data: pd.DataFrame,
    *,
    value: str,
    time: str,
    start: float,
    harmonics: int = 1,
    period: float = 12,
    lags: int = 3,
    at: float | None = None,
    level: float = 0.95,
    unit: str = "score",
) -> pd.DataFrame:
    """Fit level and slope change at a date, with season and autocorrelation.

    Parameters
    ----------
    data
        One row per equally spaced time.
    value, time
        Columns; ``time`` counts periods (month number).
    start
        First time after the change.
    harmonics, period
        Pairs of annual sine and cosine, and the length of the season; 0 = no season.
    lags
        Lags of Newey-West and Breusch-Godfrey.
    at
        Time at which the effect against the continued trend is wanted; ``None``: the last.
    level, unit
        Confidence level and unit of the value.

    Returns
    -------
    pandas.DataFrame
        ``level`` and ``slope`` (change per period) by ``change.its.ols``, ``.newey_west``,
        ``.newey_west_adjusted``, ``.gls_ml`` and ``.gls_reml`` (AR(1)), ``effect`` at ``at``;
        ``phi`` and ``loglik``; ``durbin_watson``, ``breusch_godfrey``; ``naive_difference``
        (Welch of the means, for contrast). ``preferred`` is ``change.its.integrated``: the REML
        estimate (OLS below 12 points) with an interval that does not take phi as known. Fewer
        than 3 points on a side, or a series without error: ``not_computed``.

    Raises
    ------
    InputError
        All together: missing values, gaps, doubled times, a date outside the series.

    Notes
    -----
    y = b0 + b1 t + b2 [t >= start] + b3 (t - start + 1)+ + season. The likelihood is profiled
    over phi. Durbin-Watson is printed and decides nothing.

    References
    ----------
    Bernal, Cummins and Gasparrini (2017); Turner et al. (2021) BMC Med Res Methodol 21:181;
    Pinheiro and Bates (2000) ch. 5; Newey and West (1987).
    """
    fit = Fit(
        data, value=value, time=time, start=start, harmonics=harmonics, period=period, lags=lags,
        at=at, level=level, unit=unit,
    )  # fmt: skip
    if not fit.enough:
        return table(fit.too_short(name) for name in ("level", "slope"))
    rows: list[dict[str, Any]] = []
    for statistic in ("level", "slope", "effect"):
        rows += [fit.line(statistic, name) for name in ("ols", "newey_west", "newey_west_adjusted")]
        rows += [fit.line(statistic, name) for name in ("gls_ml", "gls_reml")]
        rows.append(fit.honest(statistic))
    for name, (phi, _, _, loglik) in (("gls_ml", fit.ml), ("gls_reml", fit.reml)):
        method = f"change.its.{name}"
        rows.append(row("phi", phi, method=method, **{**fit.common, "unit": "correlation"}))
        rows.append(row("loglik", loglik, method=method, **{**fit.common, "unit": "loglik"}))
    return table([*rows, *_diagnostics(fit.s, fit.e, lags, fit.common), fit.naive()])


class Fit:
    """What :func:`segmented` puts together, one by one: what nobody asks for is not computed.

    Parameters are those of :func:`segmented`, which says what they mean and what raises.
    """

    def __init__(
        self,
        data: pd.DataFrame,
        *,
        value: str,
        time: str,
        start: float,
        harmonics: int = 1,
        period: float = 12,
        lags: int = 3,
        at: float | None = None,
        level: float = 0.95,
        unit: str = "score",
    ) -> None:
        check_level(level)
        self.s = s = _series(data, value, time, start, harmonics, period)
        n, k = s.X.shape
        before, after = int((s.post == 0).sum()), int(s.post.sum())
        self.common: dict[str, Any] = {
            "unit": unit,
            "level": level,
            "n": n,
            "n_before": before,
            "n_after": after,
        }
        self.df, self.lags = n - k, lags
        self.end = s.t[-1] if at is None else at
        self.bread = np.linalg.pinv(s.X.T @ s.X)
        self.beta = self.bread @ (s.X.T @ s.y)
        self.e = s.y - s.X @ self.beta
        exact = float(self.e @ self.e) <= 1e-20 * float(s.y @ s.y)
        self.enough = min(before, after) >= 3 and n > k and not exact
        """Whether there is anything to fit; if not, there is only :meth:`too_short`."""

    def too_short(self, statistic: str) -> dict[str, Any]:
        """Give the row of a series that is not ``enough``."""
        return not_computed(
            statistic,
            "日期前后各须至少 3 个时点，多于系数个数，且数值不得恰好落在直线上",
            "at least 3 points on each side of the date are needed, more than there are "
            "coefficients, with some error about the lines",
            method="change.its.integrated",
            preferred=True,
            **self.common,
        )

    @cached_property
    def ml(self) -> tuple[float, Array, Array, float]:
        """The AR(1) fit by maximum likelihood."""
        return gls(self.s.X, self.s.y, False)

    @cached_property
    def reml(self) -> tuple[float, Array, Array, float]:
        """The AR(1) fit by restricted maximum likelihood."""
        return gls(self.s.X, self.s.y, True)

    @cached_property
    def _newey_west(self) -> Array:
        return newey_west(self.s.X, self.e, self.bread, self.lags)

    def _contrast(self, statistic: str) -> Array:
        k = self.s.X.shape[1]
        if statistic != "effect":
            return np.asarray(np.eye(k)[2 if statistic == "level" else 3])
        reach = np.zeros(k)
        reach[2], reach[3] = 1.0, self.end - self.s.start + 1
        return reach

    def _when(self, statistic: str) -> dict[str, Any]:
        return {"time": self.end} if statistic == "effect" else {}

    def line(self, statistic: str, name: str) -> dict[str, Any]:
        """Give the row of ``level``, ``slope`` or ``effect`` by ``change.its.<name>``."""
        n, beta = len(self.e), self.beta
        if name == "ols":
            V = self.bread * float(self.e @ self.e) / self.df
        elif name == "newey_west":
            V = self._newey_west
        elif name == "newey_west_adjusted":
            V = self._newey_west * n / self.df
        else:
            _, beta, V, _ = {"gls_ml": self.ml, "gls_reml": self.reml}[name]
        c, method = self._contrast(statistic), f"change.its.{name}"
        made = _line(statistic, c, beta, V, self.df, method, self.common)
        return made | self._when(statistic)

    def honest(self, statistic: str) -> dict[str, Any]:
        """Give the preferred row of ``level``, ``slope`` or ``effect``.

        The estimate keeps the rule for small series, the interval does not take phi as known.
        """
        centre = self.beta if len(self.e) < SMALL_SERIES else self.reml[1]
        c, method = self._contrast(statistic), "change.its.integrated"
        made = _honest(statistic, c, centre, self.s.X, self.s.y, method, self.common)
        return made | self._when(statistic)

    def naive(self) -> dict[str, Any]:
        """Give the difference of the plain means, for contrast."""
        return _naive(self.s, self.common)


def _line(
    statistic: str,
    c: Array,
    beta: Array,
    V: Array,
    df: int,
    method: str,
    common: dict[str, Any],
) -> dict[str, Any]:
    b, se = float(c @ beta), math.sqrt(float(c @ V @ c))
    level = common["level"]
    q, inner = (float(special.stdtrit(df, p)) for p in (0.5 + level / 2, level))
    return row(
        statistic,
        b,
        method=method,
        std_error=se,
        ci_low=b - q * se,
        ci_high=b + q * se,
        inner_low=b - inner * se,
        inner_high=b + inner * se,
        df=df,
        test_statistic=b / se,
        p_value=float(2 * special.stdtr(df, -abs(b / se))),
        preferred=False,
        **common,
    )


def _honest(
    statistic: str,
    c: Array,
    beta: Array,
    X: Array,
    y: Array,
    method: str,
    common: dict[str, Any],
) -> dict[str, Any]:
    """Give an estimate with the interval that does not take the autocorrelation as known."""
    made: dict[str, Any] = {**integrated(X, y, c, level=common["level"])}
    return row(statistic, float(c @ beta), method=method, preferred=True, **made, **common)


def _diagnostics(s: _Series, e: Array, lags: int, common: dict[str, Any]) -> list[dict[str, Any]]:
    n = len(e)
    dw = float((np.diff(e) ** 2).sum() / (e @ e))
    lagged = np.column_stack([np.r_[np.zeros(lag), e[:-lag]] for lag in range(1, lags + 1)])
    Z = np.column_stack([s.X, lagged])
    fitted = Z @ np.linalg.lstsq(Z, e, rcond=None)[0]
    chi2 = n * float(fitted @ fitted) / float(e @ e)
    more = {**common, "method": "change.its.ols"}
    return [
        row("durbin_watson", dw, **{**more, "unit": "ratio"}),
        row(
            "breusch_godfrey",
            chi2,
            df=lags,
            p_value=float(stats.chi2.sf(chi2, lags)),
            **{**more, "unit": "chi2"},
        ),
    ]


def _naive(s: _Series, common: dict[str, Any]) -> dict[str, Any]:
    early, late = s.y[s.post == 0], s.y[s.post == 1]
    test = mean_difference(early, late, level=common["level"])
    more: dict[str, Any] = {k: v for k, v in test.items() if not k.startswith(("inner", "value"))}
    return row(
        "naive_difference",
        test["value"],
        method="change.welch",
        before=float(early.mean()),
        after=float(late.mean()),
        **more,
        **common,
    )


def segmented_counts(
    data: pd.DataFrame,
    *,
    count: str,
    exposure: str,
    time: str,
    start: float,
    harmonics: int = 1,
    period: float = 12,
    lags: int = 3,
    level: float = 0.95,
) -> pd.DataFrame:
    """Fit level and slope change of a count series with exposure.

    Parameters
    ----------
    data, time, start, harmonics, period, lags, level
        As for :func:`segmented`.
    count, exposure
        Columns: counts from 0, exposure above 0.

    Returns
    -------
    pandas.DataFrame
        ``level`` and ``slope`` on the log scale by ``change.its.poisson``, ``.quasi``,
        ``.poisson_newey_west`` and ``.counts_integrated`` (``preferred``: dispersion and AR(1)
        of the scaled residuals, not taken as known); ``dispersion``; ``avoided``: events fewer than
        the continued trend would have given, with a delta-method error from Newey-West.

    References
    ----------
    Bernal, Cummins and Gasparrini (2017) §3; Schwartz et al. (1996) for overdispersed series.
    """
    check_level(level)
    s = _series(data, count, time, start, harmonics, period)
    frame = data.sort_values(time)
    size = frame[exposure].to_numpy(dtype=float)
    if not (size > 0).all() or (s.y < 0).any():
        refuse(
            "exposure",
            "暴露量须大于零，计数不得为负",
            "exposure is above zero and counts are not negative",
            "核对户数与计数",
            "check households and counts",
            column=exposure,
        )
    n, k = s.X.shape
    offset = np.log(size)
    if s.y.sum() == 0 or n <= k:
        return table(
            [
                not_computed(
                    "level",
                    "没有事件或时点太少",
                    "no event, or too few times",
                    unit="log_ratio",
                    method="change.its.poisson",
                )
            ]
        )
    beta, mu = _poisson(s.X, s.y, offset)
    A = np.linalg.inv(s.X.T @ (mu[:, None] * s.X))
    phi = float((((s.y - mu) ** 2) / mu).sum()) / (n - k)
    hac = newey_west(s.X, s.y - mu, A, lags)
    common: dict[str, Any] = {"unit": "log_ratio", "level": level, "n": n}
    rows = []
    for name, V in (("poisson", A), ("quasi", A * phi), ("poisson_newey_west", hac)):
        for statistic, at in (("level", 2), ("slope", 3)):
            c = np.eye(k)[at]
            rows.append(_line(statistic, c, beta, V, n - k, f"change.its.{name}", common))
    # AR(1) in the scaled residuals of the fit, its correlation integrated over
    root = np.sqrt(mu)
    scaled = root[:, None] * s.X, root * (s.X @ beta + (s.y - mu) / mu)
    for statistic, at in (("level", 2), ("slope", 3)):
        key = "change.its.counts_integrated"
        rows.append(_honest(statistic, np.eye(k)[at], beta, *scaled, key, common))
    plain = s.X.copy()
    plain[:, 2:4] = 0.0
    other = np.exp(plain @ beta + offset)
    late = s.post == 1
    avoided = float((other - mu)[late].sum())
    gradient = (other[late, None] * plain[late] - mu[late, None] * s.X[late]).sum(axis=0)
    se = math.sqrt(float(gradient @ hac @ gradient))
    q = float(stats.t.ppf(0.5 + level / 2, n - k))
    rows += [
        row("dispersion", phi, method="change.its.quasi", **{**common, "unit": "ratio"}),
        row(
            "avoided",
            avoided,
            method="change.its.poisson",
            std_error=se,
            ci_low=avoided - q * se,
            ci_high=avoided + q * se,
            **{**common, "unit": "count"},
        ),
    ]
    return table(rows)


def structural(
    data: pd.DataFrame,
    *,
    value: str,
    time: str,
    start: float,
    covariates: tuple[str, ...] = (),
    level: float = 0.95,
    unit: str = "score",
) -> pd.DataFrame:
    """Forecast what would have been by a local-level model fitted before the date.

    Parameters
    ----------
    data, value, time, start, level, unit
        As for :func:`segmented`.
    covariates
        Columns of comparison series that the change did not touch.

    Returns
    -------
    pandas.DataFrame
        ``average_effect`` per period after the date, by maximum likelihood. Fewer than 8 points
        before: ``not_computed``.

    References
    ----------
    Harvey (1989) ch. 2-4; Brodersen et al. (2015) for the use of comparison series.
    """
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    check_level(level)
    s = _series(data, value, time, start, 0, 12)
    frame = data.sort_values(time)
    before, after = int((s.post == 0).sum()), int(s.post.sum())
    key = "change.its.structural"
    if before < 8 or np.ptp(s.y[:before]) == 0:
        return table(
            [
                not_computed(
                    "average_effect",
                    "之前不足 8 个时点",
                    "fewer than 8 points before",
                    unit=unit,
                    method=key,
                    n=len(s.y),
                )
            ]
        )
    other = frame[list(covariates)].to_numpy(dtype=float) if covariates else None
    early = None if other is None else other[:before]
    model = UnobservedComponents(s.y[:before], level="local level", exog=early)
    fitted = model.fit(disp=0, maxiter=500)
    late = None if other is None else other[before:]
    forecast = fitted.get_forecast(after, exog=late)
    mean = np.asarray(forecast.predicted_mean)
    gap = float((s.y[before:] - mean).mean())
    # covariance of the forecast mean: paths share the level, so errors are not independent
    sims = _forecast_covariance(fitted, after)
    se = math.sqrt(float(sims.sum()) / after**2)
    z = float(stats.norm.ppf(0.5 + level / 2))
    return table(
        [
            row(
                "average_effect",
                gap,
                unit=unit,
                method=key,
                before=float(mean.mean()),
                after=float(s.y[before:].mean()),
                std_error=se,
                ci_low=gap - z * se,
                ci_high=gap + z * se,
                level=level,
                p_value=float(2 * stats.norm.sf(abs(gap / se))) if se > 0 else math.nan,
                n=len(s.y),
            )
        ]
    )


def _forecast_covariance(fitted: Any, steps: int) -> Array:
    names = list(fitted.model.param_names)
    noise = float(fitted.params[names.index("sigma2.irregular")])
    drift = float(fitted.params[names.index("sigma2.level")])
    last = float(fitted.predicted_state_cov[0, 0, -1])
    h = np.arange(steps)
    return last + drift * np.minimum(h[:, None], h[None, :]) + noise * np.eye(steps)


def break_search(
    data: pd.DataFrame,
    *,
    value: str,
    time: str,
    start: float,
    harmonics: int = 1,
    period: float = 12,
    edge: int = 4,
) -> pd.DataFrame:
    """Find the date that fits best, beside the one that is claimed.

    Parameters
    ----------
    data, value, time, start, harmonics, period
        As for :func:`segmented`.
    edge
        Points kept on either side of a candidate date.

    Returns
    -------
    pandas.DataFrame
        ``best_date`` and ``claimed_date`` with the residual sum of squares in ``rss`` and the rank
        of the claimed one; verdict ``failed`` when the claimed date is the best of all.
    """
    s = _series(data, value, time, start, harmonics, period)
    dates = s.t[edge : len(s.t) - edge + 1]
    if len(dates) < 2:
        return table(
            [
                not_computed(
                    "best_date",
                    "时点太少",
                    "too few points",
                    unit="time",
                    method="change.its.break",
                    n=len(s.t),
                )
            ]
        )
    fits = []
    for date in dates:
        X = _design(s.t, float(date), harmonics, period)
        residual = s.y - X @ np.linalg.lstsq(X, s.y, rcond=None)[0]
        fits.append(float(residual @ residual))
    best = int(np.argmin(fits))
    own = s.y - s.X @ np.linalg.lstsq(s.X, s.y, rcond=None)[0]
    rss = float(own @ own)
    rank = 1 + int(sum(f < rss - 1e-9 for f in fits))
    return table(
        [
            row(
                "best_date",
                float(dates[best]),
                unit="time",
                method="change.its.break",
                rss=fits[best],
                n=len(s.t),
            ),
            row(
                "claimed_date",
                float(start),
                unit="time",
                method="change.its.break",
                rss=rss,
                rank=rank,
                n=len(s.t),
                verdict="failed" if rank == 1 else "passed",
            ),
        ]
    )
