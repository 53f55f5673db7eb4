"""From findings to the PDF that is signed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from workbench.report import document
from workbench.report.document import load_methods
from workbench.report.html import page
from workbench.report.register import Finding
from workbench.report.typst_pdf import LARGE, Pdf, compile_pdf

__all__ = ["render", "render_both", "withheld_notice"]


def render(
    findings: Iterable[Finding],
    figures: Mapping[str, Mapping[str, Any]],
    *,
    lang: str,
    evidence_digest: str,
    evidence_list: bytes,
    findings_json: bytes,
    issued: date,
    edition: int,
    report_number: str,
    demonstration: bool,
    methods: Mapping[str, Mapping[str, str]] | None = None,
    pictures: Mapping[str, Mapping[str, Any]] | None = None,
    large: bool = False,
) -> Pdf:
    """Render the report of an assessed unit, PDF/A-3a and PDF/UA-1.

    Parameters
    ----------
    findings
        Findings of the unit's notebook, then those of its context (DESIGN §4).
    figures
        What :func:`workbench.findings.figures` gives: ``items.zh`` → ``svg``, ``alt_zh``,
        ``alt_en``. Figures of the other language are left out.
    lang
        ``zh`` or ``en``.
    evidence_digest
        SHA-256 of ``evidence_list``, 64 hex digits; its first 12 stand on every page.
    evidence_list, findings_json
        Attached as ``evidence-sha256.txt`` and ``findings.json``, byte for byte.
    issued, edition, report_number
        Printed on every page or in the head; ``issued`` is also the date of the file.
    demonstration
        Marks every page as signed with demonstration keys.
    methods
        Registered methods; :func:`load_methods` by default.
    pictures
        What :func:`workbench.findings.pictures` gives: finding → ``jpeg``, ``alt_zh``, ``alt_en``.
    large
        Large print: the same template, on more pages.

    Returns
    -------
    Pdf
        Bytes (the same for the same input), number of pages, place of each signature field.

    Raises
    ------
    NotebookError
        When a number is referred to that nobody recorded, or typst finds a fault.
    InputError
        When a figure has no alternative text or holds scripts or links.
    """
    plain, files = document.assessed(
        findings,
        figures,
        lang=lang,
        evidence_digest=evidence_digest,
        issued=issued,
        edition=edition,
        report_number=report_number,
        demonstration=demonstration,
        methods=load_methods() if methods is None else methods,
        pictures=pictures,
    )
    attached = _attached(evidence_list, findings_json)
    if large:
        large_print: dict[str, Any] = {**plain, "zoom": LARGE}
        return compile_pdf(large_print, files, attached, issued=issued, scales=(1.0,))
    return compile_pdf(plain, files, attached, issued=issued)


def render_both(
    findings: Iterable[Finding],
    figures: Mapping[str, Mapping[str, Any]],
    *,
    evidence_list: bytes,
    findings_json: bytes,
    issued: date,
    **told: Any,
) -> tuple[Pdf, bytes]:
    """Render a report as :func:`render` and :func:`~workbench.report.render_html` would.

    Both are made of one document; arguments as theirs.
    """
    told.setdefault("methods", load_methods())
    plain, files = document.assessed(findings, figures, issued=issued, **told)
    attached = _attached(evidence_list, findings_json)
    return compile_pdf(plain, files, attached, issued=issued), page(plain, files)


def withheld_notice(
    findings: Iterable[Finding],
    *,
    lang: str,
    evidence_digest: str,
    evidence_list: bytes,
    findings_json: bytes,
    issued: date,
    edition: int,
    report_number: str,
    demonstration: bool,
) -> Pdf:
    """Render the notice of a withheld unit: which critical check failed and what to do.

    Arguments as :func:`render`. The notice stands in both languages, ``lang`` first.
    """
    plain, files = document.withheld(
        findings,
        lang=lang,
        evidence_digest=evidence_digest,
        issued=issued,
        edition=edition,
        report_number=report_number,
        demonstration=demonstration,
    )
    return compile_pdf(plain, files, _attached(evidence_list, findings_json), issued=issued)


def _attached(evidence_list: bytes, findings_json: bytes) -> dict[str, bytes]:
    return {"evidence-sha256.txt": evidence_list, "findings.json": findings_json}
