"""`python -m lab.node`: what a container of this project's image runs."""

from __future__ import annotations

import sys

_USAGE = "usage: python -m lab.node supervised NODE | healthy\n"


def main(arguments: list[str]) -> int:
    """Run one of the programs; returns its exit code."""
    match arguments:
        case ["supervised", node]:
            from lab.node import supervised

            return supervised.main(node)
        case ["healthy"]:
            from lab.node import healthy

            return healthy.main()
        case _:
            sys.stderr.write(_USAGE)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
