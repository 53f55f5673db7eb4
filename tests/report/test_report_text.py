"""The sentences for residents, and the words in both languages."""

from __future__ import annotations

import re
from typing import Any

import pytest

from workbench.report.annex import annexes
from workbench.report.blocks import Tone, table, to_json
from workbench.report.body import _indicators, body_sections
from workbench.report.front import front_pages
from workbench.report.register import Num, Quote, Register, foreign, tenths, tenths_range
from workbench.report.tables import Page, comparisons, estimates, groups, waves
from workbench.report.text import (
    by_loss,
    changes,
    objection,
    reader_problems,
    sentences,
    verdict,
)
from workbench.report.words import WORDS, Words


def said(findings: list[dict[str, Any]], lang: str) -> list[str]:
    register = Register(findings, lang)
    return [register.plain(runs) for runs in verdict(register, Words(lang))]


def changed(findings: list[dict[str, Any]], ids: str, **new: Any) -> list[dict[str, Any]]:
    return [{**row, **new} if re.fullmatch(ids, row["finding"]) else row for row in findings]


def test_every_word_is_complete_in_both_languages() -> None:
    for key, (zh, en) in WORDS.items():
        assert min(len(zh.strip()), len(en.strip())) > 0, key
        assert sorted(re.findall(r"{(\w+)}", zh)) == sorted(re.findall(r"{(\w+)}", en)), key
        if key not in ("page.demo", "none", "col.n", "col.sha"):
            assert not re.search(r"[\u3400-\u9fff]", en), key


def test_the_verdict_is_three_sentences(jinxiu: list[dict[str, Any]]) -> None:
    assert said(jinxiu, "zh") == [
        "锦绣花园一期得78.4分，满分100分，有参评条件还不能判断。",
        "对小区总体满意的居民：每10位中大约有7位，按这次样本在6到8位之间。",
        "失分最多的是“居民满意度”，少了8.5分。",
    ]
    assert said(jinxiu, "en") == [
        "Jinxiu Garden, phase one scores 78.4 points out of 100, "
        "but one condition for taking part cannot be judged yet.",
        "Residents satisfied with the compound overall: about 7 in 10 residents; "
        "with this sample between 6 and 8.",
        "Most points were lost on “Resident satisfaction”: 8.5.",
    ]


@pytest.mark.parametrize(
    ("verdict_", "zh"), [("passed", "参评条件全部符合"), ("failed", "有参评条件不符合")]
)
def test_conditions_are_told_in_the_first_sentence(jinxiu: Any, verdict_: str, zh: str) -> None:
    assert zh in said(changed(jinxiu, r"rule\..*", verdict=verdict_), "zh")[0]


def test_a_missing_score_is_told_and_not_invented(jinxiu: Any) -> None:
    rows = changed(jinxiu, r"score\.total", value=None, display_zh="未计算", status="not_computed")
    assert said(rows, "zh")[0].startswith("锦绣花园一期这次不出总分")


def test_an_incomplete_score_is_called_so(jinxiu: Any) -> None:
    rows = changed(jinxiu, r"score\.total", flags="incomplete")
    assert "其中有指标没能计算" in said(rows, "zh")[0]


def test_a_suppressed_item_is_passed_over_in_the_verdict(jinxiu: Any) -> None:
    rows = changed(jinxiu, r"survey\.q1\.top2\.current", status="suppressed")
    assert said(rows, "zh")[1].startswith("对环境卫生满意的居民")


def test_without_deductions_nothing_is_said_to_be_lost(jinxiu: Any) -> None:
    rows = [row for row in jinxiu if row["section"] != "deductions"]
    assert said(rows, "zh")[2] == "各项得分见后面的表。"
    full = changed(rows, r"score\.total", value=100.0)
    assert said(full, "zh")[2] == "没有失分。"


@pytest.mark.parametrize("points", [0.0, 0.03])
def test_deductions_come_largest_first_and_what_prints_as_zero_is_none(
    jinxiu: Any, points: float
) -> None:
    rows = changed(jinxiu, r"deduction\.1", points=points)
    assert by_loss(Register(rows, "zh")) == [f"deduction.{i}" for i in range(2, 8)]


def test_an_english_label_begins_with_a_capital(jinxiu: Any) -> None:
    rows = changed(jinxiu, r"survey\.q1\.top2\.current", label_en="residents satisfied overall")
    assert said(rows, "en")[1].startswith("Residents satisfied overall: about 7 in 10")


@pytest.mark.parametrize("name", ["env:HOTLINE_DB: rows", "paper.xlsx wave: blank", "q3: asked"])
def test_an_english_label_leaves_the_name_of_a_file_or_an_item(jinxiu: Any, name: str) -> None:
    rows = changed(jinxiu, r"survey\.q1\.top2\.current", label_en=name)
    assert Register(rows, "en").label("survey.q1.top2.current") == name


