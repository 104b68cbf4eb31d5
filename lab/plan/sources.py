"""What a router does by the sources of packets that it forwards: translate them, or drop those not admitted."""

from __future__ import annotations

from dataclasses import dataclass

from lab.bgp import Address, Prefix, within


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceNat:
    """A router translates the IPv4 sources of what it forwards out of an interface to addresses of `pool` (RFC 3022).

    All addresses of the pool are used, and those to which no flow is translated are discarded. Sources in the pool and
    in `exempt` stay, and so do the router's own addresses. IPv6 is not translated: Microsoft asks for public IPv4
    addresses only (expressroute-nat.md, 2019).
    """

    interface: str
    pool: Prefix
    exempt: tuple[Prefix, ...] = ()

    def translates(self, source: Address | Prefix) -> bool:
        """Whether a packet with this source gets another one; of a prefix, whether all of its addresses do."""
        return source.version == 4 and not any(within(source, prefix) for prefix in (self.pool, *self.exempt))


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFilter:
    """A router forwards what enters by an interface only where its source is in one of these prefixes.

    The rest is dropped, and nobody is told. What is for the router itself is not looked at.
    """

    interface: str
    admitted: tuple[Prefix, ...]

    def admits(self, source: Address | Prefix) -> bool:
        """Whether a packet with this source is forwarded; of a prefix, whether those of all of its addresses are."""
        return any(within(source, prefix) for prefix in self.admitted)
