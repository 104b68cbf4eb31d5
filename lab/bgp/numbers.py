"""AS numbers (RFC 6793)."""

from __future__ import annotations

from typing import NewType

Asn = NewType("Asn", int)
"""An AS number, 1 to 4294967295 (RFC 6793)."""


def is_number(text: str, largest: int) -> bool:
    """Whether a text is a number in ASCII digits, and not too large."""
    return text.isascii() and text.isdecimal() and len(text) <= 20 and int(text) <= largest


def parse_asn(text: str) -> Asn:
    """An AS number in asplain or asdot (RFC 5396). Raises ValueError."""
    high, dot, low = text.partition(".")
    if dot:
        if not (is_number(high, 0xFFFF) and is_number(low, 0xFFFF)):
            raise ValueError(f"{text!r} is not an AS number")
        value = int(high) << 16 | int(low)
    elif text.isascii() and text.isdecimal():
        value = int(text) if len(text) <= 20 else 0
    else:
        raise ValueError(f"{text!r} is not an AS number")
    if not 1 <= value <= 0xFFFFFFFF:
        raise ValueError(f"AS number {text} is out of range: 1 to 4294967295")
    return Asn(value)


def is_private_asn(asn: int) -> bool:
    """Whether an AS number is for private use (RFC 6996)."""
    return 64512 <= asn <= 65534 or 4200000000 <= asn <= 4294967294
