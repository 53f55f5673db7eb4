"""The one module that touches great-expectations: a table and a suite in, plain results out.

Raw results are not kept (they carry random ids); a :class:`Result` holds what a finding needs.
"""

from __future__ import annotations

import os
import re
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
    from great_expectations.exceptions.exceptions import MetricResolutionError
    from great_expectations.execution_engine.pandas_execution_engine import (
        PandasExecutionEngine,
    )
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.validator.validation_graph import ValidationGraph

    class Graph(ValidationGraph):
        """Metrics and what each is made of, which is asked once although many share it."""

        asking = ""

        def build_metric_dependency_graph(
            self, metric_configuration: Any, runtime_configuration: Any = None
        ) -> None:
            if metric_configuration.id not in asked_by:
                asked_by[metric_configuration.id] = self.asking
                super().build_metric_dependency_graph(metric_configuration, runtime_configuration)

    asked_by: dict[Any, str] = {}
    asked_with = [one["kwargs"] for one in expectations]
    named = [() if "column_index" in kw else columns_of(kw) for kw in asked_with]
    if all(named):  # every look at the table copies its columns: only those that matter
        frame = frame[[each for each in frame if each in set().union(*named)]]
    # comparing instants with a zone relies on what pandas deprecates; in UTC they compare alike
    zoned = frame.select_dtypes("datetimetz").columns
    frame = frame.assign(**{each: frame[each].dt.tz_convert(None) for each in zoned})
    # the engine itself, without context and validator: they write their configuration anew for
    # every table and build a graph for every expectation
    engine = PandasExecutionEngine(batch_data_dict={name: frame})
    graph = Graph(engine)
    asked = [
        ExpectationConfiguration(
            type=one["type"],
            kwargs=_filled(one["kwargs"], parameters),
            meta=one["meta"],
            severity=one["severity"],
        )
        for one in expectations
    ]
    answers = {}
    needed: list[dict[str, Any]] = []  # metrics by name, of each expectation
    with _made_once():
        for one in asked:
            told = one.to_domain_obj().get_validation_dependencies(engine, _runtime())
            metrics = told.metric_configurations.items()
            needed.append({name: metric for name, metric in metrics if not _UNREAD.search(name)})
            graph.asking = one.meta["id"]
            for name, metric in needed[-1].items():
                if not name.endswith(_ROWS):
                    graph.build_metric_dependency_graph(metric, _runtime())
        try:
            found, _ = graph.resolve(_runtime(), show_progress_bars=False)
            for one, own in zip(asked, needed, strict=True):
                graph.asking = one.meta["id"]
                for name, metric in own.items():
                    # where none fails, nobody looks for the rows that do
                    if name.endswith(_ROWS) and found[own[name.replace(_ROWS, _COUNT)].id]:
                        graph.build_metric_dependency_graph(metric, _runtime())
                        found |= engine.resolve_metrics([metric], found, _runtime())
        except MetricResolutionError as error:
            raise RuntimeError(f"{asked_by[error.failed_metrics[0].id]}: {error}") from error
        for one, own in zip(asked, needed, strict=True):
            given = {name: found.get(metric.id) for name, metric in own.items()}
            # metrics_validate would ask once more what is needed, and for what nobody reads
            expectation = one.to_domain_obj()
            result = expectation._build_evr(expectation._validate(given, _runtime(), engine))
            answers[one.meta["id"]] = (bool(result.success), result.result)
    return answers


_COUNT, _ROWS = ".unexpected_count", ".unexpected_index_list"
# a query that finds the failing rows, and their values: the rows themselves are told
_UNREAD = re.compile(r"\.unexpected_(?:index_query|values)\Z")


def _runtime() -> dict[str, Any]:
    """How to validate: every failing row is told. Made anew, as what it is given to changes it."""
    told = {"result_format": "COMPLETE", "exclude_unexpected_values": True}
    told["partial_unexpected_count"] = 0
    return {"result_format": told, "catch_exceptions": False}


@contextmanager
def _made_once() -> Iterator[None]:
    """Let an expectation and its configuration be made of each other once while it is validated.

    great-expectations 1.24 makes the one from the other anew each of the hundred times that it
    reads it, which is more than half of the cost of a validation; neither changes meanwhile. A
    metric's arguments are told apart as they are written, not by a digest of their JSON.
    """
    from great_expectations.core.id_dict import IDDict
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

    def written(self: Any, *_: Any) -> str:
        return repr(sorted(self.items()))

    configuration = Expectation.__dict__["configuration"]
    expectation = ExpectationConfiguration.to_domain_obj
    digest = IDDict.to_id
    IDDict.to_id = written  # type: ignore[method-assign, assignment]
    Expectation.configuration = property(once(configuration.fget))  # type: ignore[method-assign, assignment]
    ExpectationConfiguration.to_domain_obj = once(expectation)  # type: ignore[method-assign]
    try:
        yield
    finally:
        Expectation.configuration = configuration  # type: ignore[method-assign]
        ExpectationConfiguration.to_domain_obj = expectation  # type: ignore[method-assign]
        IDDict.to_id = digest  # type: ignore[method-assign]


def _filled(value: Any, parameters: Mapping[str, Any]) -> Any:
    """Put the values of parameters in the place of ``{"$PARAMETER": name}``."""
    if isinstance(value, Mapping):
        if set(value) == {"$PARAMETER"}:
            return parameters[value["$PARAMETER"]]
        return {key: _filled(each, parameters) for key, each in value.items()}
    return value
