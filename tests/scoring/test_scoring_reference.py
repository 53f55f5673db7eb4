"""All reference figures of ../shared/reference/scoring, through the public functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench import scoring

pytestmark = pytest.mark.shared

COUNTS = {
    "aggregation": 30, "agreement": 61, "ahp": 36, "denomination": 2, "funnel": 34, "fuzzy": 18,
    "generalisability": 16, "grey_relation": 2, "imputation": 3, "inequality": 14, "ipa": 13,
    "many_facet_rasch": 12, "matching": 5, "monitoring": 33, "normalisation": 24, "outliers": 28,
    "rank_sum_ratio": 2, "rank_uncertainty": 48, "ranks": 18, "records": 19, "robustness": 16,
    "sensitivity": 20, "severity": 20, "statistics": 13, "structure": 6, "topsis": 12,
    "uncertainty": 26, "unit_report": 4, "weights": 9, "weights_objective": 19,
}  # fmt: skip


class Tables:
    """The input data, read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: dict[str, object] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self.kept:
            types = {"month": str, "row": str, "col": str, "judgement": str}
            frame = pd.read_csv(self.folder / f"{name}.csv")
            self.kept[name] = frame.astype({k: t for k, t in types.items() if k in frame.columns})
        return self.kept[name]  # type: ignore[return-value]

    def once(self, name: str, make: Callable[[], object]):
        if name not in self.kept:
            self.kept[name] = make()
        return self.kept[name]


@pytest.fixture(scope="module")
def tables(shared: Path) -> Tables:
    return Tables(shared / "reference" / "scoring" / "data")


@pytest.fixture(scope="module")
def reference(shared: Path) -> pd.DataFrame:
    folder = shared / "reference" / "scoring"
    figures = pd.read_csv(folder / "reference.csv", dtype=str, keep_default_na=False)
    bounds = pd.read_csv(folder / "tolerances.csv", dtype=str, keep_default_na=False)
    return figures.merge(bounds, on="case_id", validate="one_to_one")


# ---------------------------------------------------------------- composite


class Communities:
    """The bundled composite: indicators, dimensions, the variants P1 to P6."""

    def __init__(self, t: Tables) -> None:
        meta = t["indicators"].set_index("indicator")
        self.meta = meta
        raw = t["communities"].set_index("community_id")
        self.raw = raw[list(meta.index)]
        self.directions = meta["direction"].to_dict()
        self.imputed, _ = scoring.impute_group_mean(self.raw, raw["type"])
        self.treated, self.treatment = scoring.treat_outliers(self.imputed)
        d = t["dimensions"].set_index("dimension")["weight"]
        self.dimensions = d.to_dict()
        self.tree = pd.concat(
            [
                pd.DataFrame({"node": meta.index, "parent": meta["dimension"].to_numpy(),
                              "weight": meta["weight"].to_numpy()}),
                pd.DataFrame({"node": d.index, "parent": "Index", "weight": d.to_numpy()}),
            ]
        )  # fmt: skip
        posts = meta.rename(columns={"goalpost_low": "low", "goalpost_high": "high"})
        self.posts = posts[["low", "high"]]

    def normal(self, table: pd.DataFrame, scale: str, **more: object) -> pd.DataFrame:
        return scoring.normalise(table, scale, directions=self.directions, **more)

    def scores(self, variant: str) -> pd.DataFrame:
        mm = {"P2": "geometric", "P5": "harmonic", "P6": "copeland"}
        if variant == "P3":
            table = self.normal(self.raw, "goalposts", goalposts=self.posts)
        elif variant == "P4":
            table = self.normal(self.treated, "zscore")
        else:
            table = self.normal(self.treated, "minmax", low=1.0 if variant in ("P2", "P5") else 0.0)
        means = {"Index": mm[variant]} if variant in mm else {}
        return scoring.aggregate_tree(table, self.tree, means=means)

    def without(self, node: str) -> pd.Series:
        tree = self.tree.assign(
            weight=self.tree["weight"].where(self.tree["node"] != node, 0).astype(float)
        )
        return scoring.aggregate_tree(self.normal(self.treated, "minmax"), tree)["Index"]


