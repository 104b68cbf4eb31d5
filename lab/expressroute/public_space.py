"""Which prefixes count as public on Microsoft peering.

The documents say "public" and "no RFC 1918" (expressroute-routing.md, 2026-03-12); the other special ranges follow from
the IANA registries (RFC 6890). The lab takes the ranges for benchmarks, 198.18.0.0/15 (RFC 2544) and 2001:2::/48
(RFC 5180), for public ones, which the real circuit would not: so that a lab need not use anybody's addresses. By
convention 198.18.0.0/16 and 2001:2::/49 are Microsoft's there, 198.19.0.0/16 and 2001:2:0:8000::/49 the customers'.
"""

from __future__ import annotations

from lab.bgp import Prefix, parse_prefix

NOT_PUBLIC = tuple(
    map(
        parse_prefix,
        (
            "0.0.0.0/8",  # RFC 791 §3.2
            "10.0.0.0/8",  # RFC 1918
            "100.64.0.0/10",  # RFC 6598
            "127.0.0.0/8",  # RFC 1122 §3.2.1.3
            "169.254.0.0/16",  # RFC 3927
            "172.16.0.0/12",  # RFC 1918
            "192.0.0.0/24",  # RFC 6890
            "192.0.2.0/24",  # RFC 5737
            "192.168.0.0/16",  # RFC 1918
            "198.51.100.0/24",  # RFC 5737
            "203.0.113.0/24",  # RFC 5737
            "224.0.0.0/3",  # RFC 5771 and RFC 1112 §4
            "::/3",  # outside of 2000::/3, global unicast (RFC 4291 §2.4)
            "2001:db8::/32",  # RFC 3849
            "3fff::/20",  # RFC 9637
            "4000::/2",
            "8000::/1",
        ),
    )
)
"""Special ranges, in which no public prefix is."""


def special_range(prefix: Prefix) -> Prefix | None:
    """The range that keeps a prefix from being public: one that it is in, or the first inside it."""
    return next((one for one in NOT_PUBLIC if one.version == prefix.version and one.overlaps(prefix)), None)
