"""Every export read is kept by digest, and compared with the one before.

``DIR/private/fieldwork`` holds the files as they came (``exports/<digest>-<name>``), the answers of
each reading (``readings/<digest>.parquet``) and ``readings.jsonl``, one line a reading, appended.
It goes with ``workbench purge`` like all of ``private``.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.evidence.files import write_atomic
from workbench.intake.tables import SAID

if TYPE_CHECKING:
    import pandas as pd

    from workbench.intake.frames import Tables
    from workbench.study import Study

__all__ = ["Reading", "compared", "counted", "keep"]

_WHO = ("community", "interviewer", "finished")
_NOT_ANSWERS = ("_file", "_row", "flags")


@dataclass(frozen=True)
class Reading:
    """One reading of the exports, and what it is compared with."""

    number: int
    """From 1: readings that differ from the one before."""
    changes: pd.DataFrame | None
    """Row by row, as :func:`compared` gives them; ``None`` for the first."""


def keep(study: Study, tables: Tables, wave: str, folder: Path) -> Reading:
    """Keep the exports and answers of this reading and compare them with the reading before.

    The same exports again are the same reading, compared with the same one before it. What
    ``corrections.csv`` mends is no change of the export and is not compared. Where a file of
    answers cannot be read, its questionnaires did not vanish: that is no reading.

    Parameters
    ----------
    study, tables
        The study and what intake made of it.
    wave
        The wave; others are not compared.
    folder
        ``DIR/private/fieldwork``.
    """
    import pandas as pd

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "exports").mkdir(exist_ok=True, mode=0o700)
    (folder / "readings").mkdir(exist_ok=True, mode=0o700)
    for file in tables.files:
        source = study.resolve(file.name)
        if source.is_file():  # a table of a database has no file
            data = source.read_bytes()
            target = folder / "exports" / f"{file.sha256}-{Path(file.name).name}"
            if not target.exists() and hashlib.sha256(data).hexdigest() == file.sha256:
                write_atomic(target, data)
    names = {source.file for source in study.settings.sources.get("responses", ())}
    journal = folder / "readings.jsonl"
    lines = _lines(journal, wave)
    if names - {file.name for file in tables.files}:
        return Reading(len(lines), None)
    answers = _answers(tables, wave)
    text = answers.to_csv(index=False, lineterminator="\n").encode()
    digest = hashlib.sha256(text).hexdigest()
    exports = {f.name: f.sha256 for f in tables.files if f.name in names}
    again = bool(exports and lines) and exports == {
        f["name"]: f["sha256"] for f in lines[-1]["files"] if f["name"] in names
    }
    if not lines or lines[-1]["answers"] != digest:
        snapshot = folder / "readings" / f"{digest}.parquet"
        part = snapshot.with_suffix(".part")
        answers.to_parquet(part, index=False)
        part.replace(snapshot)
        told = {
            "reading": len(lines) + (0 if again else 1),  # the same exports, read otherwise
            "wave": wave,
            "answers": digest,
            "rows": len(answers),
            "files": [{"name": f.name, "sha256": f.sha256, "rows": f.rows} for f in tables.files],
        }
        torn = journal.is_file() and not journal.read_bytes().endswith(b"\n")
        with journal.open("a", encoding="utf-8") as log:
            line = json.dumps(told, ensure_ascii=False, sort_keys=True)
            log.write(("\n" if torn else "") + line + "\n")
            log.flush()
            os.fsync(log.fileno())
        lines[len(lines) - again :] = [told]
    if len(lines) < 2:
        return Reading(len(lines), None)
    before = folder / "readings" / f"{lines[-2]['answers']}.parquet"
    if not before.is_file():
        return Reading(len(lines), None)
    fixed = tables.corrections
    fixed = fixed[fixed["table"].eq("responses") & fixed["wave"].eq(wave)]
    mended = set(zip(fixed["id"], fixed["column"], strict=True))
    return Reading(len(lines), compared(pd.read_parquet(before), answers, mended))


def _lines(journal: Path, wave: str) -> list[dict[str, Any]]:
    """Give the readings of the wave in order, each by its last line; a torn line is none."""
    found: dict[int, dict[str, Any]] = {}
    if journal.is_file():
        for line in journal.read_text(encoding="utf-8").splitlines():
            try:
                told = json.loads(line)
            except json.JSONDecodeError:
                continue
            if told.get("wave") == wave:
                found[int(told["reading"])] = told
    return list(found.values())


def _answers(tables: Tables, wave: str) -> pd.DataFrame:
    """Give the wave's questionnaires as text, in the order of their ids."""
    import pandas as pd

    frame = tables.frames.get("responses")
    if frame is None:
        return pd.DataFrame({"respondent": pd.Series(dtype=str)})
    made = [c for c in map(str, frame.columns) if c.partition("__")[2] in SAID]
    mine = frame[frame["wave"].eq(wave)].drop(columns=[*_NOT_ANSWERS, *made], errors="ignore")
    text = mine.astype("string").sort_values("respondent", kind="stable")
    return text.astype(object).where(text.notna(), None).reset_index(drop=True)


