"""What worker processes do: cut a slice, execute a notebook. A job returns facts, no state."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.evidence.files import replace_directory, staging_directory

if TYPE_CHECKING:
    from workbench.study import Study

__all__ = ["MapJob", "SliceJob", "cut_slice", "map_folder", "map_unit", "opened_study"]


@dataclass(frozen=True)
class SliceJob:
    """One unit's slice is to be cut from the canonical tables."""

    study: str
    out: str
    community: str


@dataclass(frozen=True)
class MapJob:
    """One unit's notebook is to be executed on its slice."""

    out: str
    community: str
    notebook: str
    key: str


def slice_folder(out: Path, community: str) -> Path:
    """Where a unit's slice waits for its notebook."""
    return out / "private" / "slices" / community


def map_folder(out: Path, community: str) -> Path:
    """Where a unit's executed notebook waits for the reduction."""
    return out / "private" / "map" / community


@lru_cache(maxsize=1)
def opened_study(name: str) -> Study:
    """Load a study once per process."""
    from workbench.batch.slices import load_study

    return load_study(name)


def cut_slice(job: SliceJob) -> str:
    """Cut one slice aside, put it in place and give its digest."""
    from workbench.batch.slices import cut_unit

    out = Path(job.out)
    target = slice_folder(out, job.community)
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = staging_directory(target)
    digest = cut_unit(
        opened_study(job.study), out / "private" / "tables", job.community, staged / "data"
    )
    replace_directory(target)
    return digest


def _cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def map_unit(job: MapJob) -> dict[str, Any]:
    """Execute the notebook on the unit's slice; keep notebook, findings and figures.

    Returns
    -------
    dict
        ``outcome`` (assessed, withheld, failed), ``reason`` (code, cell, zh, en), ``cpu_seconds``,
        ``wall_seconds``. A failed unit's notebook lies in ``DIR/failed/<community>/``.
    """
    import json

    from workbench.batch.environment import record_environment
    from workbench.batch.execute import execute, parameters_of

    started, cpu, begun = time.monotonic(), _cpu(), datetime.now(UTC)
    out = Path(job.out)
    target = map_folder(out, job.community)
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = staging_directory(target)
    data = staged / "data"
    shutil.copytree(slice_folder(out, job.community) / "data", data)
    settings = json.loads((data / "inputs" / "study.json").read_bytes())
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
    record_environment(data)
    with tempfile.TemporaryDirectory(prefix="wb-run-") as scratch:
        done = execute(source, parameters=parameters, cwd=data, scratch=Path(scratch))
    outcome, reason = _outcome(done["error"])
    _write(data, done["notebook"], job.community, settings, strict=outcome != "failed")
    told = {"key": job.key, "outcome": outcome, "reason": reason}
    ran = {"started": begun.isoformat(), "finished": datetime.now(UTC).isoformat()}
    note = told | ran | {"parameters": parameters}
    (staged / "map.json").write_text(json.dumps(note, ensure_ascii=False), encoding="utf-8")
    if outcome == "failed":
        failed = out / "failed" / job.community
        failed.parent.mkdir(exist_ok=True)
        aside = staging_directory(failed)
        shutil.copy2(data / "notebook.ipynb", aside / "notebook.ipynb")
        error = done["error"]
        (aside / "traceback.txt").write_text("\n".join(error["traceback"]), encoding="utf-8")
        replace_directory(failed)
    elif (out / "failed" / job.community).exists():
        shutil.rmtree(out / "failed" / job.community)
    replace_directory(target)
    return told | {
        "cpu_seconds": round(_cpu() - cpu, 3),
        "wall_seconds": round(time.monotonic() - started, 3),
    }


def _outcome(error: dict[str, Any] | None) -> tuple[str, dict[str, Any] | None]:
    if error is None:
        return "assessed", None
    said = [line.strip() for line in str(error["evalue"]).splitlines() if line.strip()]
    zh = said[0] if said else error["ename"]
    en = said[1] if len(said) > 1 else zh
    reason = {"code": error["ename"], "cell": error["cell"], "zh": zh, "en": en}
    return ("withheld" if error["ename"] == "Withheld" else "failed"), reason


def _write(
    data: Path, notebook: dict[str, Any], community: str, settings: dict[str, Any], *, strict: bool
) -> None:
    """Write the sealed notebook, and what is extracted from it, into ``data``."""
    from workbench import findings
    from workbench.batch.execute import sealed_bytes

    (data / "notebook.ipynb").write_bytes(sealed_bytes(notebook))
    if not strict:
        return
    inputs = {name: table["sha256"] for name, table in settings.get("tables", {}).items()}
    found = findings.extract(
        notebook, community=community, edition=settings["edition"], inputs=inputs
    )
    (data / "findings.json").write_bytes(findings.to_json(found))
    figures = findings.figures(notebook)
    (data / "figures").mkdir(exist_ok=True)
    for name, figure in figures.items():
        (data / "figures" / f"{name}.svg").write_text(figure["svg"], encoding="utf-8")
