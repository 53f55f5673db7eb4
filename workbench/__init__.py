"""Workbench for third-party assessments of communities: the few names that a notebook needs.

Nothing heavy is imported here; the names are resolved when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Withheld", "__version__", "clear", "open", "record", "show", "show_pictures"]

if TYPE_CHECKING:
    from workbench.checks import clear
    from workbench.community import open  # noqa: A004  (the name notebooks use)
    from workbench.errors import Withheld
    from workbench.findings import record, show, show_pictures

_HOME = {
    "Withheld": "workbench.errors",
    "clear": "workbench.checks",
    "open": "workbench.community",
    "record": "workbench.findings",
    "show": "workbench.findings",
    "show_pictures": "workbench.findings",
}


def __getattr__(name: str) -> Any:
    """Import the home of ``name`` on first use."""
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'workbench' has no attribute {name!r}")
