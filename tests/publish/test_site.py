"""The public site in a browser: search, filter, keyboard, phone, no other host, no barrier."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench.publish.site import Entry, bucket_of, shard, write_index
from workbench.report import fonts

KINDS = (("老旧小区", "old compound"), ("商品房小区", "commercial compound"))


def entries(n: int) -> list[Entry]:
    return [
        Entry(
            id=f"XQ-{i:06}",
            name=f"{'锦绣翠湖丹桂阳光'[i % 4 * 2 : i % 4 * 2 + 2]}{i // 4}村",
            name_en=f"{('Jinxiu', 'Cuihu', 'Dangui', 'Yangguang')[i % 4]} Village {i // 4}",
            parent=f"第{i % 7}街道",
            parent_en=f"Subdistrict {i % 7}",
            kind=KINDS[i % 2],
            score=f"{60 + i % 40}.0",
            span=f"{55 + i % 40}–{65 + i % 40}",
            rank=f"{i + 1} ({max(1, i - 3)}–{i + 5})",
            order=float(i + 1),
            tier=1 + i * 3 // n,
        )
        for i in range(n)
    ]


def part(file: Path) -> Any:
    """Read a part of the index as the page's script gets it."""
    found = re.fullmatch(r'wb\("([^"]+)",(.*)\)\n', file.read_text("utf-8"), re.S)
    assert found is not None
    return json.loads(found[2])


def test_every_unit_is_in_one_part_and_found_by_each_pair_of_its_name(tmp_path: Path) -> None:
    made = entries(1200)
    write_index(reversed(made), tmp_path, title=("测评", "Assessment"), note="")
    rows = [r for file in sorted((tmp_path / "data/rows").glob("*.js")) for r in part(file)]
    assert [row[0] for row in rows] == [one.id for one in made]
    buckets = part(tmp_path / "data/meta.js")["buckets"]
    for gram in ("锦绣", "vil", "q-0", "街道", "0村"):  # naive: look at every row
        bucket = bucket_of(gram, buckets)
        steps = part(tmp_path / f"data/grams/{bucket:04}.js")[gram]
        at = [sum(steps[: i + 1]) for i in range(len(steps))]
        assert at == [i for i, row in enumerate(rows) if gram in " ".join(row[:4]).lower()]
    listed = "".join(p.read_text("utf-8") for p in sorted((tmp_path / "list").glob("*[0-9].html")))
    assert list(re.findall(r">(XQ-\d+)</td>", listed)) == [one.id for one in made]


def test_a_text_cannot_end_the_script_it_stands_in(tmp_path: Path) -> None:
    bad = "</script><script>alert(1)</script>"
    write_index([Entry("A-1", bad, bad)], tmp_path, title=(bad, bad), note="")
    for file in tmp_path.rglob("*"):
        if file.suffix in (".js", ".html") and file.name != "site.js":
            assert "<script>alert" not in file.read_text("utf-8")


def test_files_of_many_units_are_spread_over_256_folders() -> None:
    where = {shard(one.id) for one in entries(5000)}
    assert len(where) == 256


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    write_index(entries(1200), folder, title=("文明小区评选", "Selection"), note="示例签名")
    letters = {c for p in folder.rglob("*.html") for c in p.read_text("utf-8")}
    (folder / "assets" / "report.otf").write_bytes(fonts.subset(letters))
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs chromium")
    with sync.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


def opened(browser: Any, page: Path, width: int = 1100) -> tuple[Any, list[str]]:
    """Open a page; give it and everything that it asked for."""
    asked: list[str] = []
    tab = browser.new_page(viewport={"width": width, "height": 900})
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda error: asked.append(f"error: {error}"))
    tab.goto(page.as_uri())
    return tab, asked


@pytest.mark.system
def test_search_and_filters_find_units_and_load_little(browser: Any, site: Path) -> None:
    from playwright.sync_api import expect

    tab, asked = opened(browser, site / "index.html")
    rows, said = tab.locator("#results tr"), tab.locator("#said")
    expect(rows).to_have_count(50)
    tab.get_by_role("searchbox").fill("锦绣12村")
    expect(rows).to_have_count(1)
    expect(tab.locator("#results th")).to_have_text("锦绣12村")
    tab.get_by_role("searchbox").fill("xq-0011")
    expect(said).to_contain_text("前50个")
    tab.get_by_role("searchbox").fill("")
    tab.get_by_label("类型").select_option(label="商品房小区")
    tab.get_by_label("档次").select_option(label="第3档")
    expect(tab.locator("#results td").first).to_have_text("XQ-000801")
    tab.get_by_role("button", name="再显示").click()
    expect(rows).to_have_count(100)
    tab.get_by_role("searchbox").fill("没有这个")
    expect(said).to_have_text("找到0个")
    assert all(url.startswith("file://") for url in asked), asked
    assert len(asked) < 40


@pytest.mark.system
@pytest.mark.parametrize("width", [390, 1100])
@pytest.mark.parametrize("name", ["index.html", "index.en.html", "list/0001.html"])
def test_pages_have_no_barrier_and_fit_a_phone(
    browser: Any, site: Path, name: str, width: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    tab, _ = opened(browser, site / name, width)
    if "index" in name:
        tab.wait_for_selector("#results tr")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    found = axe.run(tab).response["violations"]
    told = [(v["id"], v["nodes"][0]["html"][:90]) for v in found
            if v["impact"] in ("serious", "critical")]  # fmt: skip
    assert told == []


@pytest.mark.system
def test_the_keyboard_alone_leads_to_a_unit(browser: Any, site: Path) -> None:
    from playwright.sync_api import expect

    tab, _ = opened(browser, site / "index.en.html")
    tab.wait_for_selector("#results tr")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    for _ in range(3):
        tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.id") == "search"
    tab.keyboard.type("XQ-000029")
    expect(tab.locator("#results th").first).to_have_text("Cuihu Village 7")
    for _ in range(4):
        tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.getAttribute('href')").endswith("XQ-000029.en.html")
