"""Tomorrow's list (明日清单) by team: whom to call, where to go again, which cells are short."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pandas as pd

from workbench.fieldwork.cases import CALL, FIRST, STATES, reason
from workbench.fieldwork.progress import cells, planned
from workbench.fieldwork.rows import Row, absent, nothing, row
from workbench.fieldwork.signs import compared

if TYPE_CHECKING:
    from workbench.fieldwork.reading import Field

__all__ = ["COLUMNS", "KINDS", "NOBODY", "listed", "off_list", "said_off", "tomorrow"]

COLUMNS = (
    "team kind order community name psu ssu case respondent interviewer attempts last "
    "short reason_zh reason_en"
).split()
LANGS = ("zh", "en")
KINDS = {
    "call_back": ("再次上门或致电", "Call again"),
    "verify": ("回访核实", "Call back to verify"),
    "revisit": ("再去的楼栋", "Buildings to go to again"),
    "short": ("欠缺的格", "Cells that are short"),
}
NOBODY = "*"  # who is told neither a team nor a unit above
_WHY = {
    "near_identical": ("与其他问卷近乎相同", "near-identical to others"),
    "straightlined": ("答案全同", "all answers equal"),
    "speeding": ("过快", "too fast"),
    "burst": ("集中提交", "burst"),
    "overlap": ("时间重叠", "overlaps"),
    "same_ip": ("同一地址", "one address"),
    "same_device": ("同一设备", "one device"),
    "same_text": ("文字相同", "same text"),
    "same_place": ("位置相同", "same position"),
    "far": ("位置偏远", "far away"),
    "attention": ("注意力题错", "attention failed"),
    "empty": ("多题空白", "many answers missing"),
}


def listed(f: Field, signs: pd.DataFrame) -> pd.DataFrame:
    """Make tomorrow's list; it names cases and questionnaires and stays with the team.

    Parameters
    ----------
    f
        The wave.
    signs
        As :func:`workbench.fieldwork.signs` gives them.

    Returns
    -------
    DataFrame
        ``team``, ``kind`` (call_back, verify, revisit, short), ``order`` (most urgent first),
        ``community``, ``name``, ``psu``, ``ssu``, ``case``, ``respondent``, ``interviewer``,
        ``attempts``, ``last`` (date), ``short`` (interviews missing), ``reason_zh``, ``reason_en``.
        Missing values are ``""``.

    Notes
    -----
    Called again: cases that can be called tomorrow (:func:`workbench.fieldwork.cases.standing`),
    appointments first, then those with fewest attempts; refusals never. Verified: interviews with
    two signs or more, near-identical ones, and those with a sign in which their interviewer stands
    out; the last first, then most signs first. Buildings: those with such cases or
    households not visited yet of which less than half are answered, the least first, and drawn ones
    of which nothing is known. Cells: strata behind the plan as far as they can still be filled, and
    margins under 80 % of what is due.
    """
    cases = f.cases
    parts = [_calls(cases), _verify(f, signs), _buildings(f, cases), _short(f, cases)]
    out = (
        pd.concat([p for p in parts if len(p)], ignore_index=True)
        if any(map(len, parts))
        else (pd.DataFrame(columns=COLUMNS))
    )
    out = out.reindex(columns=COLUMNS)
    out["team"] = _team(f, out)
    out["name"] = [f.name(str(c), "zh") for c in out["community"]]
    out["order"] = out.groupby(["team", "kind"]).cumcount() + 1
    kinds = list(KINDS)
    out = out.sort_values(
        ["team", "kind", "order"],
        kind="stable",
        key=lambda s: s.map(kinds.index) if s.name == "kind" else s,
    )
    return out.astype(object).where(out.notna(), "").reset_index(drop=True)


def _calls(cases: pd.DataFrame) -> pd.DataFrame:
    out = cases[cases["state"].eq(CALL)]
    if out.empty:
        return pd.DataFrame()
    out = out.assign(_met=out["booked"].isna())
    out = out.sort_values(["_met", "booked", "attempts", "community", "case"], kind="stable")
    why = out.to_dict("records")
    return out.assign(
        kind="call_back",
        attempts=out["attempts"].map(lambda n: f"{n:.0f}"),
        reason_zh=[reason(one, "zh") for one in why],
        reason_en=[reason(one, "en") for one in why],
    )


def _verify(f: Field, signs: pd.DataFrame) -> pd.DataFrame:
    frame = f.answers()
    if frame.empty or signs.empty:
        return pd.DataFrame()
    names = [n for n in _WHY if n in signs]
    many = signs[names].sum(axis=1)
    alike = (
        signs["near_identical"]
        if "near_identical" in signs
        else pd.Series(False, index=signs.index)
    )
    out_of = _out_of_line(f, signs, names)
    mine = signs["doubtful"] | alike | out_of
    if not mine.any():
        return pd.DataFrame()
    out = frame[mine].assign(_n=many[mine], _first=out_of[mine])
    out = out.sort_values(
        ["_first", "_n", "community", "respondent"],
        ascending=[False, False, True, True],
        kind="stable",
    )
    why = [[n for n in names if signs.at[i, n]] for i in out.index]
    stands = [
        ("（该访员突出）", " (interviewer stands out)") if k else ("", "") for k in out["_first"]
    ]
    when = out["finished"].dt.strftime("%Y-%m-%d").fillna("") if "finished" in out else ""
    return out.assign(
        kind="verify",
        last=when,
        reason_zh=[
            "、".join(_WHY[n][0] for n in w) + s[0] for w, s in zip(why, stands, strict=True)
        ],
        reason_en=[
            ", ".join(_WHY[n][1] for n in w) + s[1] for w, s in zip(why, stands, strict=True)
        ],
    )


def _out_of_line(f: Field, signs: pd.DataFrame, names: list[str]) -> pd.Series:
    """Tell the interviews with a sign that their interviewer has more often than the others."""
    out = pd.Series(False, index=signs.index)
    if not f.has("responses", "interviewer") or not names:
        return out
    told = compared(f, signs, "interviewer")
    told = told[told["flags"].eq("stands_out") & told["statistic"].isin(names)]
    who = f.answers()["interviewer"]
    for sign, name in zip(told["statistic"], told["group"], strict=True):
        out |= signs[sign] & who.eq(name)
    return out


def _buildings(f: Field, cases: pd.DataFrame) -> pd.DataFrame:
    """Give drawn buildings of which nothing is known, then those answered least."""
    frame = f.answers()
    known = set(zip(frame["community"], frame["psu"], strict=True)) if "psu" in frame else set()
    known |= set(zip(cases["community"], cases["psu"], strict=True))
    rows = []
    if f.has("drawn", "psu"):
        drawn = f.tables["drawn"]
        drawn = drawn[drawn["role"].eq("sample")] if "role" in drawn else drawn
        where = drawn[["community", "psu"]].drop_duplicates()
        for at in where.itertuples(index=False, name=None):
            if at not in known:
                told = ("抽中，还没有一份问卷", "drawn, and no interview yet")
                rows.append((*at, -1.0, *told))
    own = cases[cases["psu"].notna() & cases["state"].ne("reserve")]
    for at, states in own.groupby(["community", "psu"], sort=True)["state"]:
        n = states.value_counts()
        did, call, new = (int(n.get(state, 0)) for state in ("interviewed", CALL, FIRST))
        if not call + new or did >= len(states) / 2:
            continue
        zh, en = f"{len(states)}户中完成{did}户", f"{did} of {len(states)} done"
        for many, said_zh, said_en in (
            (call, "户明日可再访", "to call again"),
            (new, "户尚未上门", "not visited yet"),
        ):
            zh, en = (f"{zh}，{many}{said_zh}", f"{en}, {many} {said_en}") if many else (zh, en)
        rows.append((*at, did / len(states), zh, en))
    if not rows:
        return pd.DataFrame()
    out = pd.DataFrame(rows, columns=["community", "psu", "_share", "reason_zh", "reason_en"])
    return out.sort_values(["_share", "community", "psu"], kind="stable").assign(kind="revisit")


def _short(f: Field, cases: pd.DataFrame) -> pd.DataFrame:
    rows = []
    plan = planned(f)
    if len(plan) and plan["source"].iloc[0] != "cases":  # not every drawn case can be answered
        behind = plan[plan["done"] < plan["wanted"]]
        closed = _closed(f, cases) if plan["source"].iloc[0] == "drawn" else {}
        for one in behind.to_dict("records"):
            where = one["stratum"]
            off = closed.get((one["community"], where), 0)
            gone = one["wanted"] - one["done"] - off
            if gone <= 0:
                continue
            zh = f"应完成{one['wanted']:.0f}份，已有{one['done']:.0f}份"
            en = f"{one['done']:.0f} of {one['wanted']:.0f} done"
            if off:
                zh, en = f"{zh}，{off}户不再访", f"{en}, {off} closed without an interview"
            head = (f"{where}：", f"{where}: ") if where else ("", "")
            rows.append((one["community"], gone, head[0] + zh, head[1] + en))
    for one in cells(f).to_dict("records"):
        name, what = one["variable"], one["category"]
        values = f.book.get(name, {}).get("values") or {}
        label = values.get(str(what)) or {}
        zh, en = label.get("zh") or what, label.get("en") or what
        have, due = f"{one['have']:.0f}", f"{one['due']:.0f}"
        said = (
            f"{f.text(name, 'zh')}“{zh}”：{have}份，按人口应有{due}份",
            f"{f.text(name, 'en')} '{en}': {have}, {due} due by population",
        )
        rows.append((one["community"], float(one["short"]), *said))
    if not rows:
        return pd.DataFrame()
    out = pd.DataFrame(rows, columns=["community", "short", "reason_zh", "reason_en"])
    out = out.sort_values(["short", "community"], ascending=[False, True], kind="stable")
    return out.assign(kind="short", short=out["short"].map(lambda n: f"{n:.0f}"))


_CLOSED = ("refused", "unable", "ineligible", "replaced", "used_up", "other")


def _closed(f: Field, cases: pd.DataFrame) -> dict[tuple[str, str], int]:
    """Count the drawn households that are closed without an interview, by unit and stratum."""
    keys = ["community", "psu", "ssu"]
    off = cases[cases["state"].isin(_CLOSED) & cases["ssu"].notna()]
    drawn = f.tables["drawn"]
    roles = [name for name in ("role", "ssu_role") if name in drawn]
    first = drawn[(drawn[roles] == "sample").all(axis=1)] if roles else drawn
    both = first.merge(off[keys].drop_duplicates(), on=keys)
    stratum = both["stratum"].fillna("") if "stratum" in both else pd.Series("", index=both.index)
    return Counter(zip(both["community"], stratum, strict=True))


def off_list(f: Field) -> pd.DataFrame:
    """Count the cases on no list: ``team``, ``state`` (key of ``STATES``), ``n``."""
    cases = f.cases
    rest = cases[~cases["state"].isin([CALL, FIRST])].reset_index(drop=True)
    if rest.empty:
        return pd.DataFrame(columns=["team", "state", "n"])
    counts = rest.assign(team=_team(f, rest)).groupby(["team", "state"]).size()
    out = counts.rename("n").reset_index()
    order = out["state"].map(list(STATES).index)
    return out.assign(_o=order).sort_values(["team", "_o"]).drop(columns="_o")


def said_off(counts: pd.DataFrame, lang: str) -> str:
    """Say how many cases are on no list and why; ``counts`` as :func:`off_list`."""
    zh = lang == "zh"
    many = counts.groupby("state")["n"].sum()
    parts = [f"{STATES[s][0 if zh else 1]} {many[s]}" for s in STATES if s in many]
    return "；".join(parts) if zh else "; ".join(parts)


def _team(f: Field, rows: pd.DataFrame) -> list[str]:
    """Give the team of each row: its interviewer's; else the one that works most in the unit.

    Without teams the unit above is one, so that a list keeps to one part of the town.
    """
    units = f.tables.get("communities")
    above = {}
    if units is not None and "parent" in units:
        above = dict(zip(units["community"], units["parent"], strict=True))
    team: dict[str, str] = {}
    if f.has("assessors", "team"):
        people = f.tables["assessors"]
        team = {a: t for a, t in zip(people["assessor"], people["team"], strict=True) if t}
    seen: dict[tuple[str, str], int] = {}
    for table in ("dispositions", "responses"):
        if team and f.has(table, "interviewer"):
            frame = f.tables[table]
            for where, who in zip(frame["community"], frame["interviewer"], strict=True):
                if who in team:
                    seen[str(where), team[who]] = seen.get((str(where), team[who]), 0) + 1
    usual: dict[str, str] = {}
    for (where, name), _ in sorted(seen.items(), key=lambda kv: (-kv[1], kv[0])):
        usual.setdefault(where, name)
    told = []
    for who, where in zip(rows["interviewer"], rows["community"], strict=True):
        parent = above.get(where)
        other = str(parent) if isinstance(parent, str) else NOBODY
        told.append(team.get(who) or usual.get(str(where)) or other)
    return told


def _teams(f: Field) -> bool:
    """Say whether the team of any interviewer is told."""
    if not f.has("assessors", "team"):
        return False
    told = f.tables["assessors"]
    known = set(told.loc[told["team"].notna(), "assessor"])
    return any(
        f.has(t, "interviewer") and bool(f.tables[t]["interviewer"].isin(known).any())
        for t in ("dispositions", "responses")
    )


def tomorrow(f: Field, signs: pd.DataFrame) -> pd.DataFrame:
    """Count tomorrow's list by team; cases and questionnaires stand in the private list only."""
    label = ("明日清单", "Tomorrow's list")
    told = listed(f, signs)
    rest = off_list(f)
    off: list[Row] = []
    if len(rest):
        off.append(
            row(
                "tomorrow.off_list",
                "text",
                "不在清单上的个案",
                "Cases on no list",
                value=float(rest["n"].sum()),
                unit="count",
                reason_zh=said_off(rest, "zh"),
                reason_en=said_off(rest, "en"),
            )
        )
    if told.empty:
        none = nothing(
            "tomorrow",
            label,
            "没有要再访、核实或补足的",
            "nothing to call again, verify or make up for",
        )
        return pd.concat([none, pd.DataFrame(off)], ignore_index=True) if off else none
    rows = []
    for team, mine in told.groupby("team", sort=True):
        n = mine["kind"].value_counts()
        name = (
            ("全体", "everybody") if team == NOBODY else tuple(f.name(str(team), i) for i in LANGS)
        )
        rows.append(
            row(
                f"tomorrow.{team}",
                "text",
                f"{label[0]}：{name[0]}",
                f"{label[1]}: {name[1]}",
                value=float(len(mine)),
                unit="count",
                n=len(mine),
                reason_zh="；".join(f"{KINDS[k][0]}{n.get(k, 0)}" for k in KINDS),
                reason_en="; ".join(f"{KINDS[k][1].lower()} {n.get(k, 0)}" for k in KINDS),
            )
        )
    rows += off
    if not f.has("dispositions", "case"):
        rows.append(
            absent(
                "tomorrow.calls",
                ("再次上门或致电", "Call again"),
                "没有带个案编号的处置记录，列不出该再访谁",
                "no dispositions with cases: nobody to call again can be named",
            )
        )
    if not _teams(f):
        rows.append(
            absent(
                "tomorrow.teams",
                ("分组", "Teams"),
                "assessors 表没有访员的 team，清单按上级单位分页",
                "the table assessors tells no team of interviewers: a page for each unit above",
            )
        )
    if cells(f).empty and not f.has("margins"):
        rows.append(
            absent(
                "tomorrow.cells",
                ("欠缺的格", "Cells that are short"),
                "没有人口构成（margins），看不出哪些人群欠缺",
                "no margins: which groups are short cannot be told",
            )
        )
    return pd.DataFrame(rows)