def compared(
    before: pd.DataFrame, after: pd.DataFrame, mended: Collection[tuple[str, str]] = ()
) -> pd.DataFrame:
    """Compare two readings by the id of the questionnaire.

    Parameters
    ----------
    before, after
        One row per questionnaire, all cells text, ``None`` for missing; ``respondent``.
    mended
        Questionnaires and columns that ``corrections.csv`` changes: they are not compared.

    Returns
    -------
    DataFrame
        One row per cell that changed and per questionnaire that came or went: ``kind`` (added,
        changed, vanished), ``respondent``, ``community``, ``interviewer``, ``finished``,
        ``column``, ``before``, ``after``; personal data, for the team only. An id that stands
        twice is compared by its first row.
    """
    import pandas as pd

    one, two = (f.drop_duplicates("respondent").set_index("respondent") for f in (before, after))
    came, gone = two.index.difference(one.index), one.index.difference(two.index)
    rows = [{"kind": "added", "respondent": r} | _who(two, r) for r in came]
    rows += [{"kind": "vanished", "respondent": r} | _who(one, r) for r in gone]
    both = one.index.intersection(two.index)
    for column in dict.fromkeys([*one.columns, *two.columns]):
        empty = pd.Series(None, index=both, dtype=object)
        x = one.loc[both, column] if column in one else empty
        y = two.loc[both, column] if column in two else empty
        x, y = x.fillna("").astype(str), y.fillna("").astype(str)
        item = str(column).partition("__")[0]
        for r in both[(x != y).to_numpy()]:
            if (r, column) in mended or (r, item) in mended:
                continue
            rows.append(
                {
                    "kind": "changed",
                    "respondent": r,
                    **_who(two, r),
                    "column": column,
                    "before": x[r],
                    "after": y[r],
                }
            )
    columns = ["kind", "respondent", *_WHO, "column", "before", "after"]
    out = pd.DataFrame(rows, columns=columns)
    return out.sort_values(["kind", "respondent", "column"], kind="stable").reset_index(drop=True)


def _who(frame: pd.DataFrame, respondent: str) -> dict[str, Any]:
    return {name: frame.at[respondent, name] if name in frame else None for name in _WHO}


def counted(changes: pd.DataFrame) -> pd.DataFrame:
    """Count questionnaires by kind of change, interviewer and day, with the columns that changed.

    Returns
    -------
    DataFrame
        ``kind``, ``interviewer``, ``day`` (of submission), ``n`` (questionnaires), ``columns``
        (names of those that changed); no ids and no answers.
    """
    import pandas as pd

    day = changes["finished"].map(lambda t: str(t)[:10] if isinstance(t, str) else "")
    keys = [changes["kind"], changes["interviewer"].fillna(""), day.rename("day")]
    groups = changes.groupby(keys, sort=True)
    out = pd.DataFrame(
        {
            "n": groups["respondent"].nunique(),
            "columns": groups["column"].agg(_joined),
        }
    ).reset_index()
    return out[["kind", "interviewer", "day", "n", "columns"]]


def _joined(names: pd.Series) -> str:
    return ", ".join(sorted(set(names.dropna())))
