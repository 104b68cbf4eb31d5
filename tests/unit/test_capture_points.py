"""Which interfaces are meant by the name of a link, in topologies of several kinds."""

from __future__ import annotations

from functools import cache

import pytest

from lab.errors import InputError
from lab.load import load_topology
from lab.plan import Plan
from lab.plan.of_topology import plan
from lab.plan.wires import capture_points
from topology_text import SHIPPED

LAYER_2, DIRECT, DUAL = "point_to_point_ethernet_layer2", "direct_dot1q", "dual_circuit"
IPVPN = "any_to_any_ipvpn"


@cache
def planned(name: str) -> Plan:
    """The plan of a shipped topology."""
    return plan(load_topology(SHIPPED.with_name(f"{name}.yaml")))


def points(name: str, link: str, circuit: str | None = None) -> tuple[str, bool]:
    """The interfaces, and whether only arrivals count."""
    found = capture_points(planned(name), link, circuit)
    return " ".join(map(str, found.ends)), found.arrivals_only


@pytest.mark.parametrize(
    ("name", "link", "circuit", "ends"),
    [
        pytest.param(LAYER_2, "hq/ce2", None, "ce2:to-hq lan-hq:to-ce2", id="a wire's name"),
        pytest.param(LAYER_2, "primary", None, "ce1:port1 line1:customer", id="a link of the only circuit"),
        pytest.param(LAYER_2, "secondary-microsoft", None, "line2:microsoft msee2:port2", id="behind the provider"),
        pytest.param(DUAL, "secondary", "lon", "ce3:lon-port2 lon-line2:customer", id="a link of one of two circuits"),
        pytest.param(DIRECT, "primary", "test", "ce1:prod-port1 prod-msee1:prod-port1", id="ports that are shared"),
        pytest.param(LAYER_2, "ce1 - msee1", None, "ce1:to-msee1 msee1:to-ce1", id="two routers over a provider"),
        pytest.param(LAYER_2, "msee1 ce1", None, "msee1:to-ce1 ce1:to-msee1", id="two words, the other way round"),
        pytest.param(LAYER_2, "hq ce2", None, "hq:eth0 ce2:to-hq", id="two of a LAN"),
        pytest.param(LAYER_2, "line1 ce1", None, "line1:customer ce1:port1", id="a switch has no addresses"),
        pytest.param(IPVPN, "pe1-contoso pe3-contoso", None, "pe1-contoso:core pe3-contoso:core", id="through tunnels"),
    ],
)
def test_a_link_has_two_ends(name: str, link: str, circuit: str | None, ends: str) -> None:
    """A link is looked at where frames arrive: at both its ends, so that each frame counts once."""
    assert points(name, link, circuit) == (ends, True)


def test_an_interface_shows_both_directions() -> None:
    """One interface shows what arrives and what leaves."""
    assert points(LAYER_2, "ce1:to-msee1") == ("ce1:to-msee1", False)


@pytest.mark.parametrize(
    ("name", "link", "circuit", "says"),
    [
        (
            LAYER_2,
            "tertiary",
            None,
            "tertiary is no link of this lab: write NODE - NODE, NODE:INTERFACE or a wire's name",
        ),
        (LAYER_2, "hq gw", None, "no link joins hq and gw: hq is joined to ce1, ce2, lan-hq"),
        (LAYER_2, "hq ce9", None, "ce9 is no node of this lab: nodes are ce1, ce2, msee1"),
        (LAYER_2, "ce1:eth0", None, "eth0 is no interface of ce1: interfaces are to-hq, port1, to-msee1"),
        (LAYER_2, "primary", "ams", "ams is no circuit of this lab: it has one circuit, without a name"),
        (DUAL, "primary", "fra", "fra is no circuit of this lab: it has ams, lon"),
        (DUAL, "primary", None, "this lab has several circuits: choose one with --circuit: ams, lon"),
        (DUAL, "hq/hq", "ams", "--circuit goes with primary or secondary, and 'hq/hq' is neither"),
    ],
)
def test_no_such_link(name: str, link: str, circuit: str | None, says: str) -> None:
    """A name that means no link is refused with the names that do."""
    with pytest.raises(InputError, match="^" + says.replace("(", r"\(")):
        points(name, link, circuit)
