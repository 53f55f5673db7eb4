"""Free text is read at intake: its topics enter the slice, its words never do."""

from __future__ import annotations

import json

from workbench.intake import write_tables
from workbench.intake.slices import cut

REQUESTS = """\
request,community,kind,received,closed,text
r1,A-1,complaint,2026-05-01 10:00,2026-05-02 10:00,张先生反映3栋2单元501楼上漏水，电话13800138000
r2,A-2,need,2026-05-03,,……
"""
LABELS = """\
label,text,topic,sentiment,coder
1,电梯常坏,lifts,negative,K1
1,电梯常坏,lifts,negative,K2
2,绿化养护得不错,greening,positive,K1
2,绿化养护得不错,greening,neutral,K2
3,希望有老年食堂,elderly,neutral,K1
3,希望有老年食堂,elderly,neutral,K2
"""


def _slice(folder, to):
    write_tables(folder.build(), to / "tables")
    cut(folder.load(), to / "tables", "A-1", to / "A-1")
    return {p.name: p.read_text("utf-8") for p in (to / "A-1" / "inputs").iterdir() if p.is_file()}


def test_topic_and_sentiment_are_columns_and_the_words_are_nowhere(folder, tmp_path) -> None:
    files = _slice(folder.write("data/requests.csv", REQUESTS), tmp_path)
    head, row = files["requests.csv"].splitlines()[:2]
    assert {"topic", "sentiment", "topic_sentiment", "terms"} <= set(head.split(","))
    assert "text" not in head.split(",")
    assert "utilities" in row
    assert "neighbours" in row
    assert "sug__topic" in files["responses.csv"].splitlines()[0]
    assert "facilities" in files["responses.csv"]
    for text in files.values():
        assert not any(word in text for word in ("张先生", "501", "13800138000", "灯坏了"))
    told = json.loads(files["study.json"])["text"]
    assert told["accuracy"] == []
    assert told["topics"]["lifts"] == {"zh": "电梯", "en": "Lifts"}


def test_the_coded_sample_measures_the_error_and_stays_in_the_house(folder, tmp_path) -> None:
    folder.write("data/labels.csv", LABELS)
    folder.edit("study.yaml", "sources:\n", "sources:\n  labels: {file: data/labels.csv}\n")
    files = _slice(folder, tmp_path)
    assert "labels.csv" not in files
    rows = json.loads(files["study.json"])["text"]["accuracy"]
    of = {(r["of"], r["item"], r["statistic"]): r for r in rows}
    assert of["topic", "*", "same"]["value"] == 1
    assert of["topic", "lifts", "recall"]["denominator"] == 1
    assert of["sentiment", "*", "same"]["numerator"] == 3
    assert of["sentiment_people", "*", "same"]["numerator"] == 2


def test_topics_of_the_studys_own_are_laid_over_and_a_wrong_file_is_refused(
    folder, tmp_path
) -> None:
    folder.edit("study.yaml", "seed: 7\n", "seed: 7\ntext: {topics: topics.yaml}\n")
    assert folder.codes() == ["text.topics"]
    folder.write("topics.yaml", "topics:\n  lamps: {label: {zh: 灯}, zh: 灯坏了}\n")
    assert folder.codes() == ["text.topics"]
    folder.write("topics.yaml", "topics:\n  lamps: {label: {zh: 灯, en: Lamps}, zh: 灯坏了}\n")
    assert "灯坏了" in _slice(folder, tmp_path)["responses.csv"]  # an entry of the dictionary
    assert "lamps" in _slice(folder, tmp_path)["responses.csv"]
