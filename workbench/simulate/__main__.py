"""``python -m workbench.simulate DIR [SEED]``: write a study with known truth."""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.simulate import SEED, study


def main(arguments: list[str]) -> int:
    """Write the study; 0 done, 2 bad usage."""
    if not 1 <= len(arguments) <= 2 or (len(arguments) == 2 and not arguments[1].isdigit()):
        sys.stderr.write("用法 / usage: python -m workbench.simulate DIR [SEED]\n")
        return 2
    try:
        result = study(Path(arguments[0]), seed=int(arguments[1]) if arguments[1:] else SEED)
    except WorkbenchError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{len(result['communities'])} communities → {arguments[0]}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
