"""Marks of persons are found where they stand, and digests and figures are none."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pytest

from workbench.checks.privacy import marks, marks_in_file


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("打我电话13800138000谢谢", "mobile"),
        ("138-0013-8000", "mobile"),
        ("+86 138 0013 8000", "mobile"),
        ("１３８００１３８０００", "mobile"),
        ("证件11010519491231002X", "identity_card"),
        ("11010519491231002x", "identity_card"),
        ("写信到 wang.fang@example.com.cn", "email"),
        ("我住5号楼2单元301室", "address"),
        ("3栋1202户反映", "address"),
        ("幸福路12号院3号楼501室", "address"),
    ],
)
def test_a_mark_is_found_and_shown_masked(text: str, kind: str) -> None:
    found = list(marks(text))
    assert [k for k, _ in found] == [kind]
    assert "*" in found[0][1]
    assert found[0][1] not in text


@pytest.mark.parametrize(
    "text",
    [
        "5号楼：楼道积灰，墙面有小广告",
        "2026-10-14 13:00:00",
        "0.13800138000",
        "a13800138000b7f1",
        "110105194912310021",  # another check digit
        "11010519491331002X",  # no such month
        "工单 20261014000138",
        "满分 100 分，得 87.5 分",
        "第 12 号文件",
        "@media print",
    ],
)
def test_what_is_no_mark_is_left_alone(text: str) -> None:
    assert list(marks(text)) == []


def test_coordinates_and_embedded_files_are_no_numbers_to_call(tmp_path: Path) -> None:
    svg = '<svg><path d="M 138 \n1380 0138 000 L 138 0013 8000"/><text>{}</text></svg>'
    page = '<img src="data:image/svg+xml;base64,AAAA/13800138000+AA==">'
    for text, found in ((svg.format("甲"), 0), (page, 0), (svg.format("13800138000"), 1)):
        for name, data in (("a.svg", text), ("a.json", json.dumps([text]))):
            (tmp_path / name).write_text(data, encoding="utf-8")
            told = marks_in_file(tmp_path / name, name)
            assert len(told) == found
            assert all(one.where in {"a.svg:2", "a.json"} for one in told)


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.html", "a.svg", "a.ipynb", "a.xlsx"])
def test_every_kind_of_file_is_searched(tmp_path: Path, name: str) -> None:
    file, secret = tmp_path / name, "13800138000"
    if name == "a.xlsx":
        book = openpyxl.Workbook()
        assert book.active is not None
        book.active.append(["x", secret])
        book.save(file)
    elif name == "a.ipynb":
        output = {"output_type": "stream", "name": "stdout", "text": f"tel {secret}"}
        cell = {"cell_type": "code", "id": "peek", "source": "", "outputs": [output]}
        file.write_text(json.dumps({"cells": [cell]}))
    elif name == "a.json":
        file.write_text(json.dumps({"a": [{"b": f"电话{secret}"}]}))
    else:
        file.write_text(f"one\n电话{secret}\n", encoding="utf-8")
    [found] = marks_in_file(file, name)
    assert found.kind == "mobile"
    assert secret not in found.shown
    assert found.where.startswith(name)
    if name == "a.ipynb":
        assert found.where == "a.ipynb[peek]"
