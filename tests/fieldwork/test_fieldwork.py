"""While the survey is in the field: planted trouble is shown, absent inputs are said, ids stay inside."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pypdf
import pytest

from workbench import fieldwork
from workbench.fieldwork import kept, suites
from workbench.fieldwork.cases import standing
from workbench.fieldwork.paper import tasks_pdf
from workbench.fieldwork.progress import cells, planned
from workbench.fieldwork.reading import Field

ITEMS = [f"q{i}" for i in range(1, 10)]
SCALE = {str(v): {"zh": str(v), "en": str(v)} for v in range(1, 6)}


def _item(role: str = "satisfaction", **more: Any) -> dict[str, Any]:
    return {
        "wording": {"zh": "问题", "en": "question"}, "kind": "scale", "values": SCALE,
        "top": [4, 5], "missing": {}, "role": role, "class": "internal",
    } | more  # fmt: skip


BOOK = {name: _item() for name in ITEMS} | {
    "why": _item("other", kind="single", values={"1": {"zh": "近", "en": "near"},
                                                 "9": {"zh": "其他", "en": "Other"}}),
    "age": _item("demographic", kind="single", values={"1": {"zh": "青年", "en": "young"},
                                                       "2": {"zh": "老年", "en": "old"}}),
    "words": _item("text", kind="text", values={}),
}  # fmt: skip
SETTINGS: dict[str, Any] = {
    "study": "s", "wave": "w", "fieldwork": ["2026-10-08", "2026-11-05"], "unit": "community",
    "waves": [{"id": "w", "month": "2026-10"}], "timezone": "Asia/Shanghai", "seed": 1,
    "issued": "2026-12-01", "languages": ["zh", "en"], "sample": {"default": "probability"},
    "rake": ["age"], "population": "adults", "decisions": {"min_cell": 10, "level": 0.95},
    "codebook": BOOK, "bound": ["q1"], "measured": {}, "files": [], "answer_files": [],
    "problems": [], "target": 0, "reads": 1,
}  # fmt: skip


def _answers(seed: int = 1, n: int = 400) -> pd.DataFrame:
    """Honest interviews of eight interviewers in four units."""
    rng = np.random.default_rng(seed)
    mood = rng.normal(0, 0.9, n)[:, None]
    x = np.clip(np.round(3.6 + mood + rng.normal(0, 0.9, (n, 9))), 1, 5)
    frame = pd.DataFrame(x, columns=ITEMS)
    who = np.arange(n) % 8
    turn = np.arange(n) // 8  # one interviewer's interviews follow one another by 40 minutes
    start = (pd.Timestamp("2026-10-08 09:00", tz="Asia/Shanghai")
             + pd.to_timedelta(turn // 12, unit="D") + pd.to_timedelta(turn % 12 * 40, unit="min")
             + pd.to_timedelta(who, unit="min"))  # fmt: skip
    took = pd.to_timedelta(rng.uniform(9, 18, n), unit="min")
    return frame.assign(
        respondent=[f"R{i:04d}" for i in range(n)], community=[f"U{i % 4}" for i in range(n)],
        case=[f"K{i:04d}" for i in range(n)], interviewer=[f"I{k}" for k in who],
        started=start, finished=start + took, psu=[f"U{i % 4}-{i // 4 % 5}" for i in range(n)],
        stratum=None, mode="household", base_weight=1.0, complete=1.0, flags=None,
        age=np.where(rng.random(n) < 0.5, 1.0, 2.0), why=np.where(rng.random(n) < 0.9, 1.0, 9.0),
        words__text=np.nan, address=np.nan, device=np.nan, metres=np.nan, position=None,
    )  # fmt: skip


def _cases(answers: pd.DataFrame) -> pd.DataFrame:
    done = answers[["community", "case", "psu", "interviewer"]].assign(disposition="1.1")
    more = done.iloc[:200].assign(case=[f"N{i:04d}" for i in range(200)])
    more["disposition"] = np.resize(["2.20", "2.10", "3.10", "2.20"], 200)
    out = pd.concat([done, more], ignore_index=True)
    return out.assign(attempts=np.resize([1.0, 2.0, 5.0], len(out)), date="2026-10-20", mode=None,
                      stratum=None, n=1.0)  # fmt: skip


def _field(answers: pd.DataFrame, **tables: pd.DataFrame) -> Field:
    units = pd.DataFrame({"community": [f"U{i}" for i in range(4)], "name": [f"小区{i}" for i in
                          range(4)], "level": "community", "parent": None})  # fmt: skip
    return Field(SETTINGS, {"responses": answers, "communities": units} | tables)


def _told(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {row["finding"]: row for row in frame.to_dict("records")}


def _everything(f: Field) -> dict[str, dict[str, Any]]:
    """What all cells of the notebook record."""
    found = fieldwork.signs(f)
    alone = ("arrived", "changes", "progress", "strata", "response", "durations", "missing",
             "others", "constraints", "entropy", "concentrated", "positions", "backchecks",
             "records")  # fmt: skip
    told: dict[str, dict[str, Any]] = {}
    for name in alone:
        told |= _told(getattr(fieldwork, name)(f))
    for name in ("flags", "stands_out", "interviewers", "without", "tomorrow"):
        told |= _told(getattr(fieldwork, name)(f, found))
    return told


@pytest.fixture(scope="module")
def honest() -> Field:
    answers = _answers()
    return _field(answers, dispositions=_cases(answers))


def test_honest_field_work_lets_nobody_stand_out(honest: Field) -> None:
    told = _everything(honest)
    assert told["field.stands_out"]["verdict"] == "passed"
    assert told["field.flag.near_identical"]["value"] == 0
    assert told["field.flag.overlap"]["value"] == 0
    assert told["field.flag.burst"]["value"] == 0
    assert told["field.flag.doubtful"]["value"] < 0.02
    assert told["field.constraint.days"]["value"] == 0


def test_a_fabricator_stands_out_and_is_put_on_the_list_and_nothing_is_deleted() -> None:
    answers = _answers(2)
    at = np.flatnonzero(answers["interviewer"].eq("I3"))[10:45]
    x = answers[ITEMS].to_numpy(copy=True)
    x[at] = x[at[np.arange(len(at)) % 3]]
    night = pd.Timestamp("2026-10-20 23:10", tz="Asia/Shanghai") + pd.to_timedelta(
        np.arange(len(at)) * 70, unit="s"
    )
    answers[ITEMS] = x
    answers.loc[at, "started"], answers.loc[at, "finished"] = night, night + pd.Timedelta("50s")
    f = _field(answers)
    told = _everything(f)
    for sign in ("near_identical", "burst", "speeding", "doubtful"):
        assert told[f"field.stands_out.{sign}.I3"]["verdict"] == "failed"
        assert told[f"field.stands_out.{sign}.I3"]["base"] < 0.02
    assert not [k for k in told if k.startswith("field.stands_out") and not k.endswith("I3")]
    assert told["field.constraint.night"]["value"] == len(at)
    assert told["field.interviewer.I3"]["label_en"] == "Interviewer I3"
    todo = fieldwork.listed(f, fieldwork.signs(f))
    named = set(todo.loc[todo["kind"].eq("verify"), "respondent"])
    assert set(answers.loc[at, "respondent"]) <= named
    assert len(f.answers()) == 400
    both = told["field.estimate.q1"], told["field.estimate.q1.without"]
    assert both[0]["n"] == 400
    assert both[1]["n"] == 400 - int(fieldwork.signs(f)["doubtful"].sum())


def test_a_tablet_of_one_interviewer_alone_is_no_concentration() -> None:
    """That its interviews bear no mark is a rule of intake: tests/intake/test_intake_build.py."""
    answers = _answers(3)
    tools = answers["interviewer"].str[1:].astype(float)
    answers = answers.assign(address=tools, device=tools, flags=None)
    assert not fieldwork.signs(_field(answers))["same_device"].any()
    told = _everything(_field(answers))
    assert told["field.concentration.device"]["verdict"] == "passed"
    assert "one interviewer's alone" in told["field.concentration.address"]["reason_en"]
    lent = answers["interviewer"].eq("I1") & (answers.index < 40)
    marked = answers.assign(flags=answers["flags"].mask(lent, "same_device;same_ip"))
    assert fieldwork.signs(_field(marked))["same_device"].equals(lent)


def test_estimates_without_the_doubtful_say_so_where_nobody_is_left() -> None:
    answers = _answers(3)
    found = fieldwork.signs(_field(answers)).assign(doubtful=True)
    told = _told(fieldwork.without(_field(answers), found))["field.estimate.q1.without"]
    assert told["n"] == 0
    assert "nan" not in told["reason_en"]
    assert told["reason_zh"]


def test_who_stands_out_in_one_sign_alone_is_on_the_list_and_first() -> None:
    answers = _answers(4)
    at = answers.index[answers["interviewer"].eq("I5")][:20]
    answers.loc[at, "finished"] = answers.loc[at, "started"] + pd.Timedelta("70s")
    f = _field(answers)
    todo = fieldwork.listed(f, fieldwork.signs(f))
    first = todo[todo["kind"].eq("verify") & todo["reason_en"].str.contains("stands out")]
    assert set(first["respondent"]) == set(answers.loc[at, "respondent"])
    assert first.groupby("team")["order"].min().eq(1).all()
    assert first["reason_zh"].str.contains("该访员突出").all()


def test_an_item_that_a_mode_does_not_ask_is_no_missing_answer_of_it() -> None:
    answers = _answers(5).assign(mode="household", why__missing=None)
    online = answers.index % 2 == 0
    answers.loc[online, "mode"] = "mini_program"
    answers.loc[online, "why"] = np.nan
    row = _told(fieldwork.missing(_field(answers)))["field.missing.why"]
    assert (row["n"], row["value"], row["verdict"]) == (200, 0.0, "passed")
    assert row["reason_en"] == "not in the 200 of mini-program"
    none = _told(fieldwork.missing(_field(answers.assign(why=np.nan))))["field.missing.why"]
    assert none["reason_en"] == "no file brings this item"
    assert none["remedy_en"].startswith("map its column")
    times = _told(fieldwork.durations(_field(answers)))
    assert "under half" not in times["field.duration"]["reason_en"]
    assert "under half" in times["field.duration.household"]["reason_en"]


def test_straight_lines_are_those_of_one_distinct_answer() -> None:
    rng = np.random.default_rng(3)
    answers = _answers(3)
    x = np.where(rng.random((400, 9)) < 0.5, 4.0, answers[ITEMS])
    x[:60] = 5.0
    x[rng.random((400, 9)) < 0.3] = np.nan
    x[-5:] = np.nan
    answers[ITEMS] = x
    frame = answers[ITEMS]
    naive = frame.nunique(axis=1).eq(1) & frame.notna().sum(axis=1).ge(5)
    told = fieldwork.signs(_field(answers))["straightlined"]
    assert told.tolist() == naive.tolist()
    assert 20 < told.sum() < 120


def test_every_flag_has_a_base_rate_and_says_what_to_do_next(honest: Field) -> None:
    told = fieldwork.flags(honest, fieldwork.signs(honest))
    seen = told[told["status"].ne("not_computed") & told["finding"].ne("field.flag.doubtful")]
    assert seen[["base_zh", "base_en"]].notna().all(axis=None)
    hit = told[told["verdict"].eq("failed")]
    assert hit[["remedy_zh", "remedy_en"]].notna().all(axis=None)


@pytest.mark.parametrize("gone", [["interviewer"], ["started", "finished"], ["psu", "case"], ITEMS])
def test_a_column_that_is_not_there_is_said_and_the_rest_is_told(gone: list[str]) -> None:
    f = _field(_answers().assign(**dict.fromkeys(gone)))
    f = dataclasses.replace(f, tables=f.tables)
    if "started" in gone:
        f = _field(_answers().drop(columns=gone))
    told = _everything(f)
    said = [row for row in told.values() if row.get("status") == "not_computed"]
    assert all(row["reason_zh"] and row["reason_en"] for row in said)
    absent = {"interviewer": "field.interviewers", "started": "field.duration",
              "psu": "field.response", "q1": "field.without"}[gone[0]]  # fmt: skip
    assert told[absent]["status"] == "not_computed"
    assert told["field.arrived"]["value"] == 400


@pytest.mark.parametrize("n", [0, 1, 2])
def test_an_empty_or_begun_wave_runs(n: int) -> None:
    told = _everything(_field(_answers(n=400).iloc[:n]))
    assert told["field.arrived"]["value"] == n
    nothing = _everything(Field(SETTINGS, {}))
    assert nothing["field.tomorrow"]["reason_en"].startswith("nothing to call")


def test_progress_is_against_target_draw_or_cases_and_too_many_fill_no_gap() -> None:
    answers = _answers()
    plain = _field(answers)
    assert planned(plain).empty
    told = _field(answers.iloc[:200])
    told = dataclasses.replace(told, settings=SETTINGS | {"target": 60})
    assert planned(told)["done"].tolist() == [50.0] * 4
    skew = answers.assign(community=np.where(np.arange(400) < 300, "U0", "U1"))
    over = dataclasses.replace(_field(skew), settings=SETTINGS | {"target": 100})
    assert fieldwork.progress(over)["value"].iloc[0] == pytest.approx(200 / 400)
    drawn = pd.DataFrame({"community": "U0", "stratum": "", "psu": ["a", "a", "b"], "role": "sample",
                          "ssu": ["1", "2", "3"], "ssu_role": ["sample", "reserve", "sample"]})  # fmt: skip
    assert planned(_field(answers.iloc[:2], drawn=drawn))["wanted"].tolist() == [2.0]
    assert planned(_field(answers, dispositions=_cases(answers)))["wanted"].sum() == 600


def test_answers_of_those_who_chose_to_take_part_fill_no_place_of_the_drawn_sample() -> None:
    answers = _answers().iloc[:40]
    answers = answers.assign(mode=np.where(np.arange(40) < 12, "household", "mini_program"))
    drawn = pd.DataFrame({"community": "U0", "stratum": "", "psu": "a", "role": "sample",
                          "ssu": [str(i) for i in range(20)]})  # fmt: skip
    f = _field(answers, drawn=drawn)
    kinds = {"default": "probability", "mini_program": "opt_in"}
    f = dataclasses.replace(f, settings=SETTINGS | {"sample": kinds})
    told = planned(f).iloc[0]
    assert (told["source"], told["wanted"], told["done"]) == ("drawn", 20.0, 3.0)


def test_buildings_of_one_name_in_two_units_are_two_buildings() -> None:
    answers = _answers().assign(psu="1")
    answers = answers[answers["community"].eq("U0")]
    drawn = pd.DataFrame({"community": ["U0", "U1"], "psu": ["1", "1"], "role": "sample",
                          "stratum": "", "ssu": ["1", "1"]})  # fmt: skip
    f = _field(answers, drawn=drawn)
    todo = fieldwork.listed(f, fieldwork.signs(f))
    revisit = todo[todo["kind"].eq("revisit")]
    assert revisit[["community", "psu"]].values.tolist() == [["U1", "1"]]


def test_a_cell_is_short_below_four_fifths_of_what_the_population_gives_it() -> None:
    answers = _answers().assign(age=1.0)
    answers.loc[answers.index[:20], "age"] = 2.0
    margins = pd.DataFrame({"area": "U0", "variable": "age", "category": ["1", "2"],
                            "count": [50.0, 50.0], "population": "adults"})  # fmt: skip
    row = cells(_field(answers, margins=margins)).iloc[0]
    assert (row["category"], row["have"], row["due"], row["short"]) == ("2", 5.0, 50.0, 45)


def test_the_list_calls_open_cases_again_never_refusals_and_by_team(honest: Field) -> None:
    people = pd.DataFrame({"assessor": [f"I{k}" for k in range(8)],
                           "team": ["T1"] * 4 + ["T2"] * 4, "role": "interviewer"})  # fmt: skip
    f = dataclasses.replace(honest, tables={**honest.tables, "assessors": people})
    todo = fieldwork.listed(f, fieldwork.signs(f))
    assert todo["community"].ne("").all()
    verify = todo[todo["kind"].eq("verify")]
    assert len(verify) == int(fieldwork.signs(f)["doubtful"].sum())
    calls = todo[todo["kind"].eq("call_back")]
    assert len(calls) > 50
    assert not calls["reason_en"].str.startswith("2.1").any()
    assert calls["attempts"].astype(float).max() < 5  # as many as a study without recontact: allows
    assert set(calls["team"]) == {"T1", "T2"}
    assert calls["team"].eq(calls["interviewer"].map(dict(zip(people["assessor"], people["team"],
                                                              strict=True)))).all()  # fmt: skip
    counts = fieldwork.tomorrow(f, fieldwork.signs(f))
    assert (
        not counts.astype(str).apply(lambda s: s.str.contains(r"N0\d\d\d|R0\d\d\d")).any(axis=None)
    )


# the last questionnaires came on Tuesday 20 October: tomorrow is a Wednesday
TUESDAY = pd.Timestamp("2026-10-20 17:00", tz="Asia/Shanghai")


def _sampled(codes: dict[str, str], **more: Any) -> pd.DataFrame:
    """Give one case for each code, by a name that says what is expected of it."""
    frame = pd.DataFrame({"case": list(codes), "disposition": list(codes.values())})
    return frame.assign(community="U0", psu="b", attempts=1.0, **more)


def _calls_of(f: Field) -> dict[str, str]:
    todo = fieldwork.listed(f, fieldwork.signs(f))
    calls = todo[todo["kind"].eq("call_back")]
    return dict(zip(calls["case"], calls["reason_en"], strict=True))


def _states(f: Field) -> dict[str, str]:
    frame = standing(f)
    return dict(zip(frame["case"], frame["state"], strict=True))


def test_a_case_that_is_closed_is_on_no_list_and_counted_with_its_reason() -> None:
    answers = _answers().iloc[:8].assign(finished=TUESDAY, case=None)
    answers.loc[answers.index[0], "case"] = "done"
    cases = _sampled({"open": "2.20", "refused": "2.11", "dead": "2.31", "moved": "4.70",
                      "used": "2.20", "done": "2.20", "odd": "2.90", "swapped": "3.10",
                      "instead": "1.1", "part": "1.2"})  # fmt: skip
    cases = cases.assign(attempts=np.where(cases["case"].eq("used"), 3.0, 1.0),
                         substitute_for=np.where(cases["case"].eq("instead"), "swapped", None))  # fmt: skip
    f = _field(answers, dispositions=cases)
    f = dataclasses.replace(f, settings=SETTINGS | {"attempts": 3})
    assert set(_calls_of(f)) == {"open", "part"}
    assert _states(f) == {
        "open": "call", "part": "call", "refused": "refused", "dead": "unable", "used": "used_up",
        "moved": "ineligible", "done": "interviewed", "odd": "other", "swapped": "replaced",
        "instead": "interviewed",
    }  # fmt: skip
    said = _told(fieldwork.tomorrow(f, fieldwork.signs(f)))["field.tomorrow.off_list"]
    assert said["value"] == 8
    assert said["reason_en"].startswith("interviewed 2; refused, not called again 1; died")
    assert "访问次数已满 1" in said["reason_zh"]


def _contact(case: str, at: str, outcome: str = "2.20", **more: Any) -> dict[str, Any]:
    when = {k: pd.Timestamp(v, tz="Asia/Shanghai") for k, v in {"at": at, **more}.items()}
    return {"case": case, "outcome": outcome, **when}


def test_the_contact_log_tells_appointments_times_tried_and_the_last_outcome() -> None:
    answers = _answers().iloc[:8].assign(finished=TUESDAY, case=None)
    cases = _sampled(
        dict.fromkeys(["tomorrow", "later", "missed", "by_day", "both", "last", "since"], "2.20"),
        date="2026-10-16",
    )
    log = pd.DataFrame([
        _contact("tomorrow", "2026-10-20 10:00", appointment="2026-10-21 19:30"),
        _contact("later", "2026-10-20 10:00", appointment="2026-10-24 10:00"),
        _contact("missed", "2026-10-16 10:00", appointment="2026-10-17 10:00"),
        _contact("by_day", "2026-10-16 10:00"), _contact("by_day", "2026-10-19 11:00"),
        _contact("both", "2026-10-15 10:00"), _contact("both", "2026-10-16 19:00"),
        _contact("last", "2026-10-15 10:00"), _contact("last", "2026-10-16 19:00"),
        _contact("last", "2026-10-19 19:00"), _contact("last", "2026-10-20 19:00"),
        _contact("since", "2026-10-19 10:00", "2.11"),
    ])  # fmt: skip
    f = _field(answers, dispositions=cases, contacts=log)
    calls = _calls_of(f)
    assert list(calls) == ["missed", "tomorrow", "both", "by_day"]  # appointments first
    assert calls["tomorrow"] == "2.20 not met; appointment 2026-10-21 19:30"
    assert calls["by_day"] == "2.20 not met; this time a weekday evening (from 18:00)"
    assert calls["both"] == "2.20 not met"  # a Wednesday offers no time that was not tried
    states = _states(f)
    assert states["later"] == "appointment"
    assert states["since"] == "refused"  # the log is later than the disposition
    # two weekday evenings and a day in vain: the fifth attempt waits for the weekend
    assert states["last"] == "kept"
    over = SETTINGS | {"fieldwork": ["2026-10-08", "2026-10-22"]}
    assert _states(dataclasses.replace(f, settings=over))["last"] == "call"  # none comes


def test_an_appointment_counts_beyond_the_last_attempt() -> None:
    cases = _sampled({"a": "2.20"}).assign(attempts=9.0)
    log = pd.DataFrame([_contact("a", "2026-10-20 10:00", appointment="2026-10-21 09:00")])
    f = _field(_answers().iloc[:8].assign(finished=TUESDAY), dispositions=cases, contacts=log)
    assert list(_calls_of(f)) == ["a"]
    assert _states(dataclasses.replace(f, tables={**f.tables, "contacts": log.iloc[:0]})) == {
        "a": "used_up"
    }


def test_a_drawn_household_that_is_closed_or_not_released_is_not_due() -> None:
    answers = _answers().iloc[:8].assign(finished=TUESDAY, community="U1")
    drawn = pd.DataFrame({
        "community": "U0", "stratum": "", "psu": ["x"] * 4 + ["y"] * 2 + ["z"], "role": "sample",
        "ssu": ["1", "2", "3", "4", "1", "2", "1"],
        "ssu_role": ["sample", "sample", "sample", "reserve", "sample", "sample", "sample"],
    })  # fmt: skip
    cases = pd.DataFrame({
        "case": list("abcd"), "community": "U0", "psu": ["x", "x", "y", "y"], "attempts": 1.0,
        "ssu": ["1", "2", "1", "2"], "disposition": ["2.11", "2.20", "2.11", "4.10"],
    })  # fmt: skip
    f = _field(answers, drawn=drawn, dispositions=cases)
    todo = fieldwork.listed(f, fieldwork.signs(f))
    revisit = todo[todo["kind"].eq("revisit")].set_index("psu")["reason_en"].to_dict()
    assert revisit == {
        "x": "0 of 3 done, 1 to call again, 1 not visited yet",  # the reserve is none of them
        "z": "0 of 1 done, 1 not visited yet",
    }  # y is closed: refused and not eligible
    (short,) = todo[todo["kind"].eq("short")].to_dict("records")
    assert (short["short"], short["reason_en"]) == (
        "3",
        "0 of 6 done, 3 closed without an interview",
    )
    said = _told(fieldwork.tomorrow(f, fieldwork.signs(f)))["field.tomorrow.off_list"]
    assert "reserve, not released 1" in said["reason_en"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_each_team_has_one_page_however_long_its_names(honest: Field, lang: str) -> None:
    units = pd.DataFrame({"community": [f"U{i}" for i in range(4)], "level": "community",
                          "name": [f"一个名字特别特别长的居民小区第{i}期" for i in range(4)],
                          "parent": ["P", "P", "Q", "Q"],
                          "name_en": [f"A Compound With a Very Long Name, Phase {i}" for i in
                                      range(4)]})  # fmt: skip
    f = dataclasses.replace(honest, tables={**honest.tables, "communities": units})
    todo = fieldwork.listed(f, fieldwork.signs(f))
    assert set(todo["team"]) == {"P", "Q"}
    pdf = tasks_pdf(f, todo, lang)
    assert len(pypdf.PdfReader(io.BytesIO(pdf)).pages) == 2
    assert pdf == tasks_pdf(f, todo, lang)


def test_backchecks_name_the_interviewer_whose_answers_do_not_hold() -> None:
    answers = _answers()
    again = answers.melt(id_vars=["respondent", "interviewer"], value_vars=["q1", "q2"],
                         var_name="item", value_name="answer")  # fmt: skip
    wrong = again["interviewer"].eq("I5") & (again.index % 2 == 1)
    again["answer"] = again["answer"].mask(wrong, 6 - again["answer"]).astype(str)
    told = _told(fieldwork.backchecks(_field(answers, backchecks=again)))
    bad = [k for k, v in told.items() if v["verdict"] == "failed" and ".interviewer." in k]
    assert bad == ["field.backcheck.interviewer.I5"]


def test_positions_without_a_system_are_not_used_and_far_ones_are_named() -> None:
    answers = _answers().assign(position="no_system")
    told = _told(fieldwork.positions(_field(answers)))
    assert told["field.position.system"]["verdict"] == "failed"
    far = _answers().assign(position="used", metres=10.0)
    far.loc[far.index[:4], "metres"] = 900.0
    told = _told(fieldwork.positions(_field(far)))
    assert told["field.position.far"]["numerator"] == 4


def test_modes_and_reasons_are_said_in_the_readers_language() -> None:
    answers = _answers().assign(mode=np.where(np.arange(400) < 100, "telephone", "household"))
    answers.loc[answers.index[:80], "q1"] = np.nan
    answers["q1__missing"] = np.where(np.arange(400) < 80, "not_applicable", None)
    took = _told(fieldwork.durations(_field(answers)))["field.duration.telephone"]
    assert (took["label_zh"], took["label_en"]) == (
        "访问用时，电话（中位数）",
        "Time taken, telephone (median)",
    )
    gone = _told(fieldwork.missing(_field(answers)))["field.missing.q1"]
    assert (gone["reason_zh"], gone["reason_en"]) == ("不适用 80", "not applicable 80")


def test_other_answers_are_counted_and_called_to_be_coded() -> None:
    answers = _answers()
    answers["why"] = np.where(np.arange(400) < 100, 9.0, 1.0)
    told = _told(fieldwork.others(_field(answers)))["field.other.why.9"]
    assert (told["value"], told["verdict"]) == (0.25, "failed")


def test_own_expectations_are_held_against_the_tables_as_far_as_they_are_there(
    honest: Field,
) -> None:
    def one(name: str, kind: str, **kwargs: Any) -> dict[str, Any]:
        meta = {"id": f"responses.{name}", "reach": "row", "zh": "说明", "en": "reason"}
        return {"type": kind, "kwargs": kwargs, "severity": "critical", "meta": meta}

    pair = "expect_column_pair_values_a_to_be_greater_than_b"
    asked = [
        one("range", "expect_column_values_to_be_between", column="q1", min_value=2, max_value=5),
        one("order", pair, column_A="finished", column_B="started"),
        one("mean", "expect_column_mean_to_be_between", column="q1", min_value=4.9, max_value=5),
        one("gone", "expect_column_values_to_not_be_null", column="floor"),
    ]
    mine = {"meta": {"table": "responses"}, "expectations": asked}
    votes = {"meta": {"table": "votes"}, "expectations": [asked[3]]}
    f = dataclasses.replace(honest, suites=[mine])
    told = _told(fieldwork.own(f))
    low = int(f.answers()["q1"].eq(1).sum())
    assert told["field.own.responses.range"]["numerator"] == low > 0
    assert told["field.own.responses.range"]["remedy_zh"]
    assert told["field.own.responses.order"]["verdict"] == "passed"
    mean = told["field.own.responses.mean"]
    assert (mean["verdict"], mean["value"]) == ("failed", pytest.approx(f.answers()["q1"].mean()))
    assert told["field.own.responses.gone"]["status"] == "not_computed"
    assert told["field.own.responses.gone"]["reason_en"] == (
        "the table responses has no such columns yet: floor"
    )
    listed = suites.broken(f)
    assert len(listed) == low
    assert set(listed["row"]) <= {f"w {r}" for r in f.answers()["respondent"]} | set(
        f.answers()["respondent"]
    )
    none = _told(fieldwork.own(dataclasses.replace(honest, suites=[votes])))
    assert none["field.own.responses.gone"]["status"] == "not_computed"
    assert none["field.own.responses.gone"]["reason_en"] == "the table votes has no rows yet"
    assert fieldwork.own(honest).empty


def test_a_column_that_only_the_batch_makes_is_named_as_such(honest: Field) -> None:
    """Beside one that field work is not given, and one that nobody brings."""
    meta = {"reach": "row", "zh": "说明", "en": "reason"}
    asked = [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": column},
         "severity": "warning", "meta": meta | {"id": f"responses.{column.lower()}"}}
        for column in ("straight_current", "words__topic", "panel_id", "floor")
    ]  # fmt: skip
    pair = {"column_A": "speeding_current", "column_B": "floor"}
    asked.append({"type": "expect_column_pair_values_to_be_equal", "kwargs": pair,
                  "severity": "warning", "meta": meta | {"id": "responses.pair"}})  # fmt: skip
    mine = {"meta": {"table": "responses"}, "expectations": asked}
    told = _told(fieldwork.own(dataclasses.replace(honest, suites=[mine])))
    said = {k.removeprefix("field.own.responses."): v["reason_en"] for k, v in told.items()}
    made = "made only in the batch, by the checks of each unit's notebook: "
    assert said["straight_current"] == made + "straight_current"
    for column in ("words__topic", "panel_id"):
        assert said[column] == f"not in the notebook of field work, checked in the batch: {column}"
    assert said["floor"] == "the table responses has no such columns yet: floor"
    assert said["pair"] == (
        f"{made}speeding_current; the table responses has no such columns yet: floor"
    )
    assert told["field.own.responses.pair"]["reason_zh"] == (
        "只在正式批次中由检查计算，外业期间没有：speeding_current；表 responses 还没有这些列：floor"
    )


def test_sign_ins_of_each_unit_are_among_the_records() -> None:
    at = pd.Timestamp("2026-10-01 14:05:09", tz="Asia/Shanghai")
    rows = pd.DataFrame({"activity": "A-1", "community": "U1", "at": at}, index=range(30))
    fair = rows.assign(community="U2", activity="A-2",
                       at=at + pd.to_timedelta(np.arange(30) * 37, unit="s"))  # fmt: skip
    told = _told(fieldwork.records(_field(_answers(), sign_ins=pd.concat([rows, fair]))))
    assert [k for k, v in told.items() if v["verdict"] == "failed"] == [
        "field.records.sign_in.activities.U1"
    ]
    assert "(A-1)" in told["field.records.sign_in.activities.U1"]["reason_en"]


def test_two_readings_are_compared_by_questionnaire() -> None:
    before = pd.DataFrame({"respondent": ["1", "2", "3"], "interviewer": ["a", "a", None],
                           "community": "U", "finished": "2026-10-08T10:00:00+08:00",
                           "q1": ["4", "5", None]})  # fmt: skip
    after = before[before["respondent"].ne("2")].assign(q1=["2", "3"])
    after = pd.concat([after, before.iloc[[0]].assign(respondent="9")], ignore_index=True)
    told = kept.compared(before, after)
    assert told[["kind", "respondent"]].to_numpy().tolist() == [
        ["added", "9"], ["changed", "1"], ["changed", "3"], ["vanished", "2"],
    ]  # fmt: skip
    assert told.loc[1, ["column", "before", "after"]].tolist() == ["q1", "4", "2"]
    counts = kept.counted(told)
    assert counts["n"].sum() == 4
    assert "respondent" not in counts
    f = _field(_answers(), changes=counts)
    rows = _told(fieldwork.changes(f))
    assert rows["field.changes.vanished"]["verdict"] == "failed"
    assert rows["field.changes.vanished.a.2026-10-08"]["value"] == 1
    assert kept.compared(before, before).empty


def test_a_line_of_the_journal_that_a_crash_tore_takes_no_other_with_it(tmp_path) -> None:
    def keep(*answers: str) -> kept.Reading:
        frame = pd.DataFrame({"respondent": list(answers), "wave": "w"})
        none = pd.DataFrame(columns=["table", "wave", "id", "column"])
        tables = SimpleNamespace(files=(), frames={"responses": frame}, corrections=none)
        study = SimpleNamespace(settings=SimpleNamespace(sources={}))
        return kept.keep(study, tables, "w", tmp_path)  # type: ignore[arg-type]

    assert keep("1").number == 1
    with (tmp_path / "readings.jsonl").open("a") as journal:
        journal.write('{"reading": 2, "wa')
    assert keep("1", "2").number == 2
    last = keep("1", "2", "3")
    assert last.number == 3
    assert last.changes is not None
    assert last.changes["respondent"].tolist() == ["3"]


def test_a_correction_is_no_change_of_the_export_and_no_new_reading(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    source = SimpleNamespace(file="a.csv")

    def keep(digest: str, q1: str, *fixed: tuple[str, str]) -> kept.Reading:
        frame = pd.DataFrame({"respondent": ["1", "2"], "wave": "w", "q1": [q1, "3"],
                              "q1__missing": [None, None], "sug__topic": [digest, q1]})  # fmt: skip
        mended = pd.DataFrame(fixed, columns=["id", "column"]).assign(table="responses", wave="w")
        file = SimpleNamespace(name="a.csv", sha256=digest, rows=2)
        tables = SimpleNamespace(files=(file,), frames={"responses": frame}, corrections=mended)
        study = SimpleNamespace(settings=SimpleNamespace(sources={"responses": (source,)}),
                                resolve=lambda name: tmp_path / name)  # fmt: skip
        return kept.keep(study, tables, "w", tmp_path)  # type: ignore[arg-type]

    assert keep("one", "1").number == 1
    assert keep("one", "5", ("1", "q1")).number == 1  # the same export with a correction
    told = keep("two", "4")
    assert (told.number, told.changes["column"].tolist()) == (2, ["q1"])  # topics are no answers
    told = keep("two", "5", ("1", "q1"))
    assert (told.number, told.changes.empty) == (2, True)
    assert keep("three", "2").number == 3


def test_questionnaires_of_a_file_that_cannot_be_read_have_not_vanished(tmp_path: Path) -> None:
    source = SimpleNamespace(file="a.csv")
    none = pd.DataFrame(columns=["table", "wave", "id", "column"])

    def keep(*answers: str) -> kept.Reading:
        files = (
            (SimpleNamespace(name="a.csv", sha256="-".join(answers), rows=1),) if answers else ()
        )
        frame = pd.DataFrame({"respondent": list(answers), "wave": "w"})
        tables = SimpleNamespace(files=files, frames={"responses": frame}, corrections=none)
        study = SimpleNamespace(settings=SimpleNamespace(sources={"responses": (source,)}),
                                resolve=lambda name: tmp_path / name)  # fmt: skip
        return kept.keep(study, tables, "w", tmp_path)  # type: ignore[arg-type]

    keep("1", "2")
    torn = keep()
    assert (torn.number, torn.changes) == (1, None)
    assert keep("1", "2", "3").changes["respondent"].tolist() == ["3"]
    f = _field(_answers())
    f = dataclasses.replace(f, settings=SETTINGS | {"answer_files": ["a.csv"], "reads": 1})
    told = _told(fieldwork.changes(f))["field.changes"]
    assert (told["status"], told["verdict"]) == ("not_computed", "failed")
    assert told["reason_en"].startswith("a.csv cannot be read")


def test_an_effect_that_cannot_be_computed_is_said_and_not_passed_over(
    honest: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.errors import InputError, Problem

    def refuse(*_: Any, **__: Any) -> pd.DataFrame:
        raise InputError(Problem(code="survey.few", zh="太少", en="too few"))

    monkeypatch.setattr("workbench.survey.interviewer_effect", refuse)
    told = _told(fieldwork.interviewers(honest, fieldwork.signs(honest)))
    row = told["field.interviewer_effect"]
    assert (row["status"], row["reason_zh"], row["reason_en"]) == (
        "not_computed",
        "太少",
        "too few",
    )
