"""What all tests share: where labs run, the command `erlab` with a directory of its own, properties without a clock."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from erlab_command import Erlab
from lab_processes import adopt_orphans, bury_the_dead

settings.register_profile("erlab", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("erlab")


def pytest_xdist_auto_num_workers() -> int:
    """A live test waits for its lab half of the time, and a property never does."""
    return 2 * len(os.sched_getaffinity(0))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `pytest --runtime docker tests/live` run the live tests on containers."""
    parser.addoption("--runtime", choices=("netns", "docker"), default="netns", help="what routers live in")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the runtime for every command that a test runs."""
    os.environ["ERLAB_RUNTIME"] = config.getoption("--runtime")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that are of the other runtime."""
    other = {"netns": "docker", "docker": "netns"}[config.getoption("--runtime")]
    left_out = [item for item in items if item.get_closest_marker(other)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker(other)]


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
