"""What a programme assesses, and how a study measures it.

`load` reads one of the four bundled programmes (or a protocol of one's own) with a locality's
overlay; `Measures` reads the study's ``measures.yaml``; `blanks` lists what a person must decide.
"""

from __future__ import annotations

from workbench.protocol.load import PROGRAMMES, blanks, load
from workbench.protocol.measures import Measure, Measures
from workbench.protocol.model import LEVELS, Indicator, Protocol, Scheme, Target
from workbench.protocol.template import template
from workbench.protocol.units import UNITS
from workbench.protocol.versions import differences

__all__ = [
    "LEVELS",
    "PROGRAMMES",
    "UNITS",
    "Indicator",
    "Measure",
    "Measures",
    "Protocol",
    "Scheme",
    "Target",
    "blanks",
    "differences",
    "load",
    "template",
]
