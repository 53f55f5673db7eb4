"""The library of published before/after figures: read, judged, ranged over, and added to.

A case is a claim of its document. What it may carry is worked out here; nothing makes it more than
a claim. Figures that were observed, expected ones (plans, projections) and comparisons of two
groups at one time are kept apart everywhere.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import bundle
from workbench.errors import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "AMONG",
    "CARRIED",
    "COLUMNS",
    "COUNTS",
    "KINDS",
    "RANGES",
    "add",
    "among",
    "carried",
    "counts",
    "load",
    "problems",
    "ranges",
    "table",
]

COLUMNS = (
    "case_id programme place intervention indicator indicator_zh before after unit "
    "months_between comparison_group source_doc source_section quote_zh"
).split()
_MORE = ("n_before", "n_after")  # only where the document prints them
_REQUIRED = (
    "case_id programme place intervention indicator indicator_zh before after unit source_doc "
    "source_section quote_zh"
).split()

# what the notebook shows of each table
COUNTS = ("label_zh", "label_en", "n")
CARRIED = ("label_zh", "wording_zh", "wording_en", "evidence_grade", "reason_zh")
RANGES = ("label_zh", "label_en", "display_zh", "interval_zh", "n")
AMONG = ("label_zh", "display_zh", "interval_zh", "evidence_grade", "verdict", "reason_zh")

# middle word of a case's id -> what its two figures are
KINDS: dict[str, tuple[str, str, str]] = {
    "obs": ("observed", "观察到的前后", "observed before and after"),
    "rel": ("observed", "观察到的前后", "observed before and after"),
    "trd": ("observed", "观察到的前后", "observed before and after"),
    "prj": ("expected", "预期", "expected"),
    "prr": ("expected", "预期", "expected"),
    "cmp": ("comparison", "两组对比，不是前后", "two groups compared, not before and after"),
}
_WORDS = {kind: (zh, en) for kind, zh, en in KINDS.values()}
_ID = re.compile(rf"[a-z0-9]+-(?P<kind>{'|'.join(KINDS)})-[0-9]{{2,4}}")
_SLUG = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PERCENT = ("%", "% satisfied", "% of participants")
_INDEX = ("index_before_100", "index_comparison_100")


def load(file: str | Path = "") -> pd.DataFrame:
    """Read a library of cases; the bundled one when no file is named.

    Parameters
    ----------
    file
        CSV in UTF-8 with the columns of ``data/published_cases.csv``.

    Returns
    -------
    pandas.DataFrame
        The columns of the file, ``before``, ``after``, ``months_between``, ``n_before`` and
        ``n_after`` as numbers (missing where not printed), and ``kind``: observed, expected or
        comparison.

    Raises
    ------
    InputError
        With every problem of every row.
    """
    import pandas as pd

    place = Path(file) if file else bundle.path("cases")
    rows = _read(place)
    found = [one for n, row in enumerate(rows, start=2) for one in problems(row, place.name, n)]
    found += _doubled(rows, place.name)
    if found:
        raise InputError(*found)
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *_MORE])
    for name in ("before", "after", "months_between", *_MORE):
        frame[name] = pd.to_numeric(frame[name].replace("", None)).astype(float)
    frame["kind"] = [KINDS[_kind(one)][0] for one in frame["case_id"]]
    return frame


def _kind(case_id: str) -> str:
    found = _ID.fullmatch(case_id)
    return found["kind"] if found else ""


def _read(place: Path) -> list[dict[str, str]]:
    if not place.is_file():
        raise InputError(
            Problem(
                code="cases.file",
                zh="没有这个案例文件",
                en="there is no such file of cases",
                file=place.name,
                remedy_zh="给出 CSV 文件；workbench cases add 会新建",
                remedy_en="give a CSV file; workbench cases add makes one",
            )
        )
    try:
        text = place.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            Problem(
                code="cases.encoding",
                zh="案例文件不是 UTF-8",
                en="the file of cases is not UTF-8",
                file=place.name,
                found=f"byte {error.start}",
                remedy_zh="另存为 UTF-8 的 CSV",
                remedy_en="save it as CSV in UTF-8",
            )
        ) from error
    reader = csv.DictReader(io.StringIO(text))
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise InputError(
            *[
                Problem(
                    code="cases.column",
                    zh="案例文件缺少所需的列",
                    en="the file of cases lacks a column",
                    file=place.name,
                    column=name,
                    remedy_zh="补上该列；列名如 data/published_cases.csv",
                    remedy_en="add it; the columns are those of data/published_cases.csv",
                )
                for name in missing
            ]
        )
    kept = [*COLUMNS, *_MORE]
    return [{name: (row.get(name) or "").strip() for name in kept} for row in reader]


def _doubled(rows: Sequence[Mapping[str, str]], file: str) -> list[Problem]:
    seen: dict[str, int] = {}
    found = []
    for n, row in enumerate(rows, start=2):
        first = seen.setdefault(row["case_id"].casefold(), n)
        if first != n:
            found.append(
                Problem(
                    code="cases.duplicate",
                    zh="案例编号重复",
                    en="the id of a case stands twice",
                    file=file,
                    row=n,
                    column="case_id",
                    found=row["case_id"],
                    remedy_zh=f"换一个编号（第{first}行已用）",
                    remedy_en=f"take another (row {first} has it)",
                )
            )
    return found


def problems(row: Mapping[str, str], file: str = "", n: int | None = None) -> list[Problem]:
    """List everything that is wrong with one case, each with place and remedy.

    Parameters
    ----------
    row
        Texts by column name.
    file, n
        Where it stands.
    """
    found: list[Problem] = []

    def wrong(column: str, zh: str, en: str, remedy: tuple[str, str], expected: str = "") -> None:
        place: dict[str, Any] = {"file": file, "column": column, "found": row.get(column, "")}
        found.append(
            Problem(
                code=f"cases.{column}",
                zh=zh,
                en=en,
                row=n,
                expected=expected,
                remedy_zh=remedy[0],
                remedy_en=remedy[1],
                **place,
            )
        )

    for column in sorted(set(row) - {*COLUMNS, *_MORE}):
        wrong(column, "没有这一列", "there is no such column", ("见列名表", "see the columns"),
              " ".join((*COLUMNS, *_MORE)))  # fmt: skip
    for column in _REQUIRED:
        if not row.get(column):
            wrong(column, "不能为空", "may not be empty", ("按原文补上", "fill it from the source"))
    if row.get("case_id") and not _ID.fullmatch(row["case_id"]):
        wrong("case_id", "编号的形式不对", "the id has another form",
              ("如 own-obs-01；中间一段：obs 观察，prj 预期，cmp 两组对比",
               "for example own-obs-01; in the middle obs, prj (expected) or cmp (two groups)"),
              f"<word>-<{'|'.join(KINDS)}>-<number>")  # fmt: skip
    if row.get("indicator") and not _SLUG.fullmatch(row["indicator"]):
        wrong("indicator", "指标名的形式不对", "not the name of an indicator",
              ("用方案中的指标名，如 resident_satisfaction", "write resident_satisfaction, say"),
              "[a-z][a-z0-9_]*")  # fmt: skip
    if row.get("programme") and row["programme"] not in _programmes():
        wrong("programme", "没有这个方案", "there is no such programme",
              ("改为其中之一", "write one of them"), ", ".join(_programmes()))  # fmt: skip
    numbers: dict[str, float] = {}
    for column in ("before", "after", "months_between", *_MORE):
        text = row.get(column) or ""
        value = _number(text)
        if text and value is None:
            wrong(column, "不是数值", "not a number", ("写数字，不带单位", "write digits alone"))
        elif value is not None:
            numbers[column] = value
    unit = row.get("unit") or ""
    for column in ("before", "after"):
        if column in numbers and unit in _PERCENT and not 0 <= numbers[column] <= 100:
            wrong(column, "百分比不在 0 至 100 之间", "a percentage off its scale",
                  ("核对原文；相对变化用 index_before_100", "index_before_100 if relative"),
                  "0-100")  # fmt: skip
    if unit == "index_before_100" and numbers.get("before", 100.0) != 100:
        wrong("before", "以之前为 100 的指数，之前须为 100", "this index begins at 100",
              ("写 100", "write 100"), "100")  # fmt: skip
    if "months_between" in numbers and not numbers["months_between"] > 0:
        wrong("months_between", "间隔须大于零", "the interval is above zero",
              ("按原文填写或留空", "as printed, or leave it empty"), "> 0")  # fmt: skip
    for column in _MORE:
        if column in numbers and (numbers[column] < 1 or numbers[column] % 1):
            wrong(column, "人数须为正整数", "a number of persons is a whole number above 0",
                  ("按原文填写或留空", "as printed, or leave it empty"))  # fmt: skip
    return found


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _programmes() -> list[str]:
    from workbench.protocol.load import PROGRAMMES

    return sorted(PROGRAMMES)


def add(file: Path, row: Mapping[str, str]) -> int:
    """Append one case to a library of one's own, which is made when missing.

    The bundled library is never written. The new case is checked with all that stand there, and
    nothing is written when anything is wrong.

    Returns
    -------
    int
        Cases in the file now.

    Raises
    ------
    InputError
        With every problem of the case.
    """
    from workbench.evidence.files import write_atomic

    new = {str(k): str(v).strip() for k, v in row.items()}
    rows = _read(file) if file.exists() else []
    found = problems(new, file.name, len(rows) + 2)
    if file.resolve() == bundle.path("cases").resolve():
        found.append(
            Problem(
                code="cases.bundled",
                zh="随软件的案例库不改动",
                en="the bundled library is not changed",
                file=file.name,
                remedy_zh="给出自己的文件",
                remedy_en="name a file of your own",
            )
        )
    full = {name: new.get(name, "") for name in (*COLUMNS, *_MORE)}
    found += _doubled([*rows, full], file.name)
    if found:
        raise InputError(*found)
    out = io.StringIO()
    writer = csv.DictWriter(out, [*COLUMNS, *_MORE], lineterminator="\n")
    writer.writeheader()
    writer.writerows([*rows, full])
    write_atomic(file, out.getvalue().encode("utf-8"))
    return len(rows) + 1


def _chosen(cases: pd.DataFrame, programme: str, indicator: str) -> pd.DataFrame:
    if programme:
        cases = cases[cases["programme"].eq(programme)]
    return cases[cases["indicator"].eq(indicator)] if indicator else cases


_PROGRAMMES_ZH = {
    "rectification": "社区综合整顿",
    "subdistrict": "街办创建",
    "civilised": "文明小区评选",
    "participation": "居民参与",
}


_UNITS_ZH = {
    "days": "天",
    "hours": "小时",
    "minutes": "分钟",
    "score_100": "百分制得分",
    "score_5": "五分制得分",
    "count": "个",
    "count_per_year": "次/年",
    "days_per_week": "天/周",
    "m2_per_person": "平方米/人",
    "pupils_per_teacher": "学生/教师",
    "ratio": "比值",
    "pp_change": "百分点变化",
    "pp_difference": "百分点之差",
    "per_1000": "每千人",
    "residents_per_worker": "居民/社工",
    "months_against_plan": "比计划的月数",
    "persons": "人",
    "yuan": "元",
    "ten_thousand_yuan": "万元",
    "ten_thousand_yuan_per_year": "万元/年",
}
"""Units of the library in Chinese; another of a library of one's own is printed as written."""


