"""What is in the field now: the wave's questionnaires and cases, made ready for the notebook.

Intake reads the study as it stands, unfinished as it may be. What must not reach a notebook
(addresses, devices, positions, free text) is turned into codes and distances here; what a kernel
reads is a folder of tables, ``field.json`` beside them.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError, Problem

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from workbench.intake.frames import Tables
    from workbench.study import Study

__all__ = ["Field", "prepare", "read"]

_KEPT = (
    "communities",
    "dispositions",
    "margins",
    "frame",
    "assessors",
    "backchecks",
    "contacts",
    "measurements",
    "documents",
    "sign_ins",
)
_NEVER = ["text", "lat", "lon", "person", "_file", "_row"]
_OF_A_WAVE = ("dispositions", "backchecks", "contacts")


@dataclasses.dataclass(frozen=True)
class Field:
    """A wave in the field, opened.

    Attributes
    ----------
    settings
        ``field.json``: study, wave, dates, time zone, sample, weighting, decisions, codebook.
    tables
        ``responses``, ``dispositions`` and ``contacts`` of this wave, the other canonical tables
        whole; a table that the study lacks is not there. ``drawn`` is the sample as drawn,
        ``changes`` what is new since the last reading.
    suites
        The study's own expectations (``expectations/*.json``) that can be used.
    """

    settings: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    suites: Sequence[Mapping[str, Any]] = ()

    @property
    def wave(self) -> str:
        """Id of the wave."""
        return str(self.settings["wave"])

    @property
    def book(self) -> Mapping[str, Any]:
        """The codebook: item → its entry."""
        book: Mapping[str, Any] = self.settings["codebook"]
        return book

    @property
    def min_cell(self) -> int:
        """Smallest number that is shown of a group."""
        return int(self.settings["decisions"].get("min_cell", 10))

    @property
    def level(self) -> float:
        """Confidence level, 0-1."""
        return float(self.settings["decisions"].get("level", 0.95))

    def has(self, table: str, column: str = "") -> bool:
        """Say whether a table holds rows, and its column any value."""
        frame = self.tables.get(table)
        if frame is None or frame.empty:
            return False
        return not column or (column in frame and bool(frame[column].notna().any()))

    def answers(self) -> pd.DataFrame:
        """Give the questionnaires; empty without any."""
        import pandas as pd

        return self.tables.get("responses", pd.DataFrame())

    def items(self, *roles: str) -> list[str]:
        """Codes of coded items of these roles that stand in the questionnaires with any answer."""
        frame = self.answers()
        return [
            code
            for code, item in self.book.items()
            if item["role"] in roles and code in frame and frame[code].notna().any()
        ]

    def text(self, code: str, lang: str) -> str:
        """Give the wording of an item, its code where there is none."""
        wording = self.book.get(code, {}).get("wording") or {}
        return str(wording.get(lang) or wording.get("zh") or code)

    def name(self, community: str, lang: str) -> str:
        """Give the name of a unit, its id where there is none."""
        told = self._units.get(community, {})
        found = told.get("name_en") if lang == "en" else told.get("name")
        return str(found) if isinstance(found, str) and found else community

    @functools.cached_property
    def cases(self) -> pd.DataFrame:
        """Where each sampled case stands (:func:`workbench.fieldwork.cases.standing`)."""
        from workbench.fieldwork.cases import standing

        return standing(self)

    @functools.cached_property
    def _units(self) -> Mapping[str, Mapping[Any, Any]]:
        frame = self.tables.get("communities")
        rows = [] if frame is None else frame.iloc[::-1].to_dict("records")
        return {str(row["community"]): row for row in rows}

    def rng(self, purpose: str) -> np.random.Generator:
        """Give the generator of one purpose: SHA-256 of ``seed|fieldwork|purpose``."""
        import numpy as np

        text = f"{self.settings['seed']}|fieldwork|{purpose}".encode()
        return np.random.default_rng(int.from_bytes(hashlib.sha256(text).digest(), "big"))


def read(study: str = "demo", *, wave: str = "", target: int = 0) -> Field:
    """Open a wave in the field.

    Parameters
    ----------
    study
        ``"demo"``, a study folder, or a folder that ``workbench check --fieldwork`` made.
    wave
        Id of the wave; empty: the current one.
    target
        Interviews wanted in each unit; 0: not told.

    Raises
    ------
    InputError
        The folder holds neither, the study has no such wave, or its settings cannot be read.
    """
    folder = Path(study)
    if not (folder / "field.json").is_file():
        folder = _prepared(study, wave, target)
    return load(folder)


def _prepared(study: str, wave: str, target: int) -> Path:
    import atexit
    import shutil
    import tempfile

    from workbench import bundle
    from workbench.intake.building import collect
    from workbench.study import Study

    place = bundle.path("demo") if study == "demo" else Path(study)
    opened, problems = Study.draft(place)
    if opened is None:
        raise InputError(*problems)
    tables, found = collect(opened)
    folder = Path(tempfile.mkdtemp(prefix="wb-field-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    prepare(opened, tables, [*problems, *found], folder, wave=wave, target=target)
    return folder


def load(folder: Path) -> Field:
    """Read a folder that :func:`prepare` wrote."""
    import pyarrow.parquet as pq

    from workbench.intake.shelf import dtype_of

    settings = json.loads((folder / "field.json").read_text(encoding="utf-8"))
    tables = {
        file.stem: pq.read_table(file, use_threads=False).to_pandas(types_mapper=dtype_of)
        for file in sorted(folder.glob("*.parquet"))
    }
    suites = json.loads((folder / "suites.json").read_text(encoding="utf-8"))
    return Field(settings, {n: _typed(f, settings["timezone"]) for n, f in tables.items()}, suites)


def _typed(frame: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Make times aware in the study's zone, numbers float, truth 1.0 or 0.0."""
    import pandas as pd

    out: dict[str, Any] = {}
    for title, column in frame.items():
        name = str(title)
        if name in ("started", "finished", "at", "appointment"):
            times = pd.to_datetime(column, format="ISO8601", utc=True)
            out[name] = times.dt.tz_convert(zone)
        elif pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            out[name] = column.astype("float64")
        else:
            out[name] = column.astype(object).where(column.notna(), None)
    return pd.DataFrame(out, index=frame.index)


