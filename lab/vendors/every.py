"""The vendors that the lab knows, by the kind that a topology file names."""

from __future__ import annotations

from collections.abc import Mapping

from lab.speakers import SpeakerKind
from lab.vendors import Vendor
from lab.vendors.frr import FRR

VENDORS: Mapping[SpeakerKind, Vendor] = {SpeakerKind.FRR: FRR}
"""Of every kind but the lab's own."""
