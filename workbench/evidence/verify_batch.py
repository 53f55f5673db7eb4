"""Verify a batch: its list of units, every bag, ledger and overview."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.evidence import bag as bags
from workbench.evidence.answer import Item
from workbench.evidence.files import ASIDE, is_plain_file, read_json, sha256_file
from workbench.evidence.keys import ROLES
from workbench.evidence.result import Result, Verdict, result
from workbench.evidence.verify_bag import (
    NOT_READ,
    check_overview,
    check_unit,
    is_file,
    is_folder,
    unit_of,
)
from workbench.evidence.verify_beside import check_beside, check_kept, check_read
from workbench.evidence.verify_ledger import check_units, read_log, read_renewals
from workbench.evidence.verify_results import check_results

if TYPE_CHECKING:
    from workbench.evidence.trusted import Trust
    from workbench.evidence.verify_ledger import Log

__all__ = ["check_batch"]

_LARGEST_LIST = 8 << 30
_LONGEST_LINE = 1 << 20
_BAGGED = {"draft", "returned", "signing", "signed"}


def check_batch(out: Path, trusted: Trust) -> Iterator[Item]:
    """Verify the list of units, then every bag."""
    units, results = _units(out)
    study, more = _summary(out, units)
    results += more
    folder = out / "communities"
    results += [_link(name) for name in ("communities", "overview", "ledger") if _linked(out, name)]
    bags_found = {p.name for p in folder.iterdir()} if is_folder(folder) else set()
    leftovers = {m["name"] for name in bags_found if (m := ASIDE.match(name))}
    bags_found = {name for name in bags_found if not name.startswith(".")}
    expected = {name for name, row in units.items() if str(row.get("state")) in _BAGGED}
    for name in sorted(expected - bags_found):
        if name in leftovers:
            results.append(
                result(
                    "batch.interrupted",
                    Verdict.CANNOT_TELL,
                    f"communities/{name}",
                    "写入中断，尚未恢复",
                    "writing was interrupted and has not been cleared up",
                    "再次运行 workbench run 或 sign",
                    "run workbench run or sign once more",
                )
            )
            continue
        results.append(
            result(
                "batch.missing",
                Verdict.CHANGED,
                f"communities/{name}",
                "名单中有此单位，但证据包不在",
                "the unit is in communities.jsonl, but its bag is not there",
            )
        )
    for name in sorted(bags_found):
        if (folder / name).is_symlink() or not (folder / name).is_dir():
            results.append(_link(f"communities/{name}"))
    for name in sorted(bags_found - expected):
        results.append(
            result(
                "batch.extra",
                Verdict.CHANGED,
                f"communities/{name}",
                "名单中没有此单位",
                "communities.jsonl does not have it",
            )
        )
    failed = sorted(name for name, row in units.items() if row.get("state") == "failed")
    if failed:
        text = "、".join(failed[:10]) + ("…" if len(failed) > 10 else "")
        results.append(
            result(
                "batch.failed",
                Verdict.VALID,
                "communities.jsonl",
                f"{len(failed)} 个单位运行失败，没有报告：{text}",
                f"{len(failed)} units failed and have no report: {text}",
            )
        )
    results.append(
        result(
            "batch.units",
            Verdict.VALID,
            "communities.jsonl",
            f"{len(units)} 个单位，{len(expected & bags_found)} 个证据包",
            f"{len(units)} units, {len(expected & bags_found)} bags",
        )
    )
    plain = [n for n in sorted(bags_found) if is_folder(folder / n)]
    trusted = replace(trusted, renewals=tuple(read_renewals(out / "ledger")))
    about, single, log = _ledger(out, study, [folder / name for name in plain], trusted)
    results += about
    results += check_beside(out, log, trusted)
    closed = any(found.code == "ledger.closed" for found in about)
    results += _overview_gone(out, closed=closed)
    yield Item(path=".", kind="batch", results=tuple(results), signatures={})
    seals: set[str] = set()
    for name in plain:
        item = check_unit(folder / name, f"communities/{name}", trusted, study=study)
        more = _recorded(out, folder / name, units[name], item) if name in units else []
        item = replace(item, results=(*item.results, *more, *single.get(name, ())))
        seals |= {
            status.sha256
            for found in item.signatures.values()
            for status in found
            if status.role == ROLES[-1]
        }
        yield item
    told = [p for p in out.glob("overview*") if bags.OVERVIEW.match(p.name) and is_folder(p)]
    told.sort(key=lambda place: _edition(place.name))
    for place in told:
        late = closed and place == told[-1] and _whole(plain, units)
        entered = _edition(place.name) in _closed_with(log, study)
        item = check_overview(place, trusted, seals, late=late, entered=entered)
        if all(found.verdict is not Verdict.CHANGED for found in item.results):
            item = replace(item, results=(*item.results, *check_read(place, log, study)))
            # the first shows the first editions, the last the newest; those between, bygone ones
            editions = {name.partition("@")[0]: name for name in sorted(plain, key=_edition)}
            first = place.name == "overview"
            shown = {n: n for n in plain if "@" not in n} if first else editions
            if first or place == told[-1]:
                mine = {unit: folder / name for unit, name in shown.items()}
                lines = {unit: units.get(name, {}) for unit, name in shown.items()}
                more = check_results(place, mine, lines)
                item = replace(item, results=(*item.results, *more))
        yield item


def _closed_with(log: Log | None, study: str) -> set[Any]:
    """Give the editions of the overview with which the ledger says that the study was closed."""
    entries = log.entries if log is not None else ()
    found = (e for e in entries if e.get("type") == "close" and e.get("study") == study)
    return {entry.get("edition") or 1 for entry in found}


def _whole(names: Sequence[str], units: Mapping[str, Mapping[str, Any]]) -> bool:
    """Say whether every edition is signed: what waits for a signature is said by itself."""
    return all(units.get(name, {}).get("state") == "signed" for name in names)


def _edition(name: str) -> int:
    told = name.partition("@")[2]
    return int(told) if told.isdigit() else 1


def _overviews(out: Path) -> list[Path]:
    found = [p for p in out.glob("overview*") if bags.OVERVIEW.match(p.name)]
    return [p for p in found if is_folder(p) and is_folder(p / "attest")]


def _overview_gone(out: Path, *, closed: bool) -> Iterator[Result]:
    """Find that the overview is not there although the batch has come so far."""
    if is_folder(out / "overview") or _linked(out, "overview"):
        return
    try:
        told = read_json(out / "batch.json")
        made = bool(told["context_sha256"]) and int(told["states"]["waiting"]) == 0
    except (InputError, LookupError, TypeError, ValueError):
        made = False  # said already where it is read
    if closed or made:
        yield result(
            "overview.missing",
            Verdict.CHANGED if closed else Verdict.CANNOT_TELL,
            "overview",
            "总览缺失：汇总结论与全部结果表无法核对",
            "missing: neither the batch notebook nor the table of all results can be checked",
            "" if closed else "请提供完整的批次，或再次运行 workbench run",
            "" if closed else "bring the whole batch, or run workbench run once more",
        )


def _linked(out: Path, name: str) -> bool:
    return os.path.lexists(out / name) and not is_folder(out / name)


def _link(name: str) -> Result:
    return result(
        "batch.link",
        Verdict.CHANGED,
        name,
        "不是文件夹，而是链接或文件",
        "a link or a file, not a folder",
    )


def _ledger(
    out: Path, study: str, bags_found: Sequence[Path], trusted: Trust
) -> tuple[list[Result], dict[str, list[Result]], Log | None]:
    """Compare a batch with its ledger; what concerns a bag is given by the name of its folder."""
    units = {unit: bag for bag in bags_found if (unit := unit_of(bag))}
    entered = [bag for bag in bags_found if is_file(bag / "attest" / "entry.json")]
    if not is_folder(out / "ledger"):
        if not entered:
            return [], {}, None  # drafts, or a batch of before there was a ledger
        return (
            [
                result(
                    "ledger.absent",
                    Verdict.CANNOT_TELL,
                    "ledger",
                    "批次的账本不在，无法得知是否有报告被撤回、取代或删除",
                    "the batch's ledger is not here: whether a report was withdrawn, superseded or "
                    "deleted cannot be told",
                    "请提供批次的 ledger 文件夹",
                    "bring the batch's folder ledger",
                )
            ],
            {},
            None,
        )
    logs = list({x.text(): x for bag in entered[:50] for x in trusted.logs_of(bag)}.values())
    log, results = read_log(out / "ledger", logs or trusted.logs, trusted.heads)
    if log is None:
        return results, {}, None
    try:
        told = read_json(out / "batch.json")
        count, context = int(told["units"]), str(told["context_sha256"])
    except (InputError, LookupError, TypeError, ValueError):
        count, context = None, ""
    named = {unit[0] for unit in units}
    if not study and len(named) == 1:  # without batch.json, the bags say it
        (study,) = named
    more, single = check_units(log, study, units, count, context)
    results += [*more, *check_kept(out / "ledger", log, [*entered, *_overviews(out)], trusted)]
    by_name = {units[unit].name: found for unit, found in single.items() if unit in units}
    return results, by_name, log


def _units(out: Path) -> tuple[dict[str, dict[str, Any]], list[Result]]:
    """Read communities.jsonl: the last line of a unit and edition counts."""
    units: dict[str, dict[str, Any]] = {}
    try:
        path = out / "communities.jsonl"
        if not is_plain_file(path) or path.stat().st_size > _LARGEST_LIST:
            raise ValueError("not a regular file, or too large")
        for line in _lines(path):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue  # torn by a crash: the unit's earlier line counts
            if not isinstance(row, dict) or not isinstance(row.get("community"), str):
                continue
            edition = row.get("edition") or 1
            suffix = f"@{edition}" if edition != 1 else ""
            units[row["community"] + suffix] = row
    except (OSError, ValueError):
        return {}, [
            result(
                "batch.list",
                Verdict.CHANGED,
                "communities.jsonl",
                "单位名单缺失",
                "the list of units is missing",
            )
        ]
    return units, []


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while line := stream.readline(_LONGEST_LINE):
            if len(line) == _LONGEST_LINE:
                raise ValueError("a line without end")
            yield line


def _summary(out: Path, units: Mapping[str, Mapping[str, Any]]) -> tuple[str, list[Result]]:
    """Return the study's id; compare with the number of units in batch.json.

    A line can be taken out of a list unseen, a number cannot.
    """
    try:
        told = read_json(out / "batch.json")
        study = str(told["study"])
        expected = int(told["units"]) - int(told["states"]["waiting"])
        counts = [_count(told, "states", name) for name in ("signed", "failed")]
        counts.append(_count(told, "outcomes", "withheld"))
    except (InputError, LookupError, TypeError, ValueError):
        return "", [
            result(
                "batch.summary",
                Verdict.CANNOT_TELL,
                "batch.json",
                "缺失或无法读取，无法核对单位总数",
                "missing or unreadable: the number of units cannot be checked",
                "请提供完整的批次文件夹",
                "bring the whole folder of the batch",
            )
        ]
    rows = [row for name, row in units.items() if "@" not in name]
    first = len(rows)
    if first >= expected:
        listed = [sum(row.get("state") == name for row in rows) for name in ("signed", "failed")]
        alive = [row for row in rows if row.get("state") != "failed"]
        listed.append(sum(row.get("outcome") == "withheld" for row in alive))
        if all(n in (None, m) for n, m in zip(counts, listed, strict=True)):
            return study, []
        shown = "/".join("-" if n is None else str(n) for n in counts)
        return study, [
            result(
                "batch.counts",
                Verdict.CANNOT_TELL,
                "batch.json",
                f"签署、失败、暂缓数为 {shown}，名单为 {'/'.join(map(str, listed))}",
                f"counts {shown} signed, failed, withheld; the list {'/'.join(map(str, listed))}",
                "运行中断或被改动：再次运行 workbench run 或 sign，或请提供原来的批次",
                "an interrupted run, or changed: run workbench run or sign once more, or bring the "
                "batch as it was",
            )
        ]
    return study, [
        result(
            "batch.units-lost",
            Verdict.CHANGED,
            "communities.jsonl",
            f"batch.json 记有 {expected} 个单位，名单中只有 {first} 个",
            f"batch.json counts {expected} units, the list has {first}",
        )
    ]


def _count(told: Mapping[str, Any], group: str, name: str) -> int | None:
    return int(told[group][name]) if name in told.get(group, {}) else None


def _recorded(out: Path, bag: Path, row: Mapping[str, Any], item: Item) -> list[Result]:
    """Compare a bag with its line in communities.jsonl, and with batch.json."""
    if any(found.code in NOT_READ for found in item.results):
        return []
    results = list(_as_listed(out, bag, row))
    digests = row.get("digests")
    for name, expected in digests.items() if isinstance(digests, dict) else ():
        if not re.fullmatch(r"tagmanifest-sha256\.txt|data/[\w.-]+", str(name)):
            continue
        path = bag / str(name)
        found = sha256_file(path) if path.is_file() and is_plain_file(path) else "-"
        if found != expected:
            results.append(
                result(
                    "batch.digest",
                    Verdict.CHANGED,
                    str(name),
                    "与 communities.jsonl 中记录的摘要不符",
                    "not the digest recorded in communities.jsonl",
                )
            )
    counts = [len(found) for found in item.signatures.values()]
    if row.get("state") != "signed" and is_file(bag / "attest" / "entry.json"):
        results.append(
            result(
                "batch.late",
                Verdict.CANNOT_TELL,
                "communities.jsonl",
                f"报告已登记，名单却记为 {row.get('state')}",
                f"the report is entered in the ledger, the list says {row.get('state')}",
                "运行中断或被改动：再次运行 workbench run 或 sign",
                "an interrupted run, or changed: run workbench run or sign once more",
            )
        )
    if row.get("state") == "signed" and min(counts, default=0) < len(ROLES):
        results.append(
            result(
                "batch.state",
                Verdict.CHANGED,
                "data",
                f"记录为已签，但 3 个签名中只有 {min(counts, default=0)} 个",
                f"recorded as signed, but {min(counts, default=0)} of 3 signatures are there",
            )
        )
    return results


def _as_listed(out: Path, bag: Path, row: Mapping[str, Any]) -> Iterator[Result]:
    try:
        settings, told = read_json(bag / "data/inputs/study.json"), bags.bag_info(bag)
        batch = read_json(out / "batch.json")
        pairs = [
            ("batch.json", name, batch[name], settings[name])
            for name in ("issued", "seed")
            if name in batch and name in settings
        ]
        outcome = told.get("Workbench-Outcome")
        if outcome is not None and row.get("outcome") is not None:
            pairs.append(("communities.jsonl", "outcome", row["outcome"], outcome))
    except (InputError, OSError, ValueError, LookupError, TypeError):
        return  # said already where they are read
    for where, name, other, own in pairs:
        if other != own:
            yield result(
                "batch.differs",
                Verdict.CHANGED,
                where,
                f"{name} 为 {other}，证据包为 {own}",
                f"{name} is {other} there, {own} in the bag",
            )
