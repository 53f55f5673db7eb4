from __future__ import annotations

import base64
import hashlib
import json
import multiprocessing
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import InputError, MachineError
from workbench.evidence import ledger as ledgers
from workbench.evidence import merkle, note, verify_ledger
from workbench.evidence.files import sha256_file
from workbench.evidence.ledger import Ledger, check_ledger, check_proof
from workbench.evidence.result import Verdict

# inputs and roots of the test vectors of RFC 6962 implementations (certificate-transparency)
VECTOR = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
VECTOR += ["606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


class Tree:
    """All hashes of a tree in memory."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.hashes: list[bytes] = []
        for at, leaf in enumerate(leaves):
            self.hashes += merkle.new_hashes(at, merkle.leaf_hash(leaf), self.read)

    def read(self, level: int, number: int) -> bytes:
        return self.hashes[merkle.stored_index(level, number)]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 §2.1.1, written out."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162 §2.1.3.1, written out."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 9162 §2.1.4.1, written out."""
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*naive_subproof(m, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_root(leaves[:k])]


def test_roots_are_those_of_the_published_vectors() -> None:
    leaves = [bytes.fromhex(text) for text in VECTOR]
    for size, root in enumerate(ROOTS, start=1):
        assert merkle.tree_root(size, Tree(leaves).read).hex() == root
    assert merkle.tree_root(0, Tree([]).read) == hashlib.sha256().digest()


def test_proofs_are_those_of_the_rfc_and_prove_nothing_else() -> None:
    leaves = [b"%d" % n for n in range(35)]
    tree = Tree(leaves)
    for size in range(1, 36):
        root = naive_root(leaves[:size])
        assert merkle.tree_root(size, tree.read) == root
        for index in range(size):
            path = merkle.inclusion_proof(index, size, tree.read)
            assert path == naive_path(index, leaves[:size])
            leaf = merkle.leaf_hash(leaves[index])
            assert merkle.verify_inclusion(leaf, index, size, root, path)
            assert not merkle.verify_inclusion(leaf, (index + 1) % (size + 1), size, root, path)
            assert not merkle.verify_inclusion(leaf, index, size, root, [*path, leaf])
            assert not path or not merkle.verify_inclusion(leaf, index, size, root, path[:-1])
        for old in range(1, size + 1):
            proof = merkle.consistency_proof(old, size, tree.read)
            assert proof == naive_subproof(old, leaves[:size])
            before = naive_root(leaves[:old])
            assert merkle.verify_consistency(old, size, before, root, proof)
            forged = naive_root([*leaves[: old - 1], b"x"])
            assert not merkle.verify_consistency(old, size, forged, root, proof)
            if old < size:
                assert not merkle.verify_consistency(old, size, before, root, proof[:-1])
                assert not merkle.verify_consistency(old, size, before, before, proof)


def test_the_note_of_the_reference_implementation_opens() -> None:
    key = note.VerifierKey.parse(
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    )
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    line = (
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqf"
        "qdngotpRZb6KE6RyyBwJnAM="
    )
    with pytest.raises(ValueError, match="not a checkpoint"):  # signed, but no checkpoint
        note.open_checkpoint(f"{text}\n{line}\n", key)
    with pytest.raises(ValueError, match="not signed"):
        note.open_checkpoint(f"{text.upper()}\n{line}\n", key)
    assert key.text().startswith("PeterNeumann+c74f20a3+")


@pytest.fixture
def key(tmp_path: Path) -> note.LogKey:
    return note.make_log_key(tmp_path / "keys", "institute.example/ledger")


@pytest.fixture
def ledger(tmp_path: Path, key: note.LogKey) -> Ledger:
    return Ledger(tmp_path / "log", key)


def report(community: str = "JX-01", edition: int = 1, **more: Any) -> dict[str, Any]:
    unit = {"study": "xf", "community": community, "edition": edition}
    return {"type": "report", **unit, "evidence_sha256": "0" * 64, **more}


def test_entries_are_numbered_proven_and_kept_byte_by_byte(ledger: Ledger) -> None:
    assert ledger.append([{"type": "open", "study": "xf"}], demonstration=False) == [0]
    numbers = ledger.append([report(f"JX-{n:02}") for n in range(20)], demonstration=False)
    assert numbers == list(range(1, 21))
    lines = (ledger.folder / "entries.jsonl").read_bytes().splitlines()
    for number in range(21):
        leaf = ledger.entry(number)
        assert leaf == lines[number]
        index, head = check_proof(leaf, ledger.proof(number), ledger.verifier)
        assert (index, head.size) == (number, 21)
    assert json.loads(ledger.entry(3))["community"] == "JX-02"
    with pytest.raises(ValueError, match="no entry"):
        ledger.entry(21)
    assert check_ledger(ledger.folder, ledger.verifier)[0].verdict is Verdict.VALID


def test_a_proof_shows_its_own_entry_only_and_only_under_its_key(
    ledger: Ledger, tmp_path: Path
) -> None:
    ledger.append([report("A"), report("B")], demonstration=False)
    proof = ledger.proof(0)
    other = note.make_log_key(tmp_path / "keys", "other.example/log").verifier
    same_name = note.make_log_key(tmp_path / "forged", ledger.verifier.name).verifier
    for leaf, text, key in (
        (ledger.entry(1), proof, ledger.verifier),
        (ledger.entry(0) + b" ", proof, ledger.verifier),
        (ledger.entry(0), proof.replace("index 0", "index 1"), ledger.verifier),
        (ledger.entry(0), proof.replace("@v1", "@v2"), ledger.verifier),
        (ledger.entry(0), proof.replace("\n2\n", "\n3\n"), ledger.verifier),
        (ledger.entry(0), proof[:-5], ledger.verifier),
        (ledger.entry(0), "", ledger.verifier),
        (ledger.entry(0), proof, other),
        (ledger.entry(0), proof, same_name),
    ):
        with pytest.raises(ValueError, match=r"."):
            check_proof(leaf, text, key)


def test_an_earlier_head_begins_the_later_one(ledger: Ledger) -> None:
    ledger.append([report("A"), report("B"), report("C")], demonstration=False)
    old = ledger.head()
    ledger.append([report(f"D{n}") for n in range(9)], demonstration=False)
    new = ledger.head()
    proof = ledger.consistency(old.size)
    assert merkle.verify_consistency(old.size, new.size, old.root, new.root, proof)


def refused(ledger: Ledger, *entries: dict[str, Any], demonstration: bool = False) -> str:
    size = ledger.head().size
    with pytest.raises(InputError) as caught:
        ledger.append(entries, demonstration=demonstration)
    assert ledger.head().size == size
    return caught.value.problems[0].code


def test_one_report_per_edition_and_nothing_superseded_twice(
    ledger: Ledger, key: note.LogKey
) -> None:
    ledger.append([report("A"), report("B")], demonstration=False)
    again = Ledger(ledger.folder, key)  # another process
    assert refused(again, report("A")) == "ledger.twice"
    assert refused(again, report("C"), report("C")) == "ledger.twice"
    assert refused(again, {"type": "report", "study": "xf"}) == "ledger.twice"
    assert refused(again, {"type": "gift"}) == "ledger.type"
    assert refused(again, {"type": "withdrawal", "supersedes": 7}) == "ledger.supersedes"
    amendment = report("A", 2, supersedes=0, reason="objection 3") | {"type": "amendment"}
    assert again.append([amendment], demonstration=False) == [2]
    assert refused(ledger, {"type": "withdrawal", "supersedes": 0}) == "ledger.supersedes"
    assert ledger.append([{"type": "withdrawal", "supersedes": 2}], demonstration=False) == [3]
    assert refused(again, {"type": "withdrawal", "supersedes": 2}) == "ledger.supersedes"


@pytest.mark.parametrize("number", [None, -1, 1, 2, "0", [0], 0.5])
def test_only_an_issue_that_is_entered_is_superseded(ledger: Ledger, number: object) -> None:
    ledger.append([report("A"), {"type": "open", "study": "other"}], demonstration=False)
    assert refused(ledger, {"type": "withdrawal", "supersedes": number}) == "ledger.supersedes"


def test_a_ledger_holds_little_of_each_entry(ledger: Ledger, key: note.LogKey) -> None:
    """A runner opens it for every few hundred reports; a province has a hundred thousand."""
    units = 4000
    ledger.append([report(f"C-{n:06}") for n in range(units)], demonstration=False)
    again = Ledger(ledger.folder, key)
    tracemalloc.start()
    try:
        assert again.issued("xf", "C-001000", 1) == 1000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 250 * units, f"{peak / units:.0f} bytes an entry"


def test_a_new_edition_may_follow_a_withdrawal_and_supersedes_it(ledger: Ledger) -> None:
    unit = {"study": "s", "community": "C-1"}
    ledger.append([{"type": "report", **unit, "edition": 1}], demonstration=False)
    assert ledger.withdrawn(0, otherwise=0) == 0
    ledger.append([{"type": "withdrawal", **unit, "supersedes": 0}], demonstration=False)
    assert ledger.withdrawn(0, otherwise=0) == 1
    second = {"type": "amendment", **unit, "edition": 2}
    assert refused(ledger, second | {"supersedes": 0}) == "ledger.supersedes"
    assert refused(ledger, {"type": "withdrawal", "supersedes": 1}) == "ledger.supersedes"
    assert ledger.append([second | {"supersedes": 1}], demonstration=False) == [2]
    third = second | {"edition": 3, "supersedes": 1}
    assert refused(ledger, third) == "ledger.supersedes"


def test_a_frozen_context_is_replaced_by_name_alone(ledger: Ledger) -> None:
    def context(digest: str, **more: int) -> dict[str, Any]:
        return {"type": "context", "study": "s", "context_sha256": digest, **more}

    unit = {"study": "s", "community": "C-1", "edition": 1}
    ledger.append([context("a"), {"type": "report", **unit}], demonstration=False)
    assert refused(ledger, context("b")) == "ledger.context"
    assert refused(ledger, context("b", replaces=1)) == "ledger.context"
    assert ledger.append([context("b", replaces=0)], demonstration=False) == [2]
    assert (ledger.context("s"), ledger.frozen("s")) == ("b", 2)
    assert refused(ledger, context("c", replaces=0)) == "ledger.context"


def test_an_institutions_log_takes_nothing_of_demonstration_keys(
    ledger: Ledger, tmp_path: Path
) -> None:
    assert refused(ledger, report(), demonstration=True) == "ledger.demonstration"
    key = note.make_log_key(tmp_path / "keys", "demonstration/ledger")
    assert Ledger(tmp_path / "demo", key).append([report()], demonstration=True) == [0]


@pytest.mark.parametrize(
    "name", ["entries.jsonl", "offsets.bin", "hashes.bin", "checkpoints.jsonl"]
)
def test_what_a_crash_left_beyond_the_head_is_cut_off(ledger: Ledger, name: str) -> None:
    ledger.append([report("A"), report("B")], demonstration=False)
    with (ledger.folder / name).open("ab") as stream:
        stream.write(b'{"type":"report","torn')
    assert ledger.append([report("C")], demonstration=False) == [2]
    assert len((ledger.folder / "entries.jsonl").read_bytes().splitlines()) == 3
    assert check_ledger(ledger.folder, ledger.verifier)[0].verdict is Verdict.VALID


@pytest.mark.parametrize("step", range(4))
def test_a_crash_at_any_write_leaves_the_old_log_or_the_new(
    ledger: Ledger, key: note.LogKey, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    ledger.append([report("A"), report("B")], demonstration=False)
    done = 0

    def counted(real: Any) -> Any:
        def run(*args: Any, **more: Any) -> Any:
            nonlocal done
            if done == step:
                raise KeyboardInterrupt
            done += 1
            return real(*args, **more)

        return run

    with monkeypatch.context() as patch:
        patch.setattr(ledgers, "_append", counted(ledgers._append))
        patch.setattr(ledgers, "write_atomic", counted(ledgers.write_atomic))
        try:
            ledger.append([report("C")], demonstration=False)
        except KeyboardInterrupt:
            assert step < 3
    again = Ledger(ledger.folder, key)
    entered = again.head().size
    assert entered == (3 if step >= 2 else 2)
    again.append([report("C" if entered == 2 else "D")], demonstration=False)
    assert check_ledger(again.folder, again.verifier)[0].verdict is Verdict.VALID
    history = (again.folder / "checkpoints.jsonl").read_text()
    sizes = [json.loads(x)["size"] for x in history.splitlines()]
    assert sizes == ([2, 3] if entered == 2 else [2, 3, 4])


@pytest.mark.parametrize("name", ["offsets.bin", "hashes.bin"])
@pytest.mark.parametrize("damage", ["missing", "zeroed"])
def test_lost_indexes_are_made_anew(ledger: Ledger, name: str, damage: str) -> None:
    ledger.append([report(f"A{n}") for n in range(7)], demonstration=False)
    path = ledger.folder / name
    good = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(bytes(len(good)))
    ledger.append([report("B")], demonstration=False)
    assert path.read_bytes().startswith(good)
    assert len((ledger.folder / "entries.jsonl").read_bytes().splitlines()) == 8


def test_a_writer_does_not_go_on_from_a_broken_log(ledger: Ledger) -> None:
    ledger.append([report("A"), report("B")], demonstration=False)
    entries = ledger.folder / "entries.jsonl"
    good = entries.read_bytes()
    for bad in (good[:-20], good.replace(b'"B"', b'"X"')):
        entries.write_bytes(bad)
        with pytest.raises(MachineError):
            ledger.append([report("C")], demonstration=False)
        assert entries.read_bytes() == bad
    entries.write_bytes(good)
    (ledger.folder / "checkpoint").unlink()
    with pytest.raises(MachineError):
        ledger.append([report("C")], demonstration=False)
    assert entries.read_bytes() == good


def _codes(ledger: Ledger) -> set[str]:
    return {found.code for found in check_ledger(ledger.folder, ledger.verifier)}


def test_removed_replaced_and_truncated_entries_are_seen(
    ledger: Ledger, key: note.LogKey, tmp_path: Path
) -> None:
    for name in "ABC":
        ledger.append([report(name)], demonstration=False)
    entries = ledger.folder / "entries.jsonl"
    good = entries.read_bytes()
    lines = good.splitlines(keepends=True)
    for bad in (b"".join(lines[1:]), b"".join(lines[:2]), good.replace(b'"B"', b'"X"')):
        entries.write_bytes(bad)
        assert _codes(ledger) == {"ledger.rewritten"}
    entries.write_bytes(good + lines[0])
    assert _codes(ledger) == {"ledger.uncovered"}
    entries.write_bytes(good)
    # the holder of the key writes another history and signs its head: the earlier heads tell
    forged = Ledger(tmp_path / "forged", key)
    forged.append([report("A"), report("X"), report("C")], demonstration=False)
    for name in ("entries.jsonl", "checkpoint"):
        (ledger.folder / name).write_bytes((forged.folder / name).read_bytes())
    assert _codes(ledger) == {"ledger.rewritten"}
    (ledger.folder / "checkpoint").write_text("nothing")
    assert _codes(ledger) == {"ledger.unreadable"}


def _enter(folder: Path, keys: Path, name: str, start: Any) -> None:
    key = note.make_log_key(keys, "institute.example/ledger")
    start.wait()
    for number in range(5):
        Ledger(folder, key).append([report(f"{name}{number}")], demonstration=False)


def test_two_writers_take_turns(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Event()
    both = [
        spawn.Process(target=_enter, args=(tmp_path / "log", tmp_path / "keys", name, start))
        for name in ("A", "B")
    ]
    for process in both:
        process.start()
    start.set()
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    key = note.make_log_key(tmp_path / "keys", "institute.example/ledger")
    assert Ledger(tmp_path / "log", key).head().size == 10
    assert check_ledger(tmp_path / "log", key.verifier)[0].verdict is Verdict.VALID


def test_a_head_can_be_read_by_hand(ledger: Ledger) -> None:
    ledger.append([report("A")], demonstration=False)
    origin, size, root, blank, line, end = ledger.checkpoint().split("\n")
    assert (origin, size, blank, end) == ("institute.example/ledger", "1", "", "")
    assert base64.b64decode(root) == merkle.leaf_hash(ledger.entry(0))
    assert line.startswith("— institute.example/ledger ")


@pytest.mark.soak
def test_a_hundred_thousand_entries_append_and_prove_in_milliseconds(ledger: Ledger) -> None:
    ledger.append([report(f"A{n}") for n in range(100_000)], demonstration=False)
    began = time.perf_counter()
    for number in range(20):
        ledger.append([report(f"B{number}")], demonstration=False)
    appended = (time.perf_counter() - began) / 20
    began = time.perf_counter()
    for number in range(0, 100_000, 5_000):
        check_proof(ledger.entry(number), ledger.proof(number), ledger.verifier)
    proven = (time.perf_counter() - began) / 20
    print(f"append {appended * 1000:.1f} ms, prove and check {proven * 1000:.1f} ms")
    assert appended < 0.1
    assert proven < 0.05


def test_a_draft_that_a_later_run_left_as_it_was_is_held_against_what_the_frozen_notebook_says(
    tmp_path: Path,
) -> None:
    said = {"finding": "context.rank", "community": "JX-01", "value": 3.0}
    mime = "application/vnd.workbench.findings+json"
    notebook = tmp_path / "overview" / "data" / "notebook.ipynb"
    notebook.parent.mkdir(parents=True)
    notebook.write_text(json.dumps({"cells": [{"outputs": [{"data": {mime: [said]}}]}]}))
    seal = {"finding": "context.batch_notebook", "community": "JX-01", "display_en": "0" * 64}
    bag, named = tmp_path / "communities" / "JX-01", sha256_file(notebook)
    own = said | {"edition": 1, "notebook": "batch"}
    assert verify_ledger._same_context(bag, [own, seal], named) is True
    assert verify_ledger._same_context(bag, [own | {"value": 2.0}, seal], named) is False
    assert verify_ledger._same_context(bag, [seal], named) is False
    assert verify_ledger._same_context(bag, [own, seal], "0" * 64) is None
