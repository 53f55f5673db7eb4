"""``workbench audit BAG``: verify, execute the notebook again, compare everything it said.

Nothing is executed before the bag is valid, and no code that a bundled notebook did not have is
executed unless it is asked for. The notebook runs in a process of its own, in a copy of the slice,
with an empty home, without network where the system allows it, and with limits of time.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from workbench import findings
from workbench.batch import compare, environment, known
from workbench.batch.compare import Difference
from workbench.batch.pool import kill_family
from workbench.checks.suites import code_in_suites
from workbench.errors import InputError, MachineError, NotebookError, Problem
from workbench.evidence import logs
from workbench.evidence.answer import Report
from workbench.evidence.bag import not_delivered
from workbench.evidence.files import read_json, sha256_bytes, sha256_file
from workbench.evidence.result import Result, Verdict, printable, result
from workbench.evidence.verify import verify

__all__ = ["AuditReport", "Reproduced", "audit"]

SECONDS = 1800.0
_SHOWN = 20
_CONTEXT = "context.p_adjusted."


class Reproduced(StrEnum):
    """How far the results came out again, after the classes of the AEA Data Editor."""

    FULL = "full"
    ROUNDING = "full_with_differences_in_rounding"
    PARTIAL = "partial"
    NOT = "not_reproduced"

    def text(self, lang: str) -> str:
        """Return the words for a reader of ``lang`` (``zh`` or ``en``)."""
        zh = {
            Reproduced.FULL: "完全重现",
            Reproduced.ROUNDING: "完全重现，仅末位舍入有差异",
            Reproduced.PARTIAL: "部分重现",
            Reproduced.NOT: "未能重现",
        }
        en = {
            Reproduced.FULL: "reproduced in full",
            Reproduced.ROUNDING: "reproduced in full, with differences in rounding",
            Reproduced.PARTIAL: "reproduced in part",
            Reproduced.NOT: "not reproduced",
        }
        return zh[self] if lang == "zh" else en[self]


@dataclass
class AuditReport:
    """The answer of ``workbench audit``.

    Attributes
    ----------
    path, community
        Name of the bag, and its unit.
    verified
        What ``workbench verify`` said of it; of the overview too where one was given.
    reproduced
        The class of the result; None when nothing could be compared.
    cell
        First cell of the notebook in which something came out otherwise; empty for none.
    code
        The version whose bundled notebook this is; empty for foreign code.
    foreign
        Cells that are not those of a bundled notebook.
    environment
        What differs between the recorded environment and the one used.
    execution
        How it was executed: ``python``, ``network`` (closed, open), ``cpu_limited``, ``wheels``
        (whether with those kept in the batch), seconds.
    counts
        Numbers of findings and figures: ``findings``, ``findings_same``, ``context``,
        ``context_recomputed``, ``figures``, ``figures_same``.
    digest
        SHA-256 of the sealed notebook, ``recorded`` and ``again``.
    differences
        Everything that came out otherwise.
    notes
        Reasons and remarks; a note that is "cannot tell" or "changed" decides the exit code.
    """

    path: str
    community: str = ""
    verified: list[Report] = field(default_factory=list)
    reproduced: Reproduced | None = None
    cell: str = ""
    code: str = ""
    foreign: list[str] = field(default_factory=list)
    environment: list[dict[str, str]] = field(default_factory=list)
    execution: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    digest: dict[str, str] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    notes: list[Result] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 reproduced in full, 1 changed or not reproduced, 5 cannot tell."""
        verdicts = {report.verdict for report in self.verified}
        verdicts |= {note.verdict for note in self.notes}
        if self.reproduced in {Reproduced.PARTIAL, Reproduced.NOT}:
            verdicts.add(Verdict.CANNOT_TELL if self.environment else Verdict.CHANGED)
        if Verdict.CHANGED in verdicts:
            return 1
        return 5 if Verdict.CANNOT_TELL in verdicts or self.reproduced is None else 0

    def text(self, lang: str) -> str:
        """Return the answer for a reader of ``lang`` (``zh`` or ``en``)."""
        zh = lang == "zh"
        if self.reproduced is not None:
            head = self.reproduced.text(lang)
        elif self.exit_code == 1:
            head = "已被改动，未执行" if zh else "changed; nothing was executed"
        else:
            head = "无法判定" if zh else "cannot tell"
        lines = [f"{'审计' if zh else 'audit'} {self.community or self.path}: {head}"]
        for report in self.verified:
            lines += ["  " + line for line in report.text(lang).split("\n")[:_SHOWN]]
        lines += [f"  {note.text(lang)}" for note in self.notes]
        if self.reproduced is not None:
            lines += [f"  {line}" for line in self._told(zh)]
            lines += [f"  {one.text(lang)}" for one in self.differences[:_SHOWN]]
            more = len(self.differences) - _SHOWN
            if more > 0:
                lines.append(
                    f"  …… 另有 {more} 处，见 --json" if zh else f"  … {more} more: --json"
                )
        return "\n".join(map(printable, lines))

    def _told(self, zh: bool) -> list[str]:
        n, run = self.counts, self.execution
        if self.code:
            code = f"全部代码单元与 {self.code} 的内置笔记本相同"
            if not zh:
                code = f"every code cell is that of the bundled notebook of {self.code}"
        else:
            named = ", ".join(self.foreign)
            code = f"含外来代码（{named}），按要求执行" if zh else f"foreign code was run: {named}"
        lines = [code]
        if self.environment:
            each = [f"{d['name']} {d['recorded']} → {d['here']}" for d in self.environment]
            shown = "; ".join(each[:_SHOWN]) + ("; …" if len(each) > _SHOWN else "")
            lines.append(
                f"运行环境与记录有 {len(each)} 处不同：{shown}"
                if zh
                else f"the environment differs from the recorded one in {len(each)}: {shown}"
            )
        else:
            lines.append(
                "运行环境与记录一致" if zh else "the environment is the recorded one, all versions"
            )
        network = run["network"] == "closed"
        if run["wheels"]:
            lines.append(
                "用批次所存的 wheel 文件（environment/）执行"
                if zh
                else "executed with the wheels kept in the batch (environment/)"
            )
        lines.append(
            f"独立进程，{'无网络' if network else '系统不允许关闭网络'}，用时 {run['seconds']} 秒"
            if zh
            else f"own process, network {'closed' if network else 'open: cannot be closed here'}, "
            f"{run['seconds']} s"
        )
        again = n["context_recomputed"]
        how = ("重新计算" if zh else "recomputed") if again else ""
        how = how or ("在批次中计算，与记录一致性已核对" if zh else "computed in the batch")
        lines.append(
            f"结论 {n['findings_same']}/{n['findings']} 相同；汇总结论 {n['context']} 条（{how}）；"
            f"图 {n['figures_same']}/{n['figures']} 相同"
            if zh
            else f"findings: {n['findings_same']} of {n['findings']} the same; of the batch: "
            f"{n['context']} ({how}); figures: {n['figures_same']} of {n['figures']} the same"
        )
        same = self.digest["recorded"] == self.digest["again"]
        lines.append(
            f"笔记本摘要{'相同' if same else '不同'}：{self.digest['recorded'][:12]}"
            if zh
            else f"sealed notebook: {'same' if same else 'another'} digest "
            f"{self.digest['recorded'][:12]}"
        )
        if self.cell:
            lines.append(
                f"首个不同的单元格：{self.cell}" if zh else f"first cell that differs: {self.cell}"
            )
        return lines

    def as_dict(self) -> dict[str, Any]:
        """Return one JSON document, for ``--json``."""
        return {
            "path": self.path,
            "community": self.community,
            "exit_code": self.exit_code,
            "reproduced": self.reproduced.value if self.reproduced else None,
            "cell": self.cell,
            "code": self.code,
            "foreign": self.foreign,
            "environment": self.environment,
            "execution": self.execution,
            "counts": self.counts,
            "digest": self.digest,
            "differences": [one.as_dict() for one in self.differences],
            "notes": [note.as_dict() for note in self.notes],
            "verified": [report.as_dict() for report in self.verified],
        }


