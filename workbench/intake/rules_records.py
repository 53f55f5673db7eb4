"""What must hold in votes, funds, pictures, documents, objections, call-backs and the frame."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from workbench.intake.frames import Problems
from workbench.intake.shelf import Frames
from workbench.study import nearest_remedy

if TYPE_CHECKING:
    from workbench.study import Study

__all__ = ["check"]

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def check(study: Study, frames: Frames, problems: Problems) -> None:
    """Enter every breach of a rule about these tables; see ``rules.check_all``."""
    if "votes" in frames:
        _votes(frames["votes"], problems)
    if "photos" in frames:
        _photos(frames, problems)
    if "objections" in frames:
        _objections(frames["objections"], problems)
        _deciders(frames, problems)
    if "backchecks" in frames:
        _backchecks(study, frames, problems)
    if "documents" in frames:
        _documents(study, frames["documents"], problems)


def _votes(frame: pd.DataFrame, problems: Problems) -> None:
    """Approvals within those cast, those within the eligible; a threshold is a share."""
    most = frame["cast"].fillna(frame["eligible"])
    over = frame[(frame["approve"] > most) | (frame["cast"] > frame["eligible"])]
    problems.cells(
        "votes.count",
        "同意数、参加数、应参加数应依次不减",
        "approve, cast and eligible must not fall in this order",
        "核对计票记录，改正 approve、cast 或 eligible",
        "look at the count and correct approve, cast or eligible",
        frame=over,
        column="approve",
        values=over["approve"],
        expected="approve ≤ cast ≤ eligible",
    )
    off = frame[frame["threshold"] > 1]
    problems.cells(
        "votes.threshold",
        "通过门槛须写成 0—1 的比例",
        "the threshold is a share of 0 to 1",
        "80% 写作 0.8",
        "write 0.8 for 80 %",
        frame=off,
        column="threshold",
        values=off["threshold"],
        expected="0 < threshold ≤ 1",
    )


def _photos(frames: Frames, problems: Problems) -> None:
    """Digests that are none, and pictures that other tables name and nobody registered."""
    photos = frames["photos"]
    given = photos["sha256"].dropna()
    bad = photos.loc[given[~given.str.match(_SHA256)].index]
    problems.cells(
        "photos.sha256",
        "sha256 不是 64 位十六进制摘要",
        "sha256 is not a digest of 64 hexadecimal digits",
        "重新计算照片文件的 SHA-256",
        "compute the SHA-256 of the picture's file again",
        frame=bad,
        column="sha256",
        values=bad["sha256"],
    )
    known = set(photos["photo"].dropna())
    for table, columns in {
        "inspections": ("photos",),
        "issues": ("photos_before", "photos_after"),
    }.items():
        for column in columns if table in frames else ():
            cells = frames[table][column].dropna().str.split(r"\s*[;；]\s*").explode()
            lost = cells[cells.ne("") & ~cells.isin(known)]
            problems.cells(
                "photos.unknown",
                "photos 表中没有这张照片",
                "the table photos has no such picture",
                "登记该照片，或改正编号",
                "register the picture, or correct its id",
                frame=frames[table].loc[lost.index.unique()],
                column=column,
                values=lost.groupby(level=0).first(),
                severity="warning",
            )


def _objections(frame: pd.DataFrame, problems: Problems) -> None:
    """See that a decision has its reason and its day, which is not before the receipt."""
    decided = frame["decision"].notna()
    bare = frame[decided & (frame["reason_zh"].isna() | frame["decided"].isna())]
    problems.cells(
        "objections.reason",
        "异议已有决定而缺少理由（reason_zh）或日期（decided）",
        "a decided objection has no reason (reason_zh) or no date (decided)",
        "补上理由和日期",
        "add the reason and the date",
        frame=bare,
        column="reason_zh",
        values=bare["objection"],
    )
    early = frame[frame["decided"].notna() & (frame["decided"] < frame["received"])]
    problems.cells(
        "objections.order",
        "decided 早于 received",
        "decided is before received",
        "改正日期",
        "correct the date",
        frame=early,
        column="decided",
        values=early["decided"],
    )


def _deciders(frames: Frames, problems: Problems) -> None:
    """See that who decides an objection did not score the unit."""
    frame = frames["objections"]
    sheets = frames.get("inspections")
    if sheets is None:
        return
    scored = set(zip(sheets["community"], sheets["assessor"], strict=True))
    pairs = zip(frame["community"], frame["decided_by"], strict=True)
    same = frame.loc[[pair in scored for pair in pairs]]  # a list without rows names no columns
    problems.cells(
        "objections.decided_by",
        "决定异议的人给该单位评过分",
        "who decided the objection scored this unit",
        "由未参与评分的人复核并决定",
        "have somebody who did not score look at it again and decide",
        frame=same,
        column="decided_by",
        values=same["decided_by"],
    )


def _backchecks(study: Study, frames: Frames, problems: Problems) -> None:
    """Call-backs about items and respondents that are not there."""
    frame = frames["backchecks"]
    known = [code for code, item in study.codebook.items() if item.role != "inspection"]
    wrong = frame[frame["item"].notna() & ~frame["item"].isin(known)]
    for code in wrong["item"].unique():
        rows = wrong[wrong["item"] == code]
        zh, en = nearest_remedy(str(code), known)
        problems.cells(
            "item.unknown",
            "码本没有这个题目",
            "the codebook has no such item",
            zh,
            en,
            frame=rows,
            column="item",
            values=rows["item"],
        )
    if "responses" not in frames:
        return
    people: set[str] = set()
    for block in frames.blocks("responses", ["respondent"]):
        people |= set(block["respondent"][block["respondent"].isin(list(frame["respondent"]))])
    lost = frame[frame["respondent"].notna() & ~frame["respondent"].isin(people)]
    problems.cells(
        "backchecks.respondent",
        "responses 表中没有这份答卷",
        "the table responses has no such questionnaire",
        "改正编号，或删去该行",
        "correct the id, or remove the row",
        frame=lost,
        column="respondent",
        values=lost["respondent"],
    )


def _documents(study: Study, frame: pd.DataFrame, problems: Problems) -> None:
    """See that a document about an indicator names one of the programme."""
    if study.protocol is None:  # a broken protocol is told of its own, with the rest of the study
        return
    known = list(study.protocol.indicators)
    wrong = frame[frame["indicator"].notna() & ~frame["indicator"].isin(known)]
    for slug in wrong["indicator"].unique():
        rows = wrong[wrong["indicator"] == slug]
        zh, en = nearest_remedy(str(slug), known)
        problems.cells(
            "documents.indicator",
            "方案没有这个指标",
            "the programme has no such indicator",
            zh,
            en,
            frame=rows,
            column="indicator",
            values=rows["indicator"],
        )