def wave_of(study: Study, wave: str) -> str:
    """Give the wave that is looked at.

    Raises
    ------
    InputError
        The study has no such wave.
    """
    known = [one.id for one in study.settings.waves]
    if wave and wave not in known:
        raise InputError(
            Problem(
                code="fieldwork.wave",
                file="study.yaml",
                column="waves",
                zh="没有这一期",
                en="there is no such wave",
                expected=" | ".join(known),
                found=wave,
                remedy_zh="改正 --wave，或省略（当期）",
                remedy_en="correct --wave, or leave it out (the current wave)",
            )
        )
    return wave or study.current.id


def prepare(
    study: Study,
    tables: Tables,
    problems: list[Problem],
    folder: Path,
    *,
    wave: str = "",
    target: int = 0,
    drawn: pd.DataFrame | None = None,
    changes: pd.DataFrame | None = None,
    reads: int = 1,
) -> None:
    """Write what the notebook reads: tables of the wave, and ``field.json``.

    Parameters
    ----------
    study, tables, problems
        The study and what intake made of it; it need not be free of problems.
    folder
        Where to write; it stays in the house.
    wave, target
        As in :func:`read`.
    drawn
        The sample as drawn (``DIR/draws/sample-*.csv``).
    changes
        What :func:`workbench.fieldwork.kept.compared` counted.
    reads
        How many different exports have been read so far.
    """
    from workbench.checks.suites import sound_suites

    wave = wave_of(study, wave)
    suites = sound_suites(study.folder / "expectations")
    frames: dict[str, pd.DataFrame] = {}
    asked = [suite["meta"]["table"] for suite in suites]
    for name in dict.fromkeys([*_KEPT, *asked]):
        frame = tables.frames.get(name)
        if frame is None or name == "responses":
            continue
        if ("wave" in frame and name not in _KEPT) or name in _OF_A_WAVE:
            frame = frame[frame["wave"].eq(wave)]
        frames[name] = frame.drop(columns=_NEVER, errors="ignore")
    answers = tables.frames.get("responses")
    if answers is not None:
        frames["responses"] = coded(answers[answers["wave"].eq(wave)], study)
    if drawn is not None:
        frames["drawn"] = drawn
    if changes is not None:
        frames["changes"] = changes
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, frame in frames.items():
        frame.reset_index(drop=True).to_parquet(folder / f"{name}.parquet", index=False)
    told = _settings(study, tables, problems, wave) | {"target": target, "reads": reads}
    text = json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True, default=str)
    (folder / "field.json").write_text(text + "\n", encoding="utf-8")
    text = json.dumps(suites, ensure_ascii=False, indent=1)
    (folder / "suites.json").write_text(text + "\n", encoding="utf-8")


