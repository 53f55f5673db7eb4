from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import bagit
import pytest

from workbench.errors import InputError
from workbench.evidence import bag as bags
from workbench.evidence.files import sha256_file
from workbench.evidence.result import Verdict


def fill(bag: Path) -> None:
    (bag / "data" / "inputs").mkdir(parents=True)
    (bag / "data" / "inputs" / "b.csv").write_text("x\n1\n")
    (bag / "data" / "inputs" / "甲.csv").write_text("x\n2\n")
    (bag / "data" / "findings.json").write_text("[]\n")
    (bag / "data" / "report.zh.pdf").write_bytes(b"%PDF")
    (bag / "data" / "ro-crate-metadata.json").write_text("{}\n")
    (bag / "attest" / "certs").mkdir(parents=True)
    (bag / "attest" / "certs" / "lead.pem").write_text("PEM\n")
    (bag / "data" / "evidence-sha256.txt").write_bytes(bags.evidence_list(bag / "data"))
    write(bag)


def write(bag: Path, **more: Any) -> None:
    bags.write_bag(
        bag,
        study="xf",
        community="JX-01",
        edition=1,
        issued=date(2026, 12, 20),
        info={"Source-Organization": "评估机构"},
        **more,
    )


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    fill(tmp_path / "JX-01")
    return tmp_path / "JX-01"


def codes(found: list[bags.Result]) -> list[tuple[str, str]]:
    return [(result.code, result.where) for result in found]


def test_a_bag_is_valid_for_the_reference_implementation(bag: Path) -> None:
    reference = bagit.Bag(str(bag))
    assert reference.validate()
    assert reference.info["External-Identifier"] == "xf/JX-01/1"
    assert reference.info["Bagging-Date"] == "2026-12-20"


