"""When a packet of a stream is taken for lost while it runs."""

from __future__ import annotations

import pytest

from lab.steady_stream import Direction

MS = 1_000_000


@pytest.mark.parametrize(("delay_ms", "lost_at_ms"), [(0, 50), (100, 250), (400, 850)])
def test_a_long_way_is_no_loss(delay_ms: int, lost_at_ms: int) -> None:
    """What has not come is lost 50 ms after twice the time that the last ones took, and not a moment before."""
    stream = Direction(source="hq", destination="hub")
    for place in range(40):
        stream.sent_ns.append(place * MS)
        stream.arrived_ns.append(0)
        if place < 30:
            stream.arrives(place, (place + delay_ms) * MS)

    stream.look_for_losses((30 + lost_at_ms) * MS)
    assert stream.last_lost_ns == 0
    stream.look_for_losses((30 + lost_at_ms) * MS + 1)
    assert stream.last_lost_ns == 30 * MS


def test_the_last_packets_tell_how_long_the_way_is() -> None:
    """Another way after a fault may be longer or shorter."""
    stream = Direction(source="hq", destination="hub")
    for place, delay_ms in enumerate([*[200] * 20, *[3] * 20]):
        stream.sent_ns.append(place * MS)
        stream.arrived_ns.append(0)
        stream.arrives(place, (place + delay_ms) * MS)
    assert stream.on_its_way_ns == 56 * MS