def coded(answers: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Give questionnaires without what must not leave intake.

    ``address`` and ``device`` become numbers in order of appearance; a free text ``<item>`` becomes
    ``<item>__text`` (equal texts, equal number); positions become ``metres`` from the median of the
    building (of the unit, where no building is told), and ``position`` says what became of them:
    ``used``, ``no_system`` or missing. Items of class ``personal`` go.
    """
    import numpy as np
    import pandas as pd

    frame = answers.reset_index(drop=True)
    out: dict[str, Any] = {}
    for name in frame.columns:
        item = study.codebook.get(str(name).partition("__")[0])
        if name in ("ip", "device", "lat", "lon", "crs", "_file", "_row", "panel_id"):
            continue
        if item is not None and item.kind == "text":
            if "__" not in str(name):
                out[f"{name}__text"] = _numbered(frame[name])
            continue
        if item is None or item.leaves_house or "__" in str(name):
            out[str(name)] = frame[name]
    out["address"], out["device"] = _numbered(frame["ip"]), _numbered(frame["device"])
    place = frame["psu"].fillna(frame["community"])
    far, told = _distances(frame, frame["community"].astype(str) + "|" + place.astype(str))
    out["metres"], out["position"] = far, told
    made = pd.DataFrame(out, index=frame.index)
    return made.replace({np.inf: np.nan})


def _numbered(values: pd.Series) -> pd.Series:
    import pandas as pd

    codes = pd.factorize(values.where(values.astype("str").str.strip().ne("")))[0]
    return pd.Series(codes, index=values.index, dtype="float64").where(codes >= 0)


def _distances(frame: pd.DataFrame, place: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Metres of each position from the median position of its place, and what was done with it."""
    import pandas as pd

    from workbench.coordinates import metres, system_of, wgs84

    lat, lon = frame["lat"].astype("float64"), frame["lon"].astype("float64")
    systems = frame["crs"] if "crs" in frame else pd.Series(None, index=frame.index, dtype=object)
    system = systems.fillna("").astype(str).map(system_of)
    told = pd.Series(None, index=frame.index, dtype=object)
    there = lat.notna() & lon.notna()
    told[there] = "no_system"
    y, x = lat * float("nan"), lon * float("nan")
    for one in sorted(set(system[there]) - {""}):
        rows = there & system.eq(one)
        y[rows], x[rows] = wgs84(lat[rows], lon[rows], one)
        told[rows] = "used"
    middle_y, middle_x = y.groupby(place).transform("median"), x.groupby(place).transform("median")
    few = y.notna().groupby(place).transform("sum") < 3  # two points have no middle to be far from
    far = pd.Series(metres(y, x, middle_y, middle_x), index=frame.index)
    return far.mask(few), told


def _settings(study: Study, tables: Tables, problems: list[Problem], wave: str) -> dict[str, Any]:
    settings = study.settings
    mine = next(one for one in settings.waves if one.id == wave)
    measures = study.measures.as_dict() if study.measures is not None else {}
    indicators = study.protocol.indicators if study.protocol is not None else {}
    slugs = {m["measurement"]: s for s, m in measures.items() if m.get("measurement")}
    return {
        "study": study.id,
        "wave": wave,
        "fieldwork": [str(day) for day in mine.fieldwork] if mine.fieldwork else [],
        "waves": [
            {"id": w.id, "month": str(w.fieldwork[0])[:7]} for w in settings.waves if w.fieldwork
        ],
        "unit": settings.unit,
        "timezone": settings.timezone,
        "issued": settings.issued.isoformat(),
        "languages": list(settings.languages),
        "seed": settings.seed,
        "sample": dict(settings.sample),
        "rake": list(settings.weighting.rake),
        "population": settings.weighting.population,
        "attempts": settings.recontact.attempts,
        "decisions": settings.decisions.model_dump(mode="json"),
        "codebook": {code: item.as_dict() for code, item in study.codebook.items()},
        "bound": sorted(
            {
                i
                for m in measures.values()
                if m.get("channel") == "survey"
                for i in m.get("items") or ()
            }
        ),
        "measured": {
            name: {
                "zh": indicators[s].name.zh,
                "en": indicators[s].name.en,
                "way": {"up": 1, "down": -1}.get(str(indicators[s].direction), 0),
            }
            for name, s in slugs.items()
            if s in indicators
        },
        "answer_files": [source.file for source in settings.sources.get("responses", ())],
        "files": [{"name": f.name, "sha256": f.sha256, "rows": f.rows} for f in tables.files],
        "problems": [p.as_dict() for p in problems],
    }
