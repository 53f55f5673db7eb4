"""``monitoring.ipynb`` in a kernel, on one unit up to one month."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench import bundle, findings

papermill = pytest.importorskip("papermill")


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> dict:
    out = tmp_path_factory.mktemp("monitoring") / "out.ipynb"
    papermill.execute_notebook(
        str(bundle.path("notebooks") / "monitoring.ipynb"),
        str(out),
        parameters={
            "study": str(bundle.path("examples") / "rectification"),
            "community": "ZG-03",
            "month": "2026-09",
        },
        progress_bar=False,
        cwd=str(out.parent),
    )
    return json.loads(Path(out).read_text(encoding="utf-8"))


@pytest.mark.filterwarnings("default")
def test_it_runs_in_a_kernel_and_records_what_happened_up_to_the_month(executed: dict) -> None:
    told = {f["finding"]: f for f in findings.extract(executed, community="ZG-03", edition=1)}
    fired = told["warning.W-03"]
    assert fired["verdict"] == "failed"
    assert fired["period"].endswith("2026-09")  # October had not come yet
    ahead = {name for name in told if name.startswith("monitor.outlook.")}
    series = [f for name, f in told.items() if f["section"] != "head" and name not in ahead]
    assert "2026-10" not in json.dumps(series, ensure_ascii=False)
    assert told["monitor.waste_sorting_accuracy.chart"]["period"] == "2026-09"
    assert any(f.startswith("records.sprint.") for f in told)
    cells = {c["id"]: c for c in executed["cells"]}
    drawn = [o["data"] for o in cells["series-figure"]["outputs"]]
    assert ["image/svg+xml" in d for d in drawn] == [True, True]
    assert not [o for c in executed["cells"] for o in c.get("outputs", []) if "ename" in o]
