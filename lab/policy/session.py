"""What passes on a session: its policies, and the rules beside them that routers know as options of a neighbour."""

from __future__ import annotations

from dataclasses import dataclass

from lab.bgp import ExtendedCommunity, MaxPrefix, RemovePrivate
from lab.policy.evaluation import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """One end's rules of a session. They can change while it is up.

    Without policies nothing passes on an eBGP session (RFC 8212), and everything on an iBGP session. Several form a
    chain. `next_hop_self` is for iBGP: routes learned elsewhere are sent on with the own address. `allowas_in` is how
    often a received path may hold the own AS. `as_override` puts the own AS in the place of the neighbour's in what is
    sent. `default_originate` sends a default route, whatever the policies say. `accept_blackhole` discards traffic to
    prefixes that arrive with BLACKHOLE (RFC 7999). `route_reflector_client` makes the neighbour one (RFC 4456).
    `site_of_origin` marks what a customer's site sends, and keeps it from going back there (RFC 4364 §7).
    `shutdown` is why this end keeps the session closed; empty where it does not.
    """

    import_policies: tuple[Policy, ...] = ()
    export_policies: tuple[Policy, ...] = ()
    next_hop_self: bool = False
    max_prefix: MaxPrefix | None = None
    allowas_in: int = 0
    as_override: bool = False
    remove_private_asns: RemovePrivate | None = None
    default_originate: bool = False
    accept_blackhole: bool = False
    route_reflector_client: bool = False
    site_of_origin: ExtendedCommunity | None = None
    shutdown: str = ""


NO_RULES = SessionRules()
