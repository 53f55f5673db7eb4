"""The one module that touches typst: plain data in, PDF out."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from workbench.errors import MachineError, NotebookError, Problem
from workbench.report import fonts

__all__ = ["LARGE", "Box", "Pdf", "compile_pdf"]

# pages one and two are set smaller when they would run over to a third
SCALES = (1.0, 0.9, 0.82, 0.75)
# large print: ordinary text of a report is then 17 points, of a sheet 16
LARGE = 1.75
A4_HEIGHT = 841.8897637795276  # points; ISO 216


@dataclass(frozen=True)
class Box:
    """Where a signature field lies.

    ``page`` counts from 0; ``x0, y0, x1, y1`` in points from the lower left corner of the page.
    """

    page: int
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class Pdf:
    """A rendered report: its bytes, its pages and the place of each signature by role."""

    data: bytes
    pages: int
    boxes: Mapping[str, Box]


@lru_cache(maxsize=1)
def _fonts() -> Any:
    import typst

    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=True, font_paths=list(fonts.folders())
    )


def _forget() -> None:
    """Have typst let go of earlier documents; it keeps 100 MB of each for ten compilations."""
    import typst

    for _ in range(2):
        typst.Compiler(font_paths=_fonts()).compile()


_LINKED = ("value", "digits", "points", "tenths")


def _written(document: Mapping[str, Any]) -> dict[str, Any]:
    """Make every string fit to print and write out the numbers that bear no link.

    So the typesetter looks up the others only. An id that is not in the register stays, and stops
    the compile. A page without findings, such as a sampling plan, has no register.
    """
    register = fonts.cleaned(document.get("register", {}))
    anchors = set(fonts.cleaned(document.get("anchors", [])))

    def write(value: Any) -> Any:
        if isinstance(value, str):
            return fonts.clean(value)
        if isinstance(value, dict):
            made = {fonts.clean(key): write(item) for key, item in value.items()}
            if "n" in made and "f" in made:
                told = register.get(made["n"], {}).get(made["f"])
                linked = made["f"] in _LINKED and made["n"] in anchors
                plain = told is not None and len(told) == 1 and isinstance(told[0], str)
                return told[0] if plain and not linked else made
            return made
        return [write(item) for item in value] if isinstance(value, list) else value

    written = {key: write(item) for key, item in document.items() if key != "register"}
    return written | ({"register": register} if "register" in document else {})


def template() -> bytes:
    """Give the template as it lies in the package."""
    return (resources.files("workbench.report") / "templates" / "report.typ").read_bytes()


def compile_pdf(
    document: Mapping[str, Any],
    figures: Mapping[str, str | bytes],
    attachments: Mapping[str, bytes],
    *,
    issued: date,
    source: bytes | None = None,
    scales: Sequence[float] = SCALES,
) -> Pdf:
    """Compile one document to PDF/A-3a and PDF/UA-1; the same input gives the same bytes.

    Parameters
    ----------
    document
        Plain data of :mod:`workbench.report.document`.
    figures
        File name → SVG (text) or JPEG (bytes).
    attachments
        ``evidence-sha256.txt`` and ``findings.json``, or none.
    issued
        Date of the document.
    source
        The template; the package's own by default.
    scales
        Sizes of the front pages that are tried until they need no more pages than they should.

    Raises
    ------
    NotebookError
        When typst finds a fault or warns: a warning is an error.
    MachineError
        When the temporary folder cannot be written.
    """
    import typst

    stamp = datetime(issued.year, issued.month, issued.day, tzinfo=UTC)
    try:
        with tempfile.TemporaryDirectory(prefix="report-") as folder:
            root = Path(folder)
            (root / "figures").mkdir()
            (root / "report.typ").write_bytes(template() if source is None else source)
            for name, drawn in figures.items():
                raw = drawn.encode("utf-8") if isinstance(drawn, str) else drawn
                (root / name).write_bytes(raw)
            for name, content in attachments.items():
                (root / name).write_bytes(content)
            plain = _written(document)
            for scale in scales:
                data = json.dumps(
                    {"zoom": 1.0, "attached": sorted(attachments), **plain, "scale": scale},
                    ensure_ascii=False,
                )
                (root / "document.json").write_text(data, encoding="utf-8")
                compiler = typst.Compiler(root / "report.typ", root=root, font_paths=_fonts())
                pdf, warnings = compiler.compile_with_warnings(
                    format="pdf", pdf_standards=["a-3a", "ua-1"], timestamp=stamp
                )
                if warnings:
                    raise _fault([_told(warning) for warning in warnings])
                marks = json.loads(compiler.query("<layout>", field="value"))
                front = next(mark["front"] for mark in marks if "front" in mark)
                if front <= len(document["front"]):
                    break
    except typst.TypstError as error:
        raise _fault([_told(error)]) from error
    except OSError as error:
        raise MachineError(
            Problem(
                code="report.disk",
                zh="写不了排版用的临时文件",
                en="the temporary files of the report cannot be written",
                found=error.strerror or type(error).__name__,
                remedy_zh="检查磁盘空间和 TMPDIR",
                remedy_en="check disk space and TMPDIR",
            )
        ) from None
    _forget()
    pages = next(mark["pages"] for mark in marks if "pages" in mark)
    boxes = {mark["role"]: _box(mark) for mark in marks if "role" in mark}
    assert isinstance(pdf, bytes)
    return Pdf(data=pdf + b"\n", pages=pages, boxes=boxes)


def _told(error: Any) -> str:
    """Give what typst says, without folder names."""
    hints = "; ".join(getattr(error, "hints", None) or [])
    return f"{error.message}" + (f" ({hints})" if hints else "")


def _fault(messages: list[str]) -> NotebookError:
    return NotebookError(
        *(
            Problem(
                code="report.typst",
                zh="报告排版出错",
                en="the report does not compile",
                found=message,
                remedy_zh="核对结论和图是否完整",
                remedy_en="check that findings and figures are complete",
            )
            for message in messages
        )
    )


def _box(mark: Mapping[str, Any]) -> Box:
    top = A4_HEIGHT - mark["y"]
    values = (mark["x"], top - mark["height"], mark["x"] + mark["width"], top)
    x0, y0, x1, y1 = (round(value, 2) for value in values)
    return Box(page=mark["page"] - 1, x0=x0, y0=y0, x1=x1, y1=y1)
