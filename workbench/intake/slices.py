"""One unit's part of the canonical tables, as kernel, bag and auditor read it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError, Problem
from workbench.intake.earlier import codebook_of, dates_of
from workbench.intake.export import csv_bytes
from workbench.intake.frames import FILE, ROW
from workbench.intake.pictures import copy_of, file_name, may_leave
from workbench.intake.shared import shared_phrases, shared_places
from workbench.intake.store import PEOPLE, read_columns, read_meta
from workbench.intake.tables import SAID, TABLES, column_of

if TYPE_CHECKING:
    from workbench.study import Study

__all__ = ["assessed_units", "cut"]

Columns = dict[str, list[Any]]
_WITHHELD = "(withheld)"
# columns that name pictures
_PICTURED = (("issues", "photos_before"), ("issues", "photos_after"), ("inspections", "photos"))


def assessed_units(study: Study, tables_dir: Path) -> list[str]:
    """Give the ids of the units that get a report, sorted."""
    units = read_columns(tables_dir, "communities", None)
    pairs = zip(units["community"], units["level"], strict=True)
    return sorted(unit for unit, level in pairs if level == study.settings.unit)


def cut(
    study: Study,
    tables_dir: Path,
    community: str,
    to: Path,
    *,
    edition: int = 1,
    earlier: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Write one unit's slice: ``inputs/*.csv``, ``inputs/study.json``, ``protocol/protocol.json``.

    Only the unit's rows are read. A unit above others also gets the rows of the units below it
    (facts and objections apart); ``communities`` and ``margins`` hold its ancestors too.
    Persons, ``psu`` and ``ssu`` carry numbers from a permutation keyed with the study's secret;
    addresses, devices, positions, personal items and free text of residents are left out.

    Parameters
    ----------
    study
        The study that was built.
    tables_dir
        Where `write_tables` wrote.
    community
        Id of the unit.
    to
        The unit's ``data/`` folder; made when missing.
    edition
        Edition of the report.
    earlier
        For a later edition: of each before it ``edition``, ``evidence_sha256`` and ``withheld``,
        the ids of the findings it suppressed.

    Returns
    -------
    str
        SHA-256 over the lines ``<sha256>  <path>`` of all files written, sorted by path.

    Raises
    ------
    InputError
        The unit is not in the tables.
    """
    return _Cut(study, tables_dir, community, to, edition, earlier).run()


