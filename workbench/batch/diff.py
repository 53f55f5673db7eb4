"""What moved between two batches: findings, verdicts, inputs; read from their bags alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.batch import state
from workbench.batch.slices import SETTINGS, counted
from workbench.errors import InputError, Problem
from workbench.evidence.bag import bag_name

__all__ = ["Diff", "diff"]

_COMPARED = (
    "value ci_low ci_high n numerator denominator target points p_value p_adjusted status verdict "
    "decision severity evidence_grade display_zh display_en"
).split()

Row = dict[str, Any]

_STATES = {
    "failed": "失败",
    "draft": "草稿",
    "returned": "退回",
    "signing": "签名中",
    "signed": "已签名",
    "assessed": "已评定",
    "withheld": "不予评定",
}


@dataclass
class Diff:
    """What differs.

    Attributes
    ----------
    moved
        Findings that both have and that say something else: ``community``, ``finding``, labels,
        ``before`` and ``after`` (only the columns that differ, and what is printed).
    verdicts
        Verdicts and decisions that flipped: ``community``, ``finding``, labels, ``column`` (verdict
        or decision), ``before``, ``after``.
    inputs
        Files that the notebook read: ``community``, ``file``, digests ``before`` and ``after``,
        ``None`` where there is none. Settings that differ in the digests of the study's raw files
        alone are the same: they hold other units' rows too.
    findings
        Findings that only one has: ``community``, ``finding``, ``only`` (before or after).
    units
        Units that only one has, or whose state or outcome differs.
    unknown
        Units whose bag cannot be read, and why.
    versions
        Code and packages that made the batches: ``name``, ``before``, ``after``, those that differ.
        What is compared is what they found: other versions alone are no difference.
    compared
        Number of units that were compared.
    """

    moved: list[Row] = field(default_factory=list)
    verdicts: list[Row] = field(default_factory=list)
    inputs: list[Row] = field(default_factory=list)
    findings: list[Row] = field(default_factory=list)
    units: list[Row] = field(default_factory=list)
    unknown: list[Row] = field(default_factory=list)
    versions: list[Row] = field(default_factory=list)
    compared: int = 0

    @property
    def exit_code(self) -> int:
        """1 where something differs, else 5 where a unit could not be read, else 0."""
        if self.moved or self.verdicts or self.inputs or self.findings or self.units:
            return 1
        return 5 if self.unknown else 0

    def as_dict(self) -> dict[str, Any]:
        """Give everything for programs."""
        return {**vars(self), "exit_code": self.exit_code}

    def text(self, lang: str) -> str:
        """Say it as a table, verdicts first."""
        zh = lang == "zh"
        lines = [
            f"比较了{self.compared}个单位" if zh else f"{self.compared} units compared",
        ]
        blocks = (
            ("判定或决定改变", "verdicts and decisions flipped", self.verdicts),
            ("结论改变", "findings moved", self.moved),
            ("只有一方有的结论", "findings of one batch only", self.findings),
            ("输入不同", "inputs differ", self.inputs),
            ("单位不同", "units differ", self.units),
            ("证据包缺失或受损，无法比较", "bag missing or damaged, not compared", self.unknown),
        )
        for said_zh, said_en, rows in blocks:
            if rows:
                lines.append(f"{said_zh if zh else said_en}: {len(rows)}")
                lines += ["  " + "  ".join(_cells(row, lang)) for row in rows]
        if len(lines) == 1:
            lines.append("没有差别" if zh else "no difference")
        if self.versions:
            lines.append(f"{'版本不同' if zh else 'versions differ'}: {len(self.versions)}")
            lines += [
                f"  {row['name']}  {_said(row['before'], lang)} → {_said(row['after'], lang)}"
                for row in self.versions
            ]
        return "\n".join(lines)


def _cells(row: Row, lang: str) -> Iterator[str]:
    yield str(row["community"])
    for name in ("finding", "file"):
        if row.get(name):
            yield str(row[name])
    if row.get(f"label_{lang}"):
        yield str(row[f"label_{lang}"])
    if "only" in row:
        side = ("前一批", "后一批") if lang == "zh" else ("before", "after")
        yield side[row["only"] != "before"]
    if row.get("column") == "decision":
        yield "决定" if lang == "zh" else "decision"
    if lang == "zh" and "before" in row and not {"file", "finding"} & row.keys():
        before, after = (_state(row[side]) for side in ("before", "after"))
        yield f"{before} → {after}"
    elif "before" in row:
        before, after = _said(row["before"], lang), _said(row["after"], lang)
        if before == after and isinstance(row["before"], dict):  # what is printed stayed
            for name, value in row["before"].items():
                if value != row["after"].get(name):
                    yield f"{name} {_said(value, lang)} → {_said(row['after'].get(name), lang)}"
        else:
            yield f"{before} → {after}"
    if row.get("reason"):
        yield str(row["reason"])


def _state(told: str | None) -> str:
    """Say a unit's state and outcome in Chinese; names of editions stay."""
    return "—" if told is None else "，".join(_STATES.get(word, word) for word in told.split(", "))


def _said(value: Any, lang: str) -> str:
    if isinstance(value, dict):
        told = value.get(f"display_{lang}")
        return str(told if told is not None else value)
    return "—" if value is None else str(value)[:12] if len(str(value)) == 64 else str(value)


