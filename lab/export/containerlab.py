"""A lab as a topology of containerlab (`NAME.clab.yml`), whose nodes are this project's image and vendors' images."""

from __future__ import annotations

from collections.abc import Iterator

from lab.export import Exported
from lab.export.yaml_text import Commented, OneLine, Value, block
from lab.plan import NodePlan, SessionPlan
from lab.plan.devices import Device

FIRST_LINE = "# Made by `erlab export`; it is written anew when the topology is exported again."
PLAN = "/erlab/plan.json"
"""Where a device's file is in its container."""
PROGRAM = "python -m lab.alone"
_HEALTH = OneLine(
    {
        "test": ["CMD", *PROGRAM.split(), "healthy"],
        "interval": 30,
        "timeout": 20,
        "retries": 3,
        "start-period": 60,
    }
)


def topology(lab: Exported, plans: str) -> str:
    """The file. The devices' files are in the directory `plans` beside it."""
    head = [
        FIRST_LINE,
        f"# Start it with `sudo containerlab deploy -t {lab.name}.clab.yml`. It stands in for the real thing so:",
        *(f"# - {one}" for one in lab.stand_ins),
    ]
    return "\n".join(head) + "\n" + definition(lab, plans)


def definition(lab: Exported, plans: str = "") -> str:
    """What containerlab reads. Without `plans` each device's file is at `PLAN` on the machine that starts it, too."""
    nodes: dict[str, Value] = {}
    for device in lab.devices.devices:
        vendor = lab.vendors.get(device.name)
        if vendor is None:
            nodes[device.name] = _node(lab, device, f"{plans}/{device.name}.json" if plans else PLAN)
        else:
            about = {"kind": vendor.kind, "image": vendor.image}
            nodes[device.name] = Commented(list(what_it_takes(device)), about)
    links = [OneLine({"endpoints": [str(end) for end in link.ends]}) for link in lab.devices.links]
    return block({"name": lab.name, "topology": {"nodes": nodes, "links": links}})


def _node(lab: Exported, device: Device, plan: str) -> Value:
    """A container of our image. Its only interfaces are those of its links: a management network would be a way out.

    containerlab's containers are privileged, and so is root in them; nobody else may read a file with MD5 keys.
    """
    limits: dict[str, Value] = {}
    if lab.limits is not None and device.plan.routers:
        if lab.limits.memory_bytes is not None:
            limits["memory"] = f"{lab.limits.memory_bytes}b"
        if lab.limits.cpus is not None:
            limits["cpu"] = int(lab.limits.cpus) if lab.limits.cpus.is_integer() else lab.limits.cpus
    return {
        "kind": "linux",
        "image": lab.images[device.name],
        "network-mode": "none",
        "user": "0",
        "entrypoint": PROGRAM,
        "cmd": PLAN,
        "binds": [f"{plan}:{PLAN}:ro"],
        **limits,
        "healthcheck": _HEALTH,
    }


def what_it_takes(device: Device) -> Iterator[str]:
    """What somebody else's customer edge has to be configured with, without its MD5 keys."""
    node = device.main
    if node is None or node.bgp is None:
        return
    outside = {one.end.interface: one.name for one in device.attachments}
    yield f"{node.name} is yours to configure: AS {node.bgp.asn}, router id {node.bgp.router_id}"
    for interface in node.interfaces:
        port = interface.vlan.port.interface if interface.vlan else interface.name
        name = outside.get(port, port)
        if interface.vlan:
            name += "".join(f" VLAN {tag}" for tag in interface.vlan.tags) or " untagged"
        addresses = ", ".join(map(str, interface.addresses)) or "no addresses"
        yield f"  {name} ({interface.name}): {addresses}"
    yield from (f"  {_session(session)}" for session in node.bgp.sessions)
    if node.bgp.networks:
        yield f"  announces {', '.join(map(str, node.bgp.networks))}"
    yield from _other_duties(node)


def _session(session: SessionPlan) -> str:
    neighbor = f"{session.peer_address} ({session.neighbor}, AS {session.peer_asn})"
    words = [f"BGP {session.carries} from {session.local_address} to {neighbor}", f"hold time {session.hold_time_s} s"]
    if session.md5 is not None:
        words.append("the MD5 key of the topology file")
    if session.bfd is not None:
        words.append(f"BFD {session.bfd.transmit_interval_ms} ms x {session.bfd.multiplier}")
    return ", ".join(words)


def _other_duties(node: NodePlan) -> Iterator[str]:
    rules = [one.rules for one in node.bgp.sessions] if node.bgp else []
    duties = {
        "policies": any(one.import_policies or one.export_policies for one in rules),
        "the translation of sources": bool(node.nat),
        "rewritten marks": bool(node.marking),
        "queues": bool(node.queues),
    }
    named = [words for words, has in duties.items() if has]
    if named:
        yield f"  also of the topology file: {', '.join(named)}"
