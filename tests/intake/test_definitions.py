"""The same question in both waves: what the exports show, and what somebody confirmed."""

from __future__ import annotations

import pandas as pd
import pyreadstat
import pytest

BASE = "  responses: {file: data/responses.csv}\n"
ROW = "{n},{unit},{wave},{answer}\n"
VALUES = "{{非常不满意: 1, 不太满意: 2, 一般: 3, 比较满意: 4, {best}: 5}}"
HEAD = "id,kind,community,object,from,to,decision,reason_zh,reason_en,author,date,approved_by\n"


def waves(folder, first, second, *, best=("非常满意", "非常满意")):
    lines = []
    for n, (wave, title, word) in enumerate((("w1", first, best[0]), ("w2", second, best[1]))):
        rows = [f"编号,小区,{title}\n", f"{n}1,A-1,{word}\n", f"{n}2,A-2,一般\n"]
        folder.write(f"data/{wave}.csv", "".join(rows))
        lines.append(
            f"    - file: data/{wave}.csv\n      set: {{wave: {wave}}}\n"
            f"      columns: {{respondent: 编号, community: 小区, q1: '{title}'}}\n"
            f"      values: {{q1: {VALUES.format(best=word)}}}\n"
        )
    return folder.edit("study.yaml", BASE, "  responses:\n" + "".join(lines))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("5、您对本小区是否满意？", "５．您对本小区是否满意"),
        ("5、您对本小区是否满意？[单选题]", "第5题您对本小区是否满意"),
        ("q1", "5、您对本小区是否满意？"),
    ],
    ids=["number and mark", "kind of question", "a code says nothing"],
)
def test_the_same_question_in_another_dress_is_the_same(folder, first, second):
    assert waves(folder, first, second).build().asked_apart == {}


def test_another_wording_stops_the_comparison_and_both_are_told(folder):
    made = waves(folder, "5、您对本小区是否满意？", "5、您对物业是否满意？").build()
    [told] = [p for p in made.warnings if p.code == "item.asked-differently"]
    assert told.expected.startswith("您对本小区是否满意？")
    assert told.found.startswith("您对物业是否满意？")
    assert "item:q1" in told.remedy_en
    both = made.asked_apart["q1"]
    assert list(both) == ["w1", "w2"]
    assert both["w1"]["sha256"] != both["w2"]["sha256"]


def test_another_label_of_a_code_stops_the_comparison(folder):
    made = waves(folder, "q1", "q1", best=("非常满意", "满意")).build()
    assert list(made.asked_apart) == ["q1"]


def judged(folder, object_, decision="可比", source=("w1", "w2")):
    line = f"J-1,comparability,,{object_},{source[0]},{source[1]},{decision},措辞相近,same meaning,A,2026-11-20,B\n"
    return folder.write("judgements.csv", HEAD + line)


def test_a_judgement_confirms_and_is_logged(folder):
    judged(waves(folder, "5、您对本小区是否满意？", "5、对小区满意吗？"), "item:q1")
    made = folder.build()
    assert made.asked_apart == {}
    assert "intake.asked-confirmed" in {entry.code for entry in made.log}


def test_a_judgement_against_it_confirms_nothing(folder):
    judged(waves(folder, "5、您对本小区是否满意？", "5、对小区满意吗？"), "item:q1", "不可比")
    made = folder.build()
    assert made.asked_apart["q1"]["judgement"] == "J-1"
    assert "intake.asked-refused" in {entry.code for entry in made.log}
    assert "item.asked-differently" not in {problem.code for problem in made.warnings}


def test_a_judgement_on_an_item_that_is_not_there_is_an_error(folder):
    judged(waves(folder, "5、您对本小区是否满意？", "5、对小区满意吗？"), "item:q9")
    assert "judgements.object" in folder.codes()


@pytest.mark.parametrize("object_", ["q1", "", "items:q1"])
def test_a_judgement_on_nothing_that_is_compared_is_an_error(folder, object_):
    judged(waves(folder, "5、您对本小区是否满意？", "5、对小区满意吗？"), object_)
    [told] = [p for p in folder.problems() if p.code == "judgements.object"]
    assert told.expected == "item:… | waves:…"


def test_a_judgement_on_an_item_names_no_unit(folder):
    judged(waves(folder, "5、您对本小区是否满意？", "5、对小区满意吗？"), "item:q1")
    folder.edit("judgements.csv", "comparability,,", "comparability,A-1,")
    assert "judgements.community" in folder.codes()


def three(folder, sources):
    """Sources of the table responses: wave, title of q1, and the lines of values: for it."""
    lines = []
    for n, (wave, title, values) in enumerate(sources):
        rows = [f"编号,小区,{title}\n", f"{n}1,A-1,5\n", f"{n}2,A-2,1\n"]
        folder.write(f"data/s{n}.csv", "".join(rows))
        lines.append(
            f"    - file: data/s{n}.csv\n      set: {{wave: {wave}}}\n"
            f"      columns: {{respondent: 编号, community: 小区, q1: '{title}'}}\n{values}"
        )
    return folder.edit("study.yaml", BASE, "  responses:\n" + "".join(lines))


