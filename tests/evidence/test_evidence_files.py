from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workbench.errors import InputError
from workbench.evidence import files


def test_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    (tmp_path / "a").write_bytes(data)
    assert files.sha256_file(tmp_path / "a") == files.sha256_bytes(data)


def test_atomic_write_leaves_the_old_file_when_the_new_one_cannot_be_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.txt"
    files.write_atomic(file, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_atomic(file, b"new")
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_secret_file_is_never_readable_by_others(tmp_path: Path) -> None:
    files.write_atomic(tmp_path / "key", b"k", mode=0o600)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


@pytest.mark.parametrize("links", [True, False])
def test_a_file_written_once_keeps_its_first_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:  # as on exFAT

        def none(*_: object) -> None:
            raise OSError(38, "Function not implemented")

        monkeypatch.setattr(files.os, "link", none)
    assert files.write_once(tmp_path / "key", b"first", mode=0o600)
    assert not files.write_once(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_of_many_writers_at_once_one_wins_and_none_reads_a_part(tmp_path: Path) -> None:
    def write(round_and_writer: tuple[int, int]) -> bool:
        path = tmp_path / f"{round_and_writer[0]}"
        ours = files.write_once(path, b"x" * 64)
        assert path.read_bytes() == b"x" * 64
        return ours

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(write, [(n, writer) for n in range(50) for writer in range(8)]))
    assert sum(won) == 50


def build(target: Path, text: str) -> None:
    (files.staging_directory(target) / "a.txt").write_text(text)


def test_what_is_written_aside_changes_no_file_of_the_folder_that_stands(tmp_path: Path) -> None:
    target = tmp_path / "JX-01"
    build(target, "one")
    files.replace_directory(target)
    staged = files.copied_directory(target)
    files.write_aside(staged / "a.txt", b"two")
    files.write_aside(staged / "b.txt", b"new")
    assert sorted(p.name for p in target.iterdir()) == ["a.txt"]
    assert (target / "a.txt").read_text() == "one"
    files.replace_directory(target)
    assert [(target / name).read_text() for name in ("a.txt", "b.txt")] == ["two", "new"]


def test_a_folder_is_forced_to_the_disk_with_all_that_lies_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "JX-01"
    inner = files.staging_directory(target) / "data" / "inputs"
    inner.mkdir(parents=True)
    files.write_aside(inner / "b.txt", b"two")
    forced: set[int] = set()
    monkeypatch.setattr(files.os, "fsync", lambda handle: forced.add(os.fstat(handle).st_ino))
    files.replace_directory(target)
    every = [target, *target.rglob("*")]
    assert {p.stat().st_ino for p in every if os.name == "posix" or p.is_file()} <= forced


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "JX-01"
    for text in ("one", "two"):
        build(target, text)
        files.replace_directory(target)
        assert (target / "a.txt").read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["JX-01"]


@pytest.mark.parametrize("crash_at", range(4))
def test_after_a_crash_at_any_rename_one_whole_folder_stands_under_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crash_at: int
) -> None:
    target = tmp_path / "JX-01"
    build(target, "old")
    files.replace_directory(target)
    build(target, "new")
    renames = 0
    rename = Path.rename

    def counted(self: Path, to: Path) -> Path:
        nonlocal renames
        if renames == crash_at:
            raise KeyboardInterrupt
        renames += 1
        return rename(self, to)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", counted)
        if crash_at < 3:
            with pytest.raises(KeyboardInterrupt):
                files.replace_directory(target)
        else:
            files.replace_directory(target)
    restored = files.recover(tmp_path)
    assert (target / "a.txt").read_text() == ("old" if crash_at < 2 else "new")
    assert restored == (["JX-01"] if crash_at == 2 else [])
    assert [path.name for path in tmp_path.iterdir()] == ["JX-01"]
    assert files.recover(tmp_path) == []


def test_a_first_write_that_was_cut_short_leaves_nothing(tmp_path: Path) -> None:
    build(tmp_path / "JX-01", "half")
    assert files.recover(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
    assert files.recover(tmp_path / "missing") == []


def test_canonical_json_has_one_form() -> None:
    assert files.canonical_json({"b": [1, None], "a": "甲"}) == '{"a":"甲","b":[1,null]}\n'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.canonical_json(float("nan"))


@pytest.mark.parametrize("text", ["{", "NaN", "[" * 200_000, '"\udc80"', ""])
def test_broken_json_is_refused_with_the_file_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError) as caught:
        files.read_json(tmp_path / "a.json")
    assert caught.value.problems[0].file == "a.json"


def test_giant_and_linked_json_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(InputError):
        files.read_json(tmp_path / "a.json", limit=2)
    (tmp_path / "b.json").symlink_to("a.json")
    with pytest.raises(InputError):
        files.read_json(tmp_path / "b.json")


def test_the_package_loads_neither_pandas_nor_pyhanko() -> None:
    code = (
        "import sys, workbench.evidence, workbench.evidence.bag, workbench.evidence.keys;"
        "print(sorted({'pandas', 'numpy', 'pyhanko', 'typst'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
