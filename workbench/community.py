"""One unit as a notebook sees it: its own slice, its settings, and the words for what is found.

``c = workbench.open(study, community, …)`` reads a sealed slice (the unit's ``data/``). Given
a study folder, or ``"demo"``, it first cuts that slice into a temporary folder, so that a notebook
opened in JupyterLab sees the very bytes that a batch would.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from workbench.errors import InputError, Problem
from workbench.intake.tables import column_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from workbench.intake.tables import Table
    from workbench.protocol import Protocol

__all__ = ["Community", "open"]

T = TypeVar("T")

# which of the canonical tables an entry of measures.yaml reads
_TABLE_OF = {"survey": "responses", "inspection": "inspections", "fact": "facts"}


@dataclasses.dataclass(frozen=True)
class Community:
    """A unit under assessment, opened.

    Attributes
    ----------
    folder
        The unit's ``data/`` folder.
    settings
        ``inputs/study.json``.
    tables
        Canonical tables of the slice, by name; a table that the study lacks is not there.
    protocol
        What the programme assesses.
    excluded
        Indicators that a critical check took away: slug → (finding, reason zh, reason en).
    undecided
        The tables before people's judgements struck anything out; empty before ``clear``.
    below
        ``measurements`` of the units below; ``tables`` holds the unit's own.
    """

    folder: Path
    settings: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    protocol: Protocol
    excluded: Mapping[str, tuple[str, str, str]] = dataclasses.field(default_factory=dict)
    undecided: Mapping[str, pd.DataFrame] = dataclasses.field(default_factory=dict)
    below: Mapping[str, pd.DataFrame] = dataclasses.field(default_factory=dict)
    _kept: dict[Any, Any] = dataclasses.field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """Give what ``make`` gave the first time for ``key``; it depends on the unit alone."""
        if key not in self._kept:
            self._kept[key] = make()
        made: T = self._kept[key]
        return made

    @property
    def community(self) -> str:
        """Id of the unit."""
        return str(self.settings["community"])

    @property
    def wave(self) -> str:
        """Id of the wave that is reported."""
        return str(self.settings["wave"])

    @property
    def baseline(self) -> str | None:
        """Id of the wave it is compared with, if any."""
        return self.settings.get("baseline") or None

    @property
    def unit(self) -> Mapping[str, Any]:
        """The unit's own row of ``communities``; missing values are ``None``."""
        return self.once("unit", self._unit)

    def _unit(self) -> dict[str, Any]:
        frame = self.tables["communities"]
        row = frame[frame["community"].eq(self.community)].iloc[0]
        return {str(name): None if value != value else value for name, value in row.items()}

    @property
    def measures(self) -> Mapping[str, Mapping[str, Any]]:
        """How each indicator is measured: the entries of ``measures.yaml``, by slug."""
        measures: Mapping[str, Mapping[str, Any]] = self.settings["measures"]
        return measures

    @property
    def level(self) -> float:
        """Confidence level of the study, 0-1."""
        return float(self.settings["decisions"].get("level", 0.95))

    @property
    def min_cell(self) -> int:
        """Smallest number of answers that may be published for a subgroup."""
        return int(self.settings["decisions"].get("min_cell", 10))

    def rng(self, purpose: str) -> np.random.Generator:
        """Give the generator for one purpose: SHA-256 of ``seed|community|purpose``."""
        import numpy as np

        text = f"{self.settings['seed']}|{self.community}|{purpose}".encode()
        return np.random.default_rng(int.from_bytes(hashlib.sha256(text).digest(), "big"))

    def has(self, table: str) -> bool:
        """Say whether a table is there and holds rows."""
        frame = self.tables.get(table)
        return frame is not None and not frame.empty

    def items(self, *roles: str) -> list[str]:
        """Codes of the questionnaire's items with one of ``roles``, in the codebook's order."""
        book = self.settings["codebook"]
        return [code for code, item in book.items() if item.get("role") in roles]

    def text(self, code: str, lang: str) -> str:
        """Give the wording of an item, its code where the codebook has none in ``lang``."""
        wording = self.settings["codebook"].get(code, {}).get("wording") or {}
        return str(wording.get(lang) or wording.get("zh") or code)

    def answer(self, code: str, value: Any, lang: str) -> str:
        """Give the label of an answer, the value itself where there is none."""
        values = self.settings["codebook"].get(code, {}).get("values") or {}
        label = values.get(str(value), values.get(value))
        if isinstance(label, Mapping):
            return str(label.get(lang) or label.get("zh") or value)
        return str(value if label is None else label)

    def kind_of_sample(self, responses: pd.DataFrame) -> pd.Series:
        """Say of each questionnaire whether its mode is a probability, opt_in or census sample."""
        import pandas as pd

        kinds = dict(self.settings["sample"])
        default = kinds.pop("default", "probability")
        modes = responses["mode"]
        said = {mode: kinds.get(mode, default) for mode in modes.dropna().unique()}
        told = [said.get(mode, default) for mode in modes.tolist()]
        return pd.Series(told, index=modes.index, name=modes.name, dtype=object)

    def answers(self, *, kind: str = "probability") -> pd.DataFrame:
        """Give the questionnaires of one kind of sample (a census counts as probability)."""
        return self.once(("answers", kind), lambda: self._answers(kind)).copy(deep=False)

    def _answers(self, kind: str) -> pd.DataFrame:
        frame = self.tables["responses"]
        kinds = self.kind_of_sample(frame).replace({"census": "probability"})
        return frame[kinds.eq(kind)].reset_index(drop=True)

    def waivers(self) -> dict[str, str]:
        """Give the checks that a judgement waives: id of the check → id of the judgement."""
        if not self.has("judgements"):
            return {}
        frame = self.tables["judgements"]
        rows = frame[frame["kind"].eq("waiver")]
        return dict(zip(rows["object"].str.removeprefix("check."), rows["id"], strict=True))

    def indicators_fed_by(self, table: str, check: str) -> list[str]:
        """Give the assessed indicators whose evidence is in ``table``."""
        fed = []
        for slug, entry in self.measures.items():
            home = _TABLE_OF.get(entry["channel"])
            if home is None:
                home = "requests" if entry.get("requests") else "measurements"
            per_household = str(entry.get("statistic", "")).startswith("per_100_households")
            if home == table or (check == "communities.households" and per_household):
                fed.append(slug)
        return fed


