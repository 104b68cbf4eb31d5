"""A socket before the Docker engine's, which kills whoever asks for something at one step of many."""

from __future__ import annotations

import os
import re
import signal
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path

from lab.runtimes.engine import DEFAULT_SOCKET

_END_S = 5.0
_REQUEST = re.compile(rb"(GET|POST|DELETE|HEAD) ")


class Moment(Enum):
    """When the asking process dies: before the engine hears of its request, or when that is done and not told yet."""

    ASKED = "asked"
    DONE = "done"


class EngineProxy:
    """Counts the requests of all connections; at the one with the number `fatal` the process that made it is killed."""

    def __init__(self, path: Path, fatal: int, moment: Moment) -> None:
        self.killed: str | None = None
        """The request at which a process was killed."""
        self._fatal, self._moment = fatal, moment
        self._asked = 0
        self._lock = threading.Lock()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(64)
        self._clients = list[socket.socket]()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """End every connection, and take no more."""
        for one in (self._listening, *self._clients):
            with suppress(OSError):  # it has ended
                one.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(_END_S)

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                self._clients.append(client)
                thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        pid = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        doomed = threading.Event()
        with client, socket.socket(socket.AF_UNIX) as engine:
            engine.connect(DEFAULT_SOCKET)
            answers = threading.Thread(target=self._answer, args=(engine, client, pid, doomed), daemon=True)
            answers.start()
            with suppress(OSError):
                while data := client.recv(1 << 16):
                    if _REQUEST.match(data) and self._is_fatal(data):
                        if self._moment is Moment.ASKED:
                            os.kill(pid, signal.SIGKILL)
                            break
                        doomed.set()
                    engine.sendall(data)
            if not doomed.is_set():  # what it was asked is still to be done
                with suppress(OSError):
                    engine.shutdown(socket.SHUT_RDWR)
            answers.join()

    @staticmethod
    def _answer(engine: socket.socket, client: socket.socket, pid: int, doomed: threading.Event) -> None:
        with suppress(OSError):
            while data := engine.recv(1 << 16):
                if doomed.is_set():
                    os.kill(pid, signal.SIGKILL)
                    break
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _is_fatal(self, data: bytes) -> bool:
        with self._lock:
            self._asked += 1
            if self._asked != self._fatal:
                return False
            self.killed = data.split(b"\r", 1)[0].decode()
            return True


@contextmanager
def fatal_engine(fatal: int, moment: Moment) -> Iterator[tuple[EngineProxy, str]]:
    """Such a socket, and what DOCKER_HOST has to be."""
    with tempfile.TemporaryDirectory(prefix="erlab-") as place:  # a socket's address is short
        path = Path(place, "docker.sock")
        proxy = EngineProxy(path, fatal, moment)
        try:
            yield proxy, f"unix://{path}"
        finally:
            proxy.close()