def test_another_wording_in_one_mode_of_a_wave_stops_the_comparison(folder):
    old, new = "5、您对本小区是否满意？", "5、您对物业是否满意？"
    made = three(folder, [("w1", old, ""), ("w2", old, ""), ("w2", new, "")]).build()
    assert list(made.asked_apart) == ["q1"]
    assert "您对物业是否满意" in made.asked_apart["q1"]["w2"]["wording"]


def labelled(folder, labels, values=""):
    """The baseline from an SPSS file with labels, the current wave from codes without any."""
    three(folder, [("w2", "5、您对本小区是否满意？", "")])
    path = folder.path / "data/base.sav"
    pyreadstat.write_sav(
        pd.DataFrame({"rid": ["b1", "b2"], "place": ["A-1", "A-2"], "sat": [1.0, 5.0]}),
        str(path),
        column_labels=["", "", "您对本小区是否满意？"],
        variable_value_labels={"sat": labels},
    )
    return folder.edit(
        "study.yaml",
        "  responses:\n",
        "  responses:\n    - file: data/base.sav\n      set: {wave: w1}\n"
        "      columns: {respondent: rid, community: place, q1: sat}\n" + values,
    )


def test_labels_that_one_wave_does_not_tell_are_those_of_the_codebook(folder):
    apart = labelled(folder, {1: "很不满意", 5: "很满意"}).build().asked_apart
    assert apart["q1"]["w1"]["labels"] == {"1": "很不满意", "5": "很满意"}
    assert apart["q1"]["w2"]["labels"] == {"1": "非常不满意", "5": "非常满意"}


def test_labels_that_agree_with_the_codebook_are_the_same_question(folder):
    assert labelled(folder, {1: "非常不满意", 5: "非常满意"}).build().asked_apart == {}


def test_a_crosswalk_of_codes_keeps_the_labels_that_were_asked(folder):
    values = "      values: {q1: {1: 5, 5: 1}}\n"
    made = labelled(folder, {1: "很满意", 5: "很不满意"}, values).build()
    assert made.asked_apart["q1"]["w1"]["labels"] == {"1": "很不满意", "5": "很满意"}
    assert made.frames["responses"].set_index("respondent").loc["b1", "q1"] == 5


def test_a_code_left_out_of_a_crosswalk_is_told(folder):
    values = "      values: {q1: {1: 5}}\n"
    labelled(folder, {1: "很满意", 5: "很不满意"}, values)
    [told] = [p for p in folder.problems() if p.code == "item.labels-differ"]
    assert told.found == "5 = 很不满意"  # what values: names is settled


def test_a_code_without_label_left_out_of_a_crosswalk_is_a_warning(folder):
    values = "      values: {q1: {1: 5}}\n"
    three(folder, [("w1", "q1", values), ("w2", "q1", "")])
    told = [p for p in folder.build().warnings if "half" in p.code]
    assert [p.found for p in told] == ["s0.csv q1 = 5"]
    kept = "      values: {q1: {1: 5, 5: 5}}\n"
    folder.edit("study.yaml", values, kept)
    assert not [p for p in folder.build().warnings if "half" in p.code]


def in_modes(folder, first, second, sample="{default: probability, online: opt_in}"):
    waves(folder, "q1", "q1")
    for wave, mode in (("w1", first), ("w2", second)):
        file = folder.path / f"data/{wave}.csv"
        rows = file.read_text().splitlines()
        kept = [rows[0] + ",方式", *(f"{row},{m}" for row in rows[1:] for m in mode)]
        text = "\n".join(f"{n}{row}" if n else row for n, row in enumerate(kept))
        folder.write(f"data/{wave}.csv", text + "\n")
        folder.edit(
            "study.yaml",
            f"set: {{wave: {wave}}}\n      columns: {{",
            f"set: {{wave: {wave}}}\n      columns: {{mode: 方式, ",
        )
    text = (folder.path / "study.yaml").read_text()
    [before] = [line for line in text.splitlines() if line.startswith("sample:")]
    return folder.edit("study.yaml", before, f"sample: {sample}")


@pytest.mark.parametrize(
    ("first", "second"),
    [(["household"], ["paper"]), (["household", "online"], ["paper", "online"])],
    ids=["one each", "only the opt-in mode is common"],
)
def test_waves_without_a_mode_in_common_are_not_compared_until_confirmed(folder, first, second):
    made = in_modes(folder, first, second).build()
    assert made.asked_apart["q1"]["modes_only"] is True
    assert made.asked_apart["q1"]["w1"]["modes"] == sorted(first)
    [told] = [p for p in made.warnings if p.code == "wave.modes-differ"]
    assert (told.expected, told.found) == (", ".join(sorted(first)), ", ".join(sorted(second)))
    assert "object waves" in told.remedy_en
    assert judged(folder, "waves").build().asked_apart == {}
    refused = judged(folder, "waves", "不可比").build()
    assert refused.asked_apart["q1"]["judgement"] == "J-1"
    assert "wave.modes-differ" not in {problem.code for problem in refused.warnings}


@pytest.mark.parametrize(
    ("first", "second"),
    [(["household", "paper"], ["paper", "phone"]), (["household"], ["online"])],
    ids=["one in common", "the other is opt-in alone"],
)
def test_a_mix_of_modes_that_moved_is_told_by_the_grade_and_not_here(folder, first, second):
    assert in_modes(folder, first, second).build().asked_apart == {}
