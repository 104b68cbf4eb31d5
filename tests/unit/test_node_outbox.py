"""What waits to be said to neighbours: the last word on each prefix, session by session."""

from __future__ import annotations

from ipaddress import IPv4Address

from builders import P1, P2
from lab.bgp import AsPath, Route
from lab.events import Announce, Withdraw
from lab.node.outbox import Outbox

ONE, OTHER = (Route(prefix=prefix, next_hop=IPv4Address("192.0.2.1"), as_path=AsPath()) for prefix in (P1, P2))


def announce(*routes: Route, session: str = "a/ipv4") -> Announce:
    """An announcement."""
    return Announce(session=session, routes=routes)


def test_announcements_of_one_session_become_one() -> None:
    """Two announcements of a session are said together, those of another session apart; then nothing is left."""
    outbox = Outbox()
    for effect in (announce(ONE), announce(ONE, session="b/ipv4"), announce(OTHER)):
        outbox.add(effect)

    assert outbox.take() == [announce(ONE, OTHER), announce(ONE, session="b/ipv4")]
    assert outbox.take() == []


def test_the_last_word_on_a_prefix_counts() -> None:
    """What is announced and withdrawn before it was said is withdrawn, and the other way round it is announced."""
    outbox = Outbox()
    outbox.add(announce(ONE))
    outbox.add(Withdraw(session="a/ipv4", prefixes=(P1, P2)))
    outbox.add(announce(OTHER))

    assert outbox.take() == [Withdraw(session="a/ipv4", prefixes=(P1,)), announce(OTHER)]


def test_what_waits_ends_with_its_session() -> None:
    """A session that comes up again begins with nothing to say, and other sessions lose nothing."""
    outbox = Outbox()
    outbox.add(announce(ONE))
    outbox.add(announce(ONE, session="b/ipv4"))
    outbox.forget("a/ipv4")

    assert outbox.take() == [announce(ONE, session="b/ipv4")]