def audit(
    bag: Path,
    *,
    trust: Path | None,
    home: Path,
    now: datetime,
    run_foreign: bool = False,
    python: Path | None = None,
    overview: Path | None = None,
    seconds: float = SECONDS,
) -> AuditReport:
    """Execute a bag's notebook again and compare all that it found.

    Parameters
    ----------
    bag
        ``DIR/communities/<community>``; it may come from a stranger.
    trust, home, now
        As of :func:`workbench.evidence.verify.verify`.
    run_foreign
        Execute cells that no bundled notebook has. They see this machine's files as its user does.
    python
        A Python with the workbench, to be used instead of this one.
    overview
        ``DIR/overview`` of the batch: findings of the context are then computed again too.
    seconds
        Limit of wall-clock and of CPU time.

    Returns
    -------
    AuditReport
        Its ``exit_code`` is 0, 1 or 5.

    Raises
    ------
    InputError
        ``verify.path`` and ``trust.unreadable`` as verification; ``audit.bag`` for anything but a
        bag of one unit; ``audit.python``.
    """
    if python is not None and not (python.is_file() and os.access(python, os.X_OK)):
        raise InputError(
            Problem(
                code="audit.python",
                zh="这不是可以执行的 Python",
                en="this is no Python that can be executed",
                file=str(python),
                remedy_zh="给出装有本工作台的虚拟环境中的 python",
                remedy_en="give the python of an environment in which the workbench is installed",
            )
        )
    bag = bag.resolve()
    if not (bag / "data" / "notebook.ipynb").is_file() and (bag / "communities").is_dir():
        raise InputError(_no_bag(bag))
    report = AuditReport(path=bag.name)
    if not _verified(report, bag, trust=trust, home=home, now=now):
        return report
    report.community = report.verified[0].items[0].community
    data = bag / "data"
    kept = not_delivered(bag)
    if any(not (bag / name).exists() for name in kept):
        report.notes.append(
            result(
                "audit.not-delivered",
                Verdict.CANNOT_TELL,
                bag.name,
                "数据未交付，无法重新执行",
                "its rows were not delivered: nothing can be executed",
                "向测评机构索取完整证据包（deliver --profile auditor）",
                "ask the assessor for the whole bag (deliver --profile auditor)",
            )
        )
        return report
    if not (data / "notebook.ipynb").is_file() or not (data / "findings.json").is_file():
        raise InputError(_no_bag(bag))
    notebook = read_json(data / "notebook.ipynb")
    suites = code_in_suites(data / "protocol" / "expectations")
    parameters = _parameters(report, notebook, "community", run_foreign=run_foreign, suites=suites)
    if parameters is None:
        return report
    with tempfile.TemporaryDirectory(prefix="wb-audit-") as folder:
        place = Path(folder)
        chosen = python or _kept_python(report, bag, data, place)
        again = _again(report, data, notebook, parameters, place / "unit", chosen, seconds)
        if again is None:
            return report
        try:
            _compare(report, data, notebook, again)
        except (NotebookError, LookupError, TypeError, ValueError, AttributeError) as error:
            report.notes.append(_not_comparable(error))
            return report
        if overview is not None:
            told = {"trust": trust, "home": home, "now": now}
            if not _verified(report, overview.resolve(), **told):
                return report
            _recompute(
                report, data, overview.resolve(), place / "batch", chosen, seconds, run_foreign
            )
    _classify(report, notebook)
    return report