def open(
    study: str,
    community: str,
    *,
    wave: str = "",
    baseline: str = "",
    seed: int = 0,
) -> Community:
    """Open one unit.

    Parameters
    ----------
    study
        ``"demo"``, a study folder, or a sealed slice (a folder that holds ``inputs/study.json``).
    community
        Id of the unit.
    wave, baseline, seed
        What the notebook was told; they must be what the slice says, empty and 0 mean "as there".

    Raises
    ------
    InputError
        When the folder holds neither a study nor a slice, the unit is unknown, or what the
        notebook was told is not what the slice says.
    """
    folder = Path(study)
    if not (folder / "inputs" / "study.json").is_file():
        folder = _cut(study, community)
    opened = _read(folder)
    told = {"community": community, "wave": wave, "baseline": baseline, "seed": seed}
    wrong = [
        Problem(
            code="open.parameter",
            zh=f"笔记本的参数 {name} 与数据切片不符",
            en=f"the notebook's parameter {name} is not what the slice says",
            expected=str(opened.settings.get(name)),
            found=str(value),
            remedy_zh="参数以切片为准；留空则取切片中的值",
            remedy_en="leave it empty to take the slice's value",
        )
        for name, value in told.items()
        if value and value != opened.settings.get(name)
    ]
    if wrong:
        raise InputError(*wrong)
    return opened


def _cut(study: str, community: str) -> Path:
    """Cut the unit's slice of a study folder into a temporary folder."""
    import atexit
    import shutil
    import tempfile

    from workbench.batch.slices import cut_one

    folder = Path(tempfile.mkdtemp(prefix="wb-open-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    cut_one(study, community, folder)
    return folder / "data"


def _read(folder: Path) -> Community:
    from workbench.intake.tables import TABLES
    from workbench.protocol import Protocol

    settings = json.loads((folder / "inputs" / "study.json").read_text(encoding="utf-8"))
    protocol = (folder / "protocol" / "protocol.json").read_text(encoding="utf-8")
    tables = {
        file.stem: _typed(_text_frame(file), TABLES.get(file.stem), settings)
        for file in sorted((folder / "inputs").glob("*.csv"))
    }
    below = {}
    if "measurements" in tables:  # a figure of a lower unit is never taken for the unit's own
        own = tables["measurements"]["community"].eq(settings["community"])
        below["measurements"] = tables["measurements"][~own].reset_index(drop=True)
        tables["measurements"] = tables["measurements"][own].reset_index(drop=True)
    return Community(
        folder=folder,
        settings=settings,
        tables=tables,
        protocol=Protocol.from_json(protocol),
        below=below,
    )


def _text_frame(file: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(file, dtype=str, keep_default_na=False, na_values=[""])


def _typed(frame: pd.DataFrame, table: Table | None, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Give the columns of a slice their types: numbers float, times aware, truth 1.0 or 0.0."""
    import pandas as pd

    if table is None:
        return frame
    columns: dict[str, Any] = {}
    for name in frame.columns:
        known = column_of(table, name)
        kind = known.type if known else _kind_of_item(name, settings["codebook"])
        text = frame[name]
        if kind in {"int", "float"}:
            columns[name] = pd.to_numeric(text).astype(float)
        elif kind == "bool":
            columns[name] = text.map({"true": 1.0, "false": 0.0}).astype(float)
        elif kind == "date":
            columns[name] = pd.to_datetime(text, format="%Y-%m-%d")
        elif kind == "time":
            times = pd.to_datetime(text, format="ISO8601", utc=True)
            columns[name] = times.dt.tz_convert(settings["timezone"])
        else:
            columns[name] = text
    return pd.DataFrame(columns, index=frame.index)


def _kind_of_item(name: str, book: Mapping[str, Any]) -> str:
    """Give the type of an item's column: coded answers are numbers, options truth values."""
    code, _, rest = name.partition("__")
    item = book.get(code, {})
    if rest:
        return "text" if rest == "missing" or item.get("kind") == "text" else "bool"
    coded = item.get("kind") in {"scale", "single", "check"} and all(
        str(value).lstrip("-").isdigit() for value in item.get("values") or {"1": ""}
    )
    return "float" if coded or item.get("kind") == "number" else "text"