class Asem:
    """The example pipeline of the composite-indicator package."""

    def __init__(self, t: Tables) -> None:
        meta = t["asem_imeta"]
        own = meta[meta["Type"] == "Indicator"].set_index("iCode")
        data = t["asem_idata"].set_index("uCode")
        self.raw = data[list(own.index)]
        per = own["Denominator"].dropna().to_dict()
        self.divided = scoring.denominate(self.raw, data[sorted(set(per.values()))], per)
        filled, _ = scoring.impute_group_mean(self.divided, data["EurAsia_group"])
        treated, self.treatment = scoring.treat_outliers(filled)
        tree = meta[meta["Parent"].notna()]
        self.tree = pd.DataFrame(
            {"node": tree["iCode"], "parent": tree["Parent"], "weight": tree["Weight"]}
        )
        directions = own["Direction"].astype(int).to_dict()
        normal = scoring.normalise(treated, "minmax", directions=directions)
        self.all = scoring.aggregate_tree(normal, self.tree)


def communities(t: Tables) -> Communities:
    return t.once("·communities", lambda: Communities(t))


def asem(t: Tables) -> Asem:
    return t.once("·asem", lambda: Asem(t))


def variant(t: Tables, name: str) -> pd.DataFrame:
    return t.once(f"·{name}", lambda: communities(t).scores(name))


def statistics(r: pd.Series, t: Tables) -> float:
    table = communities(t).raw if r["dataset"] == "communities" else asem(t).raw
    row = t.once(f"·mom{r['dataset']}", lambda: scoring.moments(table).set_index("item"))
    column = {"skew": "skewness", "kurt": "kurtosis", "frac_avail": "share_present"}
    return row.loc[r["unit"], column[r["statistic"]]]


def imputation(r: pd.Series, t: Tables) -> float:
    return communities(t).imputed.loc[r["unit"], r["statistic"].split()[-1]]


def outliers(r: pd.Series, t: Tables) -> float:
    name = r["unit"]
    if r["dataset"] == "asem":
        return asem(t).treatment.set_index("item").loc[name, "points"]
    own = communities(t)
    if "log_CT" in r["method"] and "at most 2" not in r["method"]:
        return scoring.moments(scoring.log_shifted(own.imputed[name]).to_frame())["skewness"].iloc[
            0
        ]
    table, report = own.treated, own.treatment
    if "at most 2" in r["method"]:
        table, report = scoring.treat_outliers(own.imputed, max_points=2)
        assert report.set_index("item").loc[name, "treatment"] == "log"
    if r["statistic"] == "points winsorised":
        return report.set_index("item").loc[name, "points"]
    if r["statistic"].startswith("skew"):
        return report.set_index("item").loc[name, "skewness"]
    return table[name].max()


def normalisation(r: pd.Series, t: Tables) -> float:
    own = communities(t)
    scale, more = {
        "min": ("minmax", {}),
        "z-s": ("zscore", {}),
        "goa": ("goalposts", {"goalposts": own.posts}),
        "dis": ("distance_to_target", {"targets": own.meta["target"].to_dict()}),
        "per": ("percentile_rank", {}),
        "Bor": ("borda", {}),
    }[r["method"][:3]]
    return own.normal(own.imputed, scale, **more).loc[r["unit"], r["statistic"].split()[-1]]


def aggregation(r: pd.Series, t: Tables) -> float:
    if r["dataset"] == "asem":
        return asem(t).all.loc[r["unit"], r["statistic"]]
    return variant(t, r["method"][:2]).loc[r["unit"], r["statistic"].replace("dimension ", "")]


def ranks(r: pd.Series, t: Tables) -> float:
    own = asem(t).all if r["dataset"] == "asem" else variant(t, r["method"][:2])
    return pd.Series(scoring.rank_of(own["Index"]), index=own.index)[r["unit"]]


