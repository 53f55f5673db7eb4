"""Draws of a study: the seed from its ``open`` entry, the pool from its tables, a ledger entry."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.batch.opening import Opened, enter_draw, log_of, opened
from workbench.errors import InputError, Problem
from workbench.evidence.files import canonical_json, sha256_bytes, write_atomic

if TYPE_CHECKING:
    import pandas as pd

    from workbench.study import Study

__all__ = ["PURPOSES", "Draw", "draw"]

PURPOSES = ("sample", "teams", "cross", "mystery", "spotcheck", "audit")
_TABLES = ("communities", "frame", "assessors")
# purpose -> parameter of the protocol that says what share is drawn
_SHARES = {"cross": "cross_share", "spotcheck": "spot_check_share", "audit": "audit_sample"}


@dataclass(frozen=True)
class Draw:
    """What was drawn, who was passed over, and where it is entered."""

    purpose: str
    round: int
    seed: int
    drawn: pd.DataFrame
    passed: pd.DataFrame
    number: int
    """Number of the ledger's entry."""
    again: bool
    """Whether it had been entered before."""
    file: Path


def draw(
    study: Study,
    out: Path,
    purpose: str,
    *,
    round_: int = 1,
    psus: int = 0,
    reserve: int = 0,
    households: int = 0,
    household_reserve: int = 0,
    method: str = "srs",
    visits: int = 1,
) -> Draw:
    """Draw, write ``DIR/draws/<purpose>-<round>.csv``, and enter its digest in the ledger.

    The same purpose and round give the same draw. Once it is entered, a pool that has changed since
    is refused: whoever draws again takes the next round, and the ledger shows both.

    Parameters
    ----------
    study, out
        The study, and the batch folder.
    purpose
        One of :data:`PURPOSES`.
    round_
        From 1.
    psus, reserve, method
        For ``sample``: primary units per community (and stratum) and reserves; ``srs`` or ``pps``.
    households, household_reserve
        For ``sample``: a second stage, households in each unit drawn and their reserves.
    visits
        For ``mystery``: visits per unit.

    Raises
    ------
    InputError
        ``open.missing``; a parameter that nobody gave; nobody who may go; a draw that is entered
        and would now come out otherwise.
    """
    entry = opened(study, out)
    tables = _tables(study)
    name = f"{purpose}/{round_}"
    seed = entry.seed(name)
    options: dict[str, Any] = {}
    if purpose == "sample":
        options = {"psus": psus, "reserve": reserve, "method": method}
        if households:
            options |= {"households": households, "household_reserve": household_reserve}
    elif purpose == "mystery":
        options = {"visits": visits}
    own = _own_teams(study, out, entry, tables) if purpose == "cross" else {}
    drawn, passed = _draw(study, tables, purpose, seed, options, own)
    text = drawn.to_csv(index=False, lineterminator="\n")
    told = {
        "purpose": purpose,
        "round": round_,
        "drawn": len(drawn),
        "passed": len(passed),
        "options": options,
        "drawn_sha256": sha256_bytes(text.encode()),
        "passed_sha256": sha256_bytes(passed.to_csv(index=False, lineterminator="\n").encode()),
        "pool_sha256": sha256_bytes(_pool(tables)),
    }
    entered = _entered(study, out, entry.number, purpose).items()
    before = next(((n, e) for n, e in entered if e["round"] == round_), None)
    if before is not None and any(before[1].get(key) != value for key, value in told.items()):
        raise InputError(
            Problem(
                code="draw.entered",
                zh=f"第 {round_} 轮已登记为账本第 {before[0]} 条，现在的名单或参数与当时不同",
                en=f"round {round_} is entry {before[0]} of the ledger; list or options have "
                "changed since",
                found=", ".join(k for k, v in told.items() if before[1].get(k) != v),
                remedy_zh="恢复当时的名单；如须重抽，用 --round 另开一轮（两轮都留在账本中）",
                remedy_en="restore the list; or draw a further --round (the ledger shows both)",
            )
        )
    folder = out / "draws"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{purpose}-{round_}.csv"
    number = enter_draw(study, out, told) if before is None else before[0]
    write_atomic(file, text.encode())
    return Draw(purpose, round_, seed, drawn, passed, number, before is not None, file)


def _tables(study: Study) -> dict[str, pd.DataFrame]:
    """Read what is known before field work."""
    from workbench.intake.building import collect

    known = {n: study.settings.sources[n] for n in _TABLES if n in study.settings.sources}
    early = replace(
        study,
        settings=study.settings.model_copy(update={"sources": known}),
        corrections=(),
        judgements=(),
    )
    tables, problems = collect(early)
    errors = [p for p in problems if p.severity == "error" and p.code != "community.alone"]
    if errors:
        raise InputError(*errors)
    frames = dict(tables.frames)
    units = frames["communities"]
    frames["communities"] = units[units["level"].eq(study.settings.unit)].reset_index(drop=True)
    return frames