def _programme(slug: str) -> str:
    return _PROGRAMMES_ZH.get(slug, slug)


def counts(cases: pd.DataFrame) -> pd.DataFrame:
    """Count the cases by programme and kind."""
    import pandas as pd

    rows = []
    for (programme, kind), mine in cases.groupby(["programme", "kind"], sort=True):
        zh, en = _WORDS[str(kind)]
        rows.append(
            {
                "finding": f"x.cases.{programme}.{kind}",
                "kind": "estimate",
                "label_zh": f"{_programme(str(programme))}：{zh}",
                "label_en": f"{programme}: {en}",
                "value": float(len(mine)),
                "unit": "count",
                "n": len(mine),
            }
        )
    return pd.DataFrame(rows)


def carried(cases: pd.DataFrame, *, programme: str = "", indicator: str = "") -> pd.DataFrame:
    """Say what each case may carry.

    Returns
    -------
    pandas.DataFrame
        One comparison per case: the change (points for percentages, relative for an index,
        otherwise in its unit), ``evidence_grade`` and the sentence that it allows. Without the
        numbers asked every case is E0 and its verdict "cannot tell". Expected figures and
        comparisons of two groups are no change at all and say so.
    """
    import pandas as pd

    from workbench import change
    from workbench.findings import number

    rows = []
    for one in _chosen(cases, programme, indicator).to_dict("records"):
        unit, before, after = str(one["unit"]), float(one["before"]), float(one["after"])
        row: dict[str, Any] = {
            "finding": f"x.case.{one['case_id']}",
            "kind": "comparison",
            "indicator": one["indicator"],
            **_label(one, unit),
            "verdict": "cannot_tell",
            "evidence_grade": "E0",
            "method": "change.grade",
            "place": one["source_section"],
        }
        if one["kind"] != "observed":
            zh, en = _WORDS[str(one["kind"])]
            row |= {"value": None, "status": "not_computed", "evidence_grade": ""}
            row |= {
                "reason_zh": f"{zh}：不是观察到的变化",
                "reason_en": f"{en}: no change was seen",
            }
        elif unit in _PERCENT:
            row |= _percent(one, before, after)
        else:
            relative = unit in _INDEX
            moved = after / before - 1 if relative else after - before
            points = unit == "pp_change"
            printed = "change_rel" if relative else "pp"
            size = moved if relative else moved / 100
            zh, en = (
                number(size, printed, lang) if relative or points else f"{before:g}{joint}{after:g}"
                for lang, joint in (("zh", " 与 "), ("en", " and "))
            )
            row |= {
                "value": size if points else moved,
                "unit": printed if relative or points else "score",
                "wording_zh": f"资料报告为 {zh}。",
                "wording_en": f"{en} {'was' if relative else 'were'} reported.",
                "reason_zh": "只有相对变化，原值与样本量未公布" if relative else "样本量未公布",
                "reason_en": "relative change only: neither level nor number was published"
                if relative
                else "the number asked was not published",
            }
        rows.append(row)
    out = pd.DataFrame(rows)
    if not out.empty and "wording_zh" in out:
        wrong = [
            word
            for text, grade in zip(out["wording_zh"].fillna(""), out["evidence_grade"], strict=True)
            if grade
            for word in change.overclaims(text, grade)
        ]
        assert not wrong, wrong
    return out