def _no_bag(bag: Path) -> Problem:
    return Problem(
        code="audit.bag",
        zh="这不是一个单位的证据包",
        en="this is not the bag of one unit",
        file=bag.name,
        expected="DIR/communities/<community>",
        remedy_zh="一次审计一个单位；整个批次用 workbench verify",
        remedy_en="audit one unit at a time; for a whole batch there is workbench verify",
    )


def _verified(report: AuditReport, path: Path, **trusted: Any) -> bool:
    told = verify(path, **trusted)
    report.verified.append(told)
    return told.verdict is Verdict.VALID


# --- what may be executed -------------------------------------------------------------------------


def _parameters(
    report: AuditReport,
    notebook: Mapping[str, Any],
    name: str,
    *,
    run_foreign: bool,
    suites: Sequence[str] = (),
) -> dict[str, str | int] | None:
    """Give the notebook's parameters, or None when it must not be executed; says why."""
    version, strange = known.foreign(notebook, name)
    parameters = known.injected(notebook)
    if parameters is None:
        strange, parameters = [*strange, known.INJECTED], {}
    strange += [f"protocol/expectations/{suite}" for suite in suites]
    own = {"study": ".", "batch": "."}
    outside = [n for n, value in own.items() if str(parameters.get(n, value)) != value]
    strange += [f"{known.INJECTED}:{n}" for n in outside]
    report.code = report.code if report.foreign else ("" if strange else version)
    report.foreign += strange
    if strange and not run_foreign:
        cells = "、".join(strange)
        report.notes.append(
            result(
                "audit.foreign",
                Verdict.CANNOT_TELL,
                "data/notebook.ipynb",
                f"单元格 {cells} 含外来代码，或已知笔记本中的该单元格缺失、移位；未执行",
                f"foreign code in cell {', '.join(strange)} (not as in a notebook of a known "
                "version, or missing there): not executed",
                "读过代码后用 --run-foreign 执行，或用 --python 指向出具报告的版本",
                "read the code and run it with --run-foreign, or point --python at the version "
                "that made the report",
            )
        )
        return None
    return {n: value for n, value in parameters.items() if n not in outside}


