"""Pages of the site: what falls into cards on a phone keeps its heads."""

from __future__ import annotations

import re

from workbench.publish.pages import _Writer

PLAIN = {"register": {}, "anchors": [], "words": {}}


def test_every_cell_of_a_card_bears_its_head_also_before_a_row_that_opens_a_group() -> None:
    rows = [[["环境"]], [["a"], ["1"], ["2"], ["3"]], [["b"], ["4"], ["5"], ["6"]],
            [["治安"]], [["c"], ["7"], ["8"], ["9"]]]  # fmt: skip
    heads = [["指标"], ["得分"], ["满分"], ['"说明" <b>']]
    block = {"head": heads, "sides": ["left", "right", "right", "left"], "rows": rows}
    page = _Writer(PLAIN, {})._table(block)
    told = re.findall(r'<td data-head="([^"]*)"[^>]*>([^<]*)</td>', page)
    marks = ["得分", "满分", "&quot;说明&quot; &lt;b&gt;"]
    assert told == [(marks[i % 3], str(i + 1)) for i in range(9)]
    assert page.count('class="lead"') == 2
    few = {"head": heads[:3], "sides": block["sides"][:3], "rows": [[["a"], ["1"], ["2"]]]}
    assert "data-head" not in _Writer(PLAIN, {})._table(few)
