"""The pictures of problems: which may be shown, what they show, and whether one serves twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.assess.sample import labelled
from workbench.intake.pictures import file_name, may_leave
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["pictures", "repeated", "shown"]

_WHEN = {
    "photos_before": ("整改前", "before"),
    "photos_after": ("整改后", "after"),
}


def _ids(cell: Any) -> list[str]:
    told = "" if cell is None or cell != cell else str(cell)
    return [part.strip() for part in told.replace("；", ";").split(";") if part.strip()]


def _free(c: Community) -> dict[str, dict[Any, Any]]:
    """Give the register's rows of the pictures that may be shown, by number."""
    if not c.has("photos"):
        return {}
    rows = to_rows(c.tables["photos"])
    return {str(r["photo"]): r for r in rows if may_leave(r["release"], r.get("redacted"))}


def shown(c: Community, one: Mapping[Any, Any]) -> list[str]:
    """Give the pictures of an issue that may be shown, by number, those from before first."""
    free = _free(c)
    return [name for column in _WHEN for name in _ids(one.get(column)) if name in free]


def pictures(c: Community) -> pd.DataFrame:
    """List the pictures of problems that the report shows, in the order of the problems.

    Returns
    -------
    DataFrame
        Findings ``picture.N`` (kind text): the label is the caption, ``item`` the number in the
        register, ``date`` when it was taken, ``source`` the file of the copy without metadata.
        Empty without pictures that were released, made unrecognisable and are there.
    """
    if not (c.has("issues") and c.has("photos")):
        return pd.DataFrame()
    free = _free(c)
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for one in to_rows(c.tables["issues"].sort_values(["found", "issue"], kind="stable")):
        for column, (zh, en) in _WHEN.items():
            for name in _ids(one.get(column)):
                source = f"inputs/photos/{file_name(name)}"
                if name not in free or name in seen or not (c.folder / source).is_file():
                    continue
                seen.add(name)
                taken = free[name].get("taken")
                day = "" if taken is None or pd.isna(taken) else f"{taken:%Y-%m-%d}"
                told = [free[name].get(f"caption_{lang}") for lang in ("zh", "en")]
                text = [one.get("text_zh"), one.get("text_en")]
                caption = [next((t for t in both if isinstance(t, str) and t), "") for both in
                           ((told[0], text[0]), (told[1], text[1], told[0], text[0]))]  # fmt: skip
                rows.append(
                    labelled(
                        f"picture.{len(rows) + 1}",
                        "text",
                        *caption,
                        item=name,
                        date=day or None,
                        source=source,
                        display_zh="，".join(p for p in (str(one["issue"]), zh, day) if p),
                        display_en=", ".join(p for p in (str(one["issue"]), en, day) if p),
                        flags="public" if free[name]["release"] == "public" else None,
                    )
                )
    return from_rows(rows)


def repeated(c: Community) -> pd.DataFrame:
    """Say whether a picture stands under two numbers, by digest: in this unit or in another too.

    One picture that is named both as before and as after counts as well. A check, no penalty.
    """
    if not c.has("photos"):
        return pd.DataFrame()
    photos = c.tables["photos"]
    here, elsewhere = (
        photos["photo"][photos[name].fillna(0).gt(0)].astype(str).tolist() if name in photos else []
        for name in ("same_here", "same_elsewhere")
    )
    both: list[str] = []
    if c.has("issues"):
        for one in to_rows(c.tables["issues"]):
            after = _ids(one.get("photos_after"))
            both += [name for name in _ids(one.get("photos_before")) if name in after]
    hit = sorted({*here, *elsewhere, *both})
    zh = [
        f"同一张照片在本单位登记了不止一次：{'、'.join(here)}" if here else "",
        f"同一张照片也登记在其他单位：{'、'.join(elsewhere)}" if elsewhere else "",
        f"同一张照片既作整改前又作整改后：{'、'.join(both)}" if both else "",
    ]
    en = [
        f"the same picture is registered more than once here: {', '.join(here)}" if here else "",
        f"the same picture is registered in another unit too: {', '.join(elsewhere)}"
        if elsewhere
        else "",
        f"the same picture stands for before and after: {', '.join(both)}" if both else "",
    ]
    row = labelled(
        "check.photos.repeated",
        "check",
        "同一张照片是否用了两次",
        "Whether a picture is used twice",
        verdict="failed" if hit else "passed",
        severity="warning",
        reach="row",
        value=float(len(hit)),
        unit="count",
        n=len(photos),
        status="ok",
        method="records.count",
        reason_zh="；".join(t for t in zh if t) or None,
        reason_en="; ".join(t for t in en if t) or None,
    )
    return from_rows([row])
