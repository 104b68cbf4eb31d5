"""What an export wrote, as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lab.plan.devices import Devices
from lab.report.json_parts import document


def export(files: Iterable[str], devices: Devices, images: Mapping[str, str], fidelity: Iterable[str]) -> str:
    """The files, and the devices with the nodes and the image of each."""
    return document(
        "export",
        files=list(files),
        devices=[
            {"name": one.name, "nodes": [node.name for node in one.plan.nodes], "image": images[one.name]}
            for one in devices.devices
        ],
        fidelity=list(fidelity),
    )
