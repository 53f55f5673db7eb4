"""Two versions of a protocol side by side (R-07)."""

from __future__ import annotations

from typing import Any

from workbench.protocol.model import Protocol

__all__ = ["differences"]


def differences(old: Protocol, new: Protocol) -> list[dict[str, Any]]:
    """Return what differs between two protocols, one row per entry and key.

    Parameters
    ----------
    old, new
        For example the national programme and the same with a locality's overlay.

    Returns
    -------
    list of dict
        ``section, entry, key, old, new``, in the order of the names; None stands for "not there".
        A new or removed entry is one row with the key ``*``.
    """
    before, after = old.as_dict(), new.as_dict()
    rows: list[dict[str, Any]] = []
    for section in sorted({*before, *after}):
        if section == "changes":
            continue
        was, now = before.get(section), after.get(section)
        if was == now:
            continue
        if not isinstance(was, dict | None) or not isinstance(now, dict | None):
            rows.append(_row(section, "", "", was, now))
            continue
        was, now = was or {}, now or {}
        for entry in sorted({*was, *now}):
            a, b = was.get(entry), now.get(entry)
            if a == b:
                continue
            if not isinstance(a, dict) or not isinstance(b, dict):
                rows.append(_row(section, entry, "*", a, b))
                continue
            rows += [
                _row(section, entry, key, a.get(key), b.get(key))
                for key in sorted({*a, *b})
                if a.get(key) != b.get(key)
            ]
    return rows


def _row(section: str, entry: str, key: str, old: object, new: object) -> dict[str, Any]:
    return {"section": section, "entry": entry, "key": key, "old": old, "new": new}
