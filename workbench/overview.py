"""All units of a batch side by side: what ``notebooks/batch.ipynb`` opens.

It reads findings and the list of units, never rows of persons.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = [
    "Batch",
    "adjusted",
    "counts",
    "main_item",
    "open_batch",
    "rank_rows",
    "ranks",
    "regression",
]


@dataclasses.dataclass(frozen=True)
class Batch:
    """Findings of all units, the units, and the study's settings.

    Attributes
    ----------
    source
        The findings: what :func:`pyarrow.dataset.dataset` takes, a Parquet file or a table in
        memory; :meth:`read` gives what is asked for of them.
    units
        One row per unit: ``community``, ``name``, ``name_en``, ``kind``, ``parent``,
        ``households``, ``treated``, ``intervention_date``, ``outcome`` (assessed, withheld,
        failed).
    settings
        What the units' ``study.json`` have in common.
    """

    source: Any
    units: pd.DataFrame
    settings: Mapping[str, Any]

    def read(
        self, finding: str = ".*", *, kind: str = "", columns: Sequence[str] = ()
    ) -> pd.DataFrame:
        """Give the findings of all units whose id matches a pattern, and of them some columns.

        Parameters
        ----------
        finding
            Regular expression (RE2) for the whole id.
        kind
            Kind of the findings; empty: any.
        columns
            Columns of the contract; all when left out.

        Returns
        -------
        DataFrame
            One row per finding; of a large batch, only what is asked for is in memory.
        """
        import pyarrow.compute as pc
        import pyarrow.dataset as ds

        wanted = pc.match_substring_regex(ds.field("finding"), f"^(?:{finding})$")
        if kind:
            wanted = wanted & (ds.field("kind") == kind)
        table = ds.dataset(self.source).to_table(
            columns=list(columns) or None, filter=wanted, use_threads=False, batch_size=16_384
        )
        frame: pd.DataFrame = table.to_pandas()
        return frame

    @property
    def findings(self) -> pd.DataFrame:
        """All findings with the columns of the contract; large where there are many units."""
        return self.read()

    def pick(self, finding: str) -> pd.DataFrame:
        """Give one finding of every unit that has it, joined to the units."""
        rows = self.read(re.escape(finding))
        return self.units.merge(rows, on="community", how="inner", suffixes=("", "_finding"))

    def rng(self, purpose: str) -> np.random.Generator:
        """Give the generator for one purpose of the batch."""
        import numpy as np

        text = f"{self.settings['seed']}|*|{purpose}".encode()
        return np.random.default_rng(int.from_bytes(hashlib.sha256(text).digest(), "big"))


def open_batch(folder: str | Path = ".") -> Batch:
    """Open what the reduction left: ``inputs/findings.parquet``, ``units.csv``, ``study.json``."""
    import pandas as pd

    inputs = Path(folder) / "inputs"
    return Batch(
        source=inputs / "findings.parquet",
        units=pd.read_csv(inputs / "units.csv", dtype=str, keep_default_na=False, na_values=[""]),
        settings=json.loads((inputs / "study.json").read_text(encoding="utf-8")),
    )


def counts(b: Batch) -> pd.DataFrame:
    """Say how many units were assessed, withheld and lost."""
    import pandas as pd

    words = {
        "assessed": ("已评定", "assessed"),
        "withheld": ("不予评定", "withheld"),
        "failed": ("执行失败", "failed"),
    }
    told = b.units["outcome"].value_counts()
    rows = [
        {
            "finding": f"overview.{name}",
            "kind": "text",
            "label_zh": f"{zh}的单位",
            "label_en": f"Units {en}",
            "display_zh": f"{len(b.units)}个中{int(told.get(name, 0))}个",
            "display_en": f"{int(told.get(name, 0))} of {len(b.units)}",
            "value": float(told.get(name, 0)),
            "unit": "count",
        }
        for name, (zh, en) in words.items()
    ]
    return pd.DataFrame(rows)


def _ranked(b: Batch) -> pd.DataFrame:
    """Rank the units with a complete score; columns of :func:`workbench.scoring.ranks`."""
    from workbench import scoring

    scored = b.pick("score.total")
    scored = scored[scored["value"].notna() & scored["status"].isin(["ok", "low_precision"])]
    if "flags" in scored:  # a score scaled from some of its indicators stands beside no whole one
        scored = scored[~scored["flags"].fillna("").str.contains("incomplete")]
    if scored.empty:
        return scored
    told = scoring.ranks(
        scored[["community", "value", "std_error", "kind"]].reset_index(drop=True),
        rng=b.rng("ranks"),
        kind="kind",
        decimals=1,
        level=float(b.settings["decisions"].get("level", 0.95)),
    )
    out = scored[["community", "name", "name_en", "kind"]].merge(told, on="community")
    out["n_in_kind"] = out.groupby("kind")["community"].transform("size")
    out["percentile_in_kind"] = out["percentile_in_kind"].where(out["kind"].notna())
    return out


def ranks(b: Batch) -> pd.DataFrame:
    """Give each unit its rank, the ranks that cannot be told apart, tier and percentile in kind.

    Figures are rounded as printed, so that a neighbour's correction that moves nothing printed
    here changes no unit's context.
    """
    import pandas as pd

    told = _ranked(b)
    rows = _unranked(b, set(told["community"]))
    barred = _barred(b)
    for one in told.to_dict("records"):
        n, low, high = int(one["n"]), int(one["set_low"]), int(one["set_high"])
        common = {"community": one["community"], "kind": "estimate", "n": n}
        common |= {"method": "scoring.ranks", "unit": "count"}
        rows.append(
            common
            | {
                "finding": "context.rank",
                "label_zh": "名次",
                "label_en": "Rank",
                "value": float(one["rank"]),
                "ci_low": float(low),
                "ci_high": float(high),
                "display_zh": f"{n}个单位中第{int(one['rank'])}名",
                "display_en": f"{int(one['rank'])} of {n}",
                "interval_zh": f"第{low}至第{high}名之间无法区分" if low != high else f"第{low}名",
                "interval_en": f"ranks {low} to {high} cannot be told apart"
                if low != high
                else f"rank {low}",
            }
            | _beside(barred.get(str(one["community"]), ""))
        )
        tier = int(one["tier"])
        rows.append(
            common
            | {
                "finding": "context.tier",
                "label_zh": "档次（同档之内不分高下）",
                "label_en": "Tier (units of one tier are not told apart)",
                "value": float(tier),
                "display_zh": f"第{tier}档",
                "display_en": f"tier {tier}",
            }
        )
        share = one["percentile_in_kind"]
        if share == share:
            rows.append(
                common
                | {
                    "finding": "context.percentile_in_kind",
                    "label_zh": "在同类单位中高于多少单位",
                    "label_en": "Share of units of the same kind with a lower score",
                    "value": round(float(share), 2),
                    "unit": "share",
                    "n": int(one["n_in_kind"]),
                    "display_zh": f"{float(share):.0%}",
                    "display_en": f"{float(share):.0%}",
                }
            )
    return pd.DataFrame(rows)


def _barred(b: Batch) -> dict[str, str]:
    """Give the units that fail a gate which decides, with the rules; a shown gate bars nobody."""
    rules = b.read(r"rule\..*")
    if rules.empty:
        return {}
    failed = rules[
        rules["verdict"].eq("failed") & ~rules["label_zh"].fillna("").str.contains("仅列示")
    ]
    return {
        str(unit): ", ".join(sorted(set(part["rule"].astype(str))))
        for unit, part in failed.groupby("community")
    }


def _beside(rules: str) -> dict[str, str]:
    """Say that a unit out of the selection is ranked for comparison only (R-18, R-40)."""
    if not rules:
        return {}
    return {
        "flags": "ineligible",
        "reason_zh": f"未通过{rules}：名次仅供对照，不参加评选",
        "reason_en": f"{rules} not passed: the rank is for comparison, the unit is out of the "
        "selection",
    }


def _unranked(b: Batch, ranked: set[str]) -> list[dict[str, Any]]:
    """Say of each unit whose score is incomplete that it has no rank."""
    scored = b.pick("score.total")
    missing = scored.loc[scored["value"].notna() & ~scored["community"].isin(ranked), "community"]
    common = {
        "finding": "context.rank",
        "kind": "estimate",
        "label_zh": "名次",
        "label_en": "Rank",
        "unit": "count",
        "method": "scoring.ranks",
        "status": "not_computed",
        "reason_zh": "总分缺少部分指标，不与其他单位排名",
        "reason_en": "the score lacks some indicators, so the unit is not ranked",
    }
    return [common | {"community": name} for name in missing]


def rank_rows(b: Batch) -> pd.DataFrame:
    """Give ranks with their intervals for the chart of all units, best first."""
    told = _ranked(b)
    if told.empty:
        return told
    told = told.assign(label_zh=told["name"], label_en=told["name_en"].fillna(told["name"]))
    return told.sort_values("rank", kind="stable").reset_index(drop=True)


def adjusted(b: Batch) -> pd.DataFrame:
    """Correct the p values of all units' comparisons together, item by item."""
    import pandas as pd

    from workbench import change

    method = str(b.settings["decisions"].get("multiplicity") or "holm")
    rows = b.read(kind="comparison", columns=["community", "finding", "p_value"])
    rows = rows[
        rows["p_value"].notna()
        & ~rows["finding"].str.endswith((".unweighted", ".standardised", ".composition"))
    ]
    if rows.empty:
        return pd.DataFrame()
    told = change.multiplicity(
        rows[["community", "finding", "p_value"]].reset_index(drop=True),
        method=method,
        by="finding",
    )
    told["item"] = told["finding"]
    told["finding"] = "context.p_adjusted." + told["finding"]
    told["p_adjusted"] = told["p_adjusted"].round(3)  # below 0.0005 it is 0, printed as <0.001
    told["kind"] = "estimate"
    told["label_zh"] = "校正后的 p 值"
    told["label_en"] = "Adjusted p value"
    told["method"] = f"change.{method}"
    told["display_zh"] = told["display_en"] = [
        f"{p:.3f}" if p >= 0.001 else "<0.001" for p in told["p_adjusted"]
    ]
    told["value"] = told["p_adjusted"]
    return told.drop(columns="p_value")


