"""The file from which a device configures itself: JSON, written by `erlab export` and read by `python -m lab.alone`."""

from __future__ import annotations

import json

from lab.codec import plain, typed
from lab.errors import InputError
from lab.plan.devices import Device

FORMAT = "erlab/device/1"
_START = b'{\n "schema": "erlab/device/'
_AGAIN = "export the topology again, with the erlab that is in the image"


def to_text(device: Device) -> str:
    """A device as a file. It holds the MD5 keys of the device's sessions."""
    return json.dumps({"schema": FORMAT, "device": plain(device)}, indent=1) + "\n"


def is_one(start: bytes) -> bool:
    """Whether a file that starts so is one, of any version."""
    return start.startswith(_START)


def from_text(text: str, name: str) -> Device:
    """The device of a file. Raises InputError, which calls the file by `name`, where it is none of this version."""
    try:
        document = json.loads(text)
        found = document["schema"]
    except (ValueError, TypeError, KeyError):
        raise InputError(f"{name}: this is no plan of a device: {_AGAIN}") from None
    if found != FORMAT:
        raise InputError(f"{name}: it is of the form {found!r}, and this is erlab of {FORMAT!r}: {_AGAIN}")
    try:
        return typed(Device, document["device"])
    except Exception as problem:  # noqa: BLE001  # whatever else is wrong with it
        raise InputError(
            f"{name}: the plan of the device cannot be read ({type(problem).__name__}): {_AGAIN}"
        ) from None
