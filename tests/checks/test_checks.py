"""The suites, the columns they ask about, and what their failures take away."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

import workbench
from workbench import checks
from workbench.checks import derive
from workbench.community import Community
from workbench.errors import Withheld
from workbench.intake.tables import TABLES
from workbench.protocol import Protocol

SUITES = sorted((Path(__file__).parents[2] / "expectations").glob("*.json"))


def _suite(file: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return told


@pytest.mark.parametrize("file", SUITES, ids=lambda file: file.stem)
def test_every_expectation_says_what_it_reaches_in_both_languages(file: Path) -> None:
    suite = _suite(file)
    table = suite["meta"]["table"]
    known = set(TABLES[table].names()) | derive.MADE.get(table, set())
    for one in suite["expectations"]:
        meta, kwargs = one["meta"], one["kwargs"]
        assert one["severity"] in {"critical", "warning"}
        assert meta["reach"] in {"row", "time", "indicator", "table", "community"}
        assert meta["id"].startswith(f"{table}.")
        assert meta["zh"]
        assert meta["en"]
        asked = {kwargs[k] for k in ("column", "column_A", "column_B") if k in kwargs}
        assert asked | set(kwargs.get("column_list", ())) <= known, meta["id"]
        if meta["reach"] == "time":
            times = {c.name for c in TABLES[table].columns if c.type == "time"}
            assert kwargs["column_A"] in times - {"received"}


@pytest.fixture(scope="session")
def withheld(tmp_path_factory: pytest.TempPathFactory) -> Community:
    """The unit of the bundled study whose questionnaires are copies."""
    from workbench.batch.slices import cut_one

    folder = tmp_path_factory.mktemp("slice")
    cut_one("demo", "JX-07", folder)
    return workbench.open(str(folder / "data"), "JX-07")


def test_derived_columns_are_there(withheld: Community) -> None:
    for table, columns in derive.MADE.items():
        came = withheld.tables[table].reset_index(drop=True)
        made = derive.DERIVE[table](came, withheld)
        assert set(made.columns) - set(came.columns) == columns, table
    assert set(derive.DERIVE) == set(derive.MADE)


def test_the_unit_of_copies_stays_withheld(withheld: Community) -> None:
    found = checks.run(withheld)
    with pytest.raises(Withheld) as stopped:
        checks.clear(withheld, found)
    assert [p.code for p in stopped.value.problems] == ["check.responses.copies"]


def _unit(answers: pd.DataFrame | None = None, **tables: pd.DataFrame) -> Community:
    roles = {f"q{i}": "satisfaction" for i in range(1, 11)} | {"sex": "demographic"}
    settings = {
        "community": "U",
        "wave": "b",
        "seed": 1,
        "sample": {"default": "probability", "mini_program": "opt_in"},
        "codebook": {code: {"role": role} for code, role in roles.items()},
        "measures": {"s": {"channel": "survey"}, "r": {"channel": "record", "requests": "x"}},
    }
    all_tables = dict(tables) if answers is None else {"responses": answers, **tables}
    return Community(Path(), settings, all_tables, cast("Protocol", None))


def _answers(n: int, **columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    items = {f"q{i}": rng.integers(1, 6, n).astype(float) for i in range(1, 11)}
    told = {"wave": "b", "mode": "household"} | items | {"sex": rng.choice(["f", "m"], n)}
    return pd.DataFrame(told | columns, index=range(n))


def test_copied_sheets_are_those_beyond_chance() -> None:
    frame = _answers(200)
    copy = frame.copy()
    items = [f"q{i}" for i in range(1, 11)] + ["sex"]
    copy.loc[:139, items] = copy.loc[[i % 4 for i in range(140)], items].to_numpy()
    marked = derive.copied(copy, _unit())
    assert marked is not None
    assert marked.mean() == 0.7
    honest = derive.copied(frame, _unit())
    assert honest is not None
    assert honest.sum() == 0


def test_equal_sheets_of_a_large_contented_unit_are_chance() -> None:
    rng = np.random.default_rng(5)
    contented = {f"q{i}": rng.choice([4.0, 5.0], 900, p=[0.08, 0.92]) for i in range(1, 11)}
    frame = _answers(900, **contented)
    assert derive.copies(frame[[*contented, "sex"]]).ge(derive.SAME_SHEETS).mean() > 0.3
    marked = derive.copied(frame, _unit())
    assert marked is not None
    assert marked.sum() == 0


def test_short_questionnaires_and_opt_in_answers_are_not_looked_at() -> None:
    same = {f"q{i}": 5.0 for i in range(1, 11)} | {"sex": "f"}
    assert derive.copied(_answers(50, **same).drop(columns=["q9"]), _unit()) is None
    assert derive.copied(_answers(50, **same).assign(q10=None), _unit()) is None
    assert derive.copied(_answers(50, **same, mode="mini_program"), _unit()) is None
    assert derive.copied(_answers(50, **same, wave="a"), _unit()) is None


def test_columns_that_a_table_must_have_are_never_absent() -> None:
    empty = pd.DataFrame({"fact": ["a"], "value": [None], "evidence": [None]})
    assert list(checks._supplied("facts", empty)) == ["fact", "value"]
    figure = pd.DataFrame({"figure": [None], "device": [None]})
    assert list(checks._supplied("measurements", figure)) == ["figure"]
    units = pd.DataFrame({"community": ["U", "P"], "households": [None, 900.0]})
    unit = _unit(communities=units, requests=pd.DataFrame({"request": ["x"]}))
    own = derive.DERIVE["communities"](units, unit)["own_households"]
    assert own.tolist()[0] == 0
    assert np.isnan(own.tolist()[1])
    assert "own_households" not in derive.DERIVE["communities"](units, _unit(communities=units))


def _found(failing: dict[str, tuple[str, tuple[int, ...], str]], reach: str) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "finding": list(failing),
            "verdict": "failed",
            "severity": "critical",
            "decision": "",
            "reach": reach,
            "indicator": "",
            "label_zh": "某项",
            "label_en": "a check",
        }
    )
    frame.attrs["rows"] = failing
    return frame


def test_a_wrong_time_goes_and_its_request_stays() -> None:
    times = pd.to_datetime(["2026-01-05", "2026-01-06", "2026-01-07"], utc=True)
    frame = pd.DataFrame({"received": times, "closed": times, "answered": times}, index=[4, 7, 9])
    unit = _unit(requests=frame)
    rows = {"check.requests.closed": ("requests", (1,), "closed")}
    rows["check.requests.answered"] = ("requests", (2,), "answered")
    kept = checks.clear(unit, _found(rows, "time")).tables["requests"]
    assert kept["set_aside"].tolist() == [False, True, True]
    assert kept["closed"].isna().tolist() == [False, True, False]
    assert kept["answered"].isna().tolist() == [False, False, True]
    assert kept["received"].notna().all()
    assert kept["closed"].dtype == frame["closed"].dtype
    assert "set_aside" not in frame
    clean = checks.clear(unit, _found({}, "time")).tables["requests"]
    assert clean["set_aside"].tolist() == [False] * 3
    assert clean["set_aside"].dtype == bool


def test_the_survey_goes_when_the_checks_leave_no_row_of_this_wave() -> None:
    frame = pd.DataFrame({"wave": ["a", "b", "b"]})
    unit = _unit(frame)
    row = {"check.responses.psu": ("responses", (1, 2), "design_psu")}
    left = checks.clear(unit, _found(row, "row"))
    assert left.tables["responses"]["wave"].tolist() == ["a"]
    assert left.excluded["s"][0] == "check.responses.current"
    assert set(left.excluded) == {"s"}
    one = {"check.responses.psu": ("responses", (1,), "design_psu")}
    assert not checks.clear(unit, _found(one, "row")).excluded


def test_a_waived_time_stays(withheld: Community) -> None:
    times = pd.to_datetime(["2026-01-05"], utc=True)
    unit = dataclasses.replace(withheld, tables={"requests": pd.DataFrame({"closed": times})})
    found = _found({"check.requests.closed": ("requests", (0,), "closed")}, "time")
    kept = checks.clear(unit, found.assign(decision="J-1")).tables["requests"]
    assert kept["closed"].notna().all()
    assert not kept["set_aside"].any()


def test_pairs_name_the_time_that_is_wrong_and_empty_columns_are_asked_about() -> None:
    from workbench.checks.expectations import validate

    suite = _suite(next(file for file in SUITES if file.stem == "requests"))
    asked = [e for e in suite["expectations"] if e["meta"]["reach"] == "time"]
    received = pd.to_datetime(["2026-01-05", "2026-01-06"], utc=True)
    frame = pd.DataFrame({"received": received, "closed": received[::-1], "answered": received})
    told = validate(frame, {"name": "requests", "expectations": asked}, {})
    assert [(r.id, r.column, r.passed, r.rows) for r in told] == [
        ("requests.closed", "closed", False, (1,)),
        ("requests.answered", "answered", True, ()),
    ]
    facts = pd.DataFrame({"value": pd.Series([None, None], dtype="str")})
    suite = _suite(next(file for file in SUITES if file.stem == "facts"))
    first = validate(facts, {"name": "facts", "expectations": suite["expectations"][:1]}, {})
    assert [(r.passed, r.rows) for r in first] == [(False, (0, 1))]


def test_an_expectation_about_the_whole_table_sees_all_its_columns() -> None:
    from workbench.checks.expectations import validate

    meta = {"reach": "row", "zh": "列", "en": "columns"}
    filled = {
        "type": "expect_column_values_to_not_be_null",
        "kwargs": {"column": "a"},
        "severity": "info",
        "meta": meta | {"id": "facts.a"},
    }
    counted = {
        "type": "expect_table_column_count_to_equal",
        "kwargs": {"value": 2},
        "severity": "info",
        "meta": meta | {"id": "facts.columns"},
    }
    third = {
        "type": "expect_column_to_exist",
        "kwargs": {"column": "a", "column_index": 1},
        "severity": "info",
        "meta": meta | {"id": "facts.third"},
    }
    for other in (counted, third):
        suite = {"name": "facts", "expectations": [filled, other]}
        told = validate(pd.DataFrame({"c": [0.0], "a": [1.0]}), suite, {})
        assert [r.passed for r in told] == [True, True]


def test_an_expectation_that_cannot_be_held_is_named() -> None:
    from workbench.checks.expectations import validate

    meta = {"id": "facts.mean", "reach": "row", "zh": "均值", "en": "mean"}
    mean = {
        "type": "expect_column_mean_to_be_between",
        "kwargs": {"column": "a", "min_value": 0},
        "severity": "info",
        "meta": meta,
    }
    suite = {"name": "facts", "expectations": [mean]}
    with pytest.raises(RuntimeError, match=r"facts\.mean"):
        validate(pd.DataFrame({"a": ["x", "y"]}), suite, {})
