"""Named manipulations, each caught with its reason, here and by the script of docs/auditor.md."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.evidence.forger import (
    World,
    batch_says,
    check,
    codes,
    ledger_rolled_back,
    reissued_in_a_log_of_ones_own,
    withdrawn,
    write_bag,
)
from tests.evidence.handbook import DOUBTFUL, HANDBOOK, NOT_BY_SCRIPT, UNSIGNED
from workbench.evidence.result import Verdict


def test_the_genuine_batch_is_valid(world: World) -> None:
    report = check(world)
    assert report.exit_code == 0, report.text("en")
    assert codes(report, Verdict.VALID) >= {
        "ledger.whole", "ledger.entered", "ledger.opened", "ledger.closed",
        "statement.whole", "stamp.valid", "time.ledger",
    }  # fmt: skip


@pytest.mark.parametrize("name", HANDBOOK)
def test_a_manipulation_is_caught_with_its_reason(world: World, name: str) -> None:
    change, code = HANDBOOK[name]
    change(world)
    report = check(world)
    assert report.exit_code == 1, report.text("en")
    assert code in codes(report), report.text("en")


@pytest.mark.parametrize("name", DOUBTFUL)
def test_what_nobody_vouches_for_is_not_passed_over(world: World, name: str) -> None:
    change, code = DOUBTFUL[name]
    change(world)
    report = check(world)
    assert report.exit_code == 5, report.text("en")
    assert code in codes(report, Verdict.CANNOT_TELL), report.text("en")


@pytest.mark.parametrize("name", UNSIGNED)
def test_an_overview_that_is_not_signed_yet_is_held_against_the_reports(
    unclosed: World, name: str
) -> None:
    assert check(unclosed).exit_code == 0, check(unclosed).text("en")
    UNSIGNED[name](unclosed)
    report = check(unclosed)
    assert report.exit_code == 1
    assert codes(report) == {"overview.differs"}


def test_a_report_of_an_overview_that_nobody_signed_is_no_report(unclosed: World) -> None:
    data = unclosed.out / "overview" / "data"
    shutil.copy(unclosed.bag() / "data" / "report.zh.pdf", data)
    write_bag(unclosed.out / "overview", "overview")
    report = check(unclosed)
    assert report.exit_code == 1
    assert codes(report) == {"overview.report"}


def test_counts_that_do_not_agree_are_not_passed_over(unclosed: World) -> None:
    batch_says(states={"signed": 1, "failed": 0, "waiting": 0})(unclosed)
    assert "batch.counts" in codes(check(unclosed), Verdict.CANNOT_TELL)


def test_with_all_keys_and_a_log_of_ones_own_the_published_key_decides(world: World) -> None:
    reissued_in_a_log_of_ones_own(world)
    assert check(world).exit_code != 0


def test_a_ledger_taken_away_hides_nothing(world: World) -> None:
    shutil.rmtree(world.out / "ledger")
    assert "ledger.absent" in codes(check(world), Verdict.CANNOT_TELL)


def test_a_head_seen_before_shows_a_rolled_back_ledger(world: World) -> None:
    shutil.copy(world.out / "ledger/checkpoint", world.out.parent / "trust/seen.checkpoint")
    ledger_rolled_back(world)
    assert "ledger.rolled-back" in codes(check(world))


def test_a_bag_by_itself_is_told_by_the_ledger_beside_it(world: World) -> None:
    assert check(world, world.bag()).exit_code == 0
    withdrawn(world)
    assert "ledger.withdrawn" in codes(check(world, world.bag()))


# --- the script of docs/auditor.md ----------------------------------------------------------------


def script(world: World, root: Path) -> tuple[int, str]:
    for program in ("bash", "jq", "openssl", "pdfsig", "pdfdetach", "basenc"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    command = ["bash", str(root / "docs/check-batch.sh"), str(world.out)]
    done = subprocess.run(
        [*command, str(world.out.parent / "trust")], capture_output=True, text=True
    )
    return done.returncode, done.stdout


@pytest.mark.system
def test_the_script_finds_nothing_wrong_with_the_genuine_batch(world: World, root: Path) -> None:
    assert script(world, root) == (
        0,
        f"nothing wrong: 2 bags, 5 entries of {world.ledger().verifier.name}\n",
    )


QUICK = [
    "a page overlaid",
    "an input and its list changed",
    "a statement by strangers",
    "the ledger rolled back",
    "the same, entered a second time with the log's key",
    "a unit deleted everywhere but in the ledger",
]


@pytest.mark.system
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.soak)
        for name in [*HANDBOOK, *DOUBTFUL]
        if name not in NOT_BY_SCRIPT
    ],
)
def test_the_script_catches_it_too(world: World, root: Path, name: str) -> None:
    (HANDBOOK | DOUBTFUL)[name][0](world)
    code, said = script(world, root)
    assert code == 1, said
    assert "WRONG" in said
