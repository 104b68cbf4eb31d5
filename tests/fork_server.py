"""Programs of erlab's, forked from a process that has imported all of them: `python fork_server.py`, a socket as stdin.

To start Python and import erlab takes ten times the work of most commands. A message asks for one program: its words,
its directory and its environment, with its three standard streams. The answer is its pid. The process between the two
has ended by then, so that the program is a child of the process that asked, which adopts orphans.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

import lab
from lab.cli import main as erlab
from run_plan import main as run_plan

ROOM = 16384
"""Octets that an environment may take; the server is started with one of that size."""
MESSAGE = 65536
_LEFT_OUT = "lab.plots"
"""matplotlib is most of what there is, and few commands take it."""
_LOADED_LATE = ("scapy.layers.inet6", "docker")
_PROGRAMS: Mapping[str, Callable[[list[str]], int]] = {"erlab": erlab, "run_plan": run_plan}
_FAILED = 70
_ENVIRONMENT = slice(47, 49)
"""Where proc(5), stat, tells of the environment's memory: fields 50 and 51, counted from the one behind the name."""


def _load() -> None:
    for module in pkgutil.walk_packages(lab.__path__, "lab."):
        if not module.name.endswith("__main__") and not module.name.startswith(_LEFT_OUT):
            importlib.import_module(module.name)
    for name in _LOADED_LATE:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _serve(asking: socket.socket) -> list[str]:
    """Fork a program for each message. Returns in each of them, with its words, and at the end, with none."""
    while True:
        message, streams, _, _ = socket.recv_fds(asking, MESSAGE, 3)
        if not message:
            return []
        asked = json.loads(message)
        reading, writing = os.pipe()
        between = os.fork()
        if not between:
            pid = os.fork()
            if not pid:
                os.close(reading)
                os.close(writing)
                asking.close()
                _become(asked["directory"], asked["environment"], streams)
                sys.argv = asked["argv"]
                return sys.argv
            os.write(writing, str(pid).encode())
            os._exit(0)
        os.close(writing)
        os.waitpid(between, 0)
        asking.send(os.read(reading, 16) or b"none: there is no room for another process")
        for file in (reading, *streams):
            os.close(file)


def _become(directory: str, environment: Mapping[str, str], streams: list[int]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    _show_environment(environment)


def _show_environment(environment: Mapping[str, str]) -> None:
    """Have /proc/PID/environ show it: that is the memory where a process found its environment when it started."""
    stat = Path("/proc/self/stat").read_text(encoding="utf-8")
    begin, end = map(int, stat.rpartition(")")[2].split()[_ENVIRONMENT])
    shown = b"".join(f"{name}={value}\0".encode() for name, value in environment.items())
    ctypes.memmove(begin, shown.ljust(end - begin, b"\0"), end - begin)


def _run(program: str, arguments: list[str]) -> NoReturn:
    """Be a program, and end as a process that `multiprocessing` has forked ends: what is loaded is not taken down."""
    code = _FAILED
    try:
        code = _PROGRAMS[program](arguments)
    except SystemExit as exit_:  # of argparse, whose codes are numbers
        code = int(exit_.code or 0)
    except BaseException:  # noqa: BLE001  # the process ends here, and not as if an expectation had failed
        traceback.print_exc()
        code = _FAILED
    finally:
        atexit._run_exitfuncs()  # noqa: SLF001
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(code)


def main() -> None:
    """Serve, and be the program in what was forked."""
    with socket.socket(fileno=os.dup(0)) as asking:
        _load()
        asked = _serve(asking)
    if asked:
        _run(asked[0], asked[1:])


if __name__ == "__main__":
    main()
