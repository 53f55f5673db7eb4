"""Before the contract: what a number of interviews can show, on one page.

Nothing of answers is read: settings, measures and protocol, the list of units and the frame.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.findings import number

if TYPE_CHECKING:
    import pandas as pd

    from workbench.study import Study

__all__ = ["Assumptions", "Plan", "plan", "plan_pdf", "supposed"]

INTERVIEWS = (30, 50, 100, 200)


@dataclasses.dataclass(frozen=True)
class Assumptions:
    """What has to be supposed before anybody was asked; every one is printed.

    ``psus`` buildings a unit, ``rho`` likeness of answers in a building, ``weights`` Kish's effect
    of unequal weights, ``share`` and ``spread`` mean and standard deviation of the units' true
    shares, ``correlation`` of the two waves' estimates (same buildings), ``power``.
    """

    psus: int = 10
    rho: float = 0.05
    weights: float = 1.3
    share: float = 0.75
    spread: float = 0.10
    correlation: float = 0.0
    power: float = 0.8


@dataclasses.dataclass(frozen=True)
class Plan:
    """The page: one row per number of interviews, the gates, the assumptions, the words."""

    table: pd.DataFrame
    gates: tuple[Mapping[str, Any], ...]
    units: int
    level: float
    assumed: Assumptions
    title: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Give the page as plain values."""
        rows = self.table.to_dict("records")
        return {
            "study": dict(self.title),
            "units": self.units,
            "level": self.level,
            "assumptions": dataclasses.asdict(self.assumed),
            "gates": [dict(gate) for gate in self.gates],
            "interviews": [{str(k): v for k, v in row.items()} for row in rows],
        }

    def rows(self, lang: str) -> tuple[list[str], list[list[str]]]:
        """Give head and cells of the table as they are printed."""
        zh = lang == "zh"
        head = (
            ["每个单位访问数", "相当于简单随机样本", "区间（±）", "两期之间能看出的最小变化"]
            if zh
            else [
                "Interviews a unit",
                "Worth, simple random",
                "Interval (±)",
                "Smallest visible change",
            ]
        )
        for gate in self.gates:
            name = f"{gate['name_' + lang]} ≥ {number(gate['target'], 'share', lang)}"
            head.append(("无法判断的单位：" if zh else "Undecided units: ") + name)
        cells = []
        for row in self.table.to_dict("records"):
            line = [
                f"{row['interviews']}",
                f"{row['n_effective']:.0f}",
                number(row["half_width"], "pp", lang).lstrip("+"),
                number(row["detectable_change"], "pp", lang).lstrip("+"),
            ]
            for i, _ in enumerate(self.gates):
                part = row[f"undecided_{i}"]
                n = f"{part * self.units:.0f}"
                told = f"（{n}/{self.units}）" if zh else f" ({n} of {self.units})"
                line.append(f"{part:.0%}" + told)
            cells.append(line)
        return head, cells

    def notes(self, lang: str) -> list[str]:
        """Say what was supposed, and what the columns mean."""
        a, zh = self.assumed, lang == "zh"
        level = f"{self.level:.0%}"
        deffs = "、".join(f"{d:.2f}" for d in self.table["deff"])
        if zh:
            out = [
                f"区间为{level}置信区间的半宽，按满意率{a.share:.0%}、每个单位{a.psus}栋楼计算；"
                f"同楼居民回答的相似程度 rho = {a.rho:g}，加权效应 {a.weights:g}，"
                f"合计设计效应依次为{deffs}。",
                f"最小变化：两期各访问这么多人、在{a.power:.0%}的情形下能够发现的真实变化；"
                + (
                    "两期视为相互独立（同一批楼栋会使它略小）。"
                    if a.correlation == 0
                    else f"两期估计的相关为{a.correlation:g}。"
                ),
            ]
            if self.gates:
                out.append(
                    f"无法判断：区间包含资格线，按各单位真实满意率平均{a.share:.0%}、标准差"
                    f"{a.spread * 100:g}个百分点估算；共{self.units}个单位。"
                )
            else:
                out.append("本方案没有由问卷决定的资格线。")
            out.append("以上均为假定，不是测量结果；有上一期数据时应以其设计效应与离散程度代入。")
            return out
        out = [
            f"Interval: half width at {level} for a share of {a.share:.0%} in {a.psus} buildings a "
            f"unit; answers of one building are alike by rho = {a.rho:g}, weights cost a factor of "
            f"{a.weights:g}; design effects together {deffs.replace('、', ', ')}.",
            "Smallest change: the true change that two waves of this size find in "
            f"{a.power:.0%} of cases; "
            + ("both waves count as independent (the same buildings make it a little smaller)."
               if a.correlation == 0 else f"their estimates correlate by {a.correlation:g}."),
        ]  # fmt: skip
        if self.gates:
            out.append(
                f"Undecided: the interval holds the gate, if the true shares of the {self.units} "
                f"units average {a.share:.0%} with a standard deviation of {a.spread * 100:g} "
                "points."
            )
        else:
            out.append("No gate of this programme is decided by the questionnaire.")
        out.append(
            "All of these are suppositions and no measurements; with an earlier wave, put in its "
            "design effect and spread."
        )
        return out

    def text(self, lang: str) -> str:
        """Give the page as text."""
        head, cells = self.rows(lang)
        zh = lang == "zh"
        lines = [
            f"抽样规划：{self.title['zh']}" if zh else f"Sampling plan: {self.title['en']}",
            "",
        ]
        for i, name in enumerate(head):
            lines.append(f"{name}:" if not zh else f"{name}：")
            lines.append(
                "    " + "   ".join(f"{row[0]} → {row[i]}" if i else row[0] for row in cells)
            )
        return "\n".join([*lines, "", *self.notes(lang)])