def robustness(r: pd.Series, t: Tables) -> float:
    one = variant(t, "P1")["Index"]
    if "removed" in r["method"]:
        other = communities(t).without(r["unit"])
    else:
        other = variant(t, r["method"][-2:])["Index"]
    name = {"mean": "mean_shift", "larg": "largest_shift", "Spea": "spearman",
            "Kend": "kendall_tau_b"}[r["statistic"][:4]]  # fmt: skip
    return scoring.rank_shift(one, other).set_index("statistic")["value"][name]


def weights(r: pd.Series, t: Tables) -> float:
    if "PCA" in r["method"]:
        table = scoring.pca_weights(variant(t, "P1")[list("ABCD")])
        name = "explained" if "share" in r["statistic"] else "loading"
        return table[(table["statistic"] == name) & (table["item"] == r["unit"])]["value"].iloc[0]
    tree = (communities(t) if r["dataset"] == "communities" else asem(t)).tree
    return scoring.effective_weights(tree).set_index("item")["value"][r["unit"]]


def structure(r: pd.Series, t: Tables) -> float:
    own, p1 = communities(t), variant(t, "P1")
    if "correlation" in r["statistic"]:
        return p1[r["unit"]].corr(p1["Index"])
    names = own.meta.index
    if r["unit"]:
        names = names[own.meta["dimension"] == r["unit"]]
    return scoring.cronbach_alpha(p1[list(names)])


def unit_report(r: pd.Series, t: Tables) -> object:
    own = communities(t)
    table = scoring.strengths(own.normal(own.treated, "minmax"), r["unit"])
    row = table.iloc[0 if "best" in r["statistic"] else -1]
    return row["rank"] if r["statistic"].startswith("rank") else row["item"]


def denomination(r: pd.Series, t: Tables) -> float:
    return asem(t).divided.loc[r["unit"], r["statistic"]]


# ---------------------------------------------------------------- assessors


def wide(t: Tables, name: str) -> pd.DataFrame:
    frame = t[name]
    if "assessor" in frame.columns:
        return frame.pivot(index="unit", columns="assessor", values="score")
    return frame.set_index("unit")


def agreement(r: pd.Series, t: Tables) -> float:
    table, method, statistic = wide(t, r["dataset"]), r["method"], r["statistic"]
    if method.startswith("ICC"):
        name = f"icc_{method[4]}_{method[6]}"
        row = scoring.icc(table).set_index("statistic").loc[name]
        column = {"estimate": "value", "95% CI lower": "ci_low", "95% CI upper": "ci_high"}
        return row[column[statistic]]
    if method.startswith("Kendall"):
        row = scoring.kendall_w(table, ties="no tie" not in method).iloc[0]
        return row["value" if statistic == "W" else "chi_square"]
    if method == "Bland-Altman":
        row = scoring.bland_altman(table).set_index(["assessor_a", "assessor_b"]).loc[("R1", "R2")]
        column = {"bias": "value", "bias 95% CI lower": "ci_low"}
        if statistic in column:
            return row[column[statistic]]
        return row["limit_low" if statistic.startswith("lower") else "limit_high"]
    if method.startswith("Krippendorff"):
        metric = method.split(", ")[1]
        return scoring.krippendorff_alpha(table, metric=metric)["value"].iloc[0]
    if method.startswith("Cohen"):
        kind = {"unweighted": "unweighted", "equal": "linear", "squared": "quadratic"}
        frame = scoring.cohen_kappa(table, weighting=kind[method.split()[-1]])
        return frame.set_index(["assessor_a", "assessor_b"]).loc[("R1", "R2"), "value"]
    if method.startswith("Fleiss kappa") and "Gwet" not in method:
        row = scoring.fleiss_kappa(table).iloc[0]
        return row["value" if statistic == "kappa" else "z"]
    if method.startswith("percent"):
        if "tolerance" in method:
            frame = scoring.percent_agreement(table, tolerance=float(method[-1]))
            return 100 * frame.set_index("statistic")["value"]["all_agree"]
        return scoring.percent_agreement(table).set_index("statistic")["value"]["pairs_agree"]
    name = next(
        v for k, v in {"Gwet AC": "gwet_ac", "Brennan": "brennan_prediger",
                       "Fleiss": "fleiss_kappa_gwet"}.items() if method.startswith(k)
    )  # fmt: skip
    kind = next((k for k in ("quadratic", "ordinal") if k in method), "unweighted")
    row = scoring.chance_corrected(table, weighting=kind).set_index("statistic").loc[name]
    return row["value" if statistic == "coefficient" else "std_error"]


