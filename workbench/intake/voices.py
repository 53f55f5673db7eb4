"""What residents write is read here, once: topic and sentiment go on, the words stay behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.intake.shelf import table_of
from workbench.intake.tables import READ, SAID

if TYPE_CHECKING:
    import pandas as pd

    from workbench.intake.frames import Problems
    from workbench.intake.shelf import Frames
    from workbench.study import Study
    from workbench.text import Dictionary

__all__ = ["read_texts"]

_TABLES = {"requests": SAID, "documents": READ}  # a conversation is not one resident's


def read_texts(frames: Frames, study: Study, problems: Problems) -> dict[str, Any]:
    """Fill what is read out of free text into the tables, in place.

    ``requests`` and ``documents`` get ``topic``, ``sentiment``, ``topic_sentiment`` and ``terms``
    from ``text``, requests ``phrases`` too; each item of kind and role text gets all of them as
    ``<item>__topic`` and so on. An item whose name is that of a part of the findings is refused.

    Returns
    -------
    dict
        ``topics`` (code → names), ``tokenizer`` and, with a table ``labels``, ``accuracy``: rows of
        `workbench.text.accuracy` for topics and sentiment, and of the first two coders against
        each other. Empty for a study without a free text.
    """
    using = _dictionary(study, problems)
    if using is None:
        return {}
    places: list[tuple[str, str, tuple[str, ...]]]
    _named(study, problems)
    places = [(name, "text", parts) for name, parts in _TABLES.items() if name in frames]
    places += [
        ("responses", code, tuple(f"{code}__{part}" for part in SAID))
        for code, item in study.codebook.items()
        if "responses" in frames and item.kind == "text" and item.role == "text" and item.is_read
    ]
    written = [
        (table, column, names)
        for table, column, names in places
        if column in frames.columns(table)
        and any(block[column].notna().any() for block in frames.blocks(table, [column]))
    ]
    labels = frames.get("labels")
    _themes(frames, using, problems)
    if not written and all(frames.get(name) is None for name in ("labels", "codings")):
        return {}
    from workbench.text import classify

    def told(frame: pd.DataFrame, column: str, names: tuple[str, ...]) -> pd.DataFrame:
        found = classify(frame, text=column, using=using).iloc[:, : len(names)]
        found.columns = list(names)
        for name in names:  # an earlier batch may have handed on what it read, without the words
            if name in frame:
                found[name] = found[name].where(frame[column].notna(), frame[name])
        return frame.assign(**{name: found[name] for name in names})

    for table, column, names in written:
        frames.put(table, (table_of(told(b, column, names)) for b in frames.blocks(table)))
    return {
        "topics": using.labels(),
        "tokenizer": _tokenizer(),
        "accuracy": _accuracy(labels, using),
    }


def _named(study: Study, problems: Problems) -> None:
    """Refuse an item of free text whose findings would bear the names of other ones."""
    from workbench.text import PARTS

    for code, item in study.codebook.items():
        if item.kind == "text" and item.role == "text" and code in PARTS:
            problems.add(
                "text.item",
                "这个名称在文本结论中另有所指，不能用作文本题的代码",
                "an item of free text cannot bear this name: other findings about texts do",
                f"改用别的代码，例如 {code}_text，study.yaml 中对应的列名一并改",
                f"give it another code, such as {code}_text, here and in columns: of study.yaml",
                file="codebook.yaml",
                column=code,
                found=code,
            )


def _dictionary(study: Study, problems: Problems) -> Dictionary | None:
    """Give the topics, the study's own laid over them; None when its file cannot be used."""
    from workbench.text import dictionary

    if study.settings.text is None:
        return dictionary()
    name = study.settings.text.topics
    path = study.resolve(name)
    if not study.holds(name) or not path.is_file():
        problems.add(
            "text.topics",
            "没有这个文件，或不在研究文件夹内",
            "there is no such file in the study folder",
            "核对 study.yaml 的 text: topics:",
            "check text: topics: in study.yaml",
            file="study.yaml",
            column="text.topics",
            found=name,
        )
        return None
    try:
        return dictionary(path)
    except InputError as error:
        problems.extend(error.problems)
        return None


def _themes(frames: Frames, using: Dictionary, problems: Problems) -> None:
    """Bring the themes that coders gave to their codes, in place; tell those that are none."""
    from workbench.study import nearest_remedy
    from workbench.text.coding import NO_THEME, NO_THEME_NAMES

    frame = frames.get("codings")
    if frame is None:
        return
    names = {topic.code: (topic.zh, topic.en) for topic in using.topics}
    table = {
        said: code
        for code, (zh, en) in (names | {NO_THEME: NO_THEME_NAMES}).items()
        for said in (code, zh, en, f"{code} {zh}")
    }
    frame = frame.copy()
    for name in (name for name in frame if str(name).startswith("theme_")):
        given = frame[name].astype(object)
        told = given.map(table)
        for word in sorted(set(given[given.notna() & told.isna()])):
            zh, en = nearest_remedy(str(word), table)
            problems.cells(
                "codings.theme",
                "没有这个主题",
                "there is no such theme",
                zh,
                en,
                frame=frame[given.eq(word)],
                column=str(name),
                values=given[given.eq(word)],
            )
        frame[name] = told.astype("str")
    frames.put("codings", [table_of(frame)])


def _tokenizer() -> str:
    from importlib.metadata import version

    return f"rjieba {version('rjieba')}"


def _accuracy(labels: pd.DataFrame | None, using: Dictionary) -> list[dict[str, Any]]:
    """Measure topics and sentiment on the coded sample; nothing without one."""
    import pandas as pd

    from workbench.text import accuracy, classify

    if labels is None or labels.empty:
        return []
    ordered = labels.sort_values(["label", "coder"], kind="stable", na_position="first")
    first = ordered.drop_duplicates("label")
    found = classify(first, using=using)
    rows = []
    for what in ("topic", "sentiment"):
        both = pd.DataFrame({"truth": first[what], "found": found[what]})
        if what == "sentiment":
            both = both[both["truth"].notna()]
        if not both["truth"].notna().any():
            continue
        told = accuracy(both, truth="truth", found="found")
        rows.append(told.assign(of=what))
        second = ordered[ordered.duplicated("label")].drop_duplicates("label")
        pair = first.merge(second, on="label", suffixes=("", "_second"))
        if len(pair):
            people = accuracy(pair, truth=what, found=f"{what}_second")
            rows.append(
                people[people["statistic"].isin(["kappa", "same"])].assign(of=f"{what}_people")
            )
    if not rows:
        return []
    table = pd.concat(rows, ignore_index=True)
    names = "of item statistic value ci_low ci_high level n numerator denominator status".split()
    kept = table[[name for name in names if name in table]].astype(object)
    kept = kept.where(kept.notna(), None)
    return [
        {str(k): float(f"{v:.10g}") if isinstance(v, float) else v for k, v in row.items()}
        for row in kept.to_dict("records")
    ]
