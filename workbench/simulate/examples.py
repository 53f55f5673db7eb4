"""Small studies with known truth for the programmes beside the bundled one: three to four units.

``example("participation", folder)`` writes a whole study folder; the same seed gives the same
bytes. What a programme measures lies as data in ``simulate/examples/<programme>/``.
"""

from __future__ import annotations

import csv
import hashlib
import json
import struct
import zlib
from dataclasses import fields
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import InputError, Problem
from workbench.simulate import export, fieldwork, records
from workbench.simulate.files import write_csv
from workbench.simulate.world import WAVES, Compound, answers, population, stream, truth

__all__ = ["EXAMPLES", "SEEDS", "example"]

SEEDS = {"rectification": 20261301, "subdistrict": 20261302, "participation": 20261303}
EXAMPLES = tuple(SEEDS)
_WANTED = 70  # questionnaires looked for in a unit and wave
_AWARE = ("nm1", "wl1")  # yes or no
_MONTHS = [f"{y}-{m:02d}" for y in (2024, 2025, 2026) for m in range(1, 13)][10:34]
_PERIODS = {
    "month": _MONTHS,
    "quarter": [f"2025-Q{k}" for k in range(1, 5)] + [f"2026-Q{k}" for k in range(1, 4)],
    "half": ["2025-H1", "2025-H2", "2026-H1"],
    "year": ["2025", "2026"],
}
_NEEDS = {"meals": (0.10, 0.34), "childcare": (0.22, 0.06), "clinic": (0.20, 0.45),
          "legal": (0.09, 0.07)}  # fmt: skip
_FAULT = "2026-09"  # month of a broken device
_MATTERS = (
    ("小花园改造方案", "garden renewal plan"),
    ("停车规则", "parking rules"),
    ("加装电梯意向", "intention to add lifts"),
    ("公共收益使用", "use of common revenue"),
    ("活动室开放时间", "opening hours of the activity room"),
    ("楼道整治方案", "stairwell clean-up plan"),
)
_LINES = {
    "rectification": (
        ("道路与绿化整治", "environment", "hard", "local", 0.28),
        ("垃圾分类设施", "environment", "hard", "centre", 0.14),
        ("助餐点运营", "service", "soft", "local", 0.16),
        ("托育服务", "service", "soft", "centre", 0.13),
        ("议事协商", "governance", "soft", "subdistrict", 0.12),
        ("消防设施更新", "safety", "hard", "local", 0.11),
        ("邻里文化活动", "culture", "soft", "subdistrict", 0.06),
    ),
    "subdistrict": (
        ("综合服务中心改造", "service", "hard", "local", 0.46),
        ("社工服务购买", "service", "soft", "subdistrict", 0.30),
        ("智慧场景", "governance", "hard", "local", 0.24),
    ),
    "participation": (
        ("议事厅场地", "governance", "hard", "government", 0.20),
        ("小花园参与式改造", "environment", "hard", "government", 0.42),
        ("居民活动", "culture", "soft", "residents", 0.18),
        ("能力培训", "governance", "soft", "society", 0.20),
    ),
}


def example(programme: str, folder: Path, *, seed: int | None = None) -> dict[str, Any]:
    """Write an example study of a programme, and give what is true in it.

    Parameters
    ----------
    programme
        ``rectification``, ``subdistrict`` or ``participation``.
    folder
        Where to write; files of the same names are replaced.
    seed
        Any integer; without one, that of the bundled example.

    Returns
    -------
    dict
        As ``truth.json``: per unit ``adults``, ``households`` and the population values of each
        wave; per series the level that was planned for it.

    Raises
    ------
    InputError
        No example of this programme.
    """
    if programme not in SEEDS:
        raise InputError(
            Problem(
                code="simulate.no-example",
                zh=f"没有方案“{programme}”的示例",
                en=f'there is no example of the programme "{programme}"',
                expected=" | ".join(EXAMPLES),
            )
        )
    return _Example(programme, folder, SEEDS[programme] if seed is None else seed).write()


def _rows(programme: str, name: str) -> list[dict[str, str]]:
    text = _text(programme, name)
    return list(csv.DictReader(text.splitlines()))


def _text(programme: str, name: str) -> str:
    place = resources.files("workbench.simulate").joinpath("examples", programme, name)
    return place.read_text(encoding="utf-8")