def generalisability(r: pd.Series, t: Tables) -> float:
    study = scoring.g_study(t["gstudy"], unit="unit", visit="visit")
    if r["statistic"] == "variance":
        return study.set_index("item")["value"][r["unit"]]
    a, v = (int(p.split()[0]) for p in r["unit"].split(", "))
    table = scoring.d_study(study, assessors=[a], visits=[v]).set_index("statistic")["value"]
    return table[
        {"gen": "generalizability", "dep": "dependability", "abs": "sem"}[r["statistic"][:3]]
    ]


def severity(r: pd.Series, t: Tables) -> float:
    frame = t["raters_incomplete"]
    if "REML" in r["method"]:
        table = t.once("·reml", lambda: scoring.crossed_effects(frame, unit="unit"))
        if r["statistic"] == "variance":
            own = table[table["statistic"] == "variance"].set_index("item")["value"]
            return own[r["unit"].lower()]
        own = table[(table["statistic"] == "effect") & (table["facet"] == "assessor")]
        return own.set_index("item")["value"][r["unit"]]
    table = scoring.severity(frame, unit="unit")
    name = {"asses": "assessor_effect", "raw m": "raw_mean", "sever": "adjusted_mean",
            "resid": "residual_sd", "mean ": "rank_shift", "F": "f_test"}  # fmt: skip
    statistic = name[r["statistic"][:5]]
    own = table[(table["statistic"] == statistic) & (table["item"] == r["unit"])]
    return own["value"].iloc[0]


def many_facet_rasch(r: pd.Series, t: Tables) -> float:
    def fit() -> pd.DataFrame:
        items = ["I1", "I2", "I3", "I4", "I5"]
        return scoring.many_facet_rasch(t["raters_items"], unit="unit", items=items)

    table = t.once("·rasch", fit)
    name = {"assess": "severity", "item d": "difficulty", "varian": "ability_variance",
            "EAP re": "reliability", "EAP ab": "ability"}[r["statistic"][:6]]  # fmt: skip
    return table[(table["statistic"] == name) & (table["item"] == r["unit"])]["value"].iloc[0]


# ---------------------------------------------------------------- ranks and funnels


def funnel(r: pd.Series, t: Tables) -> float:
    method, statistic, unit = r["method"], r["statistic"], r["unit"]
    if r["dataset"] == "complaints":
        table = t.once(
            "·ratios", lambda: scoring.funnel_ratios(t["complaints"]).set_index("community_id")
        )
        if statistic.split()[0] in ("phi", "tau2"):
            return table[statistic.split()[0]].iloc[0]
        side, width = statistic.split()
        column = f"{'high' if side == 'upper' else 'low'}_{'998' if '99.8' in width else '95'}"
        return table.loc[unit, column if "Poisson" in method else f"adjusted_{column}"]
    data = t["funnel"].rename(columns={"satisfied": "numerator", "respondents": "denominator"})
    table = scoring.funnel_proportions(data).set_index("community_id")
    if statistic == "target":
        return table["target"].iloc[0]
    if unit.startswith("n="):
        theta = float(table["target"].iloc[0])
        only = pd.DataFrame({"numerator": [1], "denominator": [int(unit[2:])]})
        row = scoring.funnel_proportions(only, target=theta).iloc[0]
        if "upper 95%" in statistic:
            return row["normal_high_95"]
        p = statistic.split("= ")[1]
        name = {"0.025": "low_95", "0.975": "high_95", "0.001": "low_998", "0.999": "high_998"}
        return row[name[p]]
    if statistic == "z":
        return table.loc[unit, "z"]
    if "outside" in statistic:
        name = f"outside_{'998' if '99.8' in statistic else '95'}"
        return table[f"adjusted_{name}" if "adjusted" in method else name].sum()
    if statistic.split()[0] in ("phi", "tau2"):
        return table[statistic.split()[0]].iloc[0]
    name = "adjusted_low_998" if statistic == "lower 99.8%" else "adjusted_high_95"
    return table.loc[unit, name]


