"""Lets an interface of this network namespace lose what enters it for a known time.

python blackhole.py NAME MS: by nft alone, and timed by this process's own clock, around the two commands. It prints the
shortest and the longest that the loss can have lasted, in milliseconds, as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

ON = """\
table netdev known-loss {{
  chain everything {{ type filter hook ingress device "{name}" priority 0; policy drop; }}
}}
"""
OFF = "delete table netdev known-loss\n"


def nft(rules: str) -> tuple[float, float]:
    """Change the filter; the times before and after."""
    began = time.monotonic()
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)  # noqa: S607
    return began, time.monotonic()


def main() -> None:
    """Lose, wait, lose no more."""
    name, wanted_s = sys.argv[1], float(sys.argv[2]) / 1000
    on = nft(ON.format(name=name))
    time.sleep(max(0.0, on[1] + wanted_s - time.monotonic()))
    off = nft(OFF)
    sys.stdout.write(json.dumps({"least_ms": (off[0] - on[1]) * 1000, "most_ms": (off[1] - on[0]) * 1000}))


if __name__ == "__main__":
    main()
