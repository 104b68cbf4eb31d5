"""Which interfaces are meant by the name of a link, in topologies of every kind."""

from __future__ import annotations

from functools import cache

import pytest

from lab.errors import InputError
from lab.load import load_topology
from lab.plan import Plan
from lab.plan.of_topology import plan_of
from lab.plan.wires import capture_points
from topology_text import SHIPPED