def rank_uncertainty(r: pd.Series, t: Tables) -> float:
    frame, method, statistic = t["scores_se"], r["method"], r["statistic"]
    names = {"unit": "community_id", "score": "score", "std_error": "se"}

    def ranked() -> pd.DataFrame:
        return scoring.ranks(
            frame, rng=np.random.default_rng(11), draws=40_000, top=6, **names
        ).set_index("community_id")

    if method == "observed":
        return t.once("·ranked", ranked).loc[r["unit"], "rank"]
    if "simultaneous" in method:
        return t.once("·ranked", ranked).loc[
            r["unit"], "set_low" if statistic == "lower" else "set_high"
        ]
    if "marginal" in method:
        table = t.once(
            "·marginal",
            lambda: scoring.marginal_rank_sets(
                frame, rng=np.random.default_rng(12), draws=20_000,
                units=["S20", "S07", "S13", "S08", "S14"], **names
            ).set_index("community_id"),
        )  # fmt: skip
        return table.loc[r["unit"], "set_low" if statistic == "lower" else "set_high"]
    if "three" in method:
        table = scoring.best_set(
            frame, rng=np.random.default_rng(13), count=3, worst="worst" in method, draws=20_000,
            **names,
        )  # fmt: skip
        return (table["verdict"] == "met").sum()
    if method == "simulated rank":
        if "worst five" in statistic:
            low = frame.assign(score=-frame["score"])
            table = scoring.ranks(low, rng=np.random.default_rng(14), draws=20_000, top=5, **names)
            return table.set_index("community_id").loc[r["unit"], "p_top"]
        column = {"mean rank": "rank_mean", "2.5% quantile": "rank_low",
                  "97.5% quantile": "rank_high", "probability of being best": "p_first",
                  "probability of being in the top quarter": "p_top"}[statistic]  # fmt: skip
        return t.once("·ranked", ranked).loc[r["unit"], column]
    if method.startswith("pairs"):
        table = scoring.pairs_apart(frame, **names)
        if "Holm" in method:
            return (table["p_adjusted"] < 0.05).sum()
        return (table["p_value"] < 0.05).mean()
    if "shrunken" in method:
        return scoring.shrink(frame, **names).set_index("community_id").loc[r["unit"], "value"]
    kind = "reml" if "REML" in method else "dl"
    return scoring.between_variance(frame, estimator=kind, **names)["value"].iloc[0]


# ---------------------------------------------------------------- monitoring and records


def monitoring(r: pd.Series, t: Tables) -> object:
    statistic, unit = r["statistic"], r["unit"]
    if r["dataset"] == "series":
        frame = t["series"].rename(columns={"t": "period"})
        if statistic == "sd":
            return scoring.noise_sd(frame["value"])
        if "robust" in r["method"]:
            return np.abs(scoring.robust_z(frame["value"])).max()
        table = scoring.change_points(frame)
        assert len(table) == 3
        return table["last_index"].iloc[int(unit.split()[1]) - 1]
    if "rule" in r["method"]:
        if r["dataset"] == "monthly_orders":
            raw = t["monthly_orders"]
            series, bound = raw.assign(value=raw["on_time"] / raw["orders"]), 0.85
        else:
            raw = t["rule_months"]
            series, bound = raw.assign(value=raw["on_time_percent"]), 85
        series = series.assign(indicator="i", community=series["community_id"],
                               period=series["month"])  # fmt: skip
        rule = {"id": "W-04", "kind": "run", "indicator": "i", "operator": "<",
                "threshold": bound, "run": 3}  # fmt: skip
        table = scoring.warnings(series[series["community_id"] == unit], [rule])
        cards = table[table["verdict"] == "failed"]
        if statistic == "cards":
            return len(cards)
        return cards["period"].iloc[0] if len(cards) else "none"
    raw = t["monthly_orders"]
    own = raw[raw["community_id"] == unit].rename(
        columns={"month": "period", "on_time": "numerator", "orders": "denominator"}
    )
    chart = scoring.control_chart(own).set_index("period")
    if statistic == "centre line":
        return chart["centre"].iloc[0]
    if statistic.startswith("lower limit in 2024"):
        return chart.loc["2024-04", "low"]
    if statistic.startswith("months below"):
        return chart["below"].sum()
    if statistic == "lowest CUSUM":
        return chart["cusum_low"].min()
    if statistic == "first month signalled":
        return chart.index[chart["cusum_signal"] == "low"][0]
    if statistic.startswith("EWMA in"):
        return chart.loc["2025-06", "ewma"]
    if statistic == "lower limit in month 3":
        return chart["ewma_low"].iloc[2]
    return chart.index[chart["ewma_signal"] == "low"][0]