def diff(before: Path, after: Path | None = None) -> Diff:
    """Compare two batch folders unit by unit; two bags; or the editions of one batch.

    Without ``after``, each report that was issued anew is held against the edition before it.

    Findings are matched by community and id, deductions by their indicator; where a finding was
    recorded (notebook, cell, digests of inputs) does not count. Only one unit is held in memory at
    a time, beside what differs.

    Raises
    ------
    InputError
        When one of them is no batch folder.
    """
    if after is not None and all((bag / "bagit.txt").is_file() for bag in (before, after)):
        found = Diff()
        _unit(found, after.resolve().name, before, after)
        return found
    folders = (before,) if after is None else (before, after)
    wrong = [folder for folder in folders if not (folder / "communities.jsonl").is_file()]
    if wrong:
        raise InputError(
            *(
                Problem(
                    code="diff.batch",
                    zh="不是批次的结果文件夹",
                    en="this is no batch folder",
                    file=folder.name,
                    expected="communities.jsonl",
                    remedy_zh="给出 run 的 --out 文件夹",
                    remedy_en="name the --out folder of a run",
                )
                for folder in wrong
            )
        )
    found = Diff()
    if after is None:
        _editions(found, before)
        return found
    found.versions = _versions(before, after)
    first, second = state.brief(before), state.brief(after)
    for unit in sorted(first.keys() | second.keys()):
        told = [rows.get(unit) for rows in (first, second)]
        said = [row and f"{row.state}, {row.outcome or '—'}" for row in told]
        if said[0] != said[1]:
            found.units.append({"community": unit, "before": said[0], "after": said[1]})
        bags = [folder / "communities" / unit for folder in (before, after)]
        if all(bag.is_dir() for bag in bags):
            _unit(found, unit, *bags)
    return found


def _versions(before: Path, after: Path) -> list[Row]:
    """Versions in ``batch.json`` that differ; a batch that was not run to its end has none."""
    told: list[Row] = []
    for out in (before, after):
        file = out / "batch.json"
        told.append(json.loads(file.read_bytes())["versions"] if file.is_file() else {})
    names = sorted({*told[0], *told[1]} if all(told) else ())
    rows = [{"name": n, "before": told[0].get(n), "after": told[1].get(n)} for n in names]
    return [row for row in rows if row["before"] != row["after"]]


def _editions(found: Diff, out: Path) -> None:
    """Compare every later edition with the one before it."""
    for name in sorted(n for n in state.brief(out) if "@" in n):
        unit, _, edition = name.partition("@")
        earlier = bag_name(unit, int(edition) - 1)
        bags = [out / "communities" / each for each in (earlier, name)]
        if all(bag.is_dir() for bag in bags):
            found.units.append({"community": unit, "before": earlier, "after": name})
            _unit(found, name, *bags)


def _unit(found: Diff, unit: str, before: Path, after: Path) -> None:
    try:
        rows = [_findings(bag) for bag in (before, after)]
        inputs = [_inputs(bag) for bag in (before, after)]
        if len({each.get(SETTINGS) for each in inputs}) == 2 and _same_settings(before, after):
            del inputs[0][SETTINGS], inputs[1][SETTINGS]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        found.unknown.append({"community": unit, "reason": reason})
        return
    found.compared += 1
    for name in sorted(inputs[0].keys() | inputs[1].keys()):
        digests = [each.get(name) for each in inputs]
        if digests[0] != digests[1]:
            row = {"community": unit, "file": name, "before": digests[0], "after": digests[1]}
            found.inputs.append(row)
    for name in dict.fromkeys([*rows[0], *rows[1]]):
        old, new = (each.get(name) for each in rows)
        if old is None or new is None:
            only = "after" if old is None else "before"
            found.findings.append({"community": unit, "finding": name, "only": only})
            continue
        columns = [c for c in _COMPARED if old.get(c) != new.get(c)]
        if not columns:
            continue
        labels = {key: new.get(key) for key in ("label_zh", "label_en")}
        row = {"community": unit, "finding": name, **labels}
        for column in ("verdict", "decision"):
            if column in columns:
                told = {"before": old.get(column), "after": new.get(column)}
                found.verdicts.append(row | {"column": column} | told)
        kept = [*columns, "display_zh", "display_en"]
        sides = {
            side: {c: one.get(c) for c in dict.fromkeys(kept)}
            for side, one in (("before", old), ("after", new))
        }
        found.moved.append(row | sides)


def _same_settings(before: Path, after: Path) -> bool:
    files = [bag / "data" / SETTINGS for bag in (before, after)]
    if not all(file.is_file() for file in files):
        return False
    return len({counted(file.read_bytes()) for file in files}) == 1


def _findings(bag: Path) -> dict[str, Row]:
    rows = json.loads((bag / "data" / "findings.json").read_bytes())
    found: dict[str, Row] = {}
    for row in rows:
        name = str(row["finding"])
        if name.startswith("deduction.") and row.get("indicator"):
            # its number is its place in the list, which another deduction may take
            name, k = f"deduction.{row['indicator']}", 2
            while name in found:
                name, k = f"deduction.{row['indicator']}.{k}", k + 1
        found[name] = row
    return found


def _inputs(bag: Path) -> dict[str, str]:
    """Digests of what the notebook read, and of the notebook's rules, from the bag's manifest."""
    found = {}
    for line in (bag / "manifest-sha256.txt").read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        if name.startswith(("data/inputs/", "data/protocol/")):
            found[name.removeprefix("data/")] = digest
    return found