def plan(
    study: Study, interviews: Sequence[int] = INTERVIEWS, assumed: Assumptions | None = None
) -> Plan:
    """Work out what numbers of interviews can show in this study.

    Parameters
    ----------
    study
        Settings, measures and protocol; of the data only the units and the frame.
    interviews
        Numbers of interviews a unit, > 0.
    assumed
        The suppositions; by default ten buildings a unit (or as many as the frame has), rho 0.05,
        weights 1.3, true shares of 75 % with a standard deviation of 10 points.

    Raises
    ------
    InputError
        What is wrong with study, units, frame or numbers.
    """
    from workbench import survey
    from workbench.batch.opening import units_of
    from workbench.protocol.targets import gates

    units = units_of(study)
    known = assumed if assumed is not None else supposed(study)
    level = study.settings.decisions.level
    deff = survey.expected_deff(interviews, psus=known.psus, rho=known.rho, weights=known.weights)
    table = survey.precision(
        interviews,
        share=known.share,
        deff=deff,
        psus=known.psus,
        wave_correlation=known.correlation,
        level=level,
        power=known.power,
    ).assign(deff=deff)
    measures = study.measures.as_dict()
    told: list[dict[str, Any]] = []
    for gate in gates(study.protocol):
        measure = measures.get(str(gate["indicator"])) or {}
        share = measure.get("statistic") in {"top2", "share", "bottom2"}
        if measure.get("channel") != "survey" or not share or gate["op"] not in {">=", ">"}:
            continue
        target = float(gate["value"]) / float(measure.get("factor") or 1.0)
        if not 0 < target < 1:
            continue
        part = survey.undecided(
            interviews,
            target,
            share=known.share,
            spread=known.spread,
            deff=deff,
            psus=known.psus,
            level=level,
        )
        table[f"undecided_{len(told)}"] = part["undecided"].to_numpy()
        told.append({k: gate[k] for k in ("rule", "indicator", "name_zh", "name_en")}
                    | {"target": target})  # fmt: skip
    name = study.protocol.title
    title = {"zh": f"{study.id}（{name.zh}）", "en": f"{study.id} ({name.en})"}
    return Plan(table, tuple(told), len(units), level, known, title)


def supposed(study: Study) -> Assumptions:
    """Take the buildings a unit from the frame where there is one: ten, or all of fewer."""
    frame = read_frame(study)
    if frame is None:
        return Assumptions()
    sizes = frame.groupby("community")["psu"].nunique()
    return Assumptions(psus=max(2, min(10, int(sizes.median()))))


def read_frame(study: Study) -> pd.DataFrame | None:
    """Read the table ``frame`` of a study, known before field work; ``None`` without one.

    Raises
    ------
    InputError
        What is wrong with it.
    """
    from workbench.batch.opening import early_tables

    frame = early_tables(study).get("frame")
    return None if frame is None or frame.empty else frame


def plan_pdf(page: Plan, lang: str, *, study: Study) -> bytes:
    """Set the page as PDF; the same plan gives the same bytes."""
    from importlib import resources

    from workbench.report.typst_pdf import compile_pdf

    head, cells = page.rows(lang)
    zh = lang == "zh"
    issued = study.settings.issued
    document = {
        "lang": lang,
        "title": f"抽样规划：{page.title['zh']}" if zh else f"Sampling plan: {page.title['en']}",
        "author": study.settings.parties.assessor.model_dump()[lang],
        "issued": {"year": issued.year, "month": issued.month, "day": issued.day},
        "lead": "每个单位访问多少人，能说到多准？" if zh else "How many interviews, how sure?",
        "head": head,
        "rows": cells,
        "notes": page.notes(lang),
        "front": [""],
    }
    source = resources.files("workbench.report").joinpath("templates/plan.typ").read_bytes()
    return compile_pdf(document, {}, {}, issued=issued, source=source).data