def records(r: pd.Series, t: Tables) -> float:
    method, statistic = r["method"], r["statistic"]
    if r["dataset"] == "activity_counts":
        counts = t["activity_counts"]["participants"]
        if method.startswith("first"):
            table = scoring.first_digits(counts).set_index("statistic")
            return table["value"].iloc[0 if statistic == "chi-square" else 1]
        table = scoring.digit_preference(counts).set_index("statistic")
        if "uniform" in method:
            return table.loc["chi_square", "value"]
        if statistic == "p-value":
            return table.loc["heaping", "p_value"]
        return table.loc["whipple" if statistic == "ratio" else "share_0_5", "value"]
    if r["dataset"] == "activity_texts":
        table = scoring.text_overlap(t["activity_texts"], key="record_id")
        if statistic != "similarity":
            return (table["verdict"] == "failed").sum()
        a, b = r["unit"].replace("records ", "").split(" and ")
        return table.set_index(["item_a", "item_b"]).loc[(a, b), "value"]
    table = scoring.surge(
        t["activities_monthly"].astype({"month": int}), unit="community_id", period="month",
        value="activities",
    ).set_index("community_id")  # fmt: skip
    if "flagged" in statistic:
        return (table["verdict"] == "failed").sum()
    return table.loc[r["unit"], "value" if statistic == "ratio" else "p_value"]


def inequality(r: pd.Series, t: Tables) -> float:
    frame, method, statistic = t["facilities"], r["method"], r["statistic"]
    value = "facility_area_per_100hh"
    gap = scoring.kind_gap(frame, value=value, kind="type").set_index("statistic")
    if "Welch" in method or "delta" in method:
        row = gap.loc["difference" if "Welch" in method else "ratio"]
        return row["ci_low" if "lower" in statistic else "ci_high"]
    if method.startswith("ratio of type"):
        return gap.loc["ratio", "value"]
    if method.startswith("gap"):
        return 100 * gap.loc["gap", "value"]
    table = scoring.inequality(frame, value=value, kind="type").set_index("statistic")["value"]
    name = {
        "Gini, no small-sample correction": "gini", "Gini, corrected n/(n-1)": "gini_corrected",
        "Theil T": "theil", "Atkinson, epsilon 0.5": "atkinson",
        "coefficient of variation (n-1)": "cv", "Theil T between types": "theil_between",
        "Theil T within types": "theil_within",
        "Theil T between as share of total": "theil_between_share",
    }[method]  # fmt: skip
    return table[name]


def matching(r: pd.Series, t: Tables) -> float:
    table = scoring.supply_demand(
        t["facilities"], unit="community_id", demand="cars", supply="parking_spaces"
    ).set_index(["statistic", "item"])["value"]
    if r["statistic"] == "LQ":
        return table[("location_quotient", r["unit"])]
    name = {"mean": "mean_ratio", "comm": "short", "D": "dissimilarity", "shar": "unmet_share"}
    return table[(name[r["statistic"][:4]], "")]


# ---------------------------------------------------------------- weights and decision methods


def ahp(r: pd.Series, t: Tables) -> float:
    frame = t["ahp_judgements"]
    names = r["dataset"].split(":")[1].split("+")
    own = frame[frame["matrix"].isin(names)]
    if len(names) > 1:
        how = "priorities" if "AIP" in r["method"] else "judgements"
        table = scoring.ahp_group(own, combine=how)
    else:
        how = "geometric" if "geometric" in r["method"] else "eigenvector"
        table = scoring.ahp(own, method=how)
    name = r["statistic"].replace(" ", "_")
    return table[(table["statistic"] == name) & (table["item"] == r["unit"])]["value"].iloc[0]