def _pool(tables: dict[str, pd.DataFrame]) -> bytes:
    """Give the pool as bytes that do not depend on the order of rows."""
    told = {}
    for name in (n for n in _TABLES if n in tables):
        frame = tables[name]
        frame = frame[[c for c in frame if not str(c).startswith("_")]]
        text = frame.astype(object).astype(str).mask(frame.isna(), "").to_numpy(dtype=str)
        told[name] = sorted("\t".join(row) for row in text)
    return canonical_json(told)


def _entered(study: Study, out: Path, first: int, purpose: str) -> dict[int, dict[str, Any]]:
    """Give the draws of a purpose that were entered since the study was opened, by number."""
    ledger = log_of(study, out)
    found = {}
    for number in range(first + 1, ledger.head().size):
        told: dict[str, Any] = json.loads(ledger.entry(number))
        named = tuple(told.get(key) for key in ("type", "study", "open", "purpose"))
        if named == ("draw", study.id, first, purpose):
            found[number] = told
    return found


def _own_teams(
    study: Study, out: Path, entry: Opened, tables: dict[str, pd.DataFrame]
) -> dict[str, str]:
    """Give the team that was last drawn for each unit."""
    entered = _entered(study, out, entry.number, "teams")
    if not entered:
        return {}
    last = max(told["round"] for told in entered.values())
    drawn, _ = _draw(study, tables, "teams", entry.seed(f"teams/{last}"), {}, {})
    return dict(zip(drawn["community"], drawn["team"], strict=True))


def _draw(
    study: Study,
    tables: dict[str, pd.DataFrame],
    purpose: str,
    seed: int,
    options: dict[str, Any],
    own: dict[str, str],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    import numpy as np
    import pandas as pd

    from workbench import scoring, survey

    rng = np.random.default_rng(seed)
    units = tables["communities"]
    nobody = pd.DataFrame(columns=["assessor", "team", "community", "code", "reason_zh",
                                   "reason_en"])  # fmt: skip
    if purpose == "sample":
        frame = _needed(tables, "frame")
        if options["psus"] < 1:
            raise _missing("--psus", "每个单位抽取的初级单元数", "primary units per community")
        known = [c for c in ("community", "stratum") if c in frame and frame[c].notna().all()]
        return survey.draw_sample(
            frame[[c for c in frame if not str(c).startswith("_")]],
            within=known, seed=seed, **options,
        ), nobody  # fmt: skip
    if purpose == "spotcheck":
        picked = scoring.draw_units(list(units["community"]), rng=rng, share=_share(study, purpose))
        return pd.DataFrame({"order": range(1, len(picked) + 1), "community": picked}), nobody
    people = _needed(tables, "assessors")
    days = _days(study)
    if purpose == "mystery":
        return scoring.draw_visits(people, units, rng=rng, days=days, **options)
    if purpose == "audit":
        picked = scoring.draw_units(list(units["community"]), rng=rng, share=_share(study, purpose))
        told, passed = scoring.draw_visits(
            people, units, rng=rng, days=days, role=None, only=picked
        )
        return told.drop(columns="time"), passed
    parameters = study.protocol.parameters
    team = study.protocol.parameter("team") if "team" in parameters else scoring.TEAM
    least, most = (
        study.protocol.parameter("compounds_per_team")
        if "compounds_per_team" in parameters
        else (3, 5)
    )
    crossed: list[str] | None = None
    if purpose == "cross":
        share = _share(study, purpose)
        crossed = scoring.draw_units(list(units["community"]), rng=rng, share=share)
        least = 1
    return scoring.draw_teams(
        people, units, rng=rng, by=days[0], team=team, per_team=(int(least), int(most)),
        elsewhere=purpose == "cross", own=own, only=crossed,
    )  # fmt: skip


def _share(study: Study, purpose: str) -> float:
    name = _SHARES[purpose]
    value = study.protocol.parameter(name) if name in study.protocol.parameters else None
    if value is None:
        raise _missing(f"parameters.{name}", "抽取比例", "the share that is drawn")
    return float(value)


def _missing(key: str, zh: str, en: str) -> InputError:
    return InputError(
        Problem(
            code="draw.parameter",
            column=key,
            zh=f"未给出{zh}（来源未规定，没有默认值）",
            en=f"{en} is not given (not in the source, no default)",
            remedy_zh=f"写明 {key}",
            remedy_en=f"give {key}",
        )
    )


def _needed(tables: dict[str, pd.DataFrame], name: str) -> pd.DataFrame:
    if name not in tables or tables[name].empty:
        raise InputError(
            Problem(
                code="draw.table",
                zh=f"没有表 {name}，无从抽取",
                en=f"there is no table {name} to draw from",
                remedy_zh=f"在 study.yaml 的 sources 中加入 {name}",
                remedy_en=f"add {name} to the sources of study.yaml",
            )
        )
    return tables[name]


def _days(study: Study) -> list[dt.date]:
    fieldwork = study.current.fieldwork
    if not fieldwork:
        raise _missing("waves[].fieldwork", "外业日期", "the days of field work")
    first, last = fieldwork
    return [first + dt.timedelta(days=i) for i in range((last - first).days + 1)]
