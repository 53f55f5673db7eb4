"""Every threat that the design names has a test: here, or where its part is tested."""

from __future__ import annotations

import ast
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench import findings
from workbench.batch.execute import execute, parameters_of
from workbench.errors import InputError
from workbench.evidence.bag import check_bag, read_list, write_bag
from workbench.evidence.files import read_json
from workbench.intake.export import csv_bytes, neutral
from workbench.intake.xlsxfile import guard
from workbench.yamlfile import parse_yaml

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "workbench"

# threat -> tests, by file and name, that hold it off
HELD = {
    "persons in data": [
        ("intake/test_intake_slices.py", "test_what_identifies_a_person_stays_in_the_house"),
        ("checks/test_privacy.py", "test_every_kind_of_file_is_searched"),
        ("publish/test_deliver.py", "test_a_mark_of_a_person_anywhere_stops_the_delivery"),
    ],
    "re-identification": [
        ("survey/test_survey_first.py", "test_small_cells_are_withheld_with_a_second_one"),
        ("test_suppression.py", "test_no_withheld_group_follows_from_what_is_printed"),
    ],
    "outputs that show rows": [
        ("publish/test_deliver.py", "test_a_notebook_that_shows_rows_does_not_go_to_the_client"),
    ],
    "workbook bombs": [("test_threats.py", "test_a_bomb_is_refused_by_its_directory_alone")],
    "formulas": [
        ("test_threats.py", "test_no_csv_of_ours_holds_a_formula"),
        ("test_results.py", "test_no_cell_is_a_formula_and_the_head_stays_in_sight"),
        ("intake/test_intake_read.py", "test_a_formula_is_never_evaluated"),
    ],
    "pickle, YAML, XML": [
        ("test_threats.py", "test_nothing_of_ours_loads_code_from_data"),
        ("test_threats.py", "test_yaml_is_plain_values"),
    ],
    "script in HTML": [
        ("report/test_report_html.py", "test_markup_in_findings_is_escaped"),
        ("report/test_report_html.py", "test_the_page_loads_nothing_from_anywhere"),
        ("test_threats.py", "test_the_table_of_a_cell_escapes_markup"),
    ],
    "typst": [("test_threats.py", "test_no_template_evaluates_text")],
    "paths": [("test_threats.py", "test_a_path_with_braces_stays_that_path")],
    "names of parameters": [("test_threats.py", "test_a_parameter_that_is_code_is_refused")],
    "unpacking": [
        ("test_threats.py", "test_nothing_of_ours_unpacks_an_archive_to_disk"),
        ("test_threats.py", "test_a_manifest_that_climbs_is_refused"),
        ("test_threats.py", "test_a_link_in_a_bag_is_told_and_not_followed"),
    ],
    "oversized JSON": [("test_threats.py", "test_json_without_end_is_refused")],
    "a crafted PDF": [("evidence/test_evidence_verify.py", "test_crafted_files_get_an_answer")],
    "scripts in pictures": [
        (
            "report/test_report_pdf.py",
            "test_a_figure_without_alt_text_or_with_foreign_content_is_refused",
        ),
    ],
    "a verifier of the assessor's own": [
        ("evidence/test_evidence_tamper.py", "test_the_script_catches_it_too"),
        (
            "evidence/test_evidence_tamper.py",
            "test_with_all_keys_and_a_log_of_ones_own_the_published_key_decides",
        ),
    ],
    "keys": [
        (
            "evidence/test_evidence_keys.py",
            "test_a_key_or_passphrase_that_others_may_read_is_refused",
        ),
    ],
    "output that steers a terminal": [
        (
            "evidence/test_evidence_verify.py",
            "test_names_made_by_a_stranger_do_not_steer_the_terminal",
        ),
    ],
    "foreign code in a bag": [
        ("batch/test_batch_audit.py", "test_foreign_code_is_not_executed_unless_asked_for"),
    ],
}
HOSTILE = [
    "=1+1",
    "+86a",
    "-x",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1",
    "　＋1",
    " =cmd|'/C calc'!A0",
]


@pytest.mark.parametrize("threat", sorted(HELD))
def test_every_threat_has_its_tests(threat: str) -> None:
    for file, name in HELD[threat]:
        tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in names, file


