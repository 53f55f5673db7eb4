"""``workbench check STUDY --fieldwork``: read, keep, compare, run the notebook, write the lists."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError, NotebookError, Problem
from workbench.evidence.files import write_atomic

if TYPE_CHECKING:
    import pandas as pd

    from workbench.study import Study

__all__ = ["Done", "run"]

_NOTEBOOK = "fieldwork.ipynb"


@dataclass(frozen=True)
class Done:
    """What one run found and wrote."""

    study: str
    wave: str
    reading: int
    problems: tuple[Problem, ...]
    findings: tuple[dict[str, Any], ...]
    files: tuple[Path, ...]
    private: tuple[Path, ...]

    @property
    def ok(self) -> bool:
        """Whether the data could be read without an error."""
        return all(p.severity != "error" for p in self.problems)

    def as_dict(self) -> dict[str, Any]:
        """Give the run for ``--json``."""
        return {
            "study": self.study,
            "wave": self.wave,
            "reading": self.reading,
            "ok": self.ok,
            "problems": [p.as_dict() for p in self.problems],
            "findings": list(self.findings),
            "files": [str(p) for p in self.files],
            "private": [str(p) for p in self.private],
        }

    def text(self, lang: str) -> str:
        """Give what a person reads in the terminal."""
        zh = lang == "zh"
        told = {f["finding"]: f for f in self.findings}
        lines = []
        errors = [p for p in self.problems if p.severity == "error"]
        if errors:
            lines.append(
                f"读入时的问题 ({len(errors)})" if zh else f"Problems of the data ({len(errors)})"
            )
            lines += [f"  {i}. {p.text(lang)}" for i, p in enumerate(errors, 1)]
        for name in ("arrived", "progress", "response.rr1", "flag.doubtful"):
            one = told.get(f"field.{name}")
            if one:
                said = one.get(f"reason_{lang}")
                tail = (f"（{said}）" if zh else f" ({said})") if said else ""
                lines.append(f"{one[f'label_{lang}']}  {one.get(f'display_{lang}') or '—'}{tail}")
        hits = [f for f in self.findings if f["verdict"] == "failed" and f["severity"] == "warning"]
        lines.append(
            f"要查看的：{len(hits)}项（标记不删除任何问卷）"
            if zh
            else f"to look at: {len(hits)} (a flag deletes nothing)"
        )
        for one in hits[:12]:
            said = one.get(f"reason_{lang}") if one["status"] == "not_computed" else ""
            said = said or one.get(f"display_{lang}") or ""
            lines.append(f"  {one[f'label_{lang}']}  {said}".rstrip())
        if len(hits) > 12:
            lines.append(f"  …另{len(hits) - 12}项" if zh else f"  … and {len(hits) - 12} more")
        lines += [str(p) for p in self.files]
        lines.append("仅供本队（含编号）：" if zh else "For the team only (with ids):")
        lines += [f"  {p}" for p in self.private]
        return "\n".join(lines)


def run(path: Path, out: Path, *, wave: str = "", target: int = 0) -> Done:
    """Run the notebook of field work on a study as it stands.

    Parameters
    ----------
    path
        The study folder; its data may be unfinished and need not be free of problems.
    out
        The batch folder: ``out/fieldwork`` gets notebook, findings and pages,
        ``out/private/fieldwork`` the exports read and what names cases and questionnaires.
    wave, target
        As :func:`workbench.fieldwork.read`.

    Raises
    ------
    InputError
        Settings that cannot be read, no such wave.
    NotebookError
        A cell failed.
    """
    from workbench import bundle
    from workbench.batch.execute import execute, sealed_bytes
    from workbench.fieldwork import kept, page, paper
    from workbench.fieldwork.cases import STATES
    from workbench.fieldwork.reading import load, prepare, wave_of
    from workbench.fieldwork.signs import signs
    from workbench.fieldwork.suites import broken
    from workbench.fieldwork.tomorrow import listed
    from workbench.findings import extract, figures, to_csv, to_json
    from workbench.intake.building import collect
    from workbench.study import Study

    study, problems = Study.draft(path)
    if study is None:
        raise InputError(*problems)
    tables, found = collect(study)
    problems += found
    wave = wave_of(study, wave)
    house = out / "private" / "fieldwork"
    reading = kept.keep(study, tables, wave, house)
    now = house / "now"
    shutil.rmtree(now, ignore_errors=True)
    prepare(
        study,
        tables,
        problems,
        now,
        wave=wave,
        target=target,
        drawn=_drawn(out),
        changes=None if reading.changes is None else kept.counted(reading.changes),
        reads=reading.number,
    )
    source = bundle.path("notebooks") / _NOTEBOOK
    with tempfile.TemporaryDirectory(prefix="wb-field-") as scratch:
        done = execute(source, parameters={"study": "."}, cwd=now, scratch=Path(scratch))
    notebook = done["notebook"]
    if done["error"]:
        raise _broken(done["error"])
    told = extract(notebook, community="", edition=1, name="fieldwork")
    open_to_read = out / "fieldwork"
    shutil.rmtree(open_to_read, ignore_errors=True)
    (open_to_read / "figures").mkdir(parents=True)
    files = {
        open_to_read / _NOTEBOOK: sealed_bytes(notebook),
        open_to_read / "findings.json": to_json(told),
        open_to_read / "findings.csv": to_csv(told),
    }
    for name, figure in figures(notebook).items():
        files[open_to_read / "figures" / f"{name}.svg"] = figure["svg"].encode()
    for lang in study.settings.languages:
        title = {"zh": f"外业核查 {study.id} {wave}", "en": f"Field work {study.id} {wave}"}[lang]
        files[open_to_read / f"fieldwork.{lang}.html"] = page.page(notebook, lang, title=title)
    f = load(now)
    marks = signs(f)
    tasks = listed(f, marks)
    private = {house / "tomorrow.csv": _csv(tasks)}
    for lang in study.settings.languages:
        private[house / f"tomorrow.{lang}.pdf"] = paper.tasks_pdf(f, tasks, lang)
    cases = f.cases
    if len(cases):
        why = cases["state"].map(lambda s: STATES[s][0 if "zh" in study.settings.languages else 1])
        private[house / "cases.csv"] = _csv(cases.assign(why=why))
    flagged = f.answers()[["respondent", "community"]].join(marks) if len(marks) else marks
    if len(flagged):
        flagged = flagged[marks.any(axis=1)]
        private[house / "flags.csv"] = _csv(flagged)
    if reading.changes is not None:
        private[house / "changes.csv"] = _csv(reading.changes)
    words = _words(study, tables.frames.get("responses"), wave)
    if len(words):
        private[house / "others.csv"] = _csv(words)
    if any(one["finding"].startswith("field.own.") and one["verdict"] == "failed" for one in told):
        private[house / "checks.csv"] = _csv(broken(f))
    for name in ("changes.csv", "others.csv", "flags.csv", "checks.csv", "cases.csv"):
        (house / name).unlink(missing_ok=True)
    for place, data in {**files, **private}.items():
        write_atomic(place, data)
    shown = [p for p in files if p.suffix == ".html"] + [open_to_read / _NOTEBOOK]
    return Done(
        study.id, wave, reading.number, tuple(problems), tuple(told), tuple(shown), tuple(private)
    )


def _broken(error: dict[str, Any]) -> NotebookError:
    return NotebookError(
        Problem(
            code="fieldwork.cell",
            zh=f"外业笔记本在单元“{error['cell']}”出错",
            en=f"the notebook of field work failed in cell {error['cell']!r}",
            found=f"{error['ename']}: {error['evalue']}"[:400],
            remedy_zh="用 workbench check 查看数据问题；仍不能解决时报告此信息",
            remedy_en="see workbench check for problems of the data; else report this message",
        )
    )


def _drawn(out: Path) -> pd.DataFrame | None:
    """Read the sample as drawn, all rounds of it; none where nothing was drawn."""
    import pandas as pd

    parts = [
        pd.read_csv(file, dtype=dict.fromkeys(("community", "stratum", "psu", "ssu", "role"), str))
        for file in sorted((out / "draws").glob("sample-*.csv"))
    ]
    return pd.concat(parts, ignore_index=True) if parts else None


def _words(study: Study, answers: pd.DataFrame | None, wave: str) -> pd.DataFrame:
    """Give the free texts of the wave for coding; personal data, for the team only."""
    import pandas as pd

    rows = []
    if answers is not None:
        mine = answers[answers["wave"].eq(wave)]
        for code, item in study.codebook.items():
            if item.kind == "text" and code in mine:
                told = mine.loc[mine[code].notna(), ["respondent", "community", code]]
                rows += [(who, where, code, str(text)) for who, where, text in told.to_numpy()]
    return pd.DataFrame(rows, columns=["respondent", "community", "item", "text"])


def _csv(frame: pd.DataFrame) -> bytes:
    """Write a table for a spreadsheet: UTF-8 with its mark, formula-safe."""
    from workbench.findings import safe_cell

    safe = frame.astype(object).where(frame.notna(), "").map(safe_cell)
    return ("\ufeff" + safe.to_csv(index=False, lineterminator="\n")).encode()
