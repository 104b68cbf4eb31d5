"""BGP UPDATE messages from the wire (RFC 4271, RFC 4760), errors handled as in RFC 7606: octets in, values out."""

from lab.wire.attributes import (
    Attributes,
    AttributeSection,
    decode_attributes,
    decode_section,
    missing_attributes,
    split_attributes,
)
from lab.wire.faults import AttributeFault, Fault, Subcode, UpdateError
from lab.wire.nlri import Agreed, MpReach, MpUnreach, decode_mp_reach, decode_mp_unreach, decode_prefixes
from lab.wire.update import DecodedUpdate, decode_update

__all__ = [
    "Agreed",
    "AttributeFault",
    "AttributeSection",
    "Attributes",
    "DecodedUpdate",
    "Fault",
    "MpReach",
    "MpUnreach",
    "Subcode",
    "UpdateError",
    "decode_attributes",
    "decode_mp_reach",
    "decode_mp_unreach",
    "decode_prefixes",
    "decode_section",
    "decode_update",
    "missing_attributes",
    "split_attributes",
]
