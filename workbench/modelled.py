"""Modelled estimates of small samples beside the direct ones; what the batch notebook calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.overview import Batch, main_item

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["small_areas"]


def small_areas(b: Batch) -> pd.DataFrame:
    """Give modelled estimates beside the direct ones, where the study chose a model beforehand.

    The Fay-Herriot model of ``small_area`` in study.yaml: direct shares of every unit with their
    design variances, shrunk towards a regression on the units' covariates, benchmarked to the
    direct total by adults (or households). Units whose direct estimate has no variance (withheld,
    all answers equal, one building) get what the regression says. Marked as modelled everywhere;
    no score is made of it. A model chosen after field work began is not computed: who knows the
    figures could choose the model that suits; without a day of the choice the rows say so.
    """
    import pandas as pd

    chosen = b.settings.get("small_area")
    if not chosen:
        return pd.DataFrame()
    items = list(chosen.get("items") or [main_item(b.settings)])
    parts = [_modelled(b, str(item), chosen) for item in items]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _modelled(b: Batch, item: str, chosen: Mapping[str, Any]) -> pd.DataFrame:
    import pandas as pd

    from workbench import survey
    from workbench.errors import InputError

    wanted = ["community", "value", "std_error", "label_zh", "label_en"]
    rows = b.findings[b.findings["finding"].eq(f"survey.{item}.top2.current")][wanted]
    told = b.units[b.units["outcome"].eq("assessed")].merge(rows, on="community", how="left")
    late, (when_zh, when_en) = _choice(b.settings)
    common: dict[str, Any] = {
        "finding": f"context.small_area.{item}",
        "kind": "estimate",
        "item": item,
        "unit": "share",
        "flags": "modelled" if chosen.get("chosen") else "modelled;choice_undated",
        "method": f"survey.fay_herriot.{str(chosen['fit']).lower()}",
        "label_zh": f"模型估计（小区域）：{_first_text(told['label_zh'], item)}",
        "label_en": f"Modelled (small-area) estimate: {_first_text(told['label_en'], item)}",
    }
    if late:
        return pd.DataFrame({"community": told["community"]}).assign(
            **common, status="not_computed", reason_zh=when_zh, reason_en=when_en
        )
    try:
        x, sizes = _covariates(told, list(chosen.get("covariates") or ()))
        usable = told["std_error"].gt(0)
        x["direct"] = told["value"].where(usable)
        x["variance"] = (told["std_error"] ** 2).where(usable)
        names = [n for n in map(str, x) if n not in {"direct", "variance"}]
        level = float(b.settings["decisions"].get("level", 0.95))
        model = survey.fay_herriot(
            x, "direct", "variance", names, fit=chosen["fit"], benchmark=sizes, level=level
        )
    except InputError as error:
        problem = error.problems[0]
        return pd.DataFrame({"community": told["community"]}).assign(
            **common,
            status="not_computed",
            reason_zh=problem.text("zh"),
            reason_en=problem.text("en"),
        )
    out = model.table
    direct = [f"{v:.1%}" if v == v else "—" for v in out["direct"]]
    return pd.DataFrame(
        {
            "community": told["community"],
            "value": out["value"].clip(0, 1).round(3),
            "std_error": out["std_error"].round(4),
            "ci_low": out["ci_low"].clip(0, 1).round(3),
            "ci_high": out["ci_high"].clip(0, 1).round(3),
            "level": level,
            "n": int(usable.sum()),
            "reason_zh": [f"模型估计，借用其他单位的信息；{when_zh}；直接估计 {d}" for d in direct],
            "reason_en": [
                f"modelled, borrows from other units; {when_en}; direct estimate {d}"
                for d in direct
            ],
        }
    ).assign(**common)


def _choice(settings: Mapping[str, Any]) -> tuple[bool, tuple[str, str]]:
    """Say when the model was chosen, and whether field work had begun by then."""
    day = settings["small_area"].get("chosen")
    waves = settings.get("waves") or ()
    now: Mapping[str, Any] = next((w for w in waves if w["id"] == settings.get("wave")), {})
    first = (now.get("fieldwork") or [None])[0]
    if not day:
        return False, (
            "模型何时选定没有记录",
            "the day on which the model was chosen is not recorded",
        )
    if not first:
        return False, (
            f"模型选定于{day}，外业日期没有记录",
            f"chosen on {day}; the days of field work are not recorded",
        )
    if day >= first:
        return True, (
            f"模型选定于{day}，而外业始于{first}：事后选定的模型不予计算",
            f"the model was chosen on {day}, field work began on {first}: not computed, as a model"
            " chosen afterwards could be chosen for its result",
        )
    return False, (
        f"模型选定于{day}，早于外业（{first}）",
        f"chosen on {day}, before field work ({first})",
    )


def _first_text(labels: pd.Series, otherwise: str) -> str:
    known = labels.dropna()
    return str(known.iloc[0]) if len(known) else otherwise


def _covariates(units: pd.DataFrame, names: list[str]) -> tuple[pd.DataFrame, list[float] | None]:
    """Give numbers by unit, categories as dummies against the first, and sizes to benchmark to."""
    import pandas as pd

    columns: dict[str, pd.Series] = {}
    for name in names:
        values = units[name]
        number = pd.to_numeric(values, errors="coerce")
        if name not in {"kind", "age_class", "treated"}:
            columns[name] = number / number.abs().max()  # scale: the fit does not depend on it
            continue
        for category in sorted(values.dropna().unique())[1:]:
            columns[f"{name}={category}"] = values.eq(category).astype(float).where(values.notna())
    sizes = None
    for name in ("adults", "households"):
        number = pd.to_numeric(units[name], errors="coerce")
        if number.gt(0).all():
            sizes = number.tolist()
            break
    return pd.DataFrame(columns, index=units.index), sizes
