"""``python -m benchmarks [names…] [--quick]``: print the figures of the named blocks, or of all.

``python -m benchmarks intake 1000000`` reads a million questionnaires instead of ten thousand.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module

BLOCKS = (
    "intake",
    "fieldwork",
    "survey",
    "change",
    "scoring",
    "report",
    "evidence",
    "batch",
    "whole",
    "curve",
    "reduce",
)


def main(arguments: list[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BLOCKS))
    parser.add_argument("--quick", action="store_true", help="few notebooks, small numbers")
    parsed = parser.parse_args(arguments)
    more = {}
    if len(parsed.names) == 2 and parsed.names[0] == "intake" and parsed.names[1].isdecimal():
        more["rows"] = int(parsed.names.pop())
    unknown = sorted(set(parsed.names) - set(BLOCKS))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(BLOCKS)}")
    # before numpy is imported anywhere: one thread each, as a batch has it
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["MPLBACKEND"] = "agg"
    print("# ratio: times better than the first line of its block", flush=True)
    for name in parsed.names or BLOCKS:
        for line in import_module(f"benchmarks.{name}").run(quick=parsed.quick, **more):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
