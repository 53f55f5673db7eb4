"""Executing one notebook with papermill, and sealing what came out.

This is the one module that touches papermill.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from workbench.batch.imports import jsonschema_first
from workbench.batch.limits import NO_SERVER, Limits, Lost, lost_by

__all__ = ["Execution", "execute", "parameters_of", "seal"]

_ENGINE = "workbench"
_ERROR_CELL = "papermill-error-cell-tag"
_INJECTED = "injected-parameters"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Execution(dict[str, Any]):
    """What came of it: ``notebook`` (sealed) and ``error`` (none, or ename, evalue, cell)."""


def parameters_of(notebook: Mapping[str, Any]) -> list[str]:
    """Names that the notebook's parameters cell declares."""
    import ast

    for cell in notebook["cells"]:
        if "parameters" in cell.get("metadata", {}).get("tags", ()):
            tree = ast.parse("".join(cell["source"]))
            targets = [
                node.targets[0] if isinstance(node, ast.Assign) else node.target
                for node in tree.body
                if isinstance(node, ast.Assign | ast.AnnAssign)
            ]
            return [target.id for target in targets if isinstance(target, ast.Name)]
    return []


def execute(
    source: Path,
    *,
    parameters: Mapping[str, Any],
    cwd: Path,
    scratch: Path,
    in_child: bool = False,
    limits: Limits | None = None,
) -> Execution:
    """Execute a notebook in a process of its own and return it sealed.

    Parameters
    ----------
    source
        The notebook without outputs.
    parameters
        Values for names that its parameters cell declares, and for no others.
    cwd
        Working directory of the kernel: the unit's ``data/``.
    scratch
        A directory of the caller's for papermill's unfinished output.
    in_child
        Run the cells in a child of the fork server, without a kernel's sockets; the environment
        names the server (``WORKBENCH_FORKSERVER``).
    limits
        What the notebook may use; none: no limits.

    Raises
    ------
    ValueError
        A parameter that the notebook does not declare: papermill would write its name into a cell
        as it stands, code and all.
    Lost
        The process is gone, or a limit was reached; an error in a cell does not raise but is
        returned.
    """
    told = source.read_bytes()
    unknown = [name for name in parameters if name not in parameters_of(json.loads(told))]
    if unknown:
        raise ValueError(f"the notebook declares no parameter {unknown[0]!r}")
    # papermill fills parameters into the braces of a path, so none of a user's reaches it
    own = scratch / "source.ipynb"
    own.write_bytes(told)
    way = _in_child if in_child else _in_kernel
    notebook = way(own, dict(parameters), cwd, scratch, limits)
    error = next(
        (
            {"ename": out["ename"], "evalue": out["evalue"], "traceback": out["traceback"]}
            | {"cell": cell["id"]}
            for cell in notebook["cells"]
            for out in cell.get("outputs", ())
            if out["output_type"] == "error"
        ),
        None,
    )
    return Execution(notebook=seal(notebook), error=error)


def _told(limits: Limits | None) -> str:
    names = ("cpu", "memory", "output")
    return json.dumps({name: getattr(limits, name) for name in names} if limits else {})


@lru_cache(maxsize=1)
def _register_engine() -> None:
    """Tell papermill of an engine that leaves the writing to the end.

    Its own writes the whole notebook before and after each cell: with charts that is most of the
    time. Nobody reads ours before the end; what is lost with a killed process was not sealed.
    """
    from papermill.engines import NBClientEngine, papermill_engines

    class Engine(NBClientEngine):  # type: ignore[misc]
        @classmethod
        def execute_notebook(
            cls, nb: Any, kernel_name: str, output_path: str | None = None, **kwargs: Any
        ) -> Any:
            return super().execute_notebook(nb, kernel_name, output_path=None, **kwargs)

    papermill_engines.register(_ENGINE, Engine)


@lru_cache(maxsize=1)
def _ready() -> None:
    """Import papermill, without engines that other packages bring, and keep its notes to itself.

    It loads whatever is installed for it; here it has an engine of its own. Each setting of a level
    empties every logger's memory.
    """
    import entrypoints

    jsonschema_first()
    whole = entrypoints.get_group_all
    entrypoints.get_group_all = lambda *_, **__: []
    try:
        import papermill  # noqa: F401
    finally:
        entrypoints.get_group_all = whole
    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # a dead kernel is told of by `Lost`


