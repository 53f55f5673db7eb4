"""The one module that touches great-expectations: a table and a suite in, plain results out.

Raw results are not kept (they carry random ids); a :class:`Result` holds what a finding needs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Result", "columns_of", "validate"]


@dataclass(frozen=True)
class Result:
    """What one expectation found in one table.

    ``passed`` is ``None`` when the table lacks the column; ``rows`` are positions of failing rows
    (empty for statements about the whole table); ``observed`` is the figure looked at; ``column``
    is the one asked about, of a pair the first.
    """

    id: str
    table: str
    severity: str
    reach: str
    zh: str
    en: str
    passed: bool | None
    rows: tuple[int, ...] = ()
    n: int = 0
    observed: float | None = None
    column: str = ""


def columns_of(kwargs: Mapping[str, Any]) -> set[str]:
    """Give the columns that an expectation's arguments name."""
    named = {str(kwargs[key]) for key in ("column", "column_A", "column_B") if key in kwargs}
    return named | set(kwargs.get("column_list", ()))


def validate(
    frame: pd.DataFrame, suite: Mapping[str, Any], parameters: Mapping[str, Any]
) -> list[Result]:
    """Hold one table against one suite.

    Parameters
    ----------
    frame
        Rows of one table, index 0…n-1; missing values are null.
    suite
        The suite as JSON: ``name`` and ``expectations``, each with ``severity`` and a ``meta`` of
        ``id``, ``reach``, ``zh``, ``en``.
    parameters
        Values for ``{"$PARAMETER": name}``.

    Returns
    -------
    list of Result
        One per expectation, in the suite's order.
    """
    every = list(suite["expectations"])
    usable = [one for one in every if columns_of(one["kwargs"]) <= set(frame.columns)]
    answers = _run(frame, suite["name"], usable, parameters) if usable else {}
    results = []
    for one in every:
        meta = one["meta"]
        told = {"id": meta["id"], "table": suite["name"], "severity": one["severity"]}
        told |= {name: meta[name] for name in ("reach", "zh", "en")}
        told["column"] = str(one["kwargs"].get("column", one["kwargs"].get("column_A", "")))
        if meta["id"] not in answers:
            results.append(Result(**told, passed=None, n=len(frame)))
            continue
        passed, detail = answers[meta["id"]]
        observed = detail.get("observed_value")
        results.append(
            Result(
                **told,
                passed=passed,
                rows=tuple(sorted(int(i) for i in detail.get("unexpected_index_list") or ())),
                n=int(detail.get("element_count") or len(frame)),
                observed=float(observed) if isinstance(observed, int | float) else None,
            )
        )
    return results


def _run(
    frame: pd.DataFrame,
    name: str,
    expectations: list[Any],
    parameters: Mapping[str, Any],
) -> dict[str, tuple[bool, dict[str, Any]]]:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import tqdm

    tqdm.tqdm.monitor_interval = 0  # else a thread stays behind in the process
    from great_expectations.execution_engine.pandas_execution_engine import (
        PandasExecutionEngine,
    )
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.validator.metrics_calculator import MetricsCalculator
    from great_expectations.validator.validator import Validator

    # comparing instants with a zone relies on what pandas deprecates; in UTC they compare alike
    zoned = frame.select_dtypes("datetimetz").columns
    frame = frame.assign(**{each: frame[each].dt.tz_convert(None) for each in zoned})
    # the engine itself, without a context: that writes its configuration anew for every table
    engine = PandasExecutionEngine(batch_data_dict={name: frame})
    validator = Validator(execution_engine=engine)
    validator._metrics_calculator = MetricsCalculator(engine, show_progress_bars=False)
    asked = [
        ExpectationConfiguration(
            type=one["type"],
            kwargs=_filled(one["kwargs"], parameters),
            meta=one["meta"],
            severity=one["severity"],
        )
        for one in expectations
    ]
    with _made_once():
        outcome = validator.graph_validate(
            asked, runtime_configuration={"result_format": {"result_format": "COMPLETE"}}
        )
    answers = {}
    for result in outcome:
        assert result.expectation_config is not None
        raised = [
            info["exception_message"]
            for info in (result.exception_info or {}).values()
            if isinstance(info, dict) and info.get("raised_exception")
        ]
        if raised:
            raise RuntimeError(f"{result.expectation_config.meta['id']}: {raised[0]}")
        answers[result.expectation_config.meta["id"]] = (bool(result.success), result.result)
    return answers


@contextmanager
def _made_once() -> Iterator[None]:
    """Let an expectation and its configuration be made of each other once while it is validated.

    great-expectations 1.24 makes the one from the other anew each of the hundred times that it
    reads it, which is more than half of the cost of a validation; neither changes meanwhile.
    """
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    made: dict[int, tuple[Any, Any]] = {}

    def once(make: Any) -> Any:
        def kept(self: Any) -> Any:
            # what it is made of is kept too: its id is no other's while it lives
            if id(self) not in made:
                made[id(self)] = (self, make(self))
            return made[id(self)][1]

        return kept

    configuration = Expectation.__dict__["configuration"]
    expectation = ExpectationConfiguration.to_domain_obj
    Expectation.configuration = property(once(configuration.fget))  # type: ignore[method-assign, assignment]
    ExpectationConfiguration.to_domain_obj = once(expectation)  # type: ignore[method-assign]
    try:
        yield
    finally:
        Expectation.configuration = configuration  # type: ignore[method-assign]
        ExpectationConfiguration.to_domain_obj = expectation  # type: ignore[method-assign]


def _filled(value: Any, parameters: Mapping[str, Any]) -> Any:
    """Put the values of parameters in the place of ``{"$PARAMETER": name}``."""
    if isinstance(value, Mapping):
        if set(value) == {"$PARAMETER"}:
            return parameters[value["$PARAMETER"]]
        return {key: _filled(each, parameters) for key, each in value.items()}
    return value