@pytest.mark.parametrize("text", HOSTILE)
def test_no_csv_of_ours_holds_a_formula(text: str) -> None:
    assert neutral(text).startswith("'")
    assert str(findings.safe_cell(text)).startswith("'")
    one = csv_bytes([("a", [text])]).decode()
    two = findings.to_csv([{"finding": "a", "label_zh": text}]).decode()
    for written in (one, two):
        assert "'" + text in written.replace('""', '"')
    assert neutral("-12.5") == "-12.5"  # a number is no formula


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def calls(tree: ast.Module) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_nothing_of_ours_loads_code_from_data() -> None:
    forbidden = re.compile(
        r"(?:eval|exec|compile|__import__|pickle\..*|joblib\..*|marshal\..*|shelve\..*"
        r"|yaml\.(?:load|unsafe_load|full_load)|np\.load|pd\.read_pickle|.*\.to_pickle"
        r"|.*\.eval|os\.system)\Z"
    )
    found = {
        (p.name, name) for p, tree in sources() for name in calls(tree) if forbidden.match(name)
    }
    # a cluster's orders between processes of ours, as multiprocessing and Dask do themselves; and a
    # notebook's cells are parsed, not run, before any kernel
    own = {("host.py", "pickle.loads"), ("host.py", "pickle.dumps"), ("cluster.py", "pickle.loads"),
           ("cluster.py", "pickle.dumps"), ("prepare.py", "compile")}  # fmt: skip
    assert found == own
    assert "PyCF_ONLY_AST" in (ROOT / "workbench/batch/prepare.py").read_text(encoding="utf-8")
    queries = {
        path.name
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "query"
        and not isinstance(node.args[0], ast.Constant)
    }
    assert queries == {"design.py"}  # Design.subset: an academic's own words on a frame of hers
    imported = {
        alias.name.split(".")[0]
        for path, tree in sources()
        if path.name not in {"host.py", "cluster.py"}
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert not imported & {"pickle", "joblib", "marshal", "shelve", "dill", "cloudpickle"}


def test_nothing_of_ours_unpacks_an_archive_to_disk() -> None:
    found = {
        (path.name, name)
        for path, tree in sources()
        for name in calls(tree)
        if name.endswith((".extractall", ".unpack_archive")) or name.startswith("tarfile.")
    }
    assert found == set()


@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.system [x]", "!x 1", "*a", "<<: {a: 1}"]
)
def test_yaml_is_plain_values(text: str) -> None:
    with pytest.raises(InputError):
        parse_yaml(
            f"a: &a 1\nb: {text}" if text == "*a" else f"a: {text}" if "<<" not in text else text
        )


def test_no_template_evaluates_text() -> None:
    for path in PACKAGE.rglob("*.typ"):
        text = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
        assert not re.search(r"\beval\s*\(", text), path.name
        assert not re.search(r"https?://", text), path.name


def test_the_table_of_a_cell_escapes_markup() -> None:
    told = {"finding": "a", "label_zh": "<img src=x onerror=alert(1)>"}
    shown = findings._table([told], list(told))
    assert "<img" not in shown
    assert "&lt;img" in shown


def archive(path: Path, name: str, data: bytes) -> bytes:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr(name, data)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("xl/worksheets/sheet1.xml", b"0" * 20_000_000, "file.bomb"),
        ("../../etc/cron.d/x", b"x", "file.member"),
        ("/etc/x", b"x", "file.member"),
        ("xl/a.xml", b"<!DOCTYPE x []><x/>", "file.doctype"),
    ],
)
def test_a_bomb_is_refused_by_its_directory_alone(
    tmp_path: Path, name: str, data: bytes, code: str
) -> None:
    with pytest.raises(InputError) as caught:
        guard(archive(tmp_path / "a.xlsx", name, data), file="a.xlsx")
    assert caught.value.problems[0].code == code


@pytest.mark.parametrize(
    "path",
    ["../x", "data/../../x", "/etc/passwd", "data//x", "data/./x", "data/a\\b", "C:x", "~/x"],
)
def test_a_manifest_that_climbs_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        read_list(f"{'0' * 64}  {path}\n".encode())


def test_a_link_in_a_bag_is_told_and_not_followed(tmp_path: Path) -> None:
    from datetime import date

    bag = tmp_path / "A-1"
    (bag / "data").mkdir(parents=True)
    (bag / "data" / "a.txt").write_text("a")
    write_bag(bag, study="s", community="A-1", edition=1, issued=date(2026, 1, 1))
    (bag / "data" / "b.txt").symlink_to("/etc/passwd")
    assert "bag.link" in {one.code for one in check_bag(bag)}
    (bag / "data" / "b.txt").unlink()
    (bag / "data" / "more").symlink_to("/etc")
    assert "bag.link" in {one.code for one in check_bag(bag)}


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "1" * 2_000_000, '{"a": NaN}', '"' + "x" * 2_000_000 + '"', "{"]
)
def test_json_without_end_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_json(file, limit=1_000_000)
    assert caught.value.problems[0].code == "evidence.json"


def notebook(path: Path) -> Path:
    cell = {
        "cell_type": "code",
        "id": "parameters",
        "metadata": {"tags": ["parameters"]},
        "source": 'community: str = "a"',
        "outputs": [],
        "execution_count": None,
    }
    kernel = {"kernelspec": {"display_name": "p", "language": "python", "name": "python3"}}
    told = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told))
    return path


@pytest.mark.parametrize("name", ["a\nimport os", "community ", "undeclared", "__class__", "x=1;y"])
def test_a_parameter_that_is_code_is_refused(tmp_path: Path, name: str) -> None:
    source = notebook(tmp_path / "a.ipynb")
    assert parameters_of(json.loads(source.read_bytes())) == ["community"]
    with pytest.raises(ValueError, match="declares no parameter"):
        execute(source, parameters={name: "1"}, cwd=tmp_path, scratch=tmp_path)


def test_a_path_with_braces_stays_that_path(tmp_path: Path) -> None:
    source = notebook(tmp_path / "{community}" / "a.ipynb")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = execute(source, parameters={"community": "../../x"}, cwd=tmp_path, scratch=scratch)
    assert done["error"] is None
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scratch", "{community}"]
