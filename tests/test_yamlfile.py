"""Settings files: what is read, and how each fault is answered."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from workbench.errors import InputError
from workbench.yamlfile import parse_yaml, read_yaml


def test_plain_values_are_read_as_people_mean_them() -> None:
    text = "a: no\nb: 12:30\nc: [1, -2, 0.5, 007, true, 2026-10-08, on, ~, '', '5', 0x1F]\n"
    text += "-2: 是\nd:\n"
    assert parse_yaml(text) == {
        "a": "no",
        "b": "12:30",
        "c": [1, -2, 0.5, "007", True, dt.date(2026, 10, 8), "on", None, "", "5", "0x1F"],
        -2: "是",
        "d": None,
    }


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("a: 1\nb: 2\na: 3\n", "yaml.duplicate-key", (3, "column 1")),
        ("a: {x: 1, x: 2}\n", "yaml.duplicate-key", (1, "column 11")),
        ("a: !!python/object:os.system ls\n", "yaml.tag", (1, "column 4")),
        ("a: !local 1\n", "yaml.tag", (1, "column 4")),
        ("a: &x [1]\nb: *x\n", "yaml.alias", (1, "column 4")),
        ("a: {<<: {b: 1}}\n", "yaml.key", (1, "column 5")),
        ("? [1, 2]\n: 3\n", "yaml.key", (1, "column 3")),
        ("a: [1\nb: 2\n", "yaml.syntax", (2, "column 2")),
        ("\ta: 1\n", "yaml.syntax", (1, "column 1")),
        ("a: 1\n---\nb: 2\n", "yaml.syntax", (2, "column 1")),
        ("a: 2026-13-45\n", "yaml.value", None),
        ("a: \x00\n", "yaml.characters", None),
    ],
)
def test_a_fault_is_told_with_line_and_column(
    text: str, code: str, place: tuple[int, str] | None
) -> None:
    with pytest.raises(InputError) as caught:
        parse_yaml(text, file="study.yaml")
    problem = caught.value.problems[0]
    assert problem.code == code
    assert problem.file == "study.yaml"
    assert problem.zh
    assert problem.remedy_zh
    assert problem.remedy_en
    if place:
        assert problem.row == place[0]
        assert place[1] in problem.en


def test_all_repeated_keys_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        parse_yaml("a: 1\na: 2\nb: 1\nb: 2\n")
    assert len(caught.value.problems) == 2


def test_a_file_is_read_with_or_without_bom(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: \xe5\xb0\x8f\xe5\x8c\xba\r\n")
    assert read_yaml(path) == {"a": "小区"}


def test_a_file_that_is_not_utf8_or_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes("a: 1\nb: 小区\n".encode("gb18030"))
    with pytest.raises(InputError, match="line 2"):
        read_yaml(path)
    with pytest.raises(InputError, match=r"absent\.yaml"):
        read_yaml(tmp_path / "absent.yaml")
