"""What worker processes do: cut a slice, execute a notebook. A job returns facts, no state."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.batch.limits import CAUSES, DEFAULT, Limits, Lost
from workbench.evidence import bag as bags
from workbench.evidence.files import replace_directory, sha256_file, staging_directory

if TYPE_CHECKING:
    from workbench.batch.execute import Execution
    from workbench.study import Study

__all__ = [
    "MapJob",
    "SliceJob",
    "cut_slice",
    "map_folder",
    "map_note",
    "map_unit",
    "opened_study",
    "slice_note",
]

_CONTROL = re.compile(r"\x1b\[[0-9;]*m|[\x00-\x1f\x7f-\x9f]")  # a terminal would obey them
_LONG = 300  # characters of a line that the summary of a run prints


@dataclass(frozen=True)
class SliceJob:
    """One unit's slice is to be cut from the canonical tables."""

    study: str
    out: str
    community: str
    key: str = ""
    edition: int = 1


@dataclass(frozen=True)
class MapJob:
    """One unit's notebook is to be executed on its slice."""

    out: str
    community: str
    notebook: str
    key: str
    in_child: bool = False
    limits: Limits = DEFAULT


def slice_folder(out: Path, community: str) -> Path:
    """Where a unit's slice waits for its notebook."""
    return out / "private" / "slices" / community


def slice_note(out: Path, community: str, key: str) -> str | None:
    """Give the digest of a slice that was cut under ``key``, none where there is no such slice."""
    import json

    try:
        note = json.loads((slice_folder(out, community) / "slice.json").read_bytes())
    except (OSError, ValueError):
        return None
    return str(note["digest"]) if note["key"] == key else None


def map_folder(out: Path, community: str) -> Path:
    """Where a unit's executed notebook waits for the reduction."""
    return out / "private" / "map" / community


def working_folder(out: Path, community: str) -> Path:
    """Make an empty folder of this execution's own: the same unit may be at work twice.

    That happens where a cluster takes a worker for lost that is not. What a crash leaves here is
    removed by the next start.
    """
    folder = out / "private" / "work"
    folder.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{community}@", dir=folder))


def commit(staged: Path, target: Path) -> None:
    """Put a whole folder in the place of ``target``; the last of identical ones stays."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staged.chmod(0o755)
    aside = staging_directory(target)
    aside.rmdir()
    staged.rename(aside)
    replace_directory(target)


def map_note(out: Path, community: str) -> dict[str, Any] | None:
    """Give what the last execution of a unit's notebook left: key, outcome, reason."""
    import json

    try:
        note: dict[str, Any] = json.loads((map_folder(out, community) / "map.json").read_bytes())
    except (OSError, ValueError):
        return None
    return note


@lru_cache(maxsize=1)
def opened_study(name: str) -> Study:
    """Load a study once per process."""
    from workbench.batch.slices import load_study

    return load_study(name)


def cut_slice(job: SliceJob) -> str:
    """Cut one slice aside, put it in place and give its digest."""
    import json

    from workbench.batch.slices import cut_unit

    out = Path(job.out)
    target = slice_folder(out, job.community)
    staged = working_folder(out, job.community)
    digest = cut_unit(
        opened_study(job.study),
        out / "private" / "tables",
        job.community,
        staged / "data",
        edition=job.edition,
        earlier=[withheld(out, job.community, n) for n in range(1, job.edition)],
    )
    note = json.dumps({"key": job.key, "digest": digest})
    (staged / "slice.json").write_text(note, encoding="utf-8")
    commit(staged, target)
    return digest


def withheld(out: Path, community: str, edition: int) -> dict[str, Any]:
    """Tell what an edition was and which findings it withheld to protect persons."""
    import json

    data = out / "communities" / bags.bag_name(community, edition) / "data"
    rows = json.loads((data / "findings.json").read_bytes())
    hidden = [r["finding"] for r in rows if "disclosure" in str(r.get("flags") or "")]
    return {
        "edition": edition,
        "evidence_sha256": sha256_file(data / bags.EVIDENCE_LIST),
        "withheld": sorted(hidden),
    }


def _cpu() -> float:
    """Seconds of processor time of this process, its children and the kernels forked for it."""
    import sys

    times = os.times()
    forked = sys.modules.get("workbench.batch.provisioner")
    spent = forked.Forked.spent if forked else 0.0
    return times.user + times.system + times.children_user + times.children_system + float(spent)


def map_unit(job: MapJob) -> dict[str, Any]:
    """Execute the notebook on the unit's slice; keep notebook, findings and figures.

    Returns
    -------
    dict
        ``outcome`` (assessed, withheld, failed), ``reason`` (code, cell, zh, en), ``cpu_seconds``,
        ``wall_seconds``. A failed unit's notebook lies in ``DIR/failed/<community>/``.

    Raises
    ------
    Lost
        When the process is gone, a limit was reached, or the notebook changed what it was given.
    """
    import json

    started, cpu, begun = time.monotonic(), _cpu(), datetime.now(UTC)
    out = Path(job.out)
    target = map_folder(out, job.community)
    staged = working_folder(out, job.community)
    data = staged / "data"
    try:
        done, settings, parameters = executed(job, data)
        outcome, reason = _outcome(done["error"])
        _write(data, done["notebook"], job.community, settings, strict=outcome != "failed")
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    told = {"key": job.key, "outcome": outcome, "reason": reason}
    used = {"cpu_seconds": round(_cpu() - cpu, 3)}
    ran = {"started": begun.isoformat(), "finished": datetime.now(UTC).isoformat()}
    note = told | ran | used | {"parameters": parameters}
    (staged / "map.json").write_text(json.dumps(note, ensure_ascii=False), encoding="utf-8")
    if outcome == "failed":
        aside = working_folder(out, job.community)
        shutil.copy2(data / "notebook.ipynb", aside / "notebook.ipynb")
        error = done["error"]
        (aside / "traceback.txt").write_text("\n".join(error["traceback"]), encoding="utf-8")
        commit(aside, out / "failed" / job.community)
    else:
        shutil.rmtree(out / "failed" / job.community, ignore_errors=True)
    commit(staged, target)
    return told | used | {"wall_seconds": round(time.monotonic() - started, 3)}


