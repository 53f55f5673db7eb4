"""What all tests share."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("MPLBACKEND", "agg")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The data and reference figures beside the project."""
    folder = ROOT.parent / "shared"
    if not (folder / "reference").is_dir():
        pytest.skip("needs ../shared")
    return folder


@pytest.fixture(scope="session")
def demo_batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled study, assessed once for all tests that look at its reports."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return _assess_demo(tmp_path_factory.mktemp("demo"))
    # test processes side by side share one batch: the first makes it, the others wait for it
    folder = tmp_path_factory.getbasetemp().parent / "demo"
    done = folder / "done"
    try:
        folder.mkdir()
    except FileExistsError:
        for _ in range(3000):
            if done.exists():
                break
            time.sleep(0.1)
        assert done.read_text() == "made", "the batch failed in another test process"
        return folder / "out"
    said = "failed"
    try:
        _assess_demo(folder)
        said = "made"
    finally:
        aside = done.with_suffix(".aside")
        aside.write_text(said)
        aside.replace(done)
    return folder / "out"


def _assess_demo(folder: Path) -> Path:
    from workbench.batch.run import run

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(folder / "home"))
        outcome = run(str(ROOT / "data" / "demo"), folder / "out", jobs=2)
    assert (outcome.total, outcome.signed, outcome.withheld, outcome.code) == (14, 14, 1, 3)
    return folder / "out"
