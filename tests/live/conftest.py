"""What every live test has: the command `erlab` with a directory of its own, which is empty of processes afterwards."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from erlab_command import Erlab
from lab_processes import adopt_orphans, bury_the_dead


@pytest.fixture(scope="session", autouse=True)
def _orphans() -> None:
    """The labs that tests leave up become children of this process."""
    adopt_orphans()


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """A suite that a shell started in the background ignores SIGINT, and what it starts would too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def erlab(tmp_path: Path) -> Iterator[Erlab]:
    """The command, and a name for a lab that no other test has."""
    command = Erlab(state=tmp_path / "state", name=_lab_name(tmp_path))
    yield command
    command.end_everything()
    bury_the_dead()


def _lab_name(directory: Path) -> str:
    return re.sub("[^a-z0-9]+", "-", directory.name.lower()).strip("-")[:40]
