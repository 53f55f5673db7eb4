"""A sheet that was changed after it was sealed is refused."""

from __future__ import annotations

import pandas as pd

from workbench.intake.frames import FILE, FileUsed, Log, Problems
from workbench.intake.seals import check_seals

DIGEST = "3f2a9c01bb7e" + "0" * 52


def _checked(seals: list[str | None], digest: str = DIGEST) -> tuple[Problems, Log]:
    frame = pd.DataFrame({FILE: "E1.csv", "seal": seals})
    problems, log = Problems(), Log()
    check_seals(frame, [FileUsed("E1.csv", digest, len(seals))], problems, log)
    return problems, log


def test_a_sheet_as_it_was_sealed_passes() -> None:
    problems, log = _checked([DIGEST[:12]] * 3)
    assert not problems.found
    assert not log.entries
    assert not _checked([None, None])[0].found


def test_a_sheet_that_was_changed_is_named() -> None:
    problems, _ = _checked(["aaaaaaaaaaaa"] * 2)
    (one,) = problems.found
    assert (one.code, one.file, one.expected, one.found) == (
        "seal.broken",
        "E1.csv",
        "aaaaaaaaaaaa",
        DIGEST[:12],
    )
    assert _checked([DIGEST[:8]] * 2)[0].found  # too short to say anything


def test_sheets_gathered_in_one_file_cannot_be_verified_and_are_counted() -> None:
    problems, log = _checked([DIGEST[:12], "bbbbbbbbbbbb"])
    assert not problems.found
    assert [(e.code, e.n) for e in log.entries] == [("seal.unverified", 2)]