class _Example:
    """One example while it is written."""

    def __init__(self, programme: str, folder: Path, seed: int) -> None:
        self.programme, self.folder, self.seed = programme, folder, seed
        self.data = folder / "data"
        self.units = _rows(programme, "units.csv")
        self.small = [row for row in self.units if row["level"] == "community"]
        self.assessed = "subdistrict" if programme == "subdistrict" else "community"
        self.tops = [row for row in self.units if row["level"] == self.assessed]
        self.known: dict[str, Any] = {}
        self.adults: dict[str, int] = {}
        self.homes: dict[str, int] = {}

    def rng(self, *purpose: str) -> np.random.Generator:
        return stream(self.seed, self.programme, *purpose)

    def write(self) -> dict[str, Any]:
        self.data.mkdir(parents=True, exist_ok=True)
        tables: dict[str, list[pd.DataFrame]] = {}
        for number, row in enumerate(self.small):
            for name, frame in self._unit(row, number).items():
                tables.setdefault(name, []).append(frame)
        whole = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
        for top in self.units:
            inside = [row["community"] for row in self.small if row["parent"] == top["community"]]
            if inside:
                self.adults[top["community"]] = sum(self.adults[unit] for unit in inside)
                self.homes[top["community"]] = sum(self.homes[unit] for unit in inside)
        whole["responses"] = export.numbered(whole["responses"])
        whole["communities"] = self._communities()
        whole["margins"] = self._margins(whole["margins"])
        whole["measurements"] = self._measurements()
        whole["assessors"] = records.assessors()
        whole["issues"] = self._issues(whole["inspections"])
        whole["photos"] = self._photos(whole["issues"])
        whole |= self._civic()
        for name, frame in whole.items():
            write_csv(self.data / f"{name}.csv", frame)
        self._settings(sorted(whole))
        if self.programme == "rectification":
            self._judged()
        result = {"seed": self.seed, "waves": list(WAVES), "communities": self.known}
        text = json.dumps(result, ensure_ascii=False, indent=1, sort_keys=True)
        (self.folder / "truth.json").write_bytes((text + "\n").encode())
        return result

    # people

    def _unit(self, row: dict[str, str], number: int) -> dict[str, pd.DataFrame]:
        """Everything about one small unit that people answer or walk through."""
        unit = Compound(
            id=row["community"],
            name=row["name"],
            name_en=row["name_en"],
            parent=row["parent"],
            kind=row["kind"],
            age_class=row["age_class"],
            case="ordinary",
            top2=(float(row["before"]), float(row["after"])),
            wanted=_WANTED,
        )
        people = population(unit, self.rng(unit.id, "population"))
        given = answers(unit, people, self.rng(unit.id, "answers"))
        drawn = fieldwork.sampled_buildings(people, self.rng(unit.id, "buildings"))
        live = people[people["adults"] > 0]
        self.adults[unit.id], self.homes[unit.id] = len(live), int(live["dwelling"].nunique())
        forms, outcomes = [], []
        for wave, said in zip(WAVES, given, strict=True):
            rng = self.rng(unit.id, "fieldwork", wave)
            form, outcome = fieldwork.visit(unit, wave, people, said, drawn, rng)
            forms.append(self._asked(form, float(row["quality"]), self.rng(unit.id, "more", wave)))
            outcomes.append(outcome)
        both = [pd.concat(each, ignore_index=True) for each in (forms, outcomes)]
        for frame in both:
            frame["stratum"] = unit.id + "-" + frame["stratum"]
        margins = [
            live.groupby(name).size().rename_axis("category").reset_index(name="count")
            .assign(variable=name, area=unit.id)
            for name in ("age_group", "sex", "tenure")
        ]  # fmt: skip
        self.known[unit.id] = {
            "adults": self.adults[unit.id],
            "households": self.homes[unit.id],
            "items": {w: truth(people, g) for w, g in zip(WAVES, given, strict=True)},
        }
        return {
            "responses": both[0],
            "dispositions": both[1],
            "margins": pd.concat(margins, ignore_index=True),
            "inspections": records.inspections(unit, number, self.rng(unit.id, "inspections")),
            "requests": self._requests(unit.id),
        }

    def _asked(self, form: pd.DataFrame, quality: float, rng: np.random.Generator) -> pd.DataFrame:
        """Add the programme's own items to the questionnaires."""
        n = len(form)
        content = form["q1"].where(form["q1"].between(1, 5), 3).to_numpy(dtype=float)
        old = form["age_group"].eq("60+").to_numpy()
        later = float(form["wave"].iloc[0] == WAVES[1])
        if self.programme == "subdistrict":
            wants = {}
            for service, (young, elderly) in _NEEDS.items():
                wants[service] = rng.random(n) < np.where(old, elderly, young)
            form["need"] = [
                "┋".join(s for s, hit in zip(wants, hits, strict=True) if hit)
                for hits in zip(*wants.values(), strict=True)
            ]
            return form
        if self.programme == "rectification":
            share = 0.55 + 0.2 * later + quality + 0.1 * old
            form["nm1"] = np.where(rng.random(n) < share, 1, 2)
            return form
        for code, shift in (("cv1", 0.3), ("bl1", 0.5), ("ft1", 0.1)):
            latent = 0.6 * content + 1.4 + shift + 2 * quality + 0.2 * later
            form[code] = np.clip(np.round(latent + rng.normal(0, 0.8, n)), 1, 5).astype(int)
        form["wl1"] = np.where(rng.random(n) < 0.3 + 0.1 * later + quality, 1, 2)
        return form

    def _requests(self, unit: str) -> pd.DataFrame:
        """Draw requests of twelve months; where suggestions matter, a third of complaints are."""
        row = next(r for r in self.small if r["community"] == unit)
        plain = Compound(
            id=unit, name=row["name"], name_en=row["name_en"], parent=row["parent"],
            kind=row["kind"], age_class=row["age_class"], case="ordinary", top2=(0.5, 0.5),
            wanted=_WANTED,
        )  # fmt: skip
        rng = self.rng(unit, "requests")
        frame = records.requests(plain, self.homes[unit], rng)
        if self.programme == "participation":
            turn = frame["kind"].eq("complaint") & (rng.random(len(frame)) < 0.35)
            turn &= frame["duplicate_of"].eq("") & ~frame["request"].isin(frame["duplicate_of"])
            frame.loc[turn, "kind"] = "suggestion"
            frame.loc[turn, "category"] = "设施"
            frame.loc[turn, "text"] = "建议增设休息座椅和遮阳棚"
            done = frame["closed"].ne("")
            frame.loc[turn & done, "adopted"] = np.where(
                rng.random(int((turn & done).sum())) < 0.45, "yes", "no"
            )
        return frame

    def _communities(self) -> pd.DataFrame:
        frame = pd.DataFrame(self.units).drop(columns=["before", "after", "quality"])
        frame["households"] = frame["community"].map(self.homes)
        frame["adults"] = frame["community"].map(self.adults)
        frame["residents"] = (frame["adults"] * 1.18).round().astype(int)
        return frame

    def _margins(self, margins: pd.DataFrame) -> pd.DataFrame:
        """Add the subdistricts' own margins: sums over their communities."""
        above = {row["community"]: row["parent"] for row in self.small}
        sums = margins.assign(area=margins["area"].map(above))
        sums = sums.groupby(["area", "variable", "category"])["count"].sum().reset_index()
        both = pd.concat([margins, sums], ignore_index=True).sort_values(
            ["area", "variable", "category"], kind="stable"
        )
        both = both.assign(population="adults", source="街道人口台账", as_of="2026-01")
        return both[["area", "variable", "category", "count", "population", "source", "as_of"]]

    # records

    def _measurements(self) -> pd.DataFrame:
        rows: list[dict[str, Any]] = []
        for told in _rows(self.programme, "series.csv"):
            for unit in (row for row in self.units if row["level"] == told["at"]):
                name, quality = unit["community"], float(unit["quality"] or 0)
                rng = self.rng(name, "series", told["indicator"])
                rows += _series(name, quality, told, rng)
        broken = (self.tops[-1]["community"], "waste_sorting_accuracy", _FAULT)
        for row in rows if self.programme == "rectification" else []:
            if (row["community"], row["indicator"], row["period"]) == broken:
                row["numerator"] //= 8
        return pd.DataFrame(rows)

    def _issues(self, marks: pd.DataFrame) -> pd.DataFrame:
        """Problems of this wave, and the recommendations of the last with what became of them."""
        priority = {"f03": "urgent_important", "l01": "urgent_important", "h01": "urgent",
                    "h03": "urgent_important"}  # fmt: skip
        now = records.issues(marks)
        then = records.issues(marks[marks["wave"] == WAVES[0]].assign(wave=WAVES[1]))
        then["issue"] = then["issue"].str.replace("-P", "-R")
        then["origin"] = "recommendation"
        then = then.groupby("community", group_keys=False).head(6).reset_index(drop=True)
        found = pd.to_datetime(then["found"])
        then["due"] = (found + pd.Timedelta(days=90)).dt.strftime("%Y-%m-%d")
        days = np.array([40, 75, 120, 0, 60, 0])[np.arange(len(then)) % 6]
        closed = (found + pd.to_timedelta(days, unit="D")).dt.strftime("%Y-%m-%d")
        then["closed"] = np.where(days > 0, closed, "")
        now = now.groupby("community", group_keys=False).head(8).reset_index(drop=True)
        both = pd.concat([then, now], ignore_index=True)
        spotted = both.index % 5 == 1
        both["origin"] = both["origin"].mask(spotted & both["issue"].str.contains("-P"), "monitor")
        if self.programme == "rectification":
            both["priority"] = both["item"].map(priority).fillna("important")
        both["photos_before"] = "F-" + both["issue"] + "-A"
        both["photos_after"] = ("F-" + both["issue"] + "-B").where(both["closed"].ne(""), "")
        both["responsible"] = np.where(both["item"].str.startswith("c"), "居委会", "物业企业")
        both["indicator"] = ""
        return both

    def _photos(self, issues: pd.DataFrame) -> pd.DataFrame:
        """Register pictures, and draw small ones; the last is the first once more (planted)."""
        folder = self.data / "photos"
        folder.mkdir(exist_ok=True)
        rows: list[dict[str, Any]] = []
        first = b""
        said = [
            (one, column, word)
            for one in issues.to_dict("records")
            for column, word in (("photos_before", "整改前"), ("photos_after", "整改后"))
            if one[column]
        ]
        for number, (one, column, word) in enumerate(said):
            name = f"{one[column]}.png"
            drawn = _picture(one["text_zh"], column, number)
            first = first or drawn
            data = first if number == len(said) - 1 else drawn
            (folder / name).write_bytes(data)
            day = one["found"] if column == "photos_before" else one["closed"]
            rows.append(
                {
                    "photo": one[column],
                    "community": one["community"],
                    "file": f"data/photos/{name}",
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "taken": f"{day} 10:00",
                    "caption_zh": f"{one['text_zh']}（{word}）",
                    "release": ("internal", "public", "report")[number % 3],
                    "redacted": "yes",
                }
            )
        return pd.DataFrame(rows)

    def _civic(self) -> dict[str, pd.DataFrame]:
        """Make facts, votes, funds, documents, supply and objections, as the programme has them."""
        made = {
            "funds": self._funds(),
            "documents": self._documents(),
            "objections": self._objections(),
        }
        if self.programme != "subdistrict":
            made["votes"] = self._votes()
        else:
            made["supply"] = self._supply()
        if self.programme != "participation":
            made["facts"] = self._facts()
        return made

    def _funds(self) -> pd.DataFrame:
        rows = []
        for unit in self.tops:
            name = unit["community"]
            rng = self.rng(name, "funds")
            yuan = {"rectification": 3.6e6, "subdistrict": 5.2e6, "participation": 3.2e5}
            total = yuan[self.programme] * (1 + 0.2 * float(rng.normal()))
            late = 0.42 if float(unit["quality"] or 0) < -0.1 else 0.78
            for line, field, nature, source, share in _LINES[self.programme]:
                planned = round(total * share, -3)
                spent = round(planned * min(1.06, late + 0.12 * float(rng.normal())), -2)
                rows.append((name, line, "2026", field, nature, source, planned, max(spent, 0.0)))
        columns = ["community", "line", "period", "field", "nature", "source", "planned", "spent"]
        return pd.DataFrame(rows, columns=columns)

    def _votes(self) -> pd.DataFrame:
        rows = []
        levels = "inform consult co_plan co_plan co_govern consult".split()
        for unit in self.small:
            name = unit["community"]
            rng = self.rng(name, "votes")
            many = 2 if self.programme == "rectification" else 6
            for k in range(many):
                matter = 5 if self.programme == "rectification" and k == 0 else k
                eligible = self.homes[name] if k % 2 else self.adults[name]
                cast = round(eligible * (0.58 + 0.12 * float(rng.random())))
                share = 0.86 + 0.5 * float(unit["quality"]) + 0.05 * float(rng.normal())
                approve = min(cast, max(0, round(cast * min(share, 0.98))))
                rows.append(
                    {
                        "vote": f"{name}-V{k + 1}",
                        "community": name,
                        "date": (date(2026, 5, 12) + timedelta(days=23 * k)).isoformat(),
                        "base": "households" if k % 2 else "adults",
                        "eligible": eligible,
                        "cast": cast,
                        "approve": approve,
                        "threshold": ("0.5", "0.3333", "")[k % 3],
                        "level": levels[k % len(levels)],
                        "effective": "yes" if approve > 0.5 * eligible else "no",
                        "subject_zh": _MATTERS[matter][0],
                        "subject_en": _MATTERS[matter][1],
                    }
                )
        return pd.DataFrame(rows)

    def _documents(self) -> pd.DataFrame:
        rows: list[dict[str, Any]] = []
        themes = {
            "rectification": ("方案审批节点", "项目启动节点", "中期评估节点"),
            "subdistrict": ("责任清单",),
            "participation": ("试点",),
        }[self.programme]
        claims = {
            "rectification": ("waste_sorting_accuracy", 90),
            "subdistrict": ("resident_satisfaction", 93),
            "participation": ("satisfaction_percent", 90),
        }[self.programme]
        for unit in self.tops:
            name = unit["community"]
            rng = self.rng(name, "documents")
            kept = themes if float(unit["quality"] or 0) > -0.1 else themes[:-1]
            for k, theme in enumerate(kept, 1):
                day = (date(2025, 12, 10) + timedelta(days=60 * k)).isoformat()
                rows.append(_document(f"{name}-D{k}", name, "plan", day, theme=theme))
            rows.append(
                _document(f"{name}-S1", name, "self_report", "2026-09-20", reported=claims[1])
                | {"indicator": claims[0], "text": f"自评{claims[1]}%"}
            )
            for k in range(6):
                true = 6 + int(rng.integers(0, 18))
                much = 1.5 if float(unit["quality"] or 0) < -0.1 else 1.0
                rows.append(
                    _document(f"{name}-A{k + 1}", name, "activity", f"2026-{5 + k:02d}-20")
                    | {"reported": round(true * much), "verified": true, "text": "活动签到与照片"}
                )
        return pd.DataFrame(rows)

    def _supply(self) -> pd.DataFrame:
        words = {"meals": "人/日", "childcare": "托位", "clinic": "人次/日", "legal": "人次/月"}
        rows = []
        for unit in self.small:
            rng = self.rng(unit["community"], "supply")
            for service, (young, elderly) in _NEEDS.items():
                need = self.adults[unit["community"]] * (0.7 * young + 0.3 * elderly)
                cover = {"meals": 0.7, "childcare": 0.45, "clinic": 1.1, "legal": 1.3}[service]
                cover += float(unit["quality"]) + 0.1 * float(rng.normal())
                rows.append(
                    (unit["community"], service, round(need * max(cover, 0.1)), words[service])
                )
        return pd.DataFrame(rows, columns=["community", "service", "capacity", "unit"])

    def _facts(self) -> pd.DataFrame:
        rows: list[tuple[str, str, Any, str, str]] = []
        for k, unit in enumerate(self.tops):
            name = unit["community"]
            if self.programme == "subdistrict":
                rows.append(
                    (name, "responsibility_list_done", "true", "2026-03-18", "街道办公会纪要")
                )
                continue
            for org, years, staff, marks in (
                ("乐龄服务社", 5, 8, (86, 82, 88, 85, 87)),
                ("邻里互助中心", 2 + k, 4 + k, (78, 74, 70, 66, 69)),
            ):
                told = {"years": years, "staff": staff} | dict(
                    zip(("q1", "q2", "q3", "q4", "annual"), marks, strict=True)
                )
                rows += [
                    (name, f"social_org.{org}.{what}", value, "2026-11-02", "社会组织考核表")
                    for what, value in told.items()
                ]
        return pd.DataFrame(rows, columns=["community", "fact", "value", "date", "evidence"])

    def _objections(self) -> pd.DataFrame:
        first, last = self.tops[0]["community"], self.tops[-1]["community"]
        common = {"stage": "factual_check", "state": "closed"}
        rows = [
            {
                "objection": f"{first}-O1",
                "community": first,
                "received": "2026-11-25",
                "about": "indicator.resident_satisfaction",
                "claim": "样本中本楼栋住户太少",
                "anonymous": "no",
                "decision": "rejected",
                "reason_zh": "抽样按楼栋随机抽取，权数已校正",
                "reason_en": "buildings were drawn at random and the weights adjust for it",
                "decided": "2026-12-02",
            },
            {
                "objection": f"{last}-O1",
                "community": last,
                "received": "2026-11-27",
                "about": "followup.current.1",
                "claim": "照片拍的是相邻小区",
                "anonymous": "yes",
                "decision": "in_part",
                "reason_zh": "照片已换；问题经复查属实",
                "reason_en": "the picture was replaced; a second visit found the problem there",
                "decided": "2026-12-04",
            },
        ]
        if self.programme == "rectification":  # a fault of the device, proved and put right
            rows[1] |= {
                "about": "indicator.waste_sorting_accuracy",
                "claim": "9月投放柜故障，附维修单",
                "anonymous": "no",
                "decision": "upheld",
                "reason_zh": "维修单与人工抽查相符，9月读数不计",
                "reason_en": "repair sheet and spot check agree: September does not count",
            }
        return pd.DataFrame([row | common for row in rows])

    def _judged(self) -> None:
        """Write the decision that an upheld objection led to."""
        from workbench.study.decisions import Judgement

        last = self.tops[-1]["community"]
        names = [f.name.rstrip("_") for f in fields(Judgement) if f.name != "row"]
        line = ("J-01", "device_window", last, "measurements:indicator=waste_sorting_accuracy",
                _FAULT, _FAULT, f"异议{last}-O1成立：当月读数不计",
                "投放柜故障，维修单与人工抽查相符", "the device was broken: repair and spot check",
                "A1", "2026-12-04", "周复核")  # fmt: skip
        write_csv(self.folder / "judgements.csv", pd.DataFrame([line], columns=names))

    # settings

    def _settings(self, tables: list[str]) -> None:
        import yaml

        scope = list(yaml.safe_load(_text(self.programme, "measures.yaml")))
        first = ["communities", "responses", "dispositions", "margins"]
        order = [*first, *(t for t in tables if t not in first)]
        filled = {
            "@scope@": "\n".join(f"  - {slug}" for slug in scope),
            "@sources@": "\n".join(f"  {t}: {{file: data/{t}.csv}}" for t in order),
            "@seed@": str(self.seed),
        }
        shared = resources.files("workbench.simulate").joinpath("template", "codebook.yaml")
        for name in ("study.yaml", "measures.yaml", "protocol.yaml", "codebook.yaml"):
            text = _text(self.programme, name)
            if name == "codebook.yaml":
                text = shared.read_text(encoding="utf-8") + text
            for mark, inside in filled.items():
                text = text.replace(mark, inside)
            (self.folder / name).write_bytes(text.encode())
        secret = hashlib.sha256(f"{self.seed}|secret of a public demonstration".encode())
        (self.folder / ".secret").write_bytes((secret.hexdigest() + "\n").encode())


