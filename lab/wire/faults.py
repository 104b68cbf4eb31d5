"""What can be wrong with an UPDATE, from the weakest to the strongest consequence (RFC 7606 §2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from lab.bgp import Nlri


class Subcode(IntEnum):
    """The subcodes of the NOTIFICATION "UPDATE Message Error" (RFC 4271 §6.3); 7 is deprecated."""

    MALFORMED_ATTRIBUTE_LIST = 1
    UNRECOGNIZED_WELL_KNOWN = 2
    MISSING_WELL_KNOWN = 3
    ATTRIBUTE_FLAGS = 4
    ATTRIBUTE_LENGTH = 5
    INVALID_ORIGIN = 6
    INVALID_NEXT_HOP = 8
    OPTIONAL_ATTRIBUTE = 9
    INVALID_NETWORK = 10
    MALFORMED_AS_PATH = 11


class UpdateError(ValueError):
    """An UPDATE after which the session must be reset, and the subcode of the NOTIFICATION that says so."""

    def __init__(self, text: str, subcode: Subcode) -> None:
        super().__init__(text)
        self.subcode: int = int(subcode)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeFault:
    """What is wrong with one path attribute.

    `withdrawn` tells whether the routes must be treated as withdrawn or the attribute was discarded. `code` is the
    attribute's type, 0 where it cannot be told; `subcode` counts where there are no routes to withdraw (RFC 7606 §5.2).
    """

    code: int
    text: str
    withdrawn: bool
    subcode: Subcode


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What was wrong with an UPDATE that the session survived, and the announced prefixes that it was wrong for.

    `withdrawn` tells what this fault asks for: True, treat-as-withdraw; False, the attribute is discarded. The routes
    of an UPDATE are kept where no fault of it asks for their withdrawal (RFC 7606 §3 h).
    """

    prefixes: tuple[Nlri, ...]
    text: str
    withdrawn: bool
