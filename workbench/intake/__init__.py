"""From a study's files to canonical tables, and from those to one unit's slice.

``build`` reads, ``write_tables`` stores, ``cut`` slices, ``check`` tells a person what is there
and what is wrong, ``new_study`` writes a folder to begin with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = [
    "Tables",
    "assessed_units",
    "build",
    "check",
    "cut",
    "new_study",
    "read_study",
    "write_tables",
]

if TYPE_CHECKING:
    from workbench.intake.building import build, read_study
    from workbench.intake.checking import check
    from workbench.intake.folder import new_study
    from workbench.intake.frames import Tables
    from workbench.intake.slices import assessed_units, cut
    from workbench.intake.store import write_tables

_HOME = {
    "Tables": "frames",
    "assessed_units": "slices",
    "build": "building",
    "check": "checking",
    "cut": "slices",
    "new_study": "folder",
    "read_study": "building",
    "write_tables": "store",
}


def __getattr__(name: str) -> Any:
    """Import the home of ``name`` on first use."""
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"workbench.intake.{_HOME[name]}"), name)
    raise AttributeError(f"module 'workbench.intake' has no attribute {name!r}")