def test_coreutils_agree_with_the_manifests(bag: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("needs sha256sum")
    for folder, name in (
        (bag, "manifest-sha256.txt"),
        (bag, "tagmanifest-sha256.txt"),
        (bag / "data", "evidence-sha256.txt"),
    ):
        subprocess.run(["sha256sum", "-c", "--quiet", "--strict", name], cwd=folder, check=True)


def test_the_same_files_give_the_same_bytes(bag: Path, tmp_path: Path) -> None:
    fill(tmp_path / "again")
    for name in ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt"):
        assert (tmp_path / "again" / name).read_bytes() == (bag / name).read_bytes()
    before = (bag / "tagmanifest-sha256.txt").read_bytes()
    write(bag)
    assert (bag / "tagmanifest-sha256.txt").read_bytes() == before


def test_files_whose_digest_is_known_are_not_read_again(
    bag: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def files() -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in bag.iterdir() if p.is_file()}

    before, read = files(), list[Path]()
    known = bags.read_list(before["manifest-sha256.txt"])
    left = known.popitem()[0]

    def digest(path: Path) -> str:
        read.append(path)
        return sha256_file(path)

    monkeypatch.setattr(bags, "sha256_file", digest)
    write(bag, known=known)
    assert files() == before
    assert [path for path in read if bag / "data" in path.parents] == [bag / left]


def test_the_evidence_list_names_inputs_and_findings_but_no_report_and_no_crate(bag: Path) -> None:
    listing = bags.evidence_list(bag / "data")
    assert list(bags.read_list(listing)) == ["findings.json", "inputs/b.csv", "inputs/甲.csv"]
    assert bags.evidence_code(listing) == bags.sha256_bytes(listing)[:12]


def test_a_whole_bag_is_valid(bag: Path) -> None:
    assert codes(bags.check_bag(bag)) == [("bag.whole", "")]
    assert bags.check_bag(bag)[0].verdict is Verdict.VALID


def append(path: str) -> Callable[[Path], None]:
    def change(bag: Path) -> None:
        with (bag / path).open("a") as stream:
            stream.write("x")

    return change


def add(path: str) -> Callable[[Path], None]:
    def change(bag: Path) -> None:
        (bag / path).write_text("new")

    return change


def remove(path: str) -> Callable[[Path], None]:
    return lambda bag: (bag / path).unlink()


def rewrite(path: str, old: str, new: str) -> Callable[[Path], None]:
    def change(bag: Path) -> None:
        (bag / path).write_text((bag / path).read_text().replace(old, new))

    return change


def link(bag: Path) -> None:
    (bag / "data" / "inputs" / "b.csv").unlink()
    (bag / "data" / "inputs" / "b.csv").symlink_to("/etc/hostname")


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        (append("data/inputs/b.csv"), "bag.file-changed", "data/inputs/b.csv"),
        (remove("data/inputs/甲.csv"), "bag.file-missing", "data/inputs/甲.csv"),
        (add("data/inputs/c.csv"), "bag.file-added", "data/inputs/c.csv"),
        (add("data/empty"), "bag.file-added", "data/empty"),
        (append("attest/certs/lead.pem"), "bag.file-changed", "attest/certs/lead.pem"),
        (add("attest/certs/more.pem"), "bag.file-added", "attest/certs/more.pem"),
        (add("fetch.txt"), "bag.file-added", "fetch.txt"),
        (append("bag-info.txt"), "bag.file-changed", "bag-info.txt"),
        (remove("bag-info.txt"), "bag.file-missing", "bag-info.txt"),
        (remove("manifest-sha256.txt"), "bag.manifest", "manifest-sha256.txt"),
        (remove("tagmanifest-sha256.txt"), "bag.manifest", "tagmanifest-sha256.txt"),
        (append("bagit.txt"), "bag.declaration", "bagit.txt"),
        (link, "bag.link", "data/inputs/b.csv"),
        (
            rewrite("manifest-sha256.txt", "data/findings.json", "data/../../findings.json"),
            "bag.manifest",
            "manifest-sha256.txt",
        ),
        (
            rewrite("manifest-sha256.txt", "data/findings.json", "/etc/passwd"),
            "bag.manifest",
            "manifest-sha256.txt",
        ),
        (
            rewrite("manifest-sha256.txt", "data/findings.json", "data\\findings.json"),
            "bag.manifest",
            "manifest-sha256.txt",
        ),
        (
            rewrite("manifest-sha256.txt", "  data/inputs/b.csv", "  data/findings.json"),
            "bag.manifest",
            "manifest-sha256.txt",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_change_is_found_at_its_place(
    bag: Path, change: Callable[[Path], None], code: str, where: str
) -> None:
    change(bag)
    found = bags.check_bag(bag)
    assert (code, where) in codes(found)
    assert all(result.verdict is Verdict.CHANGED for result in found)


def test_a_folder_that_is_no_bag_cannot_be_judged(tmp_path: Path) -> None:
    (result,) = bags.check_bag(tmp_path)
    assert result.verdict is Verdict.CANNOT_TELL
    assert result.bring_en


def test_a_pipe_is_not_opened(bag: Path) -> None:
    import os

    if not hasattr(os, "mkfifo"):
        pytest.skip("needs POSIX pipes")
    os.mkfifo(bag / "data" / "pipe")
    assert ("bag.link", "data/pipe") in codes(bags.check_bag(bag))


@pytest.mark.parametrize("name", ["a:b.csv", "CON.csv", "a\nb", "a ", "x\\y", "50%.csv", "~a"])
def test_names_that_some_machine_cannot_store_are_not_written(bag: Path, name: str) -> None:
    (bag / "data" / name).write_text("x")
    with pytest.raises(InputError) as caught:
        write(bag)
    assert caught.value.problems[0].code == "bag.name"


def test_names_that_differ_in_case_only_and_links_are_not_written(bag: Path) -> None:
    (bag / "data" / "inputs" / "B.csv").write_text("x")
    (bag / "data" / "link").symlink_to("findings.json")
    with pytest.raises(InputError) as caught:
        bags.evidence_list(bag / "data")
    assert {problem.file for problem in caught.value.problems} >= {"link"}
    assert len(caught.value.problems) == 2


def test_a_line_break_cannot_smuggle_an_entry_into_bag_info(bag: Path) -> None:
    with pytest.raises(InputError):
        bags.write_bag(
            bag,
            study="xf",
            community="A\nPayload-Oxum: 0.0",
            edition=1,
            issued=date(2026, 12, 20),
        )


def test_a_signed_list_names_the_file_that_was_changed_later(bag: Path) -> None:
    listing = bags.evidence_list(bag / "data")
    append("data/inputs/b.csv")(bag)
    add("data/extra.csv")(bag)
    write(bag)
    assert bags.check_bag(bag)[0].code == "bag.whole"
    found = bags.check_evidence(bag / "data", listing, source_zh="清单", source_en="the list")
    assert codes(found) == [
        ("evidence.file-added", "data/extra.csv"),
        ("evidence.file-changed", "data/inputs/b.csv"),
    ]


def test_digests_pin_the_bag(bag: Path) -> None:
    pinned = bags.digests(bag)
    assert list(pinned) == [
        "tagmanifest-sha256.txt",
        "data/evidence-sha256.txt",
        "data/report.zh.pdf",
    ]