class _Cut:
    """One slice while it is written."""

    def __init__(
        self,
        study: Study,
        tables_dir: Path,
        community: str,
        to: Path,
        edition: int,
        earlier: Sequence[Mapping[str, Any]],
    ) -> None:
        self.study, self.folder, self.unit, self.to = study, tables_dir, community, to
        self.edition, self.earlier = edition, list(earlier)
        self.meta = read_meta(tables_dir)
        self.secret = study.secret()
        self.written: dict[str, str] = {}
        self.counts: dict[str, dict[str, Any]] = {}
        order = sorted(self.meta["people"], key=lambda name: self.keyed("person", name))
        self.people = {name: f"S{n:03d}" for n, name in enumerate(order, start=1)}
        # who only decides objections comes later than the others and moves none of their numbers
        for name in self.meta["deciders"]:
            self.people[name] = f"X{self.keyed('person', name).hex()[:6]}"
        self.numbers: dict[str, dict[tuple[str, ...], str]] = {}

    def keyed(self, *words: str) -> bytes:
        """Give the keyed digest of some words; nothing follows from it without the key."""
        parts = [word.encode() for word in words]
        message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.new(self.secret, message, hashlib.sha256).digest()

    def run(self) -> str:
        units = read_columns(self.folder, "communities", None)
        if self.unit not in units["community"]:
            raise InputError(
                Problem(
                    code="community.unknown",
                    community=self.unit,
                    zh="communities 表中没有这个单位",
                    en="the table communities has no such unit",
                    remedy_zh="核对编号",
                    remedy_en="check the id",
                )
            )
        parent = dict(zip(units["community"], units["parent"], strict=True))
        above = _chain(parent, self.unit)
        below = [unit for unit in parent if unit != self.unit and self.unit in _chain(parent, unit)]
        tables: dict[str, Columns] = {}
        for name in (name for name in TABLES if name in self.meta["tables"]):
            table = TABLES[name]
            if name == "communities":
                tables[name] = _where(units, "community", {self.unit, *above, *below})
            elif name == "margins":
                tables[name] = read_columns(self.folder, name, [self.unit, *above, *below, "*"])
            elif table.unit:
                wanted = [self.unit, *(below if table.parts else [])]
                tables[name] = read_columns(self.folder, name, wanted)
        self._number(tables)
        if "backchecks" in self.meta["tables"]:
            everything = read_columns(self.folder, "backchecks", None)
            tables["backchecks"] = _of_persons(everything, self.numbers["respondent"])
        if "cases" in self.meta["tables"]:
            tables["cases"] = read_columns(self.folder, "cases", None)
        if "assessors" in self.meta["tables"]:
            here = {
                who
                for name in tables
                for column in PEOPLE.get(name, ())
                for who in tables[name][column]
            }
            everybody = read_columns(self.folder, "assessors", None)
            tables["assessors"] = _where(everybody, "assessor", here)
        for name, columns in tables.items():
            # an objection of one unit changes no other unit's slice
            if name != "objections" or columns["objection"]:
                self._table(name, columns)
        self._pictures(tables)
        self._corrections()
        self._judgements()
        self._write("protocol/protocol.json", self.study.protocol_json.encode())
        self._write("inputs/study.json", _json(self._settings()))
        lines = "".join(f"{self.written[path]}  {path}\n" for path in sorted(self.written))
        return hashlib.sha256(lines.encode()).hexdigest()

    # numbers for persons and sampling units

    def _number(self, tables: dict[str, Columns]) -> None:
        """Collect everything to be numbered in the unit and number it in keyed order."""
        found: dict[str, set[tuple[str, ...]]] = {kind: set() for kind in _LETTER}
        for name in _NUMBERED:
            columns = tables.get(name, {})
            for column, key in _IDENTITY.items():
                if column in columns and column in TABLES[name].names():
                    kind = _KIND.get(column, column)
                    found[kind].update(k for k in _keys(columns, column, key) if k is not None)
        for kind, letter in _LETTER.items():
            ranked = [(self.keyed(kind, self.unit, *key), key) for key in found[kind]]
            order = [key for _, key in sorted(ranked)]
            self.numbers[kind] = {key: f"{letter}{n:05d}" for n, key in enumerate(order, start=1)}

    def _renumber(self, name: str, columns: Columns) -> Columns:
        """Give the columns with numbers for persons and sampling units."""
        new = dict(columns)
        if name in (*_NUMBERED, "backchecks"):
            for column, key in _IDENTITY.items():
                if column in columns and column in TABLES[name].names():
                    numbers = self.numbers[_KIND.get(column, column)]
                    keys = _keys(columns, column, key)
                    new[column] = [None if k is None else numbers[k] for k in keys]
        for column in PEOPLE.get(name, ()):
            new[column] = [self.people.get(who) for who in columns[column]]
        return new

    # files

    def _write(self, path: str, data: bytes) -> None:
        target = self.to / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        self.written[path] = hashlib.sha256(data).hexdigest()

    def _table(self, name: str, columns: Columns) -> None:
        """Write one table, sorted by unit and key as they read in the slice."""
        table = TABLES[name]
        told = self._shared(name, self._renumber(name, columns))
        kept = [(c, v) for c, v in told.items() if self._leaves(name, c)]
        names = {column for column, _ in kept}
        by = [column for column in dict.fromkeys([table.unit, *table.key]) if column in names]
        self._write(f"inputs/{name}.csv", csv_bytes(kept, by=by))
        rows = len(next(iter(columns.values()), []))
        self.counts[name] = {"rows": rows, "sha256": self.written[f"inputs/{name}.csv"]}

    def _shared(self, name: str, columns: Columns) -> Columns:
        """Leave out phrases and places that too few residents share."""
        if name not in ("responses", "requests"):
            return columns
        minimum = self.study.settings.decisions.min_cell
        waves = self.study.settings.waves if name == "requests" else []
        months = [dates_of(self.study, wave)[1] for wave in waves]
        new = columns | shared_phrases(columns, months, minimum=minimum)
        if name == "requests" and "place" in columns:
            new["place"] = shared_places(columns["place"], minimum=minimum)
        return new

    def _pictures(self, tables: dict[str, Columns]) -> None:
        """Write the copy of each picture that an issue or a visit names and that may be shown."""
        if "photos" not in tables:
            return
        named = {
            part.strip()
            for table, column in _PICTURED
            for cell in tables.get(table, {}).get(column, ())
            for part in str(cell or "").replace("；", ";").split(";")
        }
        columns = ("photo", "file", "release", "redacted")
        for photo, file, release, redacted in zip(
            *(tables["photos"][name] for name in columns), strict=True
        ):
            if photo in named and may_leave(release, redacted) and self.study.holds(file):
                path = self.study.resolve(file)
                if path.is_file():
                    self._write(f"inputs/photos/{file_name(photo)}", copy_of(path))

    def _leaves(self, table: str, name: str) -> bool:
        """Whether a column may leave the house."""
        if name in (FILE, ROW):
            return False
        column = column_of(TABLES[table], name)
        if column is not None:
            return not column.house
        code, _, part = name.partition("__")
        item = self.study.codebook.get(code)
        if item is not None and item.kind == "text" and part in SAID:
            return item.is_read  # what was read out of the words, not the words
        return item is not None and item.leaves_house

    def _corrections(self) -> None:
        """Write the unit's corrections, each with its table, column and coded values."""
        lines = {line.row: line for line in self.study.corrections}
        rows = []
        for one in self.meta["corrections"]:
            if one["community"] != self.unit:
                continue
            line = lines[one["line"]]
            known = column_of(TABLES[one["table"]], one["column"]) is not None or (
                one["column"].partition("__")[0] in self.study.codebook
            )
            open_ = (
                known
                and self._leaves(one["table"], one["column"])
                and one["column"] not in _IDENTITY
            )
            row_id = self._id(one["table"], one["wave"], one["id"])
            rows.append(
                {
                    "file": line.file,
                    "key": row_id,
                    "column": line.column,
                    "old": line.old if open_ else _WITHHELD,
                    "new": line.new if open_ else _WITHHELD,
                    "reason": line.reason,
                    "author": line.author,
                    "date": line.date,
                    "approved_by": line.approved_by,
                    "evidence": line.evidence,
                    "table": one["table"],
                    "wave": one["wave"] or "",
                    "item": one["column"],
                    "old_value": (one["old_value"] or "") if open_ else "",
                    "new_value": (one["new_value"] or "") if open_ else "",
                }
            )
        columns = (
            "file key column old new reason author date approved_by evidence "
            "table wave item old_value new_value"
        ).split()
        self._lines("corrections", columns, rows)

    def _id(self, table: str, wave: str | None, name: str | None) -> str:
        """Give the id a row has in the slice."""
        if name is None:
            return ""
        if table in ("responses", "dispositions", "backchecks"):
            kind = "case" if table == "dispositions" else "respondent"
            return self.numbers[kind].get((wave or "", name), "")
        if table == "frame":
            return ""
        return self.people.get(name, name) if table in PEOPLE else name

    def _judgements(self) -> None:
        """Judgements of the unit and those of the whole study."""
        rows = []
        persons = {key[1]: number for key, number in self.numbers["respondent"].items()}
        persons |= {key[1]: number for key, number in self.numbers["case"].items()}
        persons |= self.people
        for line in self.study.judgements:
            if line.community not in ("", "*", self.unit):
                continue
            about = [persons.get(part, part) for part in line.object.split(":")]
            rows.append(
                {
                    "id": line.id,
                    "kind": line.kind,
                    "community": line.community,
                    "object": ":".join(about),
                    # the words as they were said stay in the house
                    "from": "" if line.kind == "quotation" else line.from_,
                    "to": line.to,
                    "decision": line.decision,
                    "reason_zh": line.reason_zh,
                    "reason_en": line.reason_en,
                    "author": line.author,
                    "date": line.date,
                    "approved_by": line.approved_by,
                }
            )
        columns = (
            "id kind community object from to decision reason_zh reason_en author date approved_by"
        ).split()
        self._lines("judgements", columns, rows)

    def _lines(self, name: str, columns: list[str], rows: list[dict[str, str]]) -> None:
        cells = ((column, [row[column] for row in rows]) for column in columns)
        self._write(f"inputs/{name}.csv", csv_bytes(cells))

    def _settings(self) -> dict[str, Any]:
        """Give the resolved settings as the kernel reads them."""
        study, settings = self.study, self.study.settings
        dump: Callable[..., dict[str, Any]] = lambda model: model.model_dump(mode="json")  # noqa: E731
        baseline = study.baseline
        dates = {wave.id: dates_of(study, wave) for wave in settings.waves}
        asked = {wave.id: codebook_of(study, wave) for wave in settings.waves}
        return {
            "study": study.id,
            "edition": self.edition,
            **({"earlier_editions": self.earlier} if self.earlier else {}),
            "community": self.unit,
            "programme": study.protocol.programme,
            "unit": settings.unit,
            "issued": settings.issued.isoformat(),
            "seed": settings.seed,
            "timezone": settings.timezone,
            "calendar": settings.calendar,
            "languages": list(settings.languages),
            "waves": [
                {
                    "id": wave.id,
                    "role": wave.role,
                    "label": dump(wave.label) if wave.label else None,
                    "fieldwork": dates[wave.id][0],
                    "records": dates[wave.id][1],
                    **({"codebook": asked[wave.id]} if asked[wave.id] else {}),
                }
                for wave in settings.waves
            ],
            **({"asked_apart": self.meta["asked_apart"]} if self.meta["asked_apart"] else {}),
            **({"text": self.meta["text"]} if self.meta["text"] else {}),
            "wave": study.current.id,
            "baseline": baseline.id if baseline else None,
            "scope": settings.scope
            if settings.scope is not None
            else list(study.measures.as_dict()),
            "phase": settings.phase,
            "report": settings.report,
            "scheme": settings.scheme,
            "year": settings.year,
            "locality": settings.locality,
            "parties": dump(settings.parties),
            "sample": dict(settings.sample),
            "weighting": dump(settings.weighting),
            "decisions": dump(settings.decisions),
            **({"requests": dump(settings.requests)} if settings.requests else {}),
            **({"workdays": study.workdays} if study.workdays else {}),
            "small_area": dump(settings.small_area) if settings.small_area else None,
            "disclosure": {key: dump(text) for key, text in settings.disclosure.items()},
            "signatories": {
                role: {
                    "name": dump(who.name),
                    "organisation": dump(who.organisation),
                    "demonstration": who.key == "demo",
                }
                for role, who in settings.signatories
            },
            "timestamps": settings.timestamps,
            "codebook": {code: item.as_dict() for code, item in study.codebook.items()},
            "measures": study.measures.as_dict(),
            "files": self.meta["files"],
            "tables": self.counts,
            "extracts": self.meta["extracts"],
            "intake": [
                {key: entry[key] for key in ("code", "n", "zh", "en")}
                for entry in self.meta["log"]
                if entry["community"] in ("", self.unit)
            ],
        }


