"""What is asked of a device that runs alone, over its socket: the lines of `lab.channel`, written here once more.

To import `lab.channel` takes ten times as long as the question of a health check and its answer.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path

from lab.errors import LabBroken

ANSWER_DEADLINE_S = 20.0


def connected(control: Path) -> socket.socket:
    """A connection to a device. Raises LabBroken where none listens."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(ANSWER_DEADLINE_S)
    try:
        connection.connect(str(control))
    except OSError as problem:
        connection.close()
        why = problem.strerror or problem
        raise LabBroken(f"no device answers at {control}: {why}; it is not ready, or it ended") from None
    return connection


def pending(control: Path) -> list[str]:
    """What a device still misses, in words: the sessions that are not up. Raises LabBroken where it does not answer."""
    with connected(control) as connection, connection.makefile("rw", encoding="utf-8") as lines:
        lines.write('{"kind":"AwaitConvergence","body":{"deadline_s":0,"closed":[]}}\n')
        try:
            lines.flush()
            answer = json.loads(lines.readline() or "{}")
        except (OSError, ValueError):
            answer = {}
    if answer.get("kind") != "Converged":
        raise LabBroken(f"the device at {control} did not answer: {answer.get('body', {}).get('reason', 'it ended')}")
    return list(answer["body"]["pending"])