def executed(job: MapJob, data: Path) -> tuple[Execution, dict[str, Any], dict[str, Any]]:
    """Copy a unit's slice to ``data`` and execute its notebook there.

    Gives what came of it, the slice's settings, and the parameters.

    Raises
    ------
    Lost
        As :func:`map_unit`.
    """
    import json

    from workbench.batch.environment import record_environment
    from workbench.batch.execute import execute, parameters_of

    shutil.copytree(slice_folder(Path(job.out), job.community) / "data", data)
    record_environment(data)
    before = _inputs_digest(data)
    settings: dict[str, Any] = json.loads((data / "inputs" / "study.json").read_bytes())
    given = {
        "study": ".",
        "community": job.community,
        "wave": settings["wave"],
        "baseline": settings.get("baseline") or "",
        "seed": settings["seed"],
    }
    source = Path(job.notebook)
    declared = parameters_of(json.loads(source.read_bytes()))
    parameters = {name: given[name] for name in given if name in declared}
    with tempfile.TemporaryDirectory(prefix="wb-run-") as scratch:
        try:
            done = execute(
                source,
                parameters=parameters,
                cwd=data,
                scratch=Path(scratch),
                in_child=job.in_child,
                limits=job.limits,
            )
        except OSError:
            if data.is_dir():
                raise
    if not data.is_dir():
        raise Lost("folder")
    _refuse_left(data, job.limits)
    if _inputs_digest(data) != before:
        raise Lost("inputs")
    return done, settings, parameters


def _refuse_left(data: Path, limits: Limits) -> None:
    """Refuse what may not lie in a bag: links, pipes, devices, more than a notebook may write.

    What it was given, pictures among it, may be larger; whether that is unchanged is looked at too.
    """
    given, size = (data / "inputs", data / "protocol"), 0
    for folder, folders, files in os.walk(data):
        for name in [*folders, *files]:
            told = (Path(folder) / name).lstat()
            if not (stat.S_ISREG(told.st_mode) or stat.S_ISDIR(told.st_mode)):
                raise Lost("file", name)
            own = not any(Path(folder).is_relative_to(one) for one in given)
            if own and stat.S_ISREG(told.st_mode):
                size += told.st_size
    if size > limits.output:
        raise Lost("output", f"{size} bytes")


def _inputs_digest(data: Path) -> list[str]:
    """Digest what a notebook was given; it may write beside it, not into it."""
    from workbench.batch.slices import tree_digest

    return [tree_digest(data / name) for name in ("inputs", "protocol")]


def _outcome(error: dict[str, Any] | None) -> tuple[str, dict[str, Any] | None]:
    if error is None:
        return "assessed", None
    lines = (_CONTROL.sub("", line).strip() for line in str(error["evalue"]).splitlines())
    said = [line if len(line) <= _LONG else line[:_LONG] + "…" for line in lines if line]
    zh = said[0] if said else error["ename"]
    en = said[1] if len(said) > 1 else zh
    reason = {"code": error["ename"], "cell": error["cell"], "zh": zh, "en": en}
    if error["ename"] == "KeyError":  # which column was not there: failures are grouped by it
        reason["column"] = zh.strip("'\"")
    much = error["ename"] == "OSError" and zh.startswith(f"[Errno {errno.EFBIG}]")
    if code := "memory" if error["ename"] == "MemoryError" else "output" if much else "":
        reason |= {"code": code, "zh": CAUSES[code][0], "en": CAUSES[code][1]}
    return ("withheld" if error["ename"] == "Withheld" else "failed"), reason


def _write(
    data: Path, notebook: dict[str, Any], community: str, settings: dict[str, Any], *, strict: bool
) -> None:
    """Write the sealed notebook, and what is extracted from it, into ``data``.

    Raises
    ------
    Lost
        When the outputs do not have the form of findings and figures, or are no JSON.
    """
    from workbench import findings
    from workbench.batch.execute import sealed_bytes

    inputs = {name: table["sha256"] for name, table in settings.get("tables", {}).items()}
    try:
        (data / "notebook.ipynb").write_bytes(sealed_bytes(notebook))
        if not strict:
            return
        found = findings.extract(
            notebook, community=community, edition=settings["edition"], inputs=inputs
        )
        (data / "findings.json").write_bytes(findings.to_json(found))
        figures = findings.figures(notebook)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Lost("outputs", f"{type(error).__name__}: {error}") from error
    (data / "figures").mkdir(exist_ok=True)
    for name, figure in figures.items():
        (data / "figures" / f"{name}.svg").write_text(figure["svg"], encoding="utf-8")
