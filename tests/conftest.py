"""How the suite runs: in twice as many processes as there are processors, and properties without a clock."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("erlab", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("erlab")


def pytest_xdist_auto_num_workers() -> int:
    """A live test waits for its lab half of the time, and a property never does."""
    return 2 * len(os.sched_getaffinity(0))
