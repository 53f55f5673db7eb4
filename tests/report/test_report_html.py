"""The HTML: loads nothing, escapes everything, says what the PDF says."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from workbench.report import document, render_html, withheld_html

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
FIGURES = {
    f"items.{lang}": {"svg": SVG, "alt_zh": "图“甲”", "alt_en": 'picture "A"'}
    for lang in ("zh", "en")
}


class Reader(HTMLParser):
    """Collects tags with attributes, and text outside head."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "head" not in self.open:
            self.text.append(data)


def kept(meta: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in meta.items() if k not in ("evidence_list", "findings_json")}


def read(page: bytes) -> Reader:
    reader = Reader()
    reader.feed(page.decode("utf-8"))
    assert reader.open == []
    return reader


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_loads_nothing_from_anywhere(jinxiu: Any, jinxiu_meta: Any, lang: str) -> None:
    page = render_html(jinxiu, FIGURES, lang=lang, **kept(jinxiu_meta))
    reader = read(page)
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert ("meta", {"http-equiv": "Content-Security-Policy", "content": policy}) in reader.tags
    assert not {tag for tag, _ in reader.tags} & {"script", "link", "iframe", "object", "form"}
    for tag, attrs in reader.tags:
        assert not [name for name in attrs if name.startswith("on")], tag
        for name in ("src", "href"):
            value = attrs.get(name)
            assert value is None or value.startswith(("#", "data:image/svg+xml;base64,"))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_says_what_the_pdf_says_in_the_same_order(
    jinxiu: Any, jinxiu_meta: Any, lang: str
) -> None:
    doc, _ = document.assessed(jinxiu, FIGURES, lang=lang, methods={}, **kept(jinxiu_meta))
    page = render_html(jinxiu, FIGURES, lang=lang, methods={}, **kept(jinxiu_meta))
    text = re.sub(r"\s", "", "".join(read(page).text))
    at = 0
    for section in (*doc["sections"], *doc["annexes"]):
        title = re.sub(r"\s", "", section["no"] + section["title"])
        at = text.index(title, at)
    for row in jinxiu:
        if row[f"display_{lang}"]:
            assert row["finding"] in text
            assert re.sub(r"\s", "", row[f"display_{lang}"]) in text


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_tables_pictures_and_languages_are_marked_for_screen_readers(
    jinxiu: Any, jinxiu_meta: Any, lang: str
) -> None:
    tags = read(render_html(jinxiu, FIGURES, lang=lang, **kept(jinxiu_meta))).tags
    assert ("html", {"lang": "zh-CN" if lang == "zh" else "en"}) in tags
    assert [attrs["alt"] for tag, attrs in tags if tag == "img"] == [
        "图“甲”" if lang == "zh" else 'picture "A"'
    ]
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in tags if tag == "th")
    assert [tag for tag, _ in tags if tag == "h1"] == ["h1"]
    targets = [attrs["href"] for tag, attrs in tags if tag == "a"]
    ids = {f"#{attrs['id']}" for _, attrs in tags if attrs.get("id")}
    assert set(targets) <= ids
    if lang == "en":
        assert ("span", {"lang": "zh-CN"}) in tags


def test_markup_in_findings_is_escaped(jinxiu: Any, jinxiu_meta: Any) -> None:
    bad = '"><script>alert(1)</script><img src=x onerror=alert(1)>&amp;'
    rows = [
        {**row, "label_zh": bad, "reason_zh": bad, "display_zh": bad, "finding": row["finding"]}
        for row in jinxiu
    ]
    page = render_html(rows, {}, lang="zh", **kept(jinxiu_meta)).decode()
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_notice_stands_in_both_languages(
    jinxiu_withheld: Any, jinxiu_meta: Any, lang: str
) -> None:
    reader = read(withheld_html(jinxiu_withheld, lang=lang, **kept(jinxiu_meta)))
    text = "".join(reader.text)
    assert "同一访员的48份问卷中有41份答案完全相同" in text
    assert "41 of 48 questionnaires of one interviewer are identical" in text


def test_the_same_input_gives_the_same_page(jinxiu: Any, jinxiu_meta: Any) -> None:
    pages = {render_html(jinxiu, FIGURES, lang="zh", **kept(jinxiu_meta)) for _ in range(2)}
    assert len(pages) == 1
