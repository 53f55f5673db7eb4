from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from workbench.evidence.bag import sha256_file
from workbench.evidence.crate import CRATE, make_crate

FILES = [
    "context.json",
    "evidence-sha256.txt",
    "figures/a 甲.svg",
    "findings.json",
    "inputs/responses.csv",
    "notebook.ipynb",
    "protocol/protocol.json",
    "report.zh.pdf",
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def make(data: Path, **more: Any) -> dict[str, dict[str, Any]]:
    arguments: dict[str, Any] = {
        "study": "xf",
        "community": "JX-01",
        "edition": 1,
        "title": "社区测评 JX-01",
        "description": "Assessment of JX-01",
        "issued": date(2026, 12, 20),
        "publisher": "评估机构",
        "parameters": {"seed": 7, "baseline": None},
        "versions": {"workbench": "0.1.0", "pandas": "3.0"},
        "finished": datetime(2026, 12, 20, 8, tzinfo=timezone(timedelta(hours=8))),
    }
    document = json.loads(make_crate(data, **(arguments | more)))
    assert document["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    return {entity["@id"]: entity for entity in document["@graph"]}


def test_every_file_is_described_with_its_digest(data: Path) -> None:
    graph = make(data)
    files = {i: e for i, e in graph.items() if e["@type"] == "File"}
    assert sorted(map(unquote, files)) == sorted(FILES)
    for identifier, entity in files.items():
        assert entity["sha256"] == sha256_file(data / unquote(identifier))
    assert {part["@id"] for part in graph["./"]["hasPart"]} == set(files)


def test_the_run_led_from_inputs_and_parameters_to_outputs(data: Path) -> None:
    run = make(data)["#run"]
    objects = {unquote(entry["@id"]) for entry in run["object"]}
    results = {unquote(entry["@id"]) for entry in run["result"]}
    assert objects == {
        "context.json",
        "inputs/responses.csv",
        "protocol/protocol.json",
        "#parameter-baseline",
        "#parameter-seed",
    }
    assert results == set(FILES) - objects
    assert run["endTime"] == "2026-12-20T00:00:00+00:00"
    assert run["actionStatus"] == "http://schema.org/CompletedActionStatus"


def test_every_reference_leads_somewhere(data: Path) -> None:
    graph = make(data, publisher_url="https://example.org/")
    assert graph["https://example.org/"]["url"] == "https://example.org/"

    def references(value: Any) -> set[str]:
        if isinstance(value, list):
            return {found for entry in value for found in references(entry)}
        if isinstance(value, dict):
            own = {value["@id"]} if set(value) == {"@id"} else set()
            return own | {found for entry in value.values() for found in references(entry)}
        return set()

    outside = {"https://w3id.org/ro/crate/1.1"}
    assert references(list(graph.values())) <= set(graph) | outside


def test_an_earlier_crate_does_not_describe_itself_and_bytes_repeat(data: Path) -> None:
    first = make(data)
    (data / CRATE).write_text("{}")
    assert make(data) == first


def test_a_time_without_zone_is_not_guessed(data: Path) -> None:
    with pytest.raises(ValueError, match="time zone"):
        make(data, finished=datetime(2026, 12, 20, 8))
    make(data, finished=datetime(2026, 12, 20, 8, tzinfo=UTC))
