"""An executor of a Dask cluster that runs somewhere, and whose workers see the files at the same paths."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lab.errors import InputError, LabBroken

if TYPE_CHECKING:
    from distributed import Client

CONNECT_S = 5.0
_LONGEST_GREETING_BYTES = 1 << 20
_EXTRA = "pip install 'erlab[dask]'"


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The executor of the cluster whose scheduler has this address, such as `tcp://10.0.0.5:8786`.

    Raises InputError where Dask is not installed, and LabBroken where nobody answers
    there, there are no workers, or they have another erlab than this one.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(f"Dask is not installed here: {_EXTRA}") from None
    _check_address(address)
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except OSError as problem:
        raise LabBroken(_no_scheduler(address, str(problem).partition("\n")[0])) from None
    try:
        _check_workers(client, address)
        executor: Executor = client.get_executor(pure=False)
        yield executor
    finally:
        client.close(timeout=CONNECT_S)


def _check_address(address: str) -> None:
    """Raise LabBroken where nobody answers as Dask does: its client would ask again and again, or wait for ever."""
    scheme, _, place = address.rpartition("://")
    host, _, port = place.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), CONNECT_S) as connection:
            if scheme in ("", "tcp"):  # there the scheduler speaks first: the length of what it says, in 8 octets
                length = int.from_bytes(connection.recv(8), "little")
                if not 0 < length < _LONGEST_GREETING_BYTES:
                    raise LabBroken(_no_scheduler(address, "whoever listens there speaks otherwise"))
    except OSError as problem:
        raise LabBroken(_no_scheduler(address, problem.strerror or str(problem))) from None


def _no_scheduler(address: str, why: str) -> str:
    return f"no Dask scheduler answers at {address}: {why}; start one with `dask scheduler`"


def _check_workers(client: Client, address: str) -> None:
    """Raise LabBroken where the workers cannot do what this process would do."""
    from lab.fleet.identity import source_digest

    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
    except TimeoutError:
        words = f"the Dask scheduler at {address} has no workers: start some with `dask worker {address}`"
        raise LabBroken(words) from None
    try:
        found: dict[str, str] = client.run(source_digest)
    except ModuleNotFoundError as problem:
        raise LabBroken(
            f"workers of the Dask cluster at {address} have no {problem.name}: install erlab there"
        ) from None
    other = sorted(worker for worker, digest in found.items() if digest != source_digest())
    if other:
        words = (
            f"{', '.join(other)} of the Dask cluster at {address} have another erlab than this one: install the same"
        )
        raise LabBroken(words)