# --- the execution --------------------------------------------------------------------------------


def _kept_python(report: AuditReport, bag: Path, data: Path, place: Path) -> Path:
    """Choose the Python: this one if it is as recorded, else one of the wheels kept, else this."""
    recorded = _recorded(data)
    wheels = bag.parent.parent / "environment"
    if not environment.differences(recorded, environment.running()) or not wheels.is_dir():
        return Path(sys.executable)
    own, named = _wheels_named(bag, wheels)
    if named - {own}:
        report.notes.append(
            result(
                "audit.wheels-changed",
                Verdict.CANNOT_TELL,
                "environment/requirements.txt",
                "不是账本所登记的 wheel 文件清单，未予使用",
                "not the list of wheels that the ledger names: they were not used",
                "请提供批次原来的 environment 文件夹，或用 --python",
                "bring the folder environment as it was, or use --python",
            )
        )
        return Path(sys.executable)
    if not named:
        report.notes.append(
            result(
                "audit.wheels-unsigned",
                Verdict.VALID,
                "environment",
                "这些 wheel 文件无人签名：执行的是批次文件夹持有者的代码",
                "signed by nobody: what is executed is code of whoever held the batch's folder",
            )
        )
    try:
        installed = environment.install(wheels, place / "python")
        report.execution["wheels"] = True
        return installed
    except MachineError as error:
        problem = error.problems[0]
        report.notes.append(
            result("audit.wheels", Verdict.VALID, "environment", problem.zh, problem.en)
        )
        return Path(sys.executable)


def _wheels_named(bag: Path, wheels: Path) -> tuple[str, set[str]]:
    """Return the digest of the list of wheels, and those that the batch's ledger names."""
    own = (
        sha256_file(wheels / "requirements.txt") if (wheels / "requirements.txt").is_file() else ""
    )
    study = read_json(bag / "data" / "inputs" / "study.json").get("study")
    entries = logs.entries(bag.parent.parent)  # verified with the bag
    frozen = [e for e in entries if e.get("type") == "context" and e.get("study") == study]
    return own, {str(e["wheels_sha256"]) for e in frozen if "wheels_sha256" in e}


def _recorded(data: Path) -> dict[str, Any]:
    file = data / environment.FILE
    told = read_json(file) if file.is_file() else {}
    return told if isinstance(told, dict) else {}