def matrix_of(t: Tables) -> tuple[pd.DataFrame, dict[str, int], pd.DataFrame]:
    table = t["decision_matrix"].set_index("alternative")
    directions = t["decision_criteria"].set_index("criterion")["direction"].to_dict()
    return table, directions, scoring.normalise(table, directions=directions, high=1.0)


def weights_objective(r: pd.Series, t: Tables) -> float:
    table, _, scaled = matrix_of(t)
    method = r["method"]
    if method.startswith("CRITIC"):
        out = scoring.critic_weights(scaled)
    elif method.startswith("coefficient"):
        out = scoring.variation_weights(table)
    elif "raw" in method:
        out = scoring.entropy_weights(table)
    else:
        out = scoring.entropy_weights(scaled + 0.01 if "shifted" in method else scaled)
    return out.set_index("item").loc[r["unit"], "entropy" if r["statistic"][-1] == "e" else "value"]


def topsis(r: pd.Series, t: Tables) -> float:
    table, directions, scaled = matrix_of(t)
    method, scale, weights = r["method"], "vector", None
    if method.startswith("min-max"):
        scale, weights = "minmax", scoring.shares_of(scoring.entropy_weights(scaled))
    elif "entropy" in method:
        weights = scoring.shares_of(scoring.entropy_weights(table))
    out = scoring.topsis(table, weights, directions=directions, scale=scale).set_index("item")
    return out.loc[r["unit"], "rank" if r["statistic"] == "rank" else "value"]


def grey_relation(r: pd.Series, t: Tables) -> float:
    table, directions, _ = matrix_of(t)
    out = scoring.grey_relation(table, directions=directions)
    return out.set_index("item")["value"][r["unit"]]


def rank_sum_ratio(r: pd.Series, t: Tables) -> float:
    table, directions, _ = matrix_of(t)
    out = scoring.rank_sum_ratio(table, directions=directions)
    return out.set_index("item")["value"][r["unit"]]


def fuzzy(r: pd.Series, t: Tables) -> object:
    frame = t["fuzzy_votes"].set_index("factor")
    kind = {"(.,+)": "weighted", "(min,max)": "min_max", "(.,max)": "product_max",
            "(min,bounded sum)": "min_bounded"}  # fmt: skip
    operator = next((v for k, v in kind.items() if k in r["method"]), "weighted")
    grades = {"excellent": 100, "good": 75, "fair": 50, "poor": 25}
    out = scoring.fuzzy_evaluation(
        frame.drop(columns="weight"), frame["weight"], operator=operator, grades=grades
    )
    if r["statistic"] == "grade":
        return out[out["statistic"] == "grade"]["item"].iloc[0]
    if r["statistic"] == "score":
        return out[out["statistic"] == "score"]["value"].iloc[0]
    own = out[out["statistic"] == "membership"].set_index("item")["value"]
    return own[r["unit"]]


def ipa(r: pd.Series, t: Tables) -> object:
    k = range(1, 8)
    items = pd.DataFrame(
        {"item": [f"item {i}" for i in k], "satisfaction": [f"s{i}" for i in k],
         "importance": [f"i{i}" for i in k]}
    )  # fmt: skip
    out = scoring.importance_performance(t["ipa"], items, overall="overall")
    table = out.set_index(["statistic", "item"])
    statistic, unit = r["statistic"], r["unit"]
    if statistic == "quadrant":
        return table.loc[("satisfaction", unit), "quadrant"]
    if r["method"] == "grand mean":
        return table.loc[(f"grand_{statistic or unit}", ""), "value"]
    if r["method"] == "derived importance":
        return table.loc[("derived_importance", unit), "value"]
    if statistic == "t":
        return table.loc[("difference", unit), "statistic_t"]
    return table.loc[("weighted_index", ""), "value"]


# ---------------------------------------------------------------- sensitivity