def regression(b: Batch) -> pd.DataFrame:
    """Say how far each unit would have moved by itself, from where its baseline stood.

    The expected change without any effect is ``(1 - r) (mean - baseline)``; the reliability ``r``
    is the share of the variance between the units' baselines that is not sampling error. It is
    given for the item of ``resident_satisfaction``; without it, of the first indicator from the
    survey; without that, the first item compared.

    References
    ----------
    Barnett, van der Pols & Dobson (2005), Int. J. Epidemiol. 34, 215-220.
    """
    import pandas as pd

    rows = b.read(r"survey\.[a-z0-9_]+\.top2\.baseline")
    rows = rows[rows["value"].notna() & rows["std_error"].notna()]
    if rows.empty:
        return pd.DataFrame()
    chosen = f"survey.{main_item(b.settings)}.top2.baseline"
    first = chosen if rows["finding"].eq(chosen).any() else rows["finding"].iloc[0]
    mine = rows[rows["finding"].eq(first)]
    spread = float(mine["value"].var(ddof=1)) if len(mine) > 2 else float("nan")
    noise = float((mine["std_error"] ** 2).mean())
    if not spread > 0:
        return pd.DataFrame()
    reliability = min(max(1 - noise / spread, 0.0), 1.0)
    mean = float(mine["value"].mean())
    told = []
    for one in mine.to_dict("records"):
        move = round((1 - reliability) * (mean - one["value"]), 3)
        told.append(
            {
                "finding": "context.regression_to_mean",
                "community": one["community"],
                "kind": "estimate",
                "label_zh": "仅因基期偏高或偏低而预期的变化",
                "label_en": "Change expected only because the baseline stood high or low",
                "value": move,
                "unit": "pp",
                "n": len(mine),
                "item": str(one["item"]),
                "method": "change.regression_to_mean",
            }
        )
    return pd.DataFrame(told)


def main_item(settings: Mapping[str, Any]) -> str:
    """Give the item of ``resident_satisfaction``, else of the first indicator from the survey."""
    measures: Mapping[str, Any] = settings.get("measures") or {}
    named = measures.get("resident_satisfaction") or {}
    for entry in (named, *measures.values()):
        if entry.get("channel") == "survey" and entry.get("items"):
            return str(entry["items"][0])
    return ""