def _document(name: str, unit: str, kind: str, day: str, **more: Any) -> dict[str, Any]:
    row = dict.fromkeys(
        ("document", "community", "kind", "date", "text", "reported", "verified", "theme",
         "indicator")
    )  # fmt: skip
    return row | {"document": name, "community": unit, "kind": kind, "date": day} | more


def _series(
    unit: str, quality: float, told: dict[str, str], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Values of one series: from the level before to the level after, with its swing."""
    periods = _PERIODS[told["cadence"]]
    before, after, swing = (float(told[n]) for n in ("before", "after", "swing"))
    better = 1.0 if after >= before else -1.0
    rows = []
    for k, period in enumerate(periods):
        level = before + (after - before) * k / max(len(periods) - 1, 1)
        level += quality * better * (1.0 if told["form"] == "ratio" else abs(after or 1.0))
        level += swing * float(rng.normal()) if told["form"] != "count" else 0.0
        row: dict[str, Any] = {
            "community": unit, "indicator": told["indicator"], "period": period, "value": "",
            "numerator": "", "denominator": "", "origin": told["origin"], "source": told["source"],
        }  # fmt: skip
        if told["form"] == "ratio":
            base = int(told["base"])
            row["denominator"] = base
            row["numerator"] = round(base * min(max(level, 0.0), 1.0))
        elif told["form"] == "count":
            row["value"] = int(rng.poisson(max(level, 0.02)))
        else:
            top = 1.0 if max(before, after) <= 1 else np.inf
            digits = int(told["digits"])
            value = round(min(max(level, 0.0), top), digits)
            row["value"] = int(value) if digits == 0 else value
        rows.append(row)
    return rows


_THINGS = (("灯",), ("楼道",), ("灭火器", "消防"), ("绿地", "裸土"))  # what words mean which scene
_WIDE, _TALL = 120, 90  # pixels of a drawn picture
_PALETTES = {  # wall, ground, thing, dark
    "photos_before": ((214, 206, 190), (150, 140, 124), (176, 84, 48), (62, 54, 50)),
    "photos_after": ((216, 228, 222), (150, 170, 150), (58, 130, 92), (52, 62, 60)),
}


def _scene(name: str, *, mended: bool) -> list[list[int]]:
    """Draw one of four things, at fault or mended, as rows of palette numbers; nobody is on it."""
    which = next((k for k, words in enumerate(_THINGS) if any(w in name for w in words)), 1)
    shift = int(hashlib.sha256(name.encode()).hexdigest()[:4], 16) % 40
    dots = [[0 if y < 62 else 1 for _ in range(_WIDE)] for y in range(_TALL)]

    def box(x0: int, y0: int, x1: int, y1: int, colour: int) -> None:
        for y in range(max(y0, 0), min(y1, _TALL)):
            dots[y][max(x0 + left, 0) : min(x1 + left, _WIDE)] = [colour] * max(
                min(x1 + left, _WIDE) - max(x0 + left, 0), 0
            )

    left = shift - 20
    if which == 0:  # a street lamp, dark or lit
        box(57, 16, 61, 74, 3)
        box(48, 12, 70, 20, 2 if mended else 3)
        if mended:
            box(50, 22, 68, 25, 2)
    elif which == 1:  # boxes piled up in a stairway, or none
        for x, y in () if mended else ((34, 50), (52, 52), (44, 34), (66, 56)):
            box(x, y, x + 20, y + 18, 2)
            box(x, y + 8, x + 20, y + 10, 3)
        box(24, 20, 28, 76, 3)
        box(24, 20, 96, 23, 3)
    elif which == 2:  # a fire extinguisher, missing from its hook or there
        box(40, 18, 82, 80, 3)
        box(43, 21, 79, 77, 0)
        if mended:
            box(54, 38, 68, 74, 2)
            box(58, 32, 64, 38, 3)
        else:
            box(59, 28, 63, 32, 3)
    else:  # bare ground, or plants
        for k in range(9):
            top = 56 if not mended else 44 + 3 * (k % 3)
            box(14 + 10 * k, top, 20 + 10 * k, 70, 2 if mended else 3)
    return dots


def _picture(name: str, column: str, salt: int) -> bytes:
    """Make a PNG with four colours, stored uncompressed: always the same bytes.

    ``salt`` shades one colour, so that no two pictures are alike but by intent.
    """
    palette = [list(colour) for colour in _PALETTES[column]]
    palette[0][2] = 160 + salt % 90
    palette[1][0] = 120 + salt // 90 % 60
    raw = b""
    for row in _scene(name, mended=column == "photos_after"):
        packed = (row[x] << 6 | row[x + 1] << 4 | row[x + 2] << 2 | row[x + 3]
                  for x in range(0, _WIDE, 4))  # fmt: skip
        raw += b"\0" + bytes(packed)
    stored = b"\x78\x01\x01" + struct.pack("<HH", len(raw), len(raw) ^ 0xFFFF) + raw
    stored += struct.pack(">I", zlib.adler32(raw))

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", _WIDE, _TALL, 2, 3, 0, 0, 0))
    colours = chunk(b"PLTE", bytes(part for colour in palette for part in colour))
    return b"\x89PNG\r\n\x1a\n" + head + colours + chunk(b"IDAT", stored) + chunk(b"IEND", b"")
