"""The names of DSCP values: CS0 to CS7 (RFC 2474 §4.2.2.2), AF (RFC 2597 §6), EF (RFC 3246 §4), and Microsoft's table.

On private peering every mark is kept (expressroute-qos.md, 2023-06-30).
"""

from __future__ import annotations

DSCP_VALUES = range(64)
"""Every value (RFC 2474 §3)."""
DSCP_OF = (
    {f"cs{selector}": 8 * selector for selector in range(8)}
    | {f"af{one}{drop}": 8 * one + 2 * drop for one in range(1, 5) for drop in range(1, 4)}
    | {"ef": 46}
)
"""The value of each name. `default` may be written for cs0."""

MICROSOFT_PEERING_DSCP = tuple(DSCP_OF[name] for name in ("ef", "af41", "af21", "af11", "cs0"))
"""What Microsoft peering carries: voice, video, application sharing, file transfer and all else (expressroute-qos.md,
2023-06-30). Microsoft sends no other mark there, and asks the customer to rewrite any other one to 0."""

_NAME_OF = {value: name for name, value in DSCP_OF.items()}


def parse_dscp(text: str) -> int:
    """A DSCP, written as a name or as a number from 0 to 63. Raises ValueError."""
    name = text.lower()
    if name == "default":
        return 0
    if name in DSCP_OF:
        return DSCP_OF[name]
    if text.isascii() and text.isdecimal() and len(text) <= 2 and int(text) <= 63:
        return int(text)
    raise ValueError(f"{text!r} is not a DSCP: write 0 to 63, or one of default, {', '.join(DSCP_OF)}")


def dscp_text(value: int) -> str:
    """The name of a DSCP, or its number where it has none."""
    return _NAME_OF.get(value, str(value))
