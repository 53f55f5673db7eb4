from __future__ import annotations

import json
import stat

import pytest

from workbench.errors import InputError
from workbench.intake import check, new_study


def test_a_sound_study_is_ready_and_its_evidence_is_counted(folder):
    report = check(folder.path)
    assert report.ok
    [feed] = report.indicators
    assert (feed.indicator, feed.table, feed.evidence, feed.rows, feed.units) == (
        "resident_satisfaction",
        "responses",
        "q1",
        4,
        2,
    )
    idle = {(one.table, one.name): one.rows for one in report.idle}
    assert idle == {("responses", "use"): 3, ("requests", "complaint"): 1, ("requests", "need"): 1}
    assert "可以运行" in report.text("zh")
    assert "ready to run" in report.text("en")
    assert json.loads(json.dumps(report.as_dict()))["ok"] is True


def test_an_indicator_without_rows_is_told(folder):
    text = (folder.path / "data/responses.csv").read_text(encoding="utf-8")
    head, *lines = text.splitlines()
    blanked = [",".join([*line.split(",")[:8], "-2", *line.split(",")[9:]]) for line in lines]
    folder.write("data/responses.csv", "\n".join([head, *blanked]) + "\n")
    report = check(folder.path)
    assert report.ok
    assert "measures.no-rows" in [problem.code for problem in report.problems]


def test_nothing_is_written_by_check(folder):
    (folder.path / ".secret").unlink()
    before = sorted(folder.path.rglob("*"))
    check(folder.path)
    assert sorted(folder.path.rglob("*")) == before


def test_a_folder_without_study_is_told(tmp_path):
    report = check(tmp_path)
    assert [problem.code for problem in report.problems] == ["study.missing"]
    assert not report.ok


def test_a_new_study_lists_its_blanks_and_nothing_else(tmp_path):
    made = new_study(tmp_path / "XF 2026", "civilised")
    report = check(made)
    settings = [problem for problem in report.problems if problem.file == "study.yaml"]
    assert {problem.code for problem in settings} == {"settings.blank"}
    assert "parties.commissioner" in [problem.column for problem in settings]
    files = {problem.file for problem in report.problems if problem.severity == "error"}
    assert files == {"study.yaml", "measures.yaml"}
    assert stat.S_IMODE((made / ".secret").stat().st_mode) == 0o600
    text = (made / "study.yaml").read_text(encoding="utf-8")
    assert "study: xf-2026 " in text


def test_a_new_study_never_writes_into_a_folder_in_use(folder):
    with pytest.raises(InputError) as caught:
        new_study(folder.path, "civilised")
    assert caught.value.problems[0].code == "new.not-empty"


def test_an_unknown_programme_leaves_no_folder(tmp_path):
    with pytest.raises(InputError):
        new_study(tmp_path / "x", "civilized-x")
    assert not (tmp_path / "x").exists()


def test_a_programme_that_is_not_there_is_named_as_it_was_written(tmp_path):
    with pytest.raises(InputError) as told:
        new_study(tmp_path / "mine", "civilized")
    assert [problem.found for problem in told.value.problems] == ["civilized"]
    assert not (tmp_path / "mine").exists()
