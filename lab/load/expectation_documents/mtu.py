"""The shape of an expectation about the size of packets."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lab.checks.largest import LEAST_BYTES
from lab.load.expectation_documents.packets import FamilyDocument
from lab.load.forms import OneOrMore, Reference
from lab.load.scalars import whole

_MOST_BYTES = 9216


class MtuDocument(FamilyDocument):
    """The largest packet from one network to another."""

    bytes: Annotated[int, whole(LEAST_BYTES, _MOST_BYTES)] = Field(
        description="the size of the largest packet that arrives without being fragmented, its IP header included"
    )
    limited_by: OneOrMore[Reference] | None = Field(
        None,
        description="where larger packets end: a router, a link of a circuit, the network that they leave, "
        "or a list of which it is one; any if left out",
    )