def test_changes_speak_of_residents_and_not_of_percentage_points(jinxiu: Any) -> None:
    register = Register(jinxiu, "en")
    told = [register.plain(runs) for runs in changes(register, Words("en")).values()]
    assert told[0] == (
        "Residents satisfied with the compound overall: better, "
        "about 7 more in every 100 residents."
    )
    assert "cannot tell better from worse" in told[3]


def test_objection_without_a_named_period_points_to_the_notice(jinxiu: Any) -> None:
    register = Register([r for r in jinxiu if not r["finding"].startswith("head.obj")], "zh")
    told = [register.plain(runs) for runs in objection(register, Words("zh"))]
    assert told[0].endswith("期限写在公示栏。")
    assert not any("送到" in text for text in told)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_pages_one_and_two_can_be_read_without_statistics(jinxiu: Any, lang: str) -> None:
    register = Register(
        [*jinxiu, {"finding": "report.code", "display_zh": "050ba1b7267d", "section": "report"}],
        lang,
    )
    told = sentences(front_pages(register, Words(lang)))
    assert len(told) > 60
    assert reader_problems(told, register, lang) == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_p_interval_or_grade_stands_on_pages_one_and_two(jinxiu: Any, lang: str) -> None:
    register = Register(
        [*jinxiu, {"finding": "report.code", "display_zh": "050ba1b7267d", "section": "report"}],
        lang,
    )
    runs = [run for s in sentences(front_pages(register, Words(lang))) for run in s]
    fields = {run.field for run in runs if isinstance(run, Num)}
    assert not fields & {"interval", "p_value", "p_adjusted", "level", "ci_low", "ci_high"}


def test_the_reader_check_finds_long_sentences_and_jargon(jinxiu: Any) -> None:
    register = Register(jinxiu, "zh")
    assert reader_problems([["字" * 41 + "。"]], register, "zh")
    assert reader_problems([["这个变化很显著。"]], register, "zh")
    assert reader_problems([["word " * 26]], register, "en")
    assert reader_problems([["This is significant."]], register, "en")
    assert reader_problems([[Quote("字" * 90, "zh")]], register, "zh") == []


@pytest.mark.parametrize(
    ("share", "persons"), [(0.0, 0), (0.049, 0), (0.05, 1), (0.65, 7), (0.949, 9), (1.0, 10)]
)
def test_shares_become_the_nearest_number_of_persons_in_ten(share: float, persons: int) -> None:
    assert tenths(share) == persons


@pytest.mark.parametrize(
    ("low", "high", "persons"),
    [(0.648, 0.762, (6, 8)), (0.6, 0.8, (6, 8)), (-0.02, 0.03, (0, 1)), (0.93, 1.01, (9, 10))],
)
def test_persons_in_ten_cover_the_interval(
    low: float, high: float, persons: tuple[int, int]
) -> None:
    assert tenths_range(low, high) == persons


def test_a_column_without_content_is_left_out_of_a_table() -> None:
    made = table([("a", 1, "left"), ("b", 0, "right"), ("c", 0, "left")], [[["x"], [], ["y"]]])
    assert made["head"] == [["a"], ["c"]]
    assert made["rows"] == [[["x"], ["y"]]]


def test_words_of_people_in_chinese_are_marked_in_english_names_too(jinxiu: Any) -> None:
    register = Register(jinxiu, "en")
    reason, who = (
        register.words("deduction.2", "reason"),
        register.words("deduction.2", "responsible"),
    )
    assert reason is not None
    assert reason.original
    assert reason.lang == "zh"
    assert who is not None
    assert who.original
    latin = {**jinxiu[0], "finding": "x", "responsible": "Acme", "reason_en": "late"}
    zh = Register([latin], "zh")
    told = [zh.words("x", name) for name in ("responsible", "reason")]
    assert [quote and quote.original for quote in told] == [False, True]


def test_a_label_begins_with_a_capital_but_a_path_keeps_its_letters(jinxiu: Any) -> None:
    rows = [{**jinxiu[0], "finding": name, "label_en": label}
            for name, label in (("x", "lifts"), ("y", "data/a.xlsx: a table"))]  # fmt: skip
    register = Register(rows, "en")
    assert [register.label(name) for name in "xy"] == ["Lifts", "data/a.xlsx: a table"]


def test_chinese_words_inside_an_english_text_are_set_off() -> None:
    assert foreign("From the sheets: 楼道积灰，墙面有3处小广告。 See p. 2", "en") == [
        "From the sheets: ",
        Quote("楼道积灰，墙面有3处小广告。", "zh", original=True),
        " See p. 2",
    ]
    assert foreign("南门", "en") == [Quote("南门", "zh", original=True)]
    assert foreign("target ≥90 points", "en") == ["target ≥90 points"]
    assert foreign("见 report.pdf", "zh") == ["见 report.pdf"]


