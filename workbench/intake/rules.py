"""What must hold within and between the canonical tables of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.intake.frames import Log, Problems
from workbench.intake.units import Units

if TYPE_CHECKING:
    from workbench.study import Study

__all__ = ["check_all"]


def check_all(
    study: Study, frames: dict[str, pd.DataFrame], units: Units, log: Log, problems: Problems
) -> None:
    """Enter every breach of a rule."""
