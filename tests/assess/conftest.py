"""A unit made up for a test: two waves of questionnaires in twelve buildings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from workbench.community import Community
from workbench.protocol import Protocol

CODES = {str(v): {"zh": f"{v}分", "en": f"{v}"} for v in (1, 2, 3, 4, 5)}


def _item(role: str, values: dict[str, Any], kind: str = "scale") -> dict[str, Any]:
    wording = {"zh": "您对服务是否满意", "en": "Are you satisfied with the service?"}
    return {"role": role, "kind": kind, "values": values, "wording": wording, "up": True}


def _unit(
    now: int = 60,
    before: int = 60,
    *,
    mode: str = "household",
    margins: pd.DataFrame | None = None,
    weighting: dict[str, Any] | None = None,
    tables: dict[str, pd.DataFrame] | None = None,
    items: dict[str, Any] | None = None,
    **answers: Any,
) -> Community:
    """A unit with ``now`` and ``before`` questionnaires; ``answers`` replace columns."""
    n = now + before
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "respondent": [f"r{i}" for i in range(n)],
            "wave": ["b"] * now + ["a"] * before,
            "mode": mode,
            "psu": [f"p{i % 12}" for i in range(n)],
            "stratum": None,
            "base_weight": 1.0,
            "interviewer": None,
            "q1": rng.integers(1, 6, n).astype(float),
            "q2": rng.integers(1, 6, n).astype(float),
            "sex": rng.integers(1, 3, n).astype(float),
        }
    ).assign(**answers)
    waves = [
        {"id": "a", "role": "baseline", "fieldwork": ["2026-03-01", "2026-03-20"]},
        {"id": "b", "role": "current", "fieldwork": ["2027-03-01", "2027-03-20"]},
    ]
    settings: dict[str, Any] = {
        "community": "U",
        "wave": "b",
        "baseline": "a",
        "seed": 1,
        "waves": waves,
        "sample": {"default": "probability", "mini_program": "opt_in", "post": "census"},
        "weighting": {"rake": ["sex"] if margins is not None else []},
        "decisions": {"min_cell": 10, "margin_pp": 5},
        "codebook": {
            "q1": _item("satisfaction", CODES),
            "q2": _item("satisfaction", CODES),
            "sex": _item("demographic", {"1": {"zh": "女", "en": "female"}, "2": "male"}, "single"),
        },
        "measures": {},
    }
    settings["codebook"] |= items or {}
    settings["weighting"] |= weighting or {}
    people = {"community": "U", "adults": 1000.0, "parent": None}
    tables = {"responses": frame, "communities": pd.DataFrame([people])} | (tables or {})
    if margins is not None:
        tables["margins"] = margins
    return Community(Path(), settings, tables, cast("Protocol", None))


@pytest.fixture
def unit() -> Callable[..., Community]:
    """The function that makes such a unit."""
    return _unit


@pytest.fixture
def scale_item() -> Callable[..., dict[str, Any]]:
    """The function that makes an entry of the codebook."""
    return _item
