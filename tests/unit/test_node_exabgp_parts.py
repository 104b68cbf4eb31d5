"""What the lab puts in the place of parts of ExaBGP, as far as it shows without a session."""

from __future__ import annotations

from ipaddress import IPv6Network

from exabgp.bgp.message import Action
from exabgp.bgp.message.update.attribute import Attributes
from exabgp.bgp.message.update.attribute.med import MED
from exabgp.bgp.message.update.nlri.cidr import CIDR
from exabgp.bgp.message.update.nlri.inet import INET
from exabgp.protocol.family import AFI, SAFI
from exabgp.rib.change import Change
from exabgp.rib.outgoing import OutgoingRIB

from lab.node import speaker
from lab.node.exabgp_parts import grouped_updates

FAMILY = AFI.ipv6, SAFI.unicast


def queued(*metrics: int) -> OutgoingRIB:
    """A queue with an IPv6 prefix for each metric."""
    speaker.warm_up()
    rib = OutgoingRIB(cache=False, families={FAMILY})
    for number, metric in enumerate(metrics):
        nlri = INET(*FAMILY, Action.ANNOUNCE)
        nlri.cidr = CIDR(IPv6Network(f"2001:db8:{number:x}::/48").network_address.packed, 48)
        attributes = Attributes()
        attributes.add(MED(metric))
        rib.add_to_rib(Change(nlri, attributes))
    return rib


def test_prefixes_with_equal_attributes_share_an_update() -> None:
    """IPv6 prefixes go out in one UPDATE for each set of attributes, where ExaBGP makes one for each; none is left."""
    rib = queued(1, 1, 2, 1)

    assert sorted(len(update.nlris) for update in grouped_updates(rib, None)) == [1, 3]
    assert not rib.pending()
    assert [len(update.nlris) for update in queued(1, 1, 2, 1).updates(grouped=True)] == [1, 1, 1, 1]