def _no_network() -> list[str]:
    """Give the command that starts a process without network, if this system has one that works."""
    program = shutil.which("unshare")
    for options in (["-r", "-n"], ["-n"]):
        if program is None:
            break
        try:
            tried = subprocess.run(  # noqa: S603  (a fixed command)
                [program, *options, "true"], capture_output=True, timeout=20, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            break
        if tried.returncode == 0:
            return [program, *options]
    return []


def _again(
    report: AuditReport,
    data: Path,
    notebook: Mapping[str, Any],
    parameters: Mapping[str, Any],
    place: Path,
    python: Path,
    seconds: float,
) -> dict[str, Any] | None:
    """Execute a notebook in a copy of what it read; None when that did not come to an end."""
    for folder in ("inputs", "protocol"):
        if (data / folder).is_dir():
            shutil.copytree(data / folder, place / "data" / folder)
    (place / "home").mkdir(parents=True)
    (place / "tmp").mkdir()
    job = {"parameters": dict(parameters), "cpu_seconds": max(1, round(seconds))}
    (place / "job.json").write_text(json.dumps(job), encoding="utf-8")
    (place / "source.ipynb").write_text(json.dumps(_source(notebook)), encoding="utf-8")
    closed = _no_network()
    kept = ("PATH", "LANG", "SYSTEMROOT", "OPENBLAS_CORETYPE")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    env |= {"HOME": str(place / "home"), "USERPROFILE": str(place / "home")}
    env |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(place / "tmp"))
    started = time.monotonic()
    with (place / "said.txt").open("wb") as said:
        process = subprocess.Popen(  # noqa: S603  (the named Python, our own module)
            [*closed, str(python), "-I", "-m", "workbench.batch.rerun", str(place)],
            env=env,
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            kill_family(process.pid)
            process.wait()
    took = round(time.monotonic() - started, 1)
    try:
        told = read_json(place / "result.json")
        again = read_json(place / "again.ipynb")
        here = told["environment"]
        report.environment = environment.differences(_recorded(data), here)
        report.execution = {
            "python": here["python"],
            "network": "closed" if closed else "open",
            "cpu_limited": bool(told["cpu_limited"]),
            "wheels": bool(report.execution.get("wheels")),
            "seconds": round(report.execution.get("seconds", 0.0) + took, 1),
        }
        assert isinstance(again, dict)
        return again
    except (InputError, LookupError, TypeError):
        report.notes.append(_did_not_end(place, code, seconds))
        return None


def _did_not_end(place: Path, code: int | None, seconds: float) -> Result:
    with contextlib.suppress(OSError):
        said = (place / "said.txt").read_text(encoding="utf-8", errors="replace").strip()
    last = said.splitlines()[-1][:200] if said else ""
    why = f"exit {code}: {last}" if code is not None else f"> {seconds:.0f} s"
    return result(
        "audit.execution",
        Verdict.CANNOT_TELL,
        "data/notebook.ipynb",
        f"再次执行没有结束（{why}）",
        f"the execution did not come to an end ({why})",
        "给足时间与内存；--python 指向装有本工作台的 Python",
        "give it more time or memory; --python names a Python with the workbench",
    )


def _source(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Give the notebook as it was before it was executed."""
    cells = []
    for cell in notebook["cells"]:
        if cell.get("id") == known.INJECTED:
            continue
        bare = {n: cell[n] for n in ("cell_type", "id", "source")}
        bare["metadata"] = {"tags": cell["metadata"]["tags"]} if cell["metadata"] else {}
        if cell["cell_type"] == "code":
            bare |= {"outputs": [], "execution_count": None}
        cells.append(bare)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _not_comparable(error: Exception) -> Result:
    said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    return result(
        "audit.form",
        Verdict.CANNOT_TELL,
        "data",
        f"内容不是工作台的形式，无法比较（{said}）",
        f"not in the form of the workbench, cannot be compared ({said})",
        "请取得由工作台生成的证据包",
        "get a bag that the workbench made",
    )


# --- the comparison -------------------------------------------------------------------------------


def _compare(
    report: AuditReport, data: Path, notebook: Mapping[str, Any], again: Mapping[str, Any]
) -> None:
    settings = read_json(data / "inputs" / "study.json")
    recorded = read_json(data / "findings.json")
    own = [row for row in recorded if row.get("notebook") != "batch"]
    inputs = {name: table["sha256"] for name, table in settings.get("tables", {}).items()}
    now = findings.extract(
        again, community=report.community, edition=int(settings["edition"]), inputs=inputs
    )
    found, reproduced = compare.rows(own, now, skip=("p_adjusted", "family"))
    found += _context(data, recorded, own, now)
    figures, many = compare.figures(data / "figures", again)
    found += figures
    found += compare.cells(notebook, again)
    found += _files(data, recorded, inputs)
    report.differences += found
    context = [row for row in recorded if row.get("notebook") == "batch"]
    differing = {one.name for one in found if one.kind == "finding" and not one.rounding}
    report.counts = {
        "findings": len(own),
        "findings_same": sum(str(row["finding"]) not in differing for row in own),
        "values_reproduced": reproduced,
        "context": len(context),
        "context_recomputed": 0,
        "figures": many,
        "figures_same": many - sum(not one.rounding for one in figures),
    }
    report.digest = {
        "recorded": sha256_file(data / "notebook.ipynb"),
        "again": sha256_bytes(_sealed(again)),
    }


def _sealed(notebook: Mapping[str, Any]) -> bytes:
    from workbench.batch.execute import sealed_bytes

    return sealed_bytes(notebook)


def _context(
    data: Path,
    recorded: Sequence[Mapping[str, Any]],
    own: Sequence[Mapping[str, Any]],
    now: Sequence[Mapping[str, Any]],
) -> list[Difference]:
    """Hold what the report says of the batch against the recorded slice of the context.

    What is corrected for all units together stands there; a unit's other p-values are its own.
    """
    slice_ = read_json(data / "context.json")
    adjusted = {str(r["item"]): r for r in slice_ if str(r["finding"]).startswith(_CONTEXT)}
    plain = [row for row in slice_ if not str(row["finding"]).startswith(_CONTEXT)]
    told = [row for row in recorded if row.get("notebook") == "batch"]
    found, _ = compare.rows(plain, told)
    again = {str(row["finding"]): row for row in now}

    def corrected(row: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
        kept = {name: row.get(name) for name in ("finding", "cell")}
        return kept | {name: told.get(name) for name in ("p_adjusted", "family")}

    names = [str(row["finding"]) for row in own]
    wanted = [adjusted.get(name, again.get(name, {})) for name in names]
    pairs = list(zip(own, wanted, strict=True))
    return (
        found
        + compare.rows(
            [corrected(row, row) for row, _ in pairs], [corrected(row, told) for row, told in pairs]
        )[0]
    )


def _files(
    data: Path, recorded: Sequence[Mapping[str, Any]], inputs: Mapping[str, str]
) -> list[Difference]:
    """Hold the files that repeat others against them: tables by digest, findings as CSV."""
    found = []
    for name, digest in sorted(inputs.items()):
        file = data / "inputs" / f"{name}.csv"
        there = sha256_file(file) if file.is_file() else "-"
        if there != digest:
            found.append(
                Difference(
                    kind="file",
                    name=f"inputs/{name}.csv",
                    recorded=digest,
                    again=there,
                    cell="open",
                )
            )
    csv = data / "findings.csv"
    if not csv.is_file() or csv.read_bytes() != findings.to_csv(recorded):
        found.append(
            Difference(kind="file", name="findings.csv", recorded="csv", again="another csv")
        )
    return found


def _recompute(
    report: AuditReport,
    data: Path,
    overview: Path,
    place: Path,
    python: Path,
    seconds: float,
    run_foreign: bool,
) -> None:
    """Execute the batch notebook again and compare this unit's context with what comes out."""
    import pandas as pd

    # what an edition says of itself comes from no cell
    recorded = read_json(data / "context.json")
    context = [r for r in recorded if not str(r["finding"]).startswith("context.amendment")]
    sealed = next((r for r in context if r["finding"] == "context.batch_notebook"), None)
    digest = sha256_file(overview / "data" / "notebook.ipynb")
    if sealed is None or sealed["display_zh"] != digest:
        report.notes.append(
            result(
                "audit.overview",
                Verdict.CANNOT_TELL,
                "overview",
                "汇总笔记本不是本单位所依据的那一份",
                "its notebook is not the one that this unit's context was made by",
                "给出同一批次的总览",
                "bring the overview of the same batch",
            )
        )
        return
    notebook = read_json(overview / "data" / "notebook.ipynb")
    parameters = _parameters(report, notebook, "batch", run_foreign=run_foreign)
    if parameters is None:
        return
    again = _again(report, overview / "data", notebook, parameters, place, python, seconds)
    if again is None:
        return
    edition = int(sealed["edition"])
    rows = [
        row
        for row in findings.extract(again, community="*", edition=edition, name="batch")
        if row["community"] == report.community
    ]
    rows.append(dict(sealed))
    found, _ = compare.rows(context, rows)
    frame = pd.read_parquet(overview / "data" / "inputs" / "findings.parquet")
    mine = frame[frame["community"].eq(report.community)]
    own = [r for r in read_json(data / "findings.json") if r.get("notebook") != "batch"]
    if len(mine):  # the batch notebook reads assessed units only
        told = zip(mine["finding"], mine["value"], strict=True)
        read = [{"finding": n, "value": None if v != v else float(v)} for n, v in told]
        kept = [{"finding": r["finding"], "value": r.get("value")} for r in own]
        found += compare.rows(kept, read)[0]
    report.differences += found
    report.counts["context_recomputed"] = len(context)


def _classify(report: AuditReport, notebook: Mapping[str, Any]) -> None:
    if any(note.verdict is Verdict.CANNOT_TELL for note in report.notes):
        return
    report.cell = compare.first_cell(notebook, report.differences)
    report.differences.sort(key=_by_cell([str(cell["id"]) for cell in notebook["cells"]]))
    beyond = [one for one in report.differences if not one.rounding]
    if not beyond:
        same = not report.differences and report.digest["recorded"] == report.digest["again"]
        report.reproduced = Reproduced.FULL if same else Reproduced.ROUNDING
    else:
        some = report.counts["values_reproduced"]
        report.reproduced = Reproduced.PARTIAL if some else Reproduced.NOT


def _by_cell(order: Iterable[str]) -> Any:
    place = {name: i for i, name in enumerate(order)}
    return lambda one: (place.get(one.cell, len(place)), one.kind, one.name)