def _label(one: Mapping[Any, Any], unit: str) -> dict[str, str]:
    """Name a case in both languages: the place stands as “English (中文)” in the library."""
    place = str(one["place"])
    found = re.fullmatch(
        r"(?P<en>.*?)\s*[(（](?P<zh>[^()（）]*[\u4e00-\u9fff][^()（）]*)[)）]", place
    )
    zh, en = (found["zh"], found["en"]) if found else (place, place)
    if place == "not named":
        zh = "未具名"
    shown = unit not in (*_PERCENT, *_INDEX)
    of = unit.replace("_", " ") if shown else ""
    of_zh = _UNITS_ZH.get(unit, of) if shown else ""
    name = str(one["indicator"]).replace("_", " ")
    return {
        "label_zh": f"{one['indicator_zh']}（{zh}" + (f"；{of_zh}）" if of_zh else "）"),
        "label_en": f"{name} ({en}" + (f"; {of})" if of else ")"),
    }


def table(frame: pd.DataFrame, *columns: str) -> Any:
    """Show some columns of a frame whole, without its index; nothing when the frame is empty."""
    if frame.empty:
        return None
    kept = frame.reindex(columns=list(columns)).fillna("")
    return kept.style.hide(axis="index").set_uuid("cases")


def _percent(one: Mapping[Any, Any], before: float, after: float) -> dict[str, Any]:
    import pandas as pd

    from workbench import change

    sizes: dict[str, Any] = {
        name: None if math.isnan(one[name]) else int(one[name]) for name in _MORE
    }
    item = pd.DataFrame([{"item": one["case_id"], "before": before, "after": after} | sizes])
    facts = {"dates_known": not math.isnan(one["months_between"]), "question_known": None}
    made = change.compare(item, of="published", facts=facts).to_dict("records")[0]
    told = change.published(before, after, **sizes)
    figure = dict(zip(told["statistic"], told["value"].astype(float), strict=True))
    least, need = figure.get("n_possible", math.nan), figure.get("n_needed", math.nan)
    zh, en = [str(made["reason_zh"])], [str(made["reason_en"])]
    if not math.isnan(least):
        zh.append(f"能得出两数的最小样本为{least:.0f}")
        en.append(f"{least:.0f} is the smallest sample that gives both figures")
    if not math.isnan(need):
        zh.append(f"要以80%的把握看出此差别，每期须问{need:.0f}人")
        en.append(f"to see it with 80% power takes {need:.0f} a wave")
    kept = ("verdict", "evidence_grade", "wording_zh", "wording_en", "ci_low", "ci_high", "method")
    return {name: made[name] for name in kept} | {
        "value": float(made["value"]),
        "unit": "pp",
        "reason_zh": "；".join(part for part in zh if part),
        "reason_en": "; ".join(part for part in en if part),
    }


