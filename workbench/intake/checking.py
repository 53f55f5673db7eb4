"""What ``workbench check`` tells: every problem, what feeds each indicator, what feeds nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import Problem
from workbench.intake import duplicates, names
from workbench.intake.frames import Entry, FileUsed, Tables

if TYPE_CHECKING:
    import pandas as pd

    from workbench.intake.shelf import Frames
    from workbench.study import Study

__all__ = ["CheckReport", "Feed", "Idle", "check"]

_AIDS = ("demographic", "attention", "text")


@dataclass(frozen=True)
class Feed:
    """One piece of evidence of one indicator and the rows found for it."""

    indicator: str
    zh: str
    en: str
    channel: str
    evidence: str
    table: str
    rows: int
    units: int
    """Units that have such rows."""
    check: bool = False
    """Further evidence that is only compared."""


@dataclass(frozen=True)
class Idle:
    """Something in the data that feeds no indicator."""

    table: str
    name: str
    rows: int


@dataclass(frozen=True)
class CheckReport:
    """Everything ``workbench check`` found."""

    study: str
    problems: tuple[Problem, ...]
    rows: dict[str, int]
    """Rows of each table."""
    indicators: tuple[Feed, ...] = ()
    idle: tuple[Idle, ...] = ()
    log: tuple[Entry, ...] = ()
    files: tuple[FileUsed, ...] = ()
    names: tuple[dict[str, Any], ...] = ()
    """What became of each name of a unit in each source (columns of ``names.COLUMNS``)."""
    duplicates: tuple[dict[str, Any], ...] = ()
    """Rows taken for the same by the study's rules (columns of ``duplicates.COLUMNS``)."""

    @property
    def ok(self) -> bool:
        """Whether nothing refuses the study."""
        return all(problem.severity != "error" for problem in self.problems)

    def as_dict(self) -> dict[str, Any]:
        """Give the report for ``--json``."""
        return {
            "study": self.study,
            "ok": self.ok,
            "problems": [problem.as_dict() for problem in self.problems],
            "tables": self.rows,
            "indicators": [asdict(feed) for feed in self.indicators],
            "idle": [asdict(one) for one in self.idle],
            "intake": [
                entry.as_dict() | {"table": entry.table, "community": entry.community}
                for entry in self.log
            ],
            "files": [asdict(file) for file in self.files],
            "names": list(self.names),
            "duplicates": list(self.duplicates),
        }

    def text(self, lang: str) -> str:
        """Give the report as lines for a reader of ``lang`` (``zh`` or ``en``)."""
        zh = lang == "zh"
        errors = [p for p in self.problems if p.severity == "error"]
        notes = [p for p in self.problems if p.severity != "error"]
        lines: list[str] = []
        for title, found in (
            ("问题" if zh else "Problems", errors),
            ("提醒" if zh else "Warnings", notes),
        ):
            if found:
                lines += [
                    f"{title} ({len(found)})",
                    *(f"  {n}. {p.text(lang)}" for n, p in enumerate(found, 1)),
                    "",
                ]
        if self.files:
            lines.append("文件" if zh else "Files")
            lines += [
                f"  {f.name}  {f.rows}  sha256 {f.sha256[:12]}"
                + (("（文件夹之外）" if zh else " (outside the folder)") if f.outside else "")
                for f in self.files
            ]
            lines += ["", "表" if zh else "Tables"]
            lines += [f"  {name}  {n}" for name, n in self.rows.items()]
            lines.append("")
        if self.indicators:
            lines.append(
                "指标 → 证据 → 行数 / 单位数" if zh else "Indicator → evidence → rows / units"
            )
            for feed in self.indicators:
                mark = ("（核对）" if zh else " (compared)") if feed.check else ""
                name = feed.zh if zh else feed.en
                lines.append(
                    f"  {name} [{feed.indicator}] → {feed.table} {feed.evidence}{mark}"
                    f" → {feed.rows} / {feed.units}"
                )
            lines.append("")
        for told in (names.lines(self.names, lang), duplicates.lines(self.duplicates, lang)):
            lines += [*told, ""] if told else []
        if self.idle:
            lines.append("不进入任何指标" if zh else "Feeds no indicator")
            lines += [f"  {one.table} {one.name}  {one.rows}" for one in self.idle]
            lines.append("")
        if self.log:
            lines.append("读入时的处理" if zh else "Done while reading")
            lines += [
                f"  {e.n} × {e.zh if zh else e.en}" + (f" [{e.community}]" if e.community else "")
                for e in self.log
            ]
            lines.append("")
        verdict = (
            ("可以运行" if zh else "ready to run")
            if self.ok
            else ("不能运行" if zh else "cannot be run")
        )
        count = (
            f"{len(errors)} 个问题"
            if zh
            else f"{len(errors)} problem" + ("s" if len(errors) != 1 else "")
        )
        lines.append(
            f"{self.study}: {verdict}，{count}" if zh else f"{self.study}: {verdict}, {count}"
        )
        return "\n".join(lines) + "\n"


