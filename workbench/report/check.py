"""Finding numbers in a finished PDF that no finding stands behind."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

__all__ = ["hand_typed_numbers", "surplus_numbers"]

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*")


def _tokens(text: str) -> list[str]:
    # soft breaks that the layout puts into long ids
    return _TOKEN.findall(text.replace("\u200b", "").replace("\u00ad", ""))


def hand_typed_numbers(pdf_text: str, allowed: Iterable[str]) -> list[str]:
    """List numbers in the text of a PDF that stand in none of the allowed strings.

    Parameters
    ----------
    pdf_text
        What a text extractor reads from the PDF.
    allowed
        Display strings and words of the findings, report number, code, digest, dates.

    Returns
    -------
    list of str
        Numbers without a source, in the order of the text; empty is good.

    Notes
    -----
    A number here is a run of digits with inner points or commas. Page numbers up to 200 are
    structural. A small number that some finding also shows passes; :func:`surplus_numbers`
    catches that one too.

    Examples
    --------
    >>> hand_typed_numbers("得78.4分，99.9", ["78.4分"])
    ['99.9']
    """
    known = {token for text in allowed for token in _tokens(text)}
    pages = {str(page) for page in range(1, 201)}
    return [token for token in _tokens(pdf_text) if token not in known | pages]


def surplus_numbers(
    pdf_text: str,
    printed: Iterable[str],
    *,
    pages: int,
    every_page: Iterable[str] = (),
    heads: Iterable[str] = (),
) -> list[str]:
    """List numbers that a PDF shows more often than its document prints them.

    Parameters
    ----------
    pdf_text
        What a text extractor reads from the PDF.
    printed
        Every string the document prints (:func:`workbench.report.document.printed`).
    pages
        Number of pages; «page x of y» is taken into account.
    every_page
        Strings that stand on each page.
    heads
        Heads of tables (:func:`workbench.report.document.heads`): where a table goes on to the
        next page its head stands there again, so that each may show once more per page.

    Returns
    -------
    list of str
        The numbers in surplus, sorted; empty is good.
    """
    expected: Counter[str] = Counter()
    for text in printed:
        expected.update(_tokens(text))
    for text in every_page:
        for token in _tokens(text):
            expected[token] += pages
    for page in range(1, pages + 1):
        expected[str(page)] += 1
    expected[str(pages)] += pages
    again = {token for text in heads for token in _tokens(text)}
    surplus = Counter(_tokens(pdf_text)) - expected
    return sorted(
        token for token, n in surplus.items() for _ in range(n - pages * (token in again))
    )