def _moved(cases: pd.DataFrame) -> pd.DataFrame:
    """Give each case its change: points (0-1) for percentages, relative otherwise."""
    share = cases["unit"].isin(_PERCENT)
    points = (cases["after"] - cases["before"]) / 100
    relative = cases["after"] / cases["before"].where(cases["before"].ne(0)) - 1
    return cases.assign(
        moved=points.where(share, relative), moved_unit=share.map({True: "pp", False: "relative"})
    )


def _span(low: float, high: float, unit: str, lang: str) -> str:
    from workbench.findings import number

    if low == high:
        return number(low, unit, lang)
    return (" to " if lang == "en" else "至").join(number(v, unit, lang) for v in (low, high))


def ranges(cases: pd.DataFrame, *, programme: str = "", indicator: str = "") -> pd.DataFrame:
    """Give the range of published changes per programme and indicator, expected ones apart.

    Comparisons of two groups are left out. A range is of claims: it is no interval, and what was
    not published is not in it.

    Returns
    -------
    pandas.DataFrame
        ``value`` (median), ``range_low``, ``range_high`` and ``n`` cases per programme,
        indicator, kind and unit (pp as 0-1, or relative).
    """
    import pandas as pd

    chosen = _moved(_chosen(cases, programme, indicator))
    chosen = chosen[chosen["kind"].ne("comparison") & chosen["moved"].notna()]
    rows = []
    keys = ["programme", "indicator", "kind", "moved_unit"]
    for (home, name, kind, unit), mine in chosen.groupby(keys, sort=True):
        zh, en = _WORDS[str(kind)]
        printed = "pp" if unit == "pp" else "change_rel"
        low, high = float(mine["moved"].min()), float(mine["moved"].max())
        rows.append(
            {
                "finding": f"x.range.{home}.{name}.{kind}.{unit}",
                "kind": "estimate",
                "indicator": name,
                "label_zh": f"{mine['indicator_zh'].iloc[0]}（{_programme(str(home))}，{zh}）",
                "label_en": f"{str(name).replace('_', ' ')} ({home}, {en})",
                "value": float(mine["moved"].median()),
                "unit": printed,
                "range_low": low,
                "range_high": high,
                "interval_zh": _span(low, high, printed, "zh"),
                "interval_en": _span(low, high, printed, "en"),
                "n": len(mine),
                "reason_zh": "公布的说法的范围，不是区间；未公布的不在其中",
                "reason_en": "range of published claims, no interval; what failed is not published",
            }
        )
    return pd.DataFrame(rows)