def check(path: Path) -> CheckReport:
    """Read a study and tell everything about it; nothing is written.

    Parameters
    ----------
    path
        A study folder.

    Returns
    -------
    CheckReport
        Problems of the settings when they do not hold together, else those of the data too, with
        what feeds each indicator.
    """
    from workbench.intake.building import collect
    from workbench.study import Study

    study, problems = Study.draft(path)
    if study is None:
        return CheckReport(path.resolve().name, tuple(problems), {})
    tables, found = collect(study)
    problems += found
    if study.measures is None or study.protocol is None:
        return CheckReport(
            study.id,
            tuple(problems),
            _rows(tables),
            log=tables.log,
            files=tables.files,
            names=_records(tables.names),
            duplicates=_records(tables.duplicates),
        )
    feeds = _feeds(study, tables.frames)
    for feed in feeds:
        if feed.rows == 0 and not feed.check:
            problems.append(
                Problem(
                    code="measures.no-rows",
                    file="measures.yaml",
                    column=feed.indicator,
                    zh=f"没有任何数据进入“{feed.zh}”",
                    en=f'no data feed "{feed.en}"',
                    remedy_zh="补上数据、改正 measures.yaml 或从 scope: 中删去；否则列为未计算",
                    remedy_en="add the data, correct measures.yaml, or remove it from scope:; "
                    "otherwise the report lists it as not computed",
                    expected=f"{feed.table} {feed.evidence}",
                    found="0",
                    severity="warning",
                )
            )
    return CheckReport(
        study=study.id,
        problems=tuple(problems),
        rows=_rows(tables),
        indicators=tuple(feeds),
        idle=tuple(_idle(study, tables.frames)),
        log=tables.log,
        files=tables.files,
        names=_records(tables.names),
        duplicates=_records(tables.duplicates),
    )


def _records(frame: pd.DataFrame | None) -> tuple[dict[str, Any], ...]:
    """Give a frame as plain rows, missing as ``None``."""
    if frame is None or frame.empty:
        return ()
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return tuple({str(k): v for k, v in row.items()} for row in rows)


def _rows(tables: Tables) -> dict[str, int]:
    return {name: tables.frames.rows(name) for name in tables.frames}


def _evidence(
    study: Study, frames: Frames, entry: Mapping[str, Any]
) -> list[tuple[str, str, int, int]]:
    """Table, evidence, rows and units for everything that one entry of measures names."""
    out: list[tuple[str, str, int, int]] = []

    def found(table: str, text: str, columns: Iterable[str], holds: Any) -> None:
        rows, units = 0, set()
        for block in frames.blocks(table, ["community", *columns]) if table in frames else ():
            hit = holds(block).fillna(False).astype(bool)
            rows += int(hit.sum())
            units |= set(block.loc[hit, "community"].dropna().unique())
        out.append((table, text, rows, len(units)))

    survey = [*(entry.get("survey") or [])]
    inspection = [*(entry.get("inspection") or [])]
    items = list(entry.get("items") or [])
    if items:
        (inspection if entry.get("channel") == "inspection" else survey).extend(items)
    if survey:
        names = _item_columns(study, survey)
        found(
            "responses",
            ", ".join(survey),
            names,
            lambda f: f[[n for n in names if n in f]].notna().any(axis=1),
        )
    if inspection:
        visits = entry.get("visits")
        found(
            "inspections",
            ", ".join(inspection),
            ("item", "visit"),
            lambda f: f["item"].isin(inspection) & (f["visit"].isin(visits) if visits else True),
        )
    name = entry.get("measurement")
    if name:
        found("measurements", str(name), ["indicator"], lambda f: f["indicator"] == name)
    where = entry.get("requests")
    if where:
        text = (
            ", ".join(f"{k}={v}" for k, v in where.items())
            if isinstance(where, Mapping)
            else str(where)
        )
        asked = where if isinstance(where, Mapping) else {}
        found("requests", text, asked, lambda f: _matches(f, asked))
    name_ = entry.get("fact")
    if name_:
        found("facts", str(name_), ["fact"], lambda f: f["fact"] == name_)
    return out


