"""Which fault a command means, and how it is told of one that is not there."""

from __future__ import annotations

import pytest

from lab.commands.failing import as_typed, at_the_prompt, fault_in_force
from lab.errors import InputError
from lab.faults import Fault, FaultKind

PRIMARY = Fault(kind=FaultKind.LINK_DOWN, target="primary")
AMS, LON = ("link_down: primary, circuit: ams", "link_down: primary, circuit: lon")


def test_the_only_fault_of_a_link_needs_no_circuit() -> None:
    """A fault is healed by its words; those of its circuit may be left out where no other could be meant."""
    assert fault_in_force(PRIMARY, ["link_down: primary"]) == "link_down: primary"
    assert fault_in_force(PRIMARY, [AMS, "link_down: secondary, circuit: lon"]) == AMS
    for failed in ([AMS, LON], [], ["silent_loss: primary"]):
        with pytest.raises(InputError, match="is not in force; in force are"):
            fault_in_force(PRIMARY, failed)


def test_a_remedy_is_what_one_types() -> None:
    """What ends a fault is a command that can be copied, and a key of a file is an option at the prompt."""
    fault = Fault(kind=FaultKind.SILENT_LOSS, target="primary", circuit="ams", towards="msee1")
    assert as_typed(fault) == "silent_loss primary --circuit ams --towards msee1"
    assert at_the_prompt("it is not said of which circuit; give `circuit`: ams, lon").endswith(
        "give `--circuit`: ams, lon"
    )