def _in_kernel(
    source: Path, parameters: dict[str, Any], cwd: Path, scratch: Path, limits: Limits | None
) -> dict[str, Any]:
    """Execute with papermill, in a fresh or forked kernel."""
    _ready()
    import papermill
    from nbclient.exceptions import DeadKernelError

    from workbench.batch import kernels

    _register_engine()
    raw = scratch / "executed.ipynb"
    os.environ[kernels.LIMITS] = _told(limits)
    clock = kernels.Clock(limits.wall if limits else None)
    try:
        # an error in a cell is in the notebook, with its cell
        with contextlib.suppress(papermill.PapermillExecutionError):
            papermill.execute_notebook(
                str(source),
                str(raw),
                parameters=parameters,
                cwd=str(cwd),
                engine_name=_ENGINE,
                progress_bar=False,
                kernel_name="python3",
                kernel_manager_class=kernels.PrivateKernelManager,
                iopub_timeout=120,
                shutdown_kernel="immediate",
            )
    except (DeadKernelError, RuntimeError) as error:
        if type(error) is RuntimeError and "Kernel died" not in str(error):
            raise
        raise (Lost("time-out") if clock.struck else lost_by(kernels.last_exit())) from None
    finally:
        clock.stop()
        del os.environ[kernels.LIMITS]
    if limits and raw.stat().st_size > limits.output:  # what is shown counts as what is printed
        raise Lost("output", f"{raw.stat().st_size} bytes")
    executed: dict[str, Any] = json.loads(raw.read_bytes())
    return executed


def _in_child(
    source: Path, parameters: dict[str, Any], cwd: Path, scratch: Path, limits: Limits | None
) -> dict[str, Any]:
    """Let a child of the fork server run the cells, and read what it wrote."""
    _ready()
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    from workbench.batch.kernels import kernel_environment
    from workbench.batch.provisioner import Forked

    given, target = scratch / "given.ipynb", scratch / "executed.ipynb"
    notebook = parameterize_notebook(load_notebook_node(str(source)), parameters)
    given.write_text(json.dumps(notebook), encoding="utf-8")
    request = {
        "notebook": str(given),
        "target": str(target),
        "env": kernel_environment(scratch),
        "cwd": str(cwd),
        "limits": json.loads(_told(limits)),
    }
    process = Forked(os.environ["WORKBENCH_FORKSERVER"], request)
    try:
        code = process.wait(limits.wall if limits else None)
    except TimeoutError:
        raise Lost("time-out") from None
    finally:
        process.close()
    if code == NO_SERVER or not target.exists():
        raise lost_by(code)
    executed: dict[str, Any] = json.loads(target.read_bytes())
    return executed


def seal(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Take out of an executed notebook what differs from run to run.

    Papermill's metadata and error-marker cells, run times and paths go; the injected cell's id
    becomes ``injected-parameters``; streams of one name are merged; code cells are numbered 1…n as
    far as they ran; an error keeps its name and message.
    """
    cells = []
    count = 0
    for cell in notebook["cells"]:
        tags = cell.get("metadata", {}).get("tags", [])
        if _ERROR_CELL in tags:
            continue
        kept: dict[str, Any] = {
            "cell_type": cell["cell_type"],
            "id": _INJECTED if _INJECTED in tags else cell["id"],
            "metadata": {"tags": tags} if tags else {},
            "source": _text(cell["source"]),
        }
        if cell["cell_type"] == "code":
            ran = cell.get("execution_count") is not None
            count += ran
            kept["execution_count"] = count if ran else None
            kept["outputs"] = _outputs(cell.get("outputs", ()), count)
        cells.append(kept)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def sealed_bytes(notebook: Mapping[str, Any]) -> bytes:
    """Write a sealed notebook: sorted keys, LF, UTF-8."""
    text = json.dumps(notebook, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
    return (text + "\n").encode()


def _text(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def _outputs(outputs: Any, count: int) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    streams: dict[str, dict[str, Any]] = {}
    for output in outputs:
        kind = output["output_type"]
        if kind == "stream":
            name = output["name"]
            if name not in streams:
                streams[name] = {"output_type": "stream", "name": name, "text": ""}
                kept.append(streams[name])
            streams[name]["text"] += _text(output["text"])
        elif kind == "error":
            said = _ANSI.sub("", output["evalue"])
            kept.append(
                {
                    "output_type": "error",
                    "ename": output["ename"],
                    "evalue": said,
                    "traceback": [f"{output['ename']}: {said}"],
                }
            )
        else:
            data = {
                mime: _text(value) if mime.startswith("text/") or mime.endswith("+xml") else value
                for mime, value in output["data"].items()
            }
            one = {"output_type": kind, "data": data, "metadata": output.get("metadata", {})}
            if kind == "execute_result":
                one["execution_count"] = count
            kept.append(one)
    return kept
