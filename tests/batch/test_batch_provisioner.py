"""Warm kernels for everybody: papermill with a kernelspec that names the provisioner."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench.batch import provisioner
from workbench.batch.forkserver import available
from workbench.errors import MachineError

pytestmark = pytest.mark.skipif(not available(), reason="this system cannot fork kernels")

ARGV = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
WARM = {"kernel_provisioner": {"provisioner_name": "workbench-fork"}}
EXECUTE = """
import sys, papermill
papermill.execute_notebook(*sys.argv[1:3], kernel_name=sys.argv[3], progress_bar=False)
"""
CELLS = (
    "import os, sys\nprint(os.getppid() == {server}, 'z' in globals())\nz = 1",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.show()",
    "import seaborn as sns\nsns.lineplot(x=[1, 2], y=[2, 3])",
    "import pandas as pd\npd.DataFrame(dict(a=range(3)))",
    "!echo said by a command",
)


@pytest.fixture
def executed(
    tmp_path: Path, notebook: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], list[list[dict[str, Any]]]]]:
    """Give a function: the outputs of the cells, executed by papermill with one kernelspec."""
    kernels = tmp_path / "jupyter" / "kernels"
    for name, metadata in (("warm", WARM), ("cold", {})):
        (kernels / name).mkdir(parents=True)
        spec = {"argv": ARGV, "display_name": name, "language": "python", "metadata": metadata}
        (kernels / name / "kernel.json").write_text(json.dumps(spec))
    socket = tmp_path / "s"
    server = subprocess.Popen(
        [sys.executable, "-m", "workbench.batch.forkserver", str(socket)], stdin=subprocess.PIPE
    )
    source = tmp_path / "n.ipynb"
    source.write_text(notebook(*(cell.replace("{server}", str(server.pid)) for cell in CELLS)))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("WORKBENCH_FORKSERVER", str(socket))
    monkeypatch.delenv("MPLBACKEND", raising=False)

    def execute(name: str) -> list[list[dict[str, Any]]]:
        out = tmp_path / f"{name}.ipynb"
        subprocess.run([sys.executable, "-c", EXECUTE, str(source), str(out), name], check=True)
        cells = json.loads(out.read_bytes())["cells"]
        return [cell["outputs"] for cell in cells if cell["id"].startswith("cell-")]

    try:
        while not socket.exists():
            assert server.poll() is None
            time.sleep(0.1)
        yield execute
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait(30)
    assert not socket.exists()
    assert source.exists()  # what lies beside the socket is the user's


def test_papermill_gets_warm_kernels_by_a_kernelspec_and_the_same_outputs(
    executed: Callable[[str], list[list[dict[str, Any]]]],
) -> None:
    cold, warm, again = (executed(name) for name in ("cold", "warm", "warm"))
    assert "".join(cold[0][0]["text"]).split() == ["False", "False"]
    assert "".join(warm[0][0]["text"]).split() == ["True", "False"]
    assert warm[1:] == cold[1:]
    assert again == warm
    assert [sorted(cell[-1].get("data", ())) for cell in warm[1:3]] == [
        ["image/png", "text/plain"]
    ] * 2


def test_without_a_server_the_message_says_how_to_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKBENCH_FORKSERVER", raising=False)
    with pytest.raises(MachineError, match=r"python -m workbench\.batch\.forkserver"):
        provisioner._address()
