"""Names of units to ids: the rules an id obeys, stable ids for other names, and the tree."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

from workbench.intake.frames import Log, Problems
from workbench.intake.names import COLUMNS, Names

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Units", "is_id", "unsafe"]

_ID = re.compile(r"[A-Z0-9](?:[A-Z0-9-]{0,38}[A-Z0-9])?\Z")
_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{p}{n}" for p in ("COM", "LPT") for n in range(1, 10))]
)


def is_id(name: str) -> bool:
    """Whether ``name`` can be the id of a unit as it stands."""
    return bool(_ID.match(name)) and name not in _DEVICES


def unsafe(name: str) -> bool:
    """Whether ``name`` must be refused: path signs, control or direction-changing characters."""
    if "/" in name or "\\" in name or ".." in name or name.upper() in _DEVICES:
        return True
    for char in name:
        if unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp"):
            return True
        if unicodedata.bidirectional(char) in ("R", "AL", "AN"):
            return True
    return False


def stable_id(name: str) -> str:
    """Give the id of a unit whose name cannot be one: capitals if that suffices, else a digest."""
    upper = name.upper()
    if is_id(upper):
        return upper
    digest = hashlib.sha256(unicodedata.normalize("NFC", name).encode()).hexdigest()
    return f"U-{digest[:12].upper()}"


class Units:
    """The units of a study by id, by the name they were given, and by parent."""

    def __init__(self) -> None:
        self.names = Names()
        self.ids = self.names.ids
        """What a file may call a unit (folded) → its id."""
        self.matched: Counter[tuple[str | None, ...]] = Counter()
        """Rows by what became of a name in a source (columns of ``names.COLUMNS``)."""
        self.parent: dict[str, str] = {}
        self.level: dict[str, str] = {}

    def take(self, frame: pd.DataFrame, log: Log, problems: Problems) -> pd.DataFrame:
        """Register the rows of ``communities`` and give them with final ids.

        Ids that cannot stand are replaced by stable ones (logged); unsafe ones and those alike
        but for case are problems.
        """
        given = frame["community"].dropna()
        bad = given[given.map(unsafe)]
        problems.cells(
            "communities.id-unsafe",
            "小区编号含有不允许的字符",
            "the id of the unit holds characters that are not allowed",
            "用大写字母、数字与连字符重新编号",
            "give it an id of capitals, digits and hyphens",
            frame=frame.loc[bad.index],
            column="community",
            expected="[A-Z0-9-], ≤ 40",
            values=bad,
        )
        final = given.drop(bad.index).map(lambda name: name if is_id(name) else stable_id(name))
        changed = final[final != given.loc[final.index]]
        for new, old in zip(changed, given.loc[changed.index], strict=True):
            log.add(
                "intake.unit-id",
                1,
                f"“{old}”不能作编号，改用 {new}",
                f'"{old}" cannot be an id; {new} is used',
                table="communities",
                community=new,
            )
        folded = final.str.casefold()
        twice = folded[folded.duplicated(keep=False)]
        problems.cells(
            "communities.duplicate-id",
            "小区编号重复（不分大小写）",
            "the id of a unit stands more than once (without regard to case)",
            "每个小区只占一行，各有编号",
            "give each unit one row and an id of its own",
            frame=frame.loc[twice.index],
            column="community",
            values=final.loc[twice.index],
        )
        frame = frame.assign(community=final.reindex(frame.index))
        frame = frame[frame["community"].notna() & ~frame["community"].duplicated()]
        for name, unit in zip(given.loc[frame.index], frame["community"], strict=True):
            self.ids[unit.casefold()] = unit
            self.ids.setdefault(name.casefold(), unit)
        if "name" in frame:
            names = frame["name"].dropna()
            once = names[~names.duplicated(keep=False)]
            for name, unit in zip(once, frame.loc[once.index, "community"], strict=True):
                self.ids.setdefault(name.casefold(), unit)
        for column in ("name_en", "name"):
            if column in frame:
                told = frame[column].dropna()
                for name, unit in zip(told, frame.loc[told.index, "community"], strict=True):
                    self.names.enter(unit, name, shown=True)
        return frame

    def report(self) -> pd.DataFrame:
        """Give what became of each name in each source."""
        import pandas as pd

        by = [name for name in COLUMNS if name != "rows"]
        told = pd.DataFrame(list(self.matched), columns=by)
        told["rows"] = list(self.matched.values())
        told["at"] = told.groupby(["table", "source"], sort=False).ngroup()
        return told.sort_values(["at", "name"], kind="stable")[COLUMNS].reset_index(drop=True)

    def resolve(self, names: pd.Series) -> pd.Series:
        """Give the id for each name, missing where no unit is called so."""
        from workbench.intake.cells import each

        return each(names, lambda name: self.ids.get(name.casefold()))

    def tree(self, frame: pd.DataFrame, problems: Problems) -> None:
        """Read levels and parents; a parent that is none or a circle is a problem."""
        order = ["compound", "community", "subdistrict", "district"]
        names = frame["community"].tolist()
        above = [unit if isinstance(unit, str) else None for unit in frame["parent"].tolist()]
        self.level = dict(zip(names, frame["level"].tolist(), strict=True))
        known = frame["parent"].isna() | frame["parent"].isin(list(self.level))
        problems.cells(
            "communities.parent",
            "上级单位不在 communities 表中",
            "the parent is not in the table communities",
            "补上该上级单位的一行，或改正 parent",
            "add a row for the parent, or correct parent",
            frame=frame[~known],
            column="parent",
            values=frame.loc[~known, "parent"],
        )

        def rank(unit: str) -> int:
            level = self.level.get(unit)
            return order.index(level) if level in order else -1

        wrong = [
            parent is not None and parent in self.level and not -1 < rank(unit) < rank(parent)
            for unit, parent in zip(names, above, strict=True)
        ]
        rows = frame.index[wrong]
        problems.cells(
            "communities.level",
            "上级单位的级别不高于本单位",
            "the parent is not of a higher level",
            "改正 level 或 parent",
            "correct level or parent",
            frame=frame.loc[rows],
            column="parent",
            values=frame.loc[rows, "parent"],
            expected=" < ".join(order),
        )
        self.parent = {  # without the wrong ones there can be no circle
            unit: parent
            for unit, parent, bad in zip(names, above, wrong, strict=True)
            if parent is not None and not bad
        }

    def ancestors(self, unit: str) -> list[str]:
        """Units above ``unit``, the nearest first."""
        above: list[str] = []
        while (unit := self.parent.get(unit, "")) and unit not in above:
            above.append(unit)
        return above
