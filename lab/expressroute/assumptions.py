"""What Microsoft's documents leave open, and the answer that the lab works with. A file can give another one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lab.bgp import Counted, RemovePrivate
from lab.expressroute.facts import Tag

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """One open question. Its answers are words, each with what it means, or whole numbers of a range.

    `mechanism` is the sentence that a report says where the lab depends on it, with `{answer}` in it.
    """

    name: str
    question: str
    default: str
    tag: Tag
    why: str
    mechanism: str
    answers: Mapping[str, str] | range

    @property
    def choices(self) -> str:
        """What may be answered."""
        if isinstance(self.answers, range):
            return f"{self.answers[0]} to {self.answers[-1]}"
        return ", ".join(self.answers)

    def takes(self, answer: str) -> bool:
        """Whether it is one of the answers."""
        if not isinstance(self.answers, range):
            return answer in self.answers
        plain = answer.isascii() and answer.isdecimal() and len(answer) <= 9 and str(int(answer)) == answer
        return plain and int(answer) in self.answers

    def says(self, answer: str) -> str:
        """What the lab does, given an answer."""
        return self.mechanism.format(answer=answer if isinstance(self.answers, range) else self.answers[answer])


CUSTOMER_COMMUNITIES = Assumption(
    name="customer_communities",
    question="What becomes of the communities that a customer sets on private peering?",
    answers={"stripped": "taken off", "carried": "carried on, but for the well-known ones"},
    default="stripped",
    tag=Tag.ASSUMED,
    why="documented is only that Microsoft does not honour them (expressroute-routing.md, 2026-03-12)",
    mechanism="communities of a customer are {answer}",
)
OWN_ASN_ACCEPTED = Assumption(
    name="own_asn_accepted",
    question="How often may 12076 stand in a path that a customer sends on private peering?",
    answers=range(11),
    default="1",
    tag=Tag.OBSERVED,
    why="published route tables of Microsoft's edges hold routes that a customer sent back, path `<customer> 12076`",
    mechanism="how often a path from a customer may hold 12076: {answer}",
)
PRIVATE_ASNS_TO_CUSTOMER = Assumption(
    name="private_asns_to_customer",
    question="Which private AS numbers are taken out of a path towards a customer on private peering?",
    answers={
        "leading": "those before the first public one are taken out",
        "all": "all are taken out",
        "replace": "each is replaced by 12076",
    },
    default="leading",
    tag=Tag.OBSERVED,
    why="a VNet's path is just 12076 (use-s2s-vpn-as-backup-for-expressroute-privatepeering.md, 2022-12-27); of "
    "another one, `12076 64496 64496 64496 65520 65520`, later private numbers were left",
    mechanism="of private AS numbers in a path towards the customer {answer}",
)
PREFIX_LIMIT_COUNTS = Assumption(
    name="prefix_limit_counts",
    question="Which prefixes does the limit of a session count?",
    answers={"received": "all that are received", "accepted": "those that are accepted"},
    default="received",
    tag=Tag.ASSUMED,
    why="documented is only that a session over its limit is dropped (expressroute-faqs.md, 2026-03-31)",
    mechanism="a prefix limit of Microsoft's counts {answer}",
)
PREFIX_LIMIT_WARNING = Assumption(
    name="prefix_limit_warning_percent",
    question="From which part of the limit on is a session's count pointed out, in percent?",
    answers=range(1, 101),
    default="75",
    tag=Tag.ASSUMED,
    why="the usual default of routers",
    mechanism="a prefix limit of Microsoft's warns at {answer} %",
)
PREFIX_LIMIT_RESTART = Assumption(
    name="prefix_limit_restart_s",
    question="How long does a session over its limit stay closed before it is tried again, in seconds?",
    answers=range(1, 3601),
    default="10",
    tag=Tag.ASSUMED,
    why="documented is that it comes back below the limit (expressroute-faqs.md, 2026-03-31), not when",
    mechanism="a session over its prefix limit is tried again after {answer} s",
)
GLOBAL_REACH_PREPENDS = Assumption(
    name="global_reach_extra_prepends",
    question="How often is 12076 prepended over Global Reach, beside once for each edge?",
    answers=range(3),
    default="0",
    tag=Tag.OBSERVED,
    why="a public write-up saw more of 12076 in a path than there are edges",
    mechanism="prepends of 12076 over Global Reach, beside one for each edge: {answer}",
)
GLOBAL_REACH_TO_GATEWAY = Assumption(
    name="global_reach_to_gateway",
    question="Does a gateway learn what came to its circuit over Global Reach?",
    answers={"no": "kept from the gateway", "yes": "sent to the gateway"},
    default="no",
    tag=Tag.ASSUMED,
    why="documented is that it joins on-premises networks, pairwise (expressroute-global-reach.md, 2019)",
    mechanism="routes that came over Global Reach are {answer}",
)
PUBLIC_PRIVATE_ASNS = Assumption(
    name="private_asns_from_customer",
    question="When are private AS numbers taken out of a path that a customer sends on Microsoft peering?",
    answers={"always": "always", "from_private_asn": "only where the customer peers from a private AS number"},
    default="always",
    tag=Tag.INFERRED,
    why="expressroute-routing.md (2026-03-12) says it without condition, expressroute-optimize-routing.md (2023-06-15) "
    "of peerings with a private AS number",
    mechanism="on Microsoft peering private AS numbers are taken out of a customer's path {answer}",
)
MORE_SPECIFICS = Assumption(
    name="more_specific_prefixes",
    question="May a customer send more specific prefixes than those listed at a Microsoft peering?",
    answers={"accepted": "accepted", "rejected": "rejected"},
    default="accepted",
    tag=Tag.OBSERVED,
    why="a public issue says so, down to /32 (MicrosoftDocs/azure-docs issue 45214)",
    mechanism="prefixes inside an advertised public prefix are {answer}",
)
UNLISTED_SOURCES = Assumption(
    name="unlisted_sources",
    question="What becomes of packets on Microsoft peering whose source is not in a listed prefix?",
    answers={"dropped": "dropped silently at the edge", "admitted": "admitted"},
    default="dropped",
    tag=Tag.ASSUMED,
    why="documented is that the listed prefixes become access lists on Microsoft's core routers, not whether the "
    "sender is told",
    mechanism="packets on Microsoft peering from a source that is not in a listed prefix are {answer}",
)
ROUTE_FILTER_MATCH = Assumption(
    name="route_filter_match",
    question="Which communities of a route filter must a prefix carry?",
    answers={"any": "any of its communities", "all": "all of its communities"},
    default="any",
    tag=Tag.INFERRED,
    why="'all prefixes that map to the values' (how-to-routefilter-cli.md, 2023-09-15) reads as any",
    mechanism="a route filter lets through what carries {answer}",
)
GLOBAL_SERVICES = Assumption(
    name="global_services",
    question="From which SKU on are prefixes announced that have a service's community and no region's?",
    answers={
        "local": "announced with every SKU",
        "standard": "announced with Standard and Premium",
        "premium": "announced with Premium only",
    },
    default="standard",
    tag=Tag.ASSUMED,
    why="documented are the regions that each SKU reaches, and that Microsoft 365 needs Premium (expressroute-faqs.md, "
    "2026-03-31)",
    mechanism="services that belong to no region are {answer}",
)
MICROSOFT_365 = Assumption(
    name="microsoft_365_authorization",
    question="Has Microsoft authorised the subscription for Microsoft 365 over ExpressRoute?",
    answers={"not_granted": "not authorised", "granted": "authorised"},
    default="not_granted",
    tag=Tag.ASSUMED,
    why="without it a filter with its communities is refused (how-to-routefilter-cli.md, 2023-09-15)",
    mechanism="the subscription is {answer} for Microsoft 365",
)
EDGE_PATHS = Assumption(
    name="edge_maximum_paths",
    question="Over how many equal paths does one of Microsoft's edges share the load?",
    answers=range(1, 65),
    default="8",
    tag=Tag.ASSUMED,
    why="published tables mark one of two equal gateway routes; the published Cisco sample has `maximum-paths 8`",
    mechanism="an edge of Microsoft's shares the load over up to {answer} equal paths",
)
BFD_MULTIPLIER = Assumption(
    name="bfd_multiplier",
    question="What is the BFD multiplier of Microsoft's edge?",
    answers=range(2, 51),
    default="3",
    tag=Tag.INFERRED,
    why="that of the customer's side in every published sample (expressroute-bfd.md, 2023-06-30)",
    mechanism="the BFD multiplier of Microsoft's edge is {answer}",
)
UNLISTED_DSCP = Assumption(
    name="unlisted_dscp",
    question="What becomes on Microsoft peering of a customer's packets whose DSCP is not in Microsoft's table?",
    answers={
        "unchanged": "passed on unchanged",
        "reset": "passed on with 0",
        "dropped": "dropped silently at the edge",
    },
    default="unchanged",
    tag=Tag.ASSUMED,
    why="documented is that the customer has to rewrite it to 0, not what happens otherwise (expressroute-qos.md, "
    "2023-06-30); a router vendor's note claims that such packets are dropped",
    mechanism="on Microsoft peering packets with a DSCP other than EF, AF41, AF21, AF11 and CS0 are {answer}",
)
GATEWAY_LIMIT = Assumption(
    name="gateway_packet_limit",
    question="Which packets may be of 1400 bytes at most to cross a VNet's gateway?",
    answers={
        "all": "of every protocol",
        "tcp_udp": "of TCP and UDP alone",
        "none": "none, as where FastPath bypasses it",
    },
    default="all",
    tag=Tag.INFERRED,
    why="documented for TCP and UDP (expressroute-faqs.md, 2026-03-31); of what carries packets to a VNet it is not "
    "known that it looks at the protocol. FastPath bypasses the gateway",
    mechanism="packets limited to 1400 bytes at the gateway: {answer}",
)
GATEWAY_TOO_LARGE = Assumption(
    name="gateway_too_large",
    question="Is the sender of a packet that is too large for a VNet's gateway told so?",
    answers={"dropped": "dropped, and their sender is not told", "answered": "answered with the size that fits"},
    default="dropped",
    tag=Tag.ASSUMED,
    why="documented is the size, and that fragments are not supported (expressroute-faqs.md, 2026-03-31), not whether "
    "anybody is told",
    mechanism="packets too large for the gateway that must not be fragmented are {answer}",
)
GATEWAY_FRAGMENTS = Assumption(
    name="gateway_fragments",
    question="What becomes of fragments at a VNet's gateway?",
    answers={"dropped": "dropped", "forwarded": "forwarded"},
    default="dropped",
    tag=Tag.INFERRED,
    why="documented is that the gateway does not support them (expressroute-faqs.md, 2026-03-31)",
    mechanism="fragments are {answer} at the gateway",
)

ASSUMPTIONS = (
    CUSTOMER_COMMUNITIES,
    OWN_ASN_ACCEPTED,
    PRIVATE_ASNS_TO_CUSTOMER,
    PREFIX_LIMIT_COUNTS,
    PREFIX_LIMIT_WARNING,
    PREFIX_LIMIT_RESTART,
    GLOBAL_REACH_PREPENDS,
    GLOBAL_REACH_TO_GATEWAY,
    PUBLIC_PRIVATE_ASNS,
    MORE_SPECIFICS,
    UNLISTED_SOURCES,
    ROUTE_FILTER_MATCH,
    GLOBAL_SERVICES,
    MICROSOFT_365,
    EDGE_PATHS,
    BFD_MULTIPLIER,
    UNLISTED_DSCP,
    GATEWAY_LIMIT,
    GATEWAY_TOO_LARGE,
    GATEWAY_FRAGMENTS,
)
"""Every question that a file may answer."""
BY_NAME = {one.name: one for one in ASSUMPTIONS}


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question that no file can answer: what the lab does instead, and why that is enough."""

    question: str
    lab: str


