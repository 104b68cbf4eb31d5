"""The vendors that the lab knows, by the kind that a topology file names."""

from __future__ import annotations

from collections.abc import Mapping

from lab.speakers import SpeakerKind
from lab.vendors import Vendor
from lab.vendors.bird import BIRD
from lab.vendors.frr import FRR
from lab.vendors.gobgp import GOBGP

VENDORS: Mapping[SpeakerKind, Vendor] = {SpeakerKind.FRR: FRR, SpeakerKind.BIRD: BIRD, SpeakerKind.GOBGP: GOBGP}
"""Of every kind but the lab's own."""