_IDENTITY = {
    "respondent": ("wave", "respondent"),
    "case": ("wave", "case"),
    "substitute_for": ("wave", "substitute_for"),
    "panel_id": ("panel_id",),
    "psu": ("community", "psu"),
    "ssu": ("community", "psu", "ssu"),
    "person": ("person",),
}
"""Columns that are renumbered, and what makes one of them the same as another."""

_NUMBERED = ("responses", "dispositions", "frame", "sign_ins")
_KIND = {"substitute_for": "case"}
_LETTER = {"respondent": "P", "case": "C", "panel_id": "N", "psu": "B", "ssu": "D", "person": "G"}


def _keys(columns: Columns, column: str, key: tuple[str, ...]) -> list[tuple[str, ...] | None]:
    """Give what makes each row's person or sampling unit the same as another's; None for none."""
    parts = zip(*(columns[name] for name in key), strict=True)
    return [
        None if own is None else tuple("" if part is None else part for part in parts_)
        for own, parts_ in zip(columns[column], parts, strict=True)
    ]


def _of_persons(columns: Columns, numbers: dict[tuple[str, ...], str]) -> Columns:
    """Keep the rows about persons who have a number in the slice."""
    pairs = zip(columns["wave"], columns["respondent"], strict=True)
    keep = [(wave or "", person) in numbers for wave, person in pairs]
    return {c: [v for v, hit in zip(vs, keep, strict=True) if hit] for c, vs in columns.items()}


def _where(columns: Columns, name: str, wanted: set[Any]) -> Columns:
    """Keep the rows whose ``name`` is wanted."""
    keep = [value in wanted for value in columns[name]]
    return {c: [v for v, hit in zip(vs, keep, strict=True) if hit] for c, vs in columns.items()}


def _chain(parent: dict[str, Any], unit: str) -> list[str]:
    above: list[str] = []
    while isinstance(unit := parent.get(unit), str) and unit not in above:  # type: ignore[assignment]
        above.append(unit)
    return above


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()
