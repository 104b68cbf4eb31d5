"""What a fault acts on: wires, interfaces, sessions and processes of a plan, in every connectivity model."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from covered_models import TOPOLOGIES
from lab.commands.offline import load
from lab.faults import Fault, FaultKind
from lab.injection import Injection, dead_in, in_the_model, injections
from lab.plan import Plan
from lab.predict import predict

FILES = {file.stem: file for file in TOPOLOGIES}
BEHIND_A_PROVIDER, DIRECT, ROUTED = "point_to_point_ethernet_layer2", "direct_dot1q", "cloud_exchange_layer3"


@cache
def plan(name: str) -> Plan:
    """The plan of a shipped topology."""
    return load(str(FILES[name]))[1]


def step(name: str, kind: FaultKind, target: str, **more: str) -> Injection:
    """The last step of a fault in a shipped topology."""
    return injections(plan(name), Fault(kind=kind, target=target, **more))[-1]


def texts(parts: tuple[object, ...]) -> list[str]:
    """Interfaces as text."""
    return list(map(str, parts))


@pytest.mark.parametrize(
    ("name", "target", "circuit", "down"),
    [
        (BEHIND_A_PROVIDER, "primary", "", "line1:customer"),
        (BEHIND_A_PROVIDER, "secondary", "", "line2:customer"),
        (BEHIND_A_PROVIDER, "msee1 - ce1", "", "line1:microsoft"),
        (BEHIND_A_PROVIDER, "gw - msee2", "", "msee2:to-gw"),
        (DIRECT, "primary", "prod", "prod-msee1:prod-port1"),
        (ROUTED, "primary", "", "msee1:port1"),
        (ROUTED, "ce1 - mcr", "", "mcr:to-ce1"),
    ],
)
def test_the_carrier_of_a_link(name: str, target: str, circuit: str, down: str) -> None:
    """The wire at the customer, or at the first router named, loses its carrier by its far end."""
    assert texts(step(name, FaultKind.LINK_DOWN, target, circuit=circuit).down) == [down]


def test_silent_loss() -> None:
    """Both ends of a link are deaf, of every peering on it; towards one router that one alone, and only it counts."""
    both = step(ROUTED, FaultKind.SILENT_LOSS, "primary")
    one = step(ROUTED, FaultKind.SILENT_LOSS, "primary", towards="msee1")

    assert texts(both.deaf) == ["mcr:to-msee1", "msee1:to-mcr", "mcr:ms-msee1", "msee1-ms:to-mcr"]
    assert texts(one.deaf) == ["msee1:to-mcr", "msee1-ms:to-mcr"]
    assert one.ends == both.ends
    assert (both.crossed, one.crossed) == (both.deaf, one.deaf)


def test_session_reset() -> None:
    """The router that is named first closes its sessions with the other; of a link Microsoft's edge does."""
    pair, link = (step(BEHIND_A_PROVIDER, FaultKind.SESSION_RESET, target) for target in ("ce1 - msee1", "primary"))

    assert [(end.router, end.session) for end in pair.resets] == [("ce1", "msee1/ipv4"), ("ce1", "msee1/ipv6")]
    assert [(end.router, end.session) for end in link.resets] == [("msee1", "ce1/ipv4"), ("msee1", "ce1/ipv6")]


def test_a_router_is_killed_as_a_whole() -> None:
    """All VRFs of an edge die together, whichever is named, and every wire at them loses its carrier."""
    found = step(ROUTED, FaultKind.ROUTER_KILLED, "msee1-ms")

    assert found.killed == ("msee1", "msee1-ms")
    assert texts(found.down) == ["msee1:port1", "msee1:to-gw", "msee1-ms:to-ms-core"]
    assert dead_in(plan(ROUTED), Fault(kind=FaultKind.ROUTER_KILLED, target="msee1")) == {"msee1", "msee1-ms"}


def test_a_maintenance_is_what_the_file_format_calls_so(tmp_path: Path) -> None:
    """Its two steps give the routers the routes that `maintenance` of a circuit gives them, phase by phase."""
    policies = str(FILES[ROUTED].parents[1] / "policies")
    text = FILES[BEHIND_A_PROVIDER].read_text(encoding="utf-8").replace("../policies", policies)
    steps = injections(plan(BEHIND_A_PROVIDER), Fault(kind=FaultKind.MAINTENANCE, target="primary"))
    for step_, phase in zip(steps, ("prepended", "drained"), strict=True):
        file = tmp_path / f"{phase}.yaml"
        words = f"maintenance: {{link: primary, phase: {phase}}}"
        file.write_text(text.replace("\n  sku: standard\n", f"\n  sku: standard\n  {words}\n"), encoding="utf-8")
        _, planned = load(str(file))
        assert step_.plan is not None
        assert predict(step_.plan).tables == predict(planned).tables


def test_the_model_has_closed_what_a_fault_ends() -> None:
    """The sessions of a dead link are down in the plan that the model is asked, and the others are up."""
    tables = predict(in_the_model(plan(BEHIND_A_PROVIDER), Fault(kind=FaultKind.LINK_DOWN, target="primary"))).tables
    states = {session.session: session.established for session in tables.of("ce1").sessions}

    assert states == {"msee1/ipv4": False, "msee1/ipv6": False, "ce2/ipv4": True, "ce2/ipv6": True}


@pytest.mark.parametrize(
    ("name", "fault", "why"),
    [
        (DIRECT, Fault(kind=FaultKind.LINK_DOWN, target="primary"), "which circuit's?: there are prod, test"),
        (DIRECT, Fault(kind=FaultKind.LINK_DOWN, target="primary", circuit="dev"), "no circuit is named dev"),
        (ROUTED, Fault(kind=FaultKind.LINK_DOWN, target="primary", circuit="dev"), "leave `circuit` out"),
        (ROUTED, Fault(kind=FaultKind.LINK_DOWN, target="tertiary"), "'tertiary' is no link"),
        (ROUTED, Fault(kind=FaultKind.LINK_DOWN, target="ce1 - ce2"), "share their network with"),
        (ROUTED, Fault(kind=FaultKind.LINK_DOWN, target="ce1 - msee1"), "have no link in common"),
        (ROUTED, Fault(kind=FaultKind.SILENT_LOSS, target="primary", towards="gw"), "gw is at no end of primary"),
        (ROUTED, Fault(kind=FaultKind.SESSION_RESET, target="ce1 - msee1"), "have no BGP session"),
        (ROUTED, Fault(kind=FaultKind.MAINTENANCE, target="both"), "'both' is no link"),
        (ROUTED, Fault(kind=FaultKind.PEERING_DISABLED, target="public"), "'public' is no peering"),
        (
            BEHIND_A_PROVIDER,
            Fault(kind=FaultKind.PEERING_DISABLED, target="microsoft"),
            "is no microsoft peering",
        ),
        (ROUTED, Fault(kind=FaultKind.ROUTER_KILLED, target="hub"), "hub is no router"),
        (ROUTED, Fault(kind=FaultKind.ROUTER_KILLED, target="ce9"), "there is no router ce9; there are ce1"),
    ],
)
def test_faults_that_fit_no_plan(name: str, fault: Fault, why: str) -> None:
    """Each is refused with what there is instead."""
    with pytest.raises(ValueError, match=re.escape(why)):
        injections(plan(name), fault)
