"""Evidence: digests, bags, keys, signatures in PDF, and their verification.

Knows files, not statistics. The names below are resolved when they are first used; pyHanko is
loaded by the module ``pdfsign`` only, when something is signed or verified.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["check_bag", "evidence_code", "evidence_list", "load_key", "verify", "write_bag"]

if TYPE_CHECKING:
    from workbench.evidence.bag import check_bag, evidence_code, evidence_list, write_bag
    from workbench.evidence.keys import load_key
    from workbench.evidence.verify import verify

_HOME = {"load_key": "keys", "verify": "verify"}


def __getattr__(name: str) -> Any:
    """Import the home of ``name`` on first use."""
    if name in __all__:
        return getattr(import_module(f"{__name__}.{_HOME.get(name, 'bag')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
