"""A pseudonym for whoever signs a sheet: one for each name, not to be undone without the key."""

from __future__ import annotations

import hashlib
import hmac

import pandas as pd

from workbench.intake.titles import plain

__all__ = ["pseudonyms"]


def pseudonyms(persons: pd.Series, secret: bytes) -> pd.Series:
    """Give 16 hex digits for each name, number or card; missing stays missing.

    Blanks, wide forms and the case of letters make no other person.

    Parameters
    ----------
    persons
        What the sheet tells of who signed, as text.
    secret
        The study's key.
    """
    known = persons.dropna().astype(str)
    made = {
        name: hmac.new(secret, f"sign_in|{plain(name)}".encode(), hashlib.sha256).hexdigest()[:16]
        for name in known.unique()
    }
    return persons.astype(object).map(made).astype("str")
