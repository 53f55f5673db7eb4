"""``workbench check STUDY --fieldwork`` on a bundled example, on two days."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from workbench import bundle
from workbench.cli import main
from workbench.fieldwork import kept
from workbench.intake.building import collect
from workbench.study import Study

pytest.importorskip("papermill")


def _rows(file: Path) -> tuple[list[str], list[dict[str, str]]]:
    with file.open(encoding="utf-8", newline="") as source:
        reader = csv.DictReader(source)
        return list(reader.fieldnames or ()), list(reader)


def _write(file: Path, names: list[str], rows: list[dict[str, str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], str]:
    """The second day, after a first one with fewer answers: where, all ids, an address."""
    home = tmp_path_factory.mktemp("field")
    study, out = home / "study", home / "out"
    shutil.copytree(bundle.path("examples") / "participation", study)
    file = study / "data" / "responses.csv"
    names, rows = _rows(file)
    wave = Study.load(study).current.id
    now = [row for row in rows if row["wave"] == wave]
    now[0]["ip"] = address = "203.0.113.99"
    names = [*names, *(["ip"] if "ip" not in names else [])]
    gone = [row["respondent"] for row in now[-3:]]
    (study / "expectations").mkdir(exist_ok=True)
    told = {"severity": "warning", "meta": {"id": "responses.mine", "reach": "row",
            "zh": "不应有的问卷", "en": "one that should not be"}}  # fmt: skip
    one = told | {"type": "expect_column_values_to_not_be_in_set",
                  "kwargs": {"column": "respondent", "value_set": [now[5]["respondent"]]}}  # fmt: skip
    suite = {"name": "mine", "meta": {"table": "responses"}, "expectations": [one]}
    (study / "expectations" / "mine.json").write_text(json.dumps(suite), encoding="utf-8")
    _write(file, names, [row for row in rows if row["respondent"] != now[1]["respondent"]])
    first = Study.load(study)
    kept.keep(first, collect(first)[0], wave, out / "private" / "fieldwork")
    _write(file, names, [row for row in rows if row["respondent"] not in gone])
    code = one | {"kwargs": one["kwargs"] | {"row_condition": "1/0", "condition_parser": "pandas"}}
    (study / "expectations" / "code.json").write_text(
        json.dumps(suite | {"expectations": [code]}), encoding="utf-8"
    )
    assert main(["check", str(study), "--fieldwork", "--out", str(out)]) in (0, 1)
    return out, [row["respondent"] for row in now], address


@pytest.mark.filterwarnings("default")
def test_a_day_gives_pages_findings_and_a_list(done: tuple[Path, list[str], str]) -> None:
    out = done[0]
    told = {f["finding"]: f for f in json.loads((out / "fieldwork" / "findings.json").read_bytes())}
    assert told["field.changes.added"]["value"] == 1
    assert told["field.changes.vanished"]["value"] == 3
    assert told["field.arrived"]["value"] == len(done[1]) - 3
    assert {"field.progress", "field.flag.doubtful", "field.records.sound"} <= set(told)
    for lang in ("zh", "en"):
        assert (out / "fieldwork" / f"fieldwork.{lang}.html").stat().st_size > 20_000
        pdf = (out / "private" / "fieldwork" / f"tomorrow.{lang}.pdf").read_bytes()
        assert pdf.startswith(b"%PDF")
    with (out / "private/fieldwork/tomorrow.csv").open(encoding="utf-8-sig") as file:
        kinds = {row["kind"] for row in csv.DictReader(file)}
    assert "call_back" in kinds
    notebook = json.loads((out / "fieldwork" / "fieldwork.ipynb").read_bytes())
    assert not [o for c in notebook["cells"] for o in c.get("outputs", []) if "ename" in o]
    assert not [o for c in notebook["cells"] for o in c.get("outputs", []) if "stream" in o]


def test_ids_and_addresses_stay_in_the_private_folder(done: tuple[Path, list[str], str]) -> None:
    out, ids, address = done
    shown = "".join(p.read_text(encoding="utf-8") for p in (out / "fieldwork").rglob("*")
                    if p.is_file() and p.suffix != ".svg")  # fmt: skip
    assert not [name for name in ids if f'"{name}"' in shown or f">{name}<" in shown]
    assert address not in shown
    now = (out / "private" / "fieldwork" / "now").glob("*")
    assert not [p for p in now if address.encode() in p.read_bytes()]
    assert oct((out / "private" / "fieldwork").stat().st_mode)[-3:] == "700"


def test_the_studys_own_expectations_are_held_and_failing_rows_listed_in_the_house(
    done: tuple[Path, list[str], str],
) -> None:
    out, ids, _ = done
    told = {f["finding"]: f for f in json.loads((out / "fieldwork" / "findings.json").read_bytes())}
    mine = told["field.own.responses.mine"]
    assert (mine["verdict"], mine["numerator"], mine["n"]) == ("failed", 1, len(ids) - 3)
    assert mine["label_zh"] == "不应有的问卷"
    assert "checks.csv" in mine["remedy_en"]
    with (out / "private/fieldwork/checks.csv").open(encoding="utf-8-sig") as file:
        (row,) = csv.DictReader(file)
    assert row["check"] == "responses.mine"
    assert ids[5] in row["row"]
    assert "code" not in json.dumps([name for name in told if name.startswith("field.own")])


def test_every_export_is_kept_by_digest(done: tuple[Path, list[str], str]) -> None:
    house = done[0] / "private" / "fieldwork"
    lines = [json.loads(line) for line in (house / "readings.jsonl").read_text().splitlines()]
    assert [line["reading"] for line in lines] == [1, 2]
    digests = [f["sha256"] for line in lines for f in line["files"] if "responses" in f["name"]]
    assert len(set(digests)) == 2
    for digest in digests:
        assert (house / "exports" / f"{digest}-responses.csv").is_file()


def test_a_wave_that_is_not_there_or_an_option_without_fieldwork_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = str(bundle.path("examples") / "participation")
    assert main(["check", study, "--fieldwork", "--wave", "x", "--out", str(tmp_path)]) == 2
    assert "x" in capsys.readouterr().err
    assert main(["check", study, "--target", "5"]) == 2
    assert main(["check", str(tmp_path / "none"), "--fieldwork", "--out", str(tmp_path)]) == 2
