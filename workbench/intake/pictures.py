"""Pictures: the register held against the files, and the copy without metadata that may leave.

Originals stay with the team. A picture may reach a report when ``release`` says so and ``redacted``
says that faces, plates and door numbers were looked for and made unrecognisable in the file; what
leaves is a JPEG of at most 60 kB made of the picture's points alone, without position, time, device
or preview.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError, Problem
from workbench.evidence.files import sha256_file

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

    from workbench.intake.frames import Problems
    from workbench.study import Study

__all__ = ["MOST_BYTES", "add_uses", "check_pictures", "copy_of", "file_name", "may_leave"]

MOST_BYTES = 60_000
_LONG_SIDE = 900  # pixels: 80 mm in print at 286 dots an inch
_MOST_PIXELS = 120_000_000
_FREE = ("report", "public")
_FORMATS = ("JPEG", "PNG")


def may_leave(release: object, redacted: object) -> bool:
    """Say whether a picture registered so may be shown in a report; missing is no."""
    # a slice's numbers are 1.0 and 0.0; a missing value has no truth
    return release in _FREE and str(redacted) in ("True", "1.0", "1")


def file_name(photo: str) -> str:
    """Give the name of the copy of a picture: its id, or a digest where that is no file name.

    Examples
    --------
    >>> file_name("F-01"), file_name("F-01/a")
    ('F-01.jpg', '1e2a75c6b5d4.jpg')
    """
    if re.fullmatch(r"[A-Za-z0-9-]{1,80}", photo):
        return f"{photo}.jpg"
    return hashlib.sha256(photo.encode()).hexdigest()[:12] + ".jpg"


def add_uses(photos: pd.DataFrame) -> pd.DataFrame:
    """Count under how many further numbers a picture of the same digest is registered.

    Returns
    -------
    DataFrame
        ``photos`` with ``same_here`` (in the same unit) and ``same_elsewhere`` (in other units).
    """
    digest = photos["sha256"].str.lower()
    everywhere = digest.groupby(digest).transform("size").fillna(1)
    here = digest.groupby([digest, photos["community"]]).transform("size").fillna(1)
    return photos.assign(
        same_here=(here - 1).astype("Int64"), same_elsewhere=(everywhere - here).astype("Int64")
    )


def check_pictures(photos: pd.DataFrame, study: Study, problems: Problems) -> None:
    """Hold files against the register: there, in the study folder, the very bytes, a picture."""
    pairs = zip(photos["release"], photos["redacted"], strict=True)
    free = photos[[may_leave(*pair) for pair in pairs]]
    absent: list[Any] = []
    changed: list[Any] = []
    unreadable: list[Any] = []
    for index, name in free["file"].dropna().items():
        if not study.holds(str(name)) or not study.resolve(str(name)).is_file():
            absent.append(index)
            continue
        path = study.resolve(str(name))
        given = free.at[index, "sha256"]
        if isinstance(given, str) and sha256_file(path) != given.lower():
            changed.append(index)
            continue
        if not _opens(path):
            unreadable.append(index)
    told = (
        (
            "photos.file",
            absent,
            "要公开的照片不在项目文件夹里，报告中没有它",
            "a picture to be shown is not in the study folder; the report goes without it",
            "放入去除隐私后的文件，或把 release 改为 internal",
            "put the redacted file there, or set release to internal",
            "warning",
        ),
        (
            "photos.changed",
            changed,
            "照片文件与登记的摘要不符",
            "the file is not the picture that was registered: the digest does not fit",
            "取回登记时的文件，或重新登记并说明",
            "bring back the file as registered, or register it anew and say why",
            "error",
        ),
        (
            "photos.unreadable",
            unreadable,
            "照片文件打不开或太大",
            "the file is no picture that can be read, or too large",
            "换成 JPEG 或 PNG",
            "give a JPEG or PNG",
            "error",
        ),
    )
    for code, which, zh, en, remedy_zh, remedy_en, severity in told:
        rows = free.loc[which]
        problems.cells(
            code,
            zh,
            en,
            remedy_zh,
            remedy_en,
            frame=rows,
            column="file",
            values=rows["file"],
            severity=severity,
        )


def _opens(path: Path) -> bool:
    """Say whether a file begins as a picture that is not too large; it is not decoded."""
    from PIL import Image

    try:
        with Image.open(path, formats=_FORMATS) as opened:
            return opened.width * opened.height <= _MOST_PIXELS
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def copy_of(path: Path) -> bytes:
    """Make the copy of a picture that may leave: a JPEG of at most 60 kB without metadata.

    Raises
    ------
    InputError
        ``photos.unreadable``: no JPEG or PNG, broken, or of more than 120 million points.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(path, formats=_FORMATS) as opened:
                if opened.width * opened.height > _MOST_PIXELS:
                    raise _unreadable(path)
                upright = ImageOps.exif_transpose(opened)
                plain = _points(upright)
    except (OSError, ValueError, SyntaxError, Warning, UnidentifiedImageError) as error:
        raise _unreadable(path) from error
    for side in (_LONG_SIDE, 700, 500, 350):
        small = plain.copy()
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        for quality in (82, 70, 58):
            out = io.BytesIO()
            small.save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= MOST_BYTES:
                return out.getvalue()
    raise _unreadable(path)


def _points(picture: Image.Image) -> Image.Image:
    """Give a new picture of the points alone, on white where it was transparent."""
    from PIL import Image

    layer = picture.convert("RGBA")
    made = Image.new("RGB", layer.size, "white")
    made.paste(layer, mask=layer.getchannel("A"))
    return made


def _unreadable(path: Path) -> InputError:
    return InputError(
        Problem(
            code="photos.unreadable",
            zh="照片文件打不开或太大",
            en="the file is no picture that can be read, or too large",
            file=path.name,
            remedy_zh="换成 JPEG 或 PNG",
            remedy_en="give a JPEG or PNG",
        )
    )
