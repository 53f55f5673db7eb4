"""Files that a stranger made to break or mislead a verifier: there is an answer to each."""

from __future__ import annotations

from typing import Any

import pytest

from tests.evidence.forger import World, check, repin

DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("ledger/entries.jsonl", DEEP),
        ("ledger/entries.jsonl", ""),
        ("ledger/checkpoint", "demonstration/x\n" + "9" * 10_000 + "\nAAAA\n\n— x AAAA\n"),
        ("ledger/checkpoint", "\x00"),
        ("ledger/checkpoints.jsonl", '{"note": ' + DEEP),
        ("ledger/checkpoints.jsonl", '{"note": 7}\n'),
        ("ledger/stamps/renewed-001.txt", "../../etc/passwd"),
        (
            "communities/JX-01/attest/entry.tlog-proof",
            "c2sp.org/tlog-proof@v1\nindex " + "9" * 9999,
        ),
        ("communities/JX-01/attest/entry.json", DEEP),
        ("communities/JX-01/attest/evaluation.intoto.json", DEEP),
        ("communities/JX-01/attest/checkpoint.tsr", "\x30\x84\xff\xff\xff\xff"),
        ("communities/JX-01/attest/certs/lead.pem", "-----BEGIN CERTIFICATE-----\nAAAA"),
        ("overview/attest/entry.json", "[]"),
        ("batch.json", DEEP),
        ("batch.json", '{"study": ["xf"], "units": "many", "states": 3}'),
    ],
)
def test_crafted_files_around_the_ledger_get_an_answer(world: World, file: str, text: str) -> None:
    (world.out / file).write_text(text)
    if "communities" in file:
        repin(world)
    report = check(world)
    assert isinstance(report.text("zh"), str)
    if file not in {"ledger/stamps/renewed-001.txt", "communities/JX-01/attest/certs/lead.pem"}:
        assert report.exit_code != 0


@pytest.mark.parametrize("name", ["entries.jsonl", "checkpoint", "stamps/00000004.tsr"])
def test_nothing_around_the_ledger_is_read_through_a_link(world: World, name: str) -> None:
    for path in (world.out / "ledger" / name, world.bag() / "attest" / "evaluation.intoto.json"):
        path.unlink()
        path.symlink_to("/dev/zero")
    assert check(world).exit_code == 1


def test_entries_of_odd_types_get_an_answer(world: World) -> None:
    ledger = world.ledger()
    ledger._check_rules = lambda *_: None  # type: ignore[method-assign]
    ledger._learn = lambda *_: None  # type: ignore[method-assign]
    odd: list[Any] = [
        {"type": "withdrawal", "study": "xf", "supersedes": True},
        {"type": "amendment", "study": "xf", "supersedes": 10**30, "edition": []},
        {"type": "report", "study": "xf", "community": {}, "edition": "1"},
        {"type": ["close"], "study": "xf"},
        {"type": "close", "study": "xf", "units": None},
        {"type": "context", "study": "xf", "context_sha256": []},
        {"study": []},
    ]
    ledger.append(odd, demonstration=True)
    assert check(world).exit_code == 1
