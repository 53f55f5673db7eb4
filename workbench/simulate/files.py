"""Files whose bytes depend on their content alone: CSV in any encoding, XLSX without a clock."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["write_csv", "write_xlsx"]


def write_csv(path: Path, frame: pd.DataFrame, *, encoding: str = "utf-8") -> None:
    """Write a frame as CSV with LF line ends; missing values are empty fields."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(frame.columns)
    for row in frame.astype(object).where(frame.notna(), "").itertuples(index=False, name=None):
        writer.writerow(row)
    path.write_bytes(buffer.getvalue().encode(encoding))


def write_xlsx(path: Path, sheet: str, rows: Sequence[Sequence[Any]]) -> None:
    """Write one sheet; the container is stored uncompressed, every time stamp is 1980-01-01."""
    from openpyxl import Workbook

    book = Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for row in rows:
        page.append(list(row))
    book.properties.created = datetime(1980, 1, 1)
    raw = io.BytesIO()
    book.save(raw)
    done = io.BytesIO()
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(done, "w", zipfile.ZIP_STORED) as new:
        for name in sorted(old.namelist(), key=lambda n: (n != "[Content_Types].xml", n)):
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(
                    rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>1980-01-01T00:00:00Z", content
                )
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o600 << 16
            info.create_system = 3
            new.writestr(info, content)
    path.write_bytes(done.getvalue())
