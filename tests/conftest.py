"""What all tests share."""

from __future__ import annotations

import os
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
    from workbench.batch.run import run

    folder = tmp_path_factory.mktemp("demo")
    before = os.environ.get("WORKBENCH_HOME")
    os.environ["WORKBENCH_HOME"] = str(folder / "home")
    try:
        outcome = run(str(ROOT / "data" / "demo"), folder / "out", jobs=2)
    finally:
        if before is None:
            del os.environ["WORKBENCH_HOME"]
        else:
            os.environ["WORKBENCH_HOME"] = before
    assert (outcome.total, outcome.signed, outcome.withheld, outcome.code) == (14, 14, 1, 3)
    return folder / "out"