def test_a_text_that_is_in_english_only_is_marked_in_chinese(jinxiu: Any) -> None:
    row = {**jinxiu[0], "display_zh": None, "display_en": "all of them"}
    shown = Register([row], "zh").shown(Num(row["finding"]))
    assert shown == [Quote("all of them", "en", original=True)]


def page(findings: Any, lang: str = "zh") -> tuple[Page, Register]:
    register = Register(findings, lang)
    return Page(register, Words(lang)), register


def cells(block: Any, register: Register) -> list[list[str]]:
    def text(cell: Any) -> str:
        return register.plain(run.text if isinstance(run, Tone) else run for run in cell)

    return [[text(cell) for cell in row] for row in [block["head"], *block["rows"]]]


def test_two_waves_stand_side_by_side_and_the_rest_follows(jinxiu: Any) -> None:
    told, register = page(jinxiu)
    first, rest = waves(told, told.rows("satisfaction"))
    table_ = cells(first, register)
    assert table_[0] == ["内容", "本期", "95%区间", "n", "基期", "95%区间", "n"]
    assert table_[1] == ["对…满意的居民"]
    assert table_[2] == [
        "小区总体", "71.6%", "66.0%至76.2%", "337", "64.8%", "59.6%至70.0%", "314",
    ]  # fmt: skip
    for made in (first, rest):
        assert len([row for row in made["rows"] if len(row) > 1]) == 6


def test_groups_stand_across_with_interval_and_n_and_suppression_is_told(jinxiu: Any) -> None:
    told, register = page(jinxiu)
    made = groups(told, told.rows("subgroups"))
    tables_ = [block for block in made if block["type"] == "table"]
    ages = cells(tables_[0], register)
    assert ages[0][1:] == ["18–34岁", "35–59岁", "60岁及以上"]
    assert ages[1][0] == "对小区总体满意"
    assert ages[1][1] == "58.1%（48.1%至66.1%，n=38，精度低）"
    hidden = cells(tables_[-1], register)
    assert hidden[1][1] == "隐藏"
    assert hidden[0][1] == "流动人口"
    below = register.plain(
        run.text if isinstance(run, Tone) else run for run in made[-1]["items"][0]
    )
    assert below == "a 隐藏：流动人口、人数不足10人，为保护个人信息不公布。"


def test_a_note_that_repeats_is_told_once_below_the_table(jinxiu: Any) -> None:
    rows = changed(jinxiu, r"change\..*", reason_zh="两批次月份不同，证据降一级")
    told, register = page(rows)
    table_, notes = comparisons(told, told.rows("change"))
    assert [row[-1] for row in cells(table_, register)[1:] if len(row) > 1] == ["a"] * 6
    assert [register.plain(item) for item in notes["items"]] == ["a 两批次月份不同，证据降一级"]


def test_an_estimate_keeps_interval_n_and_status_in_its_row(jinxiu: Any) -> None:
    told, register = page(jinxiu, "en")
    pairs = [pair for pair in told.rows("requests") if pair[1]["kind"] == "estimate"]
    table_ = cells(estimates(told, pairs)[0], register)
    assert table_[0] == ["Item", "Value", "95% interval", "n"]
    assert table_[3][1:] == ["3.4 days", "2.8 to 4.1", "212"]


def test_the_verdict_tells_of_this_wave_whatever_was_recorded_first(jinxiu: Any) -> None:
    baseline = [row for row in jinxiu if row["finding"].endswith(".baseline")]
    rest = [row for row in jinxiu if not row["finding"].endswith(".baseline")]
    assert said([*baseline, *rest], "zh") == said(jinxiu, "zh")


def test_variants_for_comparison_stay_off_the_first_pages(jinxiu: Any) -> None:
    variant = {**next(r for r in jinxiu if r["finding"] == "change.q1.top2")}
    variant["finding"] = "change.q1.top2.unweighted"
    register = Register([*jinxiu, variant], "zh")
    assert len(changes(register, Words("zh"))) == 6


def test_intervals_stay_on_one_line_as_long_as_words_can_give_way(jinxiu: Any) -> None:
    register = Register(jinxiu, "en")
    made = table(
        [("Indicator", 1, "left"), *((name, 0, "right") for name in ("A", "B", "C", "D", "E"))],
        [[["x"], ["0.9 per 100 households and year"], ["67.0% to 77.7%"],
          ["1,409,227 / 1,651,680"], ["≥90 points of 100"], ["cannot tell at all"]]] * 2,
    )  # fmt: skip
    widths = to_json(made, register)["widths"]
    assert widths[0] == 1
    assert -widths[2] > 7
    assert -sum(widths[1:]) < 58 - 12


