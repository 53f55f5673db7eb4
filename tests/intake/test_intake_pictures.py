"""Pictures: what may leave, what the copy holds, what is used twice."""

from __future__ import annotations

import hashlib
import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from workbench.errors import InputError
from workbench.intake import cut, write_tables
from workbench.intake.pictures import MOST_BYTES, add_uses, copy_of, file_name, may_leave

GPS = 0x8825


def photograph(path: Path, size: tuple[int, int] = (64, 48), *, rotated: bool = False) -> Path:
    """Write a JPEG that bears position, time and device, as a telephone writes it."""
    picture = Image.new("RGB", size, "white")
    picture.paste((200, 30, 30), (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[0x010F], exif[0x0132] = "Telephone", "2026:10:14 09:00:00"
    exif[GPS] = {1: "N", 2: (30.0, 15.0, 1.0), 3: "E", 4: (120.0, 9.0, 1.0)}
    if rotated:
        exif[0x0112] = 6
    picture.save(path, "JPEG", exif=exif, comment=b"door 302")
    return path


def test_the_copy_holds_the_picture_upright_and_nothing_else(tmp_path: Path) -> None:
    file = photograph(tmp_path / "a.jpg", rotated=True)
    assert b"Telephone" in file.read_bytes()
    data = copy_of(file)
    assert b"Telephone" not in data
    assert b"Exif" not in data
    assert b"302" not in data
    with Image.open(io.BytesIO(data)) as copy:
        assert copy.size == (48, 64)
        assert len(copy.getexif()) == 0
        assert set(copy.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert copy_of(file) == data


def test_the_copy_has_at_most_sixty_kilobytes_whatever_the_picture(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1200, 1600, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    assert 0 < len(copy_of(tmp_path / "noise.png")) <= MOST_BYTES


@pytest.mark.parametrize("content", [b"", b"GIF89a\x01\x00", b"\xff\xd8\xff", b"<svg/>"])
def test_what_is_no_jpeg_or_png_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(InputError):
        copy_of(tmp_path / "x.jpg")


@pytest.mark.parametrize(
    ("release", "redacted", "free"),
    [
        ("report", True, True),
        ("public", np.True_, True),
        ("report", 1.0, True),
        ("report", float("nan"), False),
        ("internal", True, False),
        ("report", False, False),
        ("public", None, False),
        ("report", pd.NA, False),
        (None, True, False),
    ],
)
def test_a_picture_leaves_only_released_and_redacted(
    release: Any, redacted: Any, free: bool
) -> None:
    assert may_leave(release, redacted) is free


def test_a_file_name_holds_nothing_that_leads_elsewhere() -> None:
    assert file_name("F-01") == "F-01.jpg"
    assert "/" not in file_name("../../etc/passwd")
    assert file_name("F/1") != file_name("F_1")


def test_one_picture_under_several_numbers_is_counted_here_and_elsewhere() -> None:
    photos = pd.DataFrame(
        {
            "photo": ["F1", "F2", "F3", "F4", "F5"],
            "community": ["A", "A", "B", "B", "C"],
            "sha256": ["aa", "AA", "aa", "bb", None],
        }
    )
    told = add_uses(photos)
    assert told["same_here"].tolist() == [1, 1, 0, 0, 0]
    assert told["same_elsewhere"].tolist() == [1, 1, 2, 0, 0]
    for one, other in itertools.combinations(range(4), 2):  # naive: every pair
        same = photos.at[one, "sha256"].lower() == photos.at[other, "sha256"].lower()
        known = told.loc[one, "same_here"] + told.loc[one, "same_elsewhere"] > 0
        assert not same or known


ISSUES = (
    "issue,community,found,origin,text_zh,photos_before\nP1,A-1,2026-10-14,inspection,楼道,{}\n"
)
PHOTOS = "photo,community,file,sha256,taken,release,redacted\n"


def with_pictures(folder: Any, release: str = "report", redacted: str = "yes") -> Any:
    """Add one issue with two pictures of one file to the sound study."""

    file = photograph(folder.path / "data" / "f1.jpg")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    rows = "".join(
        f"{name},A-1,data/f1.jpg,{digest},2026-10-14 09:00,{release},{redacted}\n"
        for name in ("F1", "F2")
    )
    folder.write("data/photos.csv", PHOTOS + rows)
    folder.write("data/issues.csv", ISSUES.format("F1;F2"))
    added = "  photos: {file: data/photos.csv}\n  issues: {file: data/issues.csv}\n"
    return folder.edit("study.yaml", "sources:\n", "sources:\n" + added)


@pytest.mark.parametrize(("release", "copies"), [("report", 2), ("internal", 0)])
def test_the_slice_holds_copies_of_what_was_released(
    folder: Any, tmp_path: Path, release: str, copies: int
) -> None:
    made = with_pictures(folder, release)
    write_tables(made.build(), tmp_path / "tables")
    cut(made.load(), tmp_path / "tables", "A-1", tmp_path / "A-1")
    found = sorted((tmp_path / "A-1" / "inputs" / "photos").glob("*"))
    assert [p.name for p in found] == ["F1.jpg", "F2.jpg"][:copies]
    assert not any(b"Telephone" in p.read_bytes() for p in found)
    assert ",1,0" in (tmp_path / "A-1" / "inputs" / "photos.csv").read_text("utf-8")


def test_a_file_that_is_not_what_was_registered_is_refused(folder: Any) -> None:
    made = with_pictures(folder)
    made.write("data/f1.jpg", "another picture")
    assert "photos.changed" in made.codes()


def test_a_missing_file_of_a_released_picture_is_told(folder: Any) -> None:
    made = with_pictures(folder)
    text = PHOTOS + f"F1,A-1,data/gone.jpg,{'a' * 64},2026-10-14 09:00,report,yes\n"
    made.write("data/photos.csv", text)
    warned = made.build().warnings
    assert any(one.code == "photos.file" for one in warned)
