"""A lab as files for other programs: a topology of containerlab, and resources for Kubernetes with Clabernetes.

Pure: devices in, text out. What the keys mean is in the manuals of the two (containerlab.dev/manual/topo-def-file,
/manual/nodes and /manual/clabernetes, read 2026-11-28); the shapes are held to their schemas by the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.errors import InputError
from lab.limits import Limits
from lab.plan import Endpoint, Plan, Role
from lab.plan.devices import Devices, Naming, by_interface, by_number, devices_of

_EVERY_OTHER_KIND = "eth{}", 1
_SR_LINUX, _XRD = ("e1-{}", 1), ("Gi0-0-0-{}", 0)
_INTERFACES = {"nokia_srlinux": _SR_LINUX, "srl": _SR_LINUX, "cisco_xrd": _XRD, "xrd": _XRD}
"""What interfaces are called at the nodes of a kind, and the number of the first (containerlab.dev/manual/kinds)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorsImage:
    """What runs in the place of a customer edge of ours: a kind that containerlab knows, and its image."""

    kind: str
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The devices of a lab, and which of them are somebody else's. `peers_image` has other vendors' daemons."""

    name: str
    devices: Devices
    vendors: Mapping[str, VendorsImage]
    image: str
    peers_image: str
    stand_ins: tuple[str, ...]
    limits: Limits | None = None

    @property
    def images(self) -> dict[str, str]:
        """The image of each device."""
        ours = {one.name: self.peers_image if one.has_daemons else self.image for one in self.devices.devices}
        return {**ours, **{name: one.image for name, one in self.vendors.items()}}


def exported(
    plan: Plan, image: str, peers_image: str, vendors: Mapping[str, VendorsImage], *, short_names: bool = False
) -> Exported:
    """The devices of a plan, `image` for all but those of vendors, and `peers_image` for those with vendors' daemons.

    With `short_names` interfaces are numbered outside. Raises InputError where a vendor's image would be no customer
    edge.
    """
    edges = [node.name for node in plan.nodes if node.role is Role.CUSTOMER_EDGE]
    for name in vendors:
        if name not in edges:
            known = f"customer edges here: {', '.join(edges)}"
            raise InputError(f"--ce {name}: only a customer edge can have another image, and {name} is none; {known}")
    usual: Naming = by_number if short_names else by_interface

    def naming(device: str, end: Endpoint, number: int) -> str:
        if device in vendors:
            called, first = _INTERFACES.get(vendors[device].kind, _EVERY_OTHER_KIND)
            return called.format(number - 1 + first)
        return usual(device, end, number)

    stand_ins = [*plan.fidelity]
    stand_ins += [f"{name}: {one.image}, configured by you; the file says with what" for name, one in vendors.items()]
    devices = devices_of(plan, naming)
    middles = [one.name for one in devices.devices if one.wire is not None]
    if middles:
        stand_ins.append(f"{', '.join(middles)}: impaired wires; the loss of a carrier at one end is not passed on")
    stand_ins.append("faults: `erlab fail` and `erlab probe` know only labs that erlab runs")
    return Exported(
        name=plan.name,
        devices=devices,
        vendors=vendors,
        image=image,
        peers_image=peers_image,
        stand_ins=tuple(stand_ins),
        limits=plan.limits,
    )