def test_a_text_of_the_body_is_not_printed_again_in_the_last_annex(jinxiu: Any) -> None:
    register = Register(jinxiu, "zh")
    words = Words("zh")
    front, sections = front_pages(register, words), body_sections(register, words, {})
    made = to_json(annexes(register, words, {}, [front, sections]), register)[-1]
    (sources,) = [block for block in made["blocks"] if block["type"] == "sources"]
    ids = [item[0]["anchor"] for group in sources["groups"] for item in group["items"]]
    texts = [name for group in sources["groups"] for name in group["texts"].split(", ") if name]
    assert set(ids) | set(texts) == {key for key in register.rows if register.has(key)}
    assert not set(ids) & set(texts)
    assert "scope.outside" in texts
    assert "score.total" in ids


def test_disclosure_tells_the_response_rate_and_what_others_record(jinxiu: Any) -> None:
    rate = {**next(r for r in jinxiu if r["section"] == "response"), "finding": "response.rr1.current",
            "label_zh": "应答率", "display_zh": "45.0%"}  # fmt: skip
    own = {**jinxiu[0], "finding": "disclosure.language", "section": "disclosure",
           "label_zh": "语言", "display_zh": "中文"}  # fmt: skip
    rows = [row for row in jinxiu if not row["finding"].startswith("response.rr1")]
    register = Register([*rows, rate, own], "zh")
    (block,) = annexes(register, Words("zh"), {})[0]["blocks"]
    told = {register.plain(row[0]): register.plain(row[1]) for row in block["rows"]}
    assert "45.0%" in told["应答"]
    assert told["语言"] == "中文"


def test_a_fraction_of_points_is_written_short(jinxiu: Any) -> None:
    rows = changed(jinxiu, r"score\.total", max_points=33.333333)
    assert Register(rows, "zh").text(Num("score.total", "max_points")) == "33.3"


def test_a_verdict_that_the_batch_would_leave_open_is_of_this_unit_alone(jinxiu: Any) -> None:
    told, register = page(changed(jinxiu, r"change\.q[12]\.top2", family="all:change.q1.top2",
                                  p_adjusted=0.107, verdict="better", level=0.95))  # fmt: skip
    made = comparisons(told, told.rows("change"))
    table_ = cells(made[0], register)
    rows = [" ".join(row) for row in table_[1:]]
    assert sum("仅就本单元" in row for row in rows) == 2
    notes = [
        register.plain(i) for block in made if block["type"] == "notes" for i in block["items"]
    ]
    assert sum("批内p" in note for note in notes) == 1
    kept = changed(jinxiu, r"change\.q1\.top2", family="all:change.q1.top2", p_adjusted=0.04,
                   verdict="better", level=0.95)  # fmt: skip
    told, register = page(kept)
    assert "仅就本单元" not in str(cells(comparisons(told, told.rows("change"))[0], register))


def test_shares_of_participants_stand_in_a_table_of_their_own(jinxiu: Any) -> None:
    """X-79: the share of the young among participants and a rate of residents are two formulas."""
    rows = changed(jinxiu, r"indicator\.waste_sorting_accuracy", statistic="share_of_participants")
    told, register = page(rows, "en")
    before, _ = page(jinxiu, "en")
    made, whole = (
        [cells(one, register) for one in _indicators(of) if one["type"] == "table"]
        for of in (told, before)
    )
    assert [len(made), len(whole)] == [2, 1]
    assert [row[0] for row in made[1]] == ["Indicator", "Waste-sorting accuracy"]
    rows = sorted([text for text in row if text] for row in made[0] + made[1][1:])
    assert rows == sorted([text for text in row if text] for row in whole[0])


@pytest.mark.parametrize(
    ("lang", "cell", "single"),
    [
        ("zh", ["对治安满意的居民"], True),
        ("zh", ["字" * 60], False),
        ("en", ["Residents satisfied with security"], True),
        ("en", ["W" * 60], False),
        ("en", ["对治安满意的居民"], False),  # set off, with a mark that it is the original wording
        ("zh", [Quote("lift broken", "en", original=True)], False),
        ("zh", ["\U00020bb7"], False),  # not in the font: printed as its number
        ("zh", [Tone("达标", "good")], True),
        ("zh", [{"id": "survey.mean.taylor"}], False),
    ],
)
def test_only_a_row_that_surely_fits_is_said_to_be_one_line(
    lang: str, cell: list[Any], single: bool
) -> None:
    made = table([("a", 1, "left"), ("b", 1, "left")], [[cell, ["x"]]])
    assert to_json(made, Register([], lang))["single"] == [True, single]
