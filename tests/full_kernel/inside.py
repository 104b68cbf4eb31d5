"""Runs in the guest: `python inside.py ARGUMENTS` is pytest with these, after all that a lab imports was read once.

The guest reads files slowly the first time, and the first lab would wait for its parts longer than it may.
"""

from __future__ import annotations

import os
import sys

import pyroute2.netlink.rtnl.rtmsg
import scapy.layers.inet6

import lab.probes
import lab.supervisor
from lab.node import speaker

READ = (pyroute2, scapy, lab)

if __name__ == "__main__":
    speaker.warm_up()
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *sys.argv[1:]])  # noqa: S606
