"""An import that the processes of a batch make before all others, because it saves them time."""

from __future__ import annotations

import sys

__all__ = ["jsonschema_first"]


def jsonschema_first() -> None:
    """Import jsonschema without the grammars of RFC 3987.

    They take two seconds of CPU in each process and hold addresses with foreign letters against
    their rules; nothing that papermill, nbformat or great-expectations asks of jsonschema does.
    Whoever imports ``rfc3987_syntax`` itself gets it.
    """
    name = "rfc3987_syntax"
    if name in sys.modules:
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        import jsonschema  # noqa: F401
    finally:
        del sys.modules[name]
