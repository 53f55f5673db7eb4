"""What residents wrote: topics, how they speak of them, when requests come, released quotations.

The words themselves never reach a notebook: topic and sentiment are columns of the slice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import survey
from workbench.assess import origins, records
from workbench.assess.coded import coded
from workbench.assess.sample import labelled
from workbench.survey.rows import from_rows, to_rows
from workbench.text import COLUMNS, by_hour, peak_hours, topic_table
from workbench.text.masking import tells

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["voices"]

Row = dict[str, Any]
Source = tuple[str, pd.DataFrame, tuple[str, str]]

_FIGURES = (
    "value unit ci_low ci_high level n numerator denominator status flags reason_zh reason_en"
).split()
_NAMES = {
    "requests": ("诉求", "Requests"),
    "documents": ("访谈与记录", "Interviews and minutes"),
}
_OPEN = ("居民建议", "Open answers")
_MOST = 8  # words that are named
_HOURS = 3  # length of a block in the table of hours


def voices(c: Community) -> pd.DataFrame:
    """Tell what this wave's requests and open answers are about.

    Returns
    -------
    DataFrame
        ``voices.validation`` and ``voices.accuracy.*`` (how far the classes can be believed),
        ``voices.<source>.<topic>.share|negative|positive``, ``voices.peak.*`` and
        ``voices.hours.*`` (when requests come in), ``voices.area.*`` (where from),
        ``voices.groups.*`` (topics by group of residents), ``voices.phrases.*``,
        ``voices.coded.*`` (interviews as people coded them), ``voices.quotation.*`` (released by a
        judgement). Topics in fewer texts than the
        minimum cell are withheld. Without a coded sample every class carries the flag
        ``not_validated`` and says so. Empty without texts.
    """
    sources = _sources(c, c.wave)
    rows = [row for source, frame, names in sources for row in _topics(c, source, frame, names)]
    if rows:
        rows = [*_validation(c, rows), *rows]
    rows += coded(c) + _when(c) + origins.by_area(c) + _origins(c, sources)
    return from_rows([*rows, *_quotations(c)])


def _origins(c: Community, sources: list[Source]) -> list[Row]:
    """Tell who writes about what, and in which phrases, beside the baseline where there is one."""
    shared = any("phrases" in f and f["phrases"].count() >= c.min_cell for _, f, _ in sources)
    earlier = _sources(c, c.baseline) if c.baseline and shared else []
    before = {source: frame for source, frame, _ in earlier}
    checked = _checked(c)
    labels = {
        code: name
        if ("topic", code) in checked
        else {"zh": f"{name['zh']}（未经验证）", "en": f"{name['en']} (not validated)"}
        for code, name in _labels(c).items()
    }
    rows: list[Row] = []
    for source, frame, names in sources:
        if source not in _NAMES:
            rows += _proven(c, origins.by_group(c, source, frame, names, labels))
        rows += origins.phrases(c, source, frame, before.get(source), names)
    return rows


def _sources(c: Community, wave: str) -> list[Source]:
    """Give the texts of a wave: source, frame with the columns of `text.classify`, its name."""
    found: list[Source] = []
    if c.has("requests"):
        found.append(("requests", records.cases(c, wave), _NAMES["requests"]))
    if c.has("responses"):
        frame = c.tables["responses"]
        now = frame["wave"].eq(wave)
        items = [item for item in c.items("text") if f"{item}__topic" in frame]
        for item in items:
            names = {f"{item}__{part}": part for part in COLUMNS if f"{item}__{part}" in frame}
            said = (c.text(item, "zh").rstrip("？?"), c.text(item, "en").rstrip("?"))
            called = _OPEN if len(items) == 1 else said
            found.append((item, frame.loc[now, list(names)].rename(columns=names), called))
    if c.has("documents"):
        frame = c.tables["documents"]
        told = frame[frame["kind"].isin(["interview", "minutes"])]
        found.append(("documents", told, _NAMES["documents"]))
    return [
        one
        for one in found
        if {"topic", "sentiment"} <= set(one[1].columns) and one[1]["sentiment"].notna().any()
    ]


def _words(c: Community, source: str, frame: pd.DataFrame, names: tuple[str, str]) -> list[Row]:
    """Name the words of the dictionary that most texts hold."""
    if "terms" not in frame:
        return []
    terms = frame["terms"].dropna().str.split(";").explode()
    counts = terms.value_counts()
    counts = counts[counts.ge(max(c.min_cell, 1))]
    if counts.empty:
        return []
    order = sorted(counts.index, key=lambda word: (-counts[word], word))[:_MOST]
    row = labelled(
        f"voices.{source}.words",
        "text",
        f"{names[0]}：最常提到的词",
        f"{names[1]}: words most often used",
        method="records.count",
        wave=c.wave,
    )
    row["display_zh"] = "、".join(f"{word}（{counts[word]}条）" for word in order)
    row["display_en"] = ", ".join(f"{word} ({counts[word]} texts)" for word in order)
    return [row]


def _topics(c: Community, source: str, frame: pd.DataFrame, names: tuple[str, str]) -> list[Row]:
    told = topic_table(
        frame.reset_index(drop=True),
        labels=_labels(c),
        min_cell=c.min_cell,
        level=c.level,
    )
    small = told["status"].eq("suppressed")
    rows = [_small(c, source, names, int(small.sum()))] if small.any() else []
    for one in to_rows(told[~small]):
        topic = str(one["item"])
        row = labelled(
            f"voices.{source}.{topic}.{one['statistic']}",
            "estimate",
            f"{names[0]}：{one['label_zh']}",
            f"{names[1]}: {one['label_en']}",
            item=topic,
            statistic=one["statistic"],
            wave=c.wave,
            channel="survey" if source not in _NAMES else "record",
            method="text.topics" if one["statistic"] == "share" else "text.sentiment",
        )
        row |= {name: one.get(name) for name in _FIGURES if name in one}
        rows.append(row)
    return [*_proven(c, rows), *_words(c, source, frame, names)]


def _proven(c: Community, rows: list[Row]) -> list[Row]:
    """Mark what rests on a class that nobody measured."""
    checked = _checked(c)
    for row in rows:
        kind = "sentiment" if row.get("statistic") in ("negative", "positive") else "topic"
        if row["kind"] != "estimate" or (kind, row["item"]) in checked:
            continue
        row["flags"] = ";".join(w for w in (_said(row.get("flags")), "not_validated") if w)
        if row.get("subgroup"):
            continue  # a table of groups has no room for reasons: its labels say so
        for lang, word, glue in (("zh", "未经验证", "；"), ("en", "not validated", "; ")):
            old = _said(row.get(f"reason_{lang}"))
            row[f"reason_{lang}"] = glue.join(part for part in (old, word) if part)
    return rows


def _small(c: Community, source: str, names: tuple[str, str], n: int) -> Row:
    """Say how many topics stay without a figure."""
    row = labelled(f"voices.{source}.small", "text", f"{names[0]}：其他主题", f"{names[1]}: others")
    row["display_zh"] = f"另有{n}个主题，各少于{c.min_cell}条文本，不列数字"
    row["display_en"] = f"{n} more topics in fewer than {c.min_cell} texts each, without figures"
    return row


def _said(value: object) -> str:
    return value if isinstance(value, str) else ""


def _labels(c: Community) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = (c.settings.get("text") or {}).get("topics") or {}
    return found


def _accuracy(c: Community) -> list[Row]:
    return list((c.settings.get("text") or {}).get("accuracy") or [])


def _checked(c: Community) -> set[tuple[str, str]]:
    """Give what was measured on the coded sample: kind and topic; a topic nobody coded is not."""
    rows = _accuracy(c)
    seen = {str(r["item"]) for r in rows if r["of"] == "topic" and r["statistic"] == "recall"
            and r.get("denominator")}  # fmt: skip
    feeling = any(r["of"] == "sentiment" for r in rows)
    found = {("topic", topic) for topic in {*seen, "none"} if seen}
    return found | ({("sentiment", topic) for topic in seen} if feeling else set())


_SHARES = {
    ("topic", "same"): (
        "主题与人工标注完全相同的文本",
        "Texts with exactly the topics people gave",
    ),
    ("sentiment", "same"): ("情感与人工标注相同的文本", "Texts with the sentiment people gave"),
    ("topic_people", "same"): (
        "两名标注人主题完全相同的文本",
        "Texts two coders gave the same topics",
    ),
    ("sentiment_people", "same"): (
        "两名标注人情感相同的文本",
        "Texts two coders gave one sentiment",
    ),
    ("sentiment", "kappa"): ("情感与人工标注的 κ", "Kappa of sentiment with people"),
    ("sentiment_people", "kappa"): ("两名标注人情感的 κ", "Kappa of two coders on sentiment"),
}
_PARTS = {
    "precision": ("找对的比例", "share found rightly"),
    "recall": ("找到的比例", "share of those there that were found"),
}


def _validation(c: Community, told: list[Row]) -> list[Row]:
    """Say how far topics and sentiment can be believed."""
    rows = _accuracy(c)
    machine = str((c.settings.get("text") or {}).get("tokenizer") or "")
    row = labelled(
        "voices.validation",
        "text",
        "归类的可靠程度",
        "How far the classes can be believed",
        method="text.accuracy",
    )
    if not rows:
        said = (
            f"未经验证：研究没有提供人工标注的样本（词典方法，{machine}）；情感不计入得分",
            f"Not validated: the study supplies no coded sample (dictionary, {machine}); sentiment "
            "enters no score",
        )
        return [row | {"display_zh": said[0], "display_en": said[1], "flags": "not_validated"}]
    n = max(int(r["n"]) for r in rows if r["item"] == "*")
    row["display_zh"] = f"以全研究{n}条人工标注的文本检验（词典方法，{machine}）；情感不计入得分"
    row["display_en"] = (
        f"measured on {n} coded texts of the whole study (dictionary, {machine}); sentiment enters "
        "no score"
    )
    out = [row]
    here = {str(one["item"]) for one in told if one.get("status") == "ok"}
    labels = _labels(c)
    for one in rows:
        kind, item, statistic = one["of"], str(one["item"]), one["statistic"]
        name = _SHARES.get((kind, statistic)) if item == "*" else None
        if kind == "topic" and item in here and statistic in _PARTS:
            own, part = labels.get(item, {}), _PARTS[statistic]
            name = (f"{own.get('zh', item)}：{part[0]}", f"{own.get('en', item)}: {part[1]}")
        if name is None:
            continue
        code = item.replace("*", "all")
        made = labelled(f"voices.accuracy.{kind}.{code}.{statistic}", "estimate",
                        *name, unit="score" if statistic == "kappa" else "share",
                        method="text.accuracy", item=item, statistic=statistic)  # fmt: skip
        made |= {k: one[k] for k in _FIGURES if one.get(k) is not None}
        if made.get("status") == "not_computed":
            made |= {"reason_zh": "样本中没有", "reason_en": "there is none in the sample"}
        out.append(made)
    return out


def _when(c: Community) -> list[Row]:
    """Tell when this wave's requests came in: the busiest hours, and blocks of three hours.

    A register that holds days alone has midnight for all of them: those tell no hour.
    """
    if not c.has("requests"):
        return []
    every = records.cases(c, c.wave)
    frame = every[every["received"].ne(every["received"].dt.normalize())]
    if len(every) < max(c.min_cell, 1):
        return []
    days = len(every) - len(frame)
    rows = []
    if len(frame) < max(c.min_cell, 1):
        row = labelled("voices.peak.none", "text", "诉求最集中的时段", "Busiest hours of requests")
        row["display_zh"] = f"无法说明：{len(every)}件诉求中{days}件只有日期，没有时刻"
        row["display_en"] = f"cannot be told: {days} of {len(every)} requests have no time of day"
        return [row]
    for one in to_rows(peak_hours(frame, level=c.level)):
        if one["n"] < c.min_cell:
            continue
        row = labelled(
            f"voices.peak.{one['item']}",
            "estimate",
            f"诉求最集中的时段：{one['label_zh']}",
            f"Busiest hours of requests: {one['label_en']}",
            channel="record",
            wave=c.wave,
            method="text.peak",
            reason_zh="占所列日子全部诉求的比例；按时段均匀分布应为8.3%"
            + (f"；另有{days}件只有日期，不计" if days else ""),
            reason_en="share of the requests of those days; 8.3% if all hours were alike"
            + (f"; {days} more have a day alone and are left out" if days else ""),
        )
        rows.append(row | {k: one[k] for k in _FIGURES if k in one and not k.startswith("reason")})
    hours = _hours(c, frame)
    return rows + (hours if any(row["status"] == "ok" for row in hours) else [])


def _hours(c: Community, frame: pd.DataFrame) -> list[Row]:
    counts = by_hour(frame)
    counts["block"] = counts["hour"] // _HOURS * _HOURS
    counts["days"] = counts["weekday"].ge(5).map({False: "working", True: "weekend"})
    sums = counts.groupby(["block", "days"], sort=True)["numerator"].sum().reset_index()
    cells = sums.rename(columns={"numerator": "n"}).assign(item="hours", statistic="count")
    cells["value"] = cells["n"].astype(float)
    shown = survey.disclosure(cells, minimum=c.min_cell, cells=["block", "days"], keys=["item"])
    names = {"working": ("周一至周五", "Monday to Friday"), "weekend": ("周末", "weekend")}
    rows = []
    for one in to_rows(shown):
        first, zh, en = int(one["block"]), *names[one["days"]]
        span = f"{first}:00–{first + _HOURS}:00"
        row = labelled(
            f"voices.hours.{first:02d}.days={one['days']}",
            "estimate",
            f"{span}受理的诉求，{zh}",
            f"Requests received {span}, {en}",
            subgroup=f"days={one['days']}",
            unit="count",
            channel="record",
            wave=c.wave,
            method="records.count",
        )
        rows.append(
            row | {k: one.get(k) for k in ("value", "status", "flags", "reason_zh", "reason_en")}
        )
    return rows


def _quotations(c: Community) -> list[Row]:
    """Give the words that a judgement released; what still tells of a person is held back."""
    if not c.has("judgements"):
        return []
    frame = c.tables["judgements"]
    frame = frame[
        frame["kind"].eq("quotation") & frame["approved_by"].notna() & frame["to"].notna()
    ]
    rows = []
    for n, one in enumerate(to_rows(frame), 1):
        said = str(one["to"])
        row = labelled(
            f"voices.quotation.{n}",
            "text",
            f"居民原话（{one['id']}，经{one['approved_by']}批准）",
            f"Words of a resident ({one['id']}, released by {one['approved_by']})",
        )
        if tells(said):
            row |= {
                "status": "suppressed",
                "reason_zh": "引文中仍有可能识别个人的内容",
                "reason_en": "the quotation may still tell who somebody is",
            }
        else:
            row |= {"display_zh": f"“{said}”", "display_en": f"“{said}”"}
        rows.append(row)
    return rows