def among(cases: pd.DataFrame, findings: str | Path, *, measures: str | Path = "") -> pd.DataFrame:
    """Place a unit's own changes among the published ones, weakest first.

    Parameters
    ----------
    cases
        The library.
    findings
        A unit's ``findings.json`` (in its bag).
    measures
        Its ``inputs/study.json``, which says which item feeds which indicator; next to
        ``findings.json`` when not named.

    Returns
    -------
    pandas.DataFrame
        Per indicator that has observed cases in points: the unit's change with interval and grade,
        the number of cases and how many claim less. Empty without findings.
    """
    import json

    import pandas as pd

    if not str(findings):
        return pd.DataFrame()
    place = Path(findings)
    told = {row["finding"]: row for row in json.loads(place.read_text(encoding="utf-8"))}
    study = Path(measures) if str(measures) else place.parent / "inputs" / "study.json"
    settings = json.loads(study.read_text(encoding="utf-8"))
    chosen = _moved(cases)
    chosen = chosen[chosen["kind"].eq("observed") & chosen["moved_unit"].eq("pp")]
    rows = []
    for slug, measure in settings["measures"].items():
        items = list(measure.get("items") or ())
        own = told.get(f"change.{items[0]}.top2") if len(items) == 1 else None
        own = own or told.get(f"change.indicator.{slug}.difference")
        mine = chosen[chosen["indicator"].eq(slug)]
        if own is None or own.get("value") is None or own.get("unit") != "pp" or mine.empty:
            continue
        less = int((mine["moved"] < own["value"]).sum())
        rows.append(
            {name: own.get(name) for name in _OWN}
            | {
                "finding": f"x.among.{slug}",
                "kind": "comparison",
                "indicator": slug,
                "verdict": own.get("verdict"),
                "reason_zh": f"公布的{len(mine)}例中{less}例所称变化较小；公布的是说法，没有区间",
                "reason_en": f"{less} of {len(mine)} published cases claim less; they are claims "
                "without an interval",
            }
        )
    out = pd.DataFrame(rows)
    return out if out.empty else out.sort_values("value", ignore_index=True)


_OWN = "label_zh label_en value unit ci_low ci_high level n evidence_grade method wave".split()
