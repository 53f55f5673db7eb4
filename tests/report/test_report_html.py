"""The HTML: loads nothing, escapes everything, says what the PDF says."""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fontTools.pens.boundsPen import BoundsPen
from fontTools.ttLib import TTFont
from pylopdf_fonts_zh_cn import sans_path

from workbench.report import document, html, render_html, withheld_html
from workbench.report.fonts import clean, subset

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
    policy = "default-src 'none'; font-src data:; img-src data:; style-src 'unsafe-inline'"
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
            assert re.sub(r"\s", "", clean(row[f"display_{lang}"])) in text


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


def embedded(page: bytes) -> TTFont:
    (data,) = re.findall(rb'src:url\("data:font/otf;base64,([^"]+)"', page)
    return TTFont(io.BytesIO(base64.b64decode(data)))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_carries_every_character_it_shows_and_no_other(
    jinxiu: Any, jinxiu_meta: Any, lang: str
) -> None:
    page = render_html(jinxiu, FIGURES, lang=lang, **kept(jinxiu_meta))
    shown = {char for char in "".join(read(page).text) if char.isprintable() and char != " "}
    if lang == "en":
        shown = {char for char in shown if ord(char) > 0x206F}
    has = set(map(chr, embedded(page).getBestCmap()))
    assert shown - has == set()
    assert len(has - shown) < 40  # of the tags, in Chinese


def test_the_embedded_font_keeps_shape_and_width_and_knows_no_time() -> None:
    data = subset(["居民a"])
    assert data == subset(["a", "民居"])
    font, source = TTFont(io.BytesIO(data)), TTFont(io.BytesIO(Path(sans_path()).read_bytes()))
    assert font["head"].modified == font["head"].created == source["head"].created
    for char in "居民a":
        drawn = []
        for face in (font, source):
            name = face.getBestCmap()[ord(char)]
            pen = BoundsPen(face.getGlyphSet())
            face.getGlyphSet()[name].draw(pen)
            drawn.append((face["hmtx"][name][0], pen.bounds))
        assert drawn[0] == drawn[1]


@pytest.mark.soak
@pytest.mark.system
def test_a_browser_without_chinese_fonts_shows_chinese(
    jinxiu: Any, jinxiu_meta: Any, tmp_path: Path
) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs chromium")
    page = render_html(jinxiu, {}, lang="zh", **kept(jinxiu_meta)).decode()
    # the box for a missing character is the same for each: two characters must differ
    for name, char in (("one", "满"), ("two", "居")):
        file = tmp_path / f"{name}.html"
        file.write_text(re.sub(r"<body>.*</body>", f"<body><b>{char}</b></body>", page, flags=re.S))
        subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--disable-background-networking", "--no-first-run", "--window-size=120,60",
             f"--user-data-dir={tmp_path / name}", f"--screenshot={file.with_suffix('.png')}",
             file.as_uri()],
            capture_output=True, timeout=300, check=True,
        )  # fmt: skip
    assert (tmp_path / "one.png").read_bytes() != (tmp_path / "two.png").read_bytes()


def test_words_that_look_like_a_picture_keep_their_characters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[set[str]] = []
    monkeypatch.setattr(html.fonts, "subset", lambda used: asked.append(used) or b"")
    html._font_face('<p>=data:base64,测</p><img src="data:image/png;base64,Zz">', "zh")
    assert {"测", "Z"} <= asked[0]