def _matches(frame: pd.DataFrame, where: Mapping[str, Any]) -> pd.Series:
    hit = frame["community"].notna()
    for column, wanted in where.items():
        values = [str(v) for v in wanted] if isinstance(wanted, list | tuple) else [str(wanted)]
        if column in frame:
            hit &= frame[column].astype("str").isin(values)
    return hit


def _item_columns(study: Study, codes: list[str]) -> list[str]:
    out: list[str] = []
    for code in codes:
        item = study.codebook.get(code)
        multiple = item is not None and item.kind == "multiple"
        out += [f"{code}__{option}" for option in item.values] if item and multiple else [code]
    return out


def _feeds(study: Study, frames: Frames) -> list[Feed]:
    feeds: list[Feed] = []
    for slug, entry in study.measures.as_dict().items():
        indicator = study.protocol.indicators.get(slug)
        zh, en = (indicator.name.zh, indicator.name.en) if indicator else (slug, slug)
        channel = str(entry.get("channel", ""))
        for further in (False, True):
            source = entry.get("check") if further else entry
            for table, text, rows, units in _evidence(study, frames, source or {}):
                feeds.append(Feed(slug, zh, en, channel, text, table, rows, units, further))
    return feeds


def _idle(study: Study, frames: Frames) -> list[Idle]:
    """Items, inspection items, measurements, request kinds and facts that feed nothing."""
    entries = list(study.measures.as_dict().values())
    checks = [entry["check"] for entry in entries if entry.get("check")]
    used_items = {
        i
        for e in [*entries, *checks]
        for key in ("items", "survey", "inspection")
        for i in e.get(key) or ()
    }
    for entry in entries:
        used_items |= (
            set(entry.get("where") or ()) | set(entry.get("base") or ())
            if isinstance(entry.get("base"), dict)
            else set(entry.get("where") or ())
        )
    measured = {e.get("measurement") for e in [*entries, *checks]}
    facts = {e.get("fact") for e in [*entries, *checks]}
    kinds: set[str] = set()
    every = False
    for entry in [*entries, *checks]:
        where = entry.get("requests")
        if where:
            kind = where.get("kind") if isinstance(where, Mapping) else None
            every |= kind is None
            kinds |= set(kind) if isinstance(kind, list | tuple) else {str(kind)}
    idle: list[Idle] = []
    if "responses" in frames:
        weights = {part for name in study.settings.weighting.rake for part in name.split(":")}
        for code, item in study.codebook.items():
            if item.role in (*_AIDS, "inspection") or code in used_items or code in weights:
                continue
            there = set(frames.columns("responses"))
            names = [n for n in _item_columns(study, [code]) if n in there]
            rows = sum(
                int(block.notna().any(axis=1).sum())
                for block in (frames.blocks("responses", names) if names else ())
            )
            idle.append(Idle("responses", code, rows))
    for table, column, used in (
        ("inspections", "item", used_items),
        ("measurements", "indicator", measured),
        ("requests", "kind", kinds),
        ("facts", "fact", facts),
    ):
        if table in frames and not (table == "requests" and every):
            counts: Counter[str] = Counter()
            for block in frames.blocks(table, [column]):
                counts.update(Counter(block[column].dropna().tolist()))
            idle += [
                Idle(table, str(name), n) for name, n in sorted(counts.items()) if name not in used
            ]
    return idle
