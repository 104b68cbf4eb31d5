"""What the speaker makes of a neighbour's octets, on a session that carries one family."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import A6, P1, P6, A
from lab.bgp import family_of, prefix_of
from lab.events import RefreshRequested
from lab.node.speaker import Decoder
from lab.plan import SessionPlan
from wire_octets import GLOBAL_NEXT_HOP, MANDATORY, MED, NON_TRANSITIVE, attribute, mp_reach, mp_unreach, nlri, update

BOTH_FAMILIES = MANDATORY + mp_reach(GLOBAL_NEXT_HOP, nlri(str(P6)))
MALFORMED_MED = attribute(NON_TRANSITIVE, MED, b"\0")


@pytest.mark.parametrize("plan", [A, A6])
def test_only_the_agreed_family_is_announced(plan: SessionPlan) -> None:
    """Of an UPDATE with routes of two families the session takes those of its own (RFC 4760 §8)."""
    event = Decoder([plan]).update(str(plan.peer_address), update(BOTH_FAMILIES, nlri(str(P1))), asn4=True)
    assert event is not None
    assert [route.prefix for route in event.announced] == [P1 if plan is A else P6]


@pytest.mark.parametrize("plan", [A, A6])
def test_only_the_agreed_family_is_withdrawn(plan: SessionPlan) -> None:
    """The same goes for withdrawals, those of malformed routes among them, and for what is said of the faults."""
    body = update(MALFORMED_MED + BOTH_FAMILIES, nlri(str(P1)), nlri("10.9.0.0/16"))
    event = Decoder([plan]).update(str(plan.peer_address), body, asn4=True)
    assert event is not None
    assert {family_of(prefix_of(prefix)) for prefix in event.withdrawn} == {plan.family}
    assert [fault.prefixes for fault in event.faults] == [(P1,) if plan is A else (P6,)]
    event = Decoder([plan]).update(str(plan.peer_address), update(mp_unreach(nlri(str(P6)))), asn4=True)
    assert event is not None
    assert event.withdrawn == (() if plan is A else (P6,))


@pytest.mark.parametrize(
    ("plan", "body"),
    [
        (A, "00010001"),
        (A6, "00020001"),
        (replace(A, vpn=True), "00010080"),
        (replace(A6, vpn=True), "00020080"),
    ],
)
def test_a_refresh_is_asked_for_the_agreed_family(plan: SessionPlan, body: str) -> None:
    """A ROUTE-REFRESH of subtype 0 for the session's family is a request; for another, or of 1 to 3, it is none."""
    decoder = Decoder([plan])
    heard = [
        octets
        for octets in ("00010001", "00020001", "00010080", "00020080", "00010085")
        if decoder.refresh(str(plan.peer_address), bytes.fromhex(octets))
    ]
    assert heard == [body]
    assert decoder.refresh(str(plan.peer_address), bytes.fromhex(body)) == RefreshRequested(session=plan.name)
    for subtype in (1, 2, 3, 255):
        octets = bytes.fromhex(body)
        assert decoder.refresh(str(plan.peer_address), octets[:2] + bytes([subtype]) + octets[3:]) is None