def ishigami(x: np.ndarray) -> np.ndarray:
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def choices(t: Tables) -> scoring.ScoringChoices:
    own = communities(t)
    normal = {
        "minmax": own.normal(own.imputed, "minmax", low=1.0),
        "percentile": own.normal(own.imputed, "percentile_rank") * 99 + 1,
    }
    inner = own.tree[own.tree["parent"] != "Index"]
    parts = {k: scoring.aggregate_tree(v, inner)[list("ABCD")] for k, v in normal.items()}
    return scoring.ScoringChoices(parts, own.dimensions)


def sensitivity(r: pd.Series, t: Tables) -> float:
    def indices() -> pd.DataFrame:
        if r["dataset"] == "ishigami":
            return scoring.sobol_indices(
                ishigami, ["x1", "x2", "x3"], rng=np.random.default_rng(21), base=8192,
                bounds=[(-np.pi, np.pi)] * 3, resamples=0,
            )  # fmt: skip
        return scoring.choice_sensitivity(
            choices(t), rng=np.random.default_rng(22), base=4096, resamples=0
        )

    table = t.once(f"·sobol{r['dataset']}", indices)
    name = {"first": "first_order", "total": "total", "outpu": "variance", "mean ": "mean"}
    own = table[table["statistic"] == name[r["statistic"][:5]]]
    return own[own["item"] == r["unit"]]["value"].iloc[0]


def uncertainty(r: pd.Series, t: Tables) -> float:
    def drawn() -> pd.DataFrame:
        out = scoring.choice_uncertainty(choices(t), rng=np.random.default_rng(23), draws=65_536)
        return out.set_index("item")

    table, statistic = t.once("·choices", drawn), r["statistic"]
    if statistic.startswith("mean width"):
        return (table["rank_high"] - table["rank_low"]).mean()
    name = {"nominal Index": "value", "nominal rank": "rank", "rank 5% quantile": "rank_low",
            "rank median": "rank_median", "rank 95% quantile": "rank_high",
            "rank mean": "rank_mean"}.get(statistic, "p_first")  # fmt: skip
    return table.loc[r["unit"], name]


def agrees(got: object, row: pd.Series) -> tuple[bool, float]:
    """Whether a figure lies within its tolerance, and how much of the tolerance it uses."""
    if row["kind"] == "exact":
        try:
            same = float(f"{float(got):.10g}") == float(row["value"])  # type: ignore[arg-type]
        except ValueError:
            same = str(got) == row["value"]
        return same, 0.0 if same else np.inf
    want, tolerance = float(row["value"]), float(row["tolerance"])
    allowed = tolerance * abs(want) + 1e-9 if row["kind"] == "rel" else tolerance
    used = abs(float(got) - want) / allowed  # type: ignore[arg-type]
    return bool(used <= 1), used


@pytest.mark.parametrize("topic", sorted(COUNTS))
def test_figures_of_the_reference_tools_are_reproduced(topic, reference, tables, record_property):
    own = reference[reference["topic"] == topic]
    compute = globals()[topic]
    failed, worst = [], 0.0
    for _, row in own.iterrows():
        got = compute(row, tables)
        ok, used = agrees(got, row)
        worst = max(worst, used)
        if not ok:
            what = " | ".join(row[["case_id", "method", "statistic", "unit"]])
            failed.append(f"{what}: {got} instead of {row['value']}, {row['kind']}")
    record_property("figures", len(own))
    record_property("worst_share_of_tolerance", worst)
    print(f"{topic}: {len(own)} figures, worst uses {worst:.3g} of its tolerance")
    assert not failed, "\n".join(failed)
    assert len(own) == COUNTS[topic]


def test_every_reference_figure_is_looked_at(reference):
    assert len(reference) == 563
    assert sum(COUNTS.values()) == 563
    assert reference.groupby("topic").size().to_dict() == COUNTS


def test_no_agreement_beyond_chance_is_zero_to_the_last_digit() -> None:
    table = pd.DataFrame({"a": [1.0, 0, 0, 0, 0, 0, 0], "b": [0.0] * 7})
    assert scoring.cohen_kappa(table)["value"].tolist() == [0.0]