OPEN_QUESTIONS = (
    OpenQuestion(
        "Which operating system does Microsoft's edge run?", "not modelled: the lab shows tables in a form of its own"
    ),
    OpenQuestion("Which capabilities does it offer?", "route refresh is on, the others are off"),
    OpenQuestion("Has its BFD the echo mode?", "no"),
    OpenQuestion("Does it check the TTL?", "no: its sessions are between directly connected addresses"),
    OpenQuestion(
        "Does it open sessions, and after which time again?", "it listens, so that a session is opened by one end only"
    ),
    OpenQuestion(
        "How do two gateways of one circuit exchange routes?", "not modelled: all VNets of a circuit have one gateway"
    ),
    OpenQuestion(
        "Are prefixes that are not listed at a Microsoft peering rejected, or accepted and their packets dropped?",
        "they are rejected, where `explain` shows it",
    ),
    OpenQuestion(
        "Does a default or private prefix on Microsoft peering reset the session?",
        "no: the route alone is rejected, 'not accepted' in the document",
    ),
    OpenQuestion(
        "Do well-known, large and extended communities of a customer mean anything?",
        "no: the well-known ones are always taken off, the others are as `customer_communities` says",
    ),
    OpenQuestion(
        "Is a customer's MED compared?",
        "no: on private peering it ends at the edge (RFC 4271 §5.1.4), on Microsoft peering it is removed",
    ),
    OpenQuestion("Do the two edges of a circuit speak BGP with each other?", "no: the gateway has a session with each"),
    OpenQuestion(
        "Which communities does a Microsoft prefix have?", "those that the topology gives it; the list changes monthly"
    ),
    OpenQuestion("Does Microsoft ever announce a default route?", "no"),
    OpenQuestion("Is IPv6 a session of its own, with which key?", "yes, with the peering's key"),
    OpenQuestion(
        "What happens between the prepending and the end of the sessions in a maintenance?",
        "both phases are states of the topology, `prepended` and `drained`",
    ),
    OpenQuestion(
        "How is traffic above the bandwidth policed?",
        "it is not, and what is said of a plan names it: `impairments` with a `rate` of the link stands in for it",
    ),
    OpenQuestion("Which values may a VNet's community have?", "12076:1 to 12076:65535 (rules ER014, ER015)"),
    OpenQuestion("Does the edge answer pings?", "yes, as every node"),
    OpenQuestion("Which MAC addresses and ARP timers does it have?", "not modelled: the kernel's"),
    OpenQuestion(
        "What becomes of 65515 to 65520 in a customer's path?",
        "the edge takes it, and a gateway drops a path that holds its own 65515",
    ),
    OpenQuestion("In which order are route tables listed?", "by prefix"),
    OpenQuestion("How long after a peering is saved does its session come up?", "not modelled: at once"),
)
"""The other questions, with what the lab does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongAnswer:
    """What is wrong with one answer of a file, and what would be right."""

    name: str
    what: str
    meant: str


def wrong_answers(assumed: Iterable[tuple[str, str]]) -> tuple[WrongAnswer, ...]:
    """Every name that is no assumption, and every answer that is none of its own."""
    found = []
    for name, answer in assumed:
        assumption = BY_NAME.get(name)
        if assumption is None:
            near = difflib.get_close_matches(name, BY_NAME, n=1)
            meant = f"did you mean {near[0]!r}? " if near else ""
            known = f"{meant}`erlab assumptions` lists those that are there"
            found.append(WrongAnswer(name=name, what=f"{name!r} is no assumption of the lab's", meant=known))
        elif not assumption.takes(answer):
            what = f"{answer!r} is no answer to {name!r}"
            found.append(WrongAnswer(name=name, what=what, meant=f"one of {assumption.choices}"))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Assumptions:
    """The answers that one lab works with: those of its file, and the defaults. Raises ValueError for a wrong one."""

    given: Pairs = ()

    def __post_init__(self) -> None:
        for wrong in wrong_answers(self.given):
            raise ValueError(f"{wrong.what}: {wrong.meant}")

    def answer(self, assumption: Assumption) -> str:
        """The answer to a question."""
        return dict(self.given).get(assumption.name, assumption.default)

    def _number(self, assumption: Assumption) -> int:
        return int(self.answer(assumption))

    @property
    def strips_communities(self) -> bool:
        """Whether a customer's communities are taken off on private peering."""
        return self.answer(CUSTOMER_COMMUNITIES) == "stripped"

    @property
    def own_asn_accepted(self) -> int:
        """How often a customer's path may hold 12076."""
        return self._number(OWN_ASN_ACCEPTED)

    @property
    def private_asns_to_customer(self) -> RemovePrivate:
        """Which private AS numbers are taken out towards a customer."""
        return RemovePrivate(self.answer(PRIVATE_ASNS_TO_CUSTOMER))

    @property
    def prefix_limit_counts(self) -> Counted:
        """Which prefixes a limit counts."""
        return Counted(self.answer(PREFIX_LIMIT_COUNTS))

    @property
    def prefix_limit_warning_percent(self) -> int:
        """Where a count is pointed out."""
        return self._number(PREFIX_LIMIT_WARNING)

    @property
    def prefix_limit_restart_s(self) -> int:
        """When a session over its limit is tried again."""
        return self._number(PREFIX_LIMIT_RESTART)

    @property
    def global_reach_extra_prepends(self) -> int:
        """How often 12076 is prepended over Global Reach, beside once for each edge."""
        return self._number(GLOBAL_REACH_PREPENDS)

    @property
    def global_reach_to_gateway(self) -> bool:
        """Whether a gateway learns what came over Global Reach."""
        return self.answer(GLOBAL_REACH_TO_GATEWAY) == "yes"

    @property
    def removes_private_asns_always(self) -> bool:
        """Whether private AS numbers are taken out on Microsoft peering whatever AS the customer peers from."""
        return self.answer(PUBLIC_PRIVATE_ASNS) == "always"

    @property
    def accepts_more_specifics(self) -> bool:
        """Whether more specific prefixes than the listed ones are accepted on Microsoft peering."""
        return self.answer(MORE_SPECIFICS) == "accepted"

    @property
    def drops_unlisted_sources(self) -> bool:
        """Whether an edge drops what comes on Microsoft peering from a source that is not in a listed prefix."""
        return self.answer(UNLISTED_SOURCES) == "dropped"

    @property
    def route_filter_needs_all(self) -> bool:
        """Whether a prefix must carry all communities of a route filter."""
        return self.answer(ROUTE_FILTER_MATCH) == "all"

    @property
    def global_services_from(self) -> str:
        """The lowest SKU with which services that belong to no region are announced: its value."""
        return self.answer(GLOBAL_SERVICES)

    @property
    def microsoft_365_authorized(self) -> bool:
        """Whether the subscription may use communities of Microsoft 365."""
        return self.answer(MICROSOFT_365) == "granted"

    @property
    def edge_maximum_paths(self) -> int:
        """Over how many equal paths an edge of Microsoft's shares the load."""
        return self._number(EDGE_PATHS)

    @property
    def bfd_multiplier(self) -> int:
        """The detection multiplier of an edge's BFD."""
        return self._number(BFD_MULTIPLIER)

    @property
    def unlisted_dscp(self) -> str:
        """What becomes of a DSCP that is not in Microsoft's table: the answer."""
        return self.answer(UNLISTED_DSCP)

    @property
    def gateway_packet_limit(self) -> str:
        """Which packets a gateway forwards up to a size only: those of `all` protocols, of `tcp_udp` or `none`."""
        return self.answer(GATEWAY_LIMIT)

    @property
    def gateway_too_large(self) -> str:
        """What a gateway does with what is too large for it: `dropped` or `answered`."""
        return self.answer(GATEWAY_TOO_LARGE)

    @property
    def gateway_forwards_fragments(self) -> bool:
        """Whether fragments cross a gateway."""
        return self.answer(GATEWAY_FRAGMENTS) == "forwarded"
