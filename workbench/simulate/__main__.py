"""``python -m workbench.simulate DIR [SEED | PROGRAMME]``: write a study with known truth."""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.simulate import SEED, study
from workbench.simulate.examples import EXAMPLES, example


def main(arguments: list[str]) -> int:
    """Write the study, or the example of a programme; 0 done, 2 bad usage."""
    extra = arguments[1:]
    if not 1 <= len(arguments) <= 2 or (
        extra and extra[0] not in EXAMPLES and not extra[0].isdigit()
    ):
        sys.stderr.write(
            "用法 / usage: python -m workbench.simulate DIR [SEED | PROGRAMME]\n"
            f"PROGRAMME: {' | '.join(EXAMPLES)}\n"
        )
        return 2
    try:
        if extra and extra[0] in EXAMPLES:
            result = example(extra[0], Path(arguments[0]))
        else:
            result = study(Path(arguments[0]), seed=int(extra[0]) if extra else SEED)
    except WorkbenchError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{len(result['communities'])} communities → {arguments[0]}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
