"""Runs on a full kernel only, beside the live tests of VLANs: these are then about the kernel's VLAN devices."""

from __future__ import annotations

from lab.commands.live import ANSWER_DEADLINE_S, BUILD_DEADLINE_S, converge
from lab.controller import temporary_lab
from lab.questions.plans import Build, Built
from lab.questions.tables import ReadTables, Tables
from lab.runtimes.tagging import BY_KERNEL
from vlan_networks import S_AND_C, direct

SETTLES_S = 60.0
"""The emulator is some ten times slower than the machine."""


def test_the_kernel_carries_the_tags() -> None:
    """A lab says that the kernel's VLAN devices carry its tags, and its sessions come up over them."""
    with temporary_lab("vlans") as lab:
        lab.channel.ask(Build(plan=direct(tags=S_AND_C)), Built, deadline_s=BUILD_DEADLINE_S)
        assert converge(lab, (), SETTLES_S).pending == ()
        assert BY_KERNEL in lab.channel.ask(ReadTables(), Tables, deadline_s=ANSWER_DEADLINE_S).fidelity
