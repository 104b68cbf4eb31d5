"""A lab as resources for Kubernetes: a Topology of Clabernetes, and the devices' files in ConfigMaps and Secrets.

Clabernetes has two API groups. In `clabernetes.containerlab.dev/v1alpha1` a topology takes files from ConfigMaps only
(its CustomResourceDefinition at commit 0c730d3); in `c9s.run/v1alpha1`, which came later, also from Secrets (at commit
d9b9aa9). A device with MD5 keys has its file in a Secret, so a lab with keys takes the later one.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from lab.errors import InputError
from lab.export import Exported
from lab.export.containerlab import FIRST_LINE, PLAN, definition
from lab.export.yaml_text import OneLine, Value, block
from lab.plan.devices import Device

PART_OF = "app.kubernetes.io/part-of"
"""The label that has the lab's name, at each of its resources."""
_KEY = "plan.json"
_MOST_BYTES = 1 << 20
"""That a ConfigMap or a Secret may hold (kubernetes.io/docs/concepts/configuration/configmap, read 2026-11-28)."""
_LONGEST_NAME = 63


class Api(Enum):
    """Whose Topology it is."""

    CLABERNETES = "clabernetes.containerlab.dev/v1alpha1"
    C9S = "c9s.run/v1alpha1"


def api_for(lab: Exported, wanted: Api | None) -> Api:
    """The API that a lab takes. Raises InputError where it is not the one that is wanted."""
    secret = [one.name for one in _ours(lab) if one.has_secrets]
    if wanted is None:
        return Api.C9S if secret else Api.CLABERNETES
    if secret and wanted is Api.CLABERNETES:
        raise InputError(
            f"--api {wanted.value} takes files from ConfigMaps only, which are no place for the MD5 keys of "
            f"{', '.join(secret)}: take --api {Api.C9S.value}, or a topology without md5"
        )
    return wanted


def resources(lab: Exported, files: Mapping[str, str], api: Api) -> tuple[str, str]:
    """The Topology with the ConfigMaps, and the Secrets; empty where there are none. `files` are the devices' files.

    Raises InputError where Kubernetes would take a name or a file for none.
    """
    open_files: dict[str, Value] = {}
    secret_files: dict[str, Value] = {}
    documents, secrets = [], []
    for device in _ours(lab):
        name = _name(lab, device)
        size = len(files[device.name].encode())
        if size > _MOST_BYTES:
            raise InputError(f"the file of {device.name} has {size} bytes, and Kubernetes holds {_MOST_BYTES} at most")
        if device.has_secrets:
            secrets.append(
                _document("v1", "Secret", name, lab, {"type": "Opaque", "stringData": {_KEY: files[device.name]}})
            )
            mounted = {"filePath": PLAN, "secretName": name, "secretPath": _KEY, "mode": "read"}
            secret_files[device.name] = [OneLine(mounted)]
        else:
            documents.append(_document("v1", "ConfigMap", name, lab, {"data": {_KEY: files[device.name]}}))
            mounted = {"filePath": PLAN, "configMapName": name, "configMapPath": _KEY, "mode": "read"}
            open_files[device.name] = [OneLine(mounted)]
    deployment: dict[str, Value] = {}
    if open_files:
        deployment["filesFromConfigMap"] = open_files
    if secret_files:
        deployment["filesFromSecret"] = secret_files
    spec: dict[str, Value] = {"definition": {"containerlab": definition(lab)}, "deployment": deployment}
    documents.append(_document(api.value, "Topology", lab.name, lab, {"spec": spec}))
    head = [FIRST_LINE, "# It stands in for the real thing so:", *(f"# - {one}" for one in lab.stand_ins)]
    open_text = "\n".join(head) + "\n" + "---\n".join(documents)
    return open_text, f"{FIRST_LINE}\n" + "---\n".join(secrets) if secrets else ""


def _ours(lab: Exported) -> list[Device]:
    return [one for one in lab.devices.devices if one.name not in lab.vendors]


def _name(lab: Exported, device: Device) -> str:
    name = f"{lab.name}-{device.name}"
    if len(name) > _LONGEST_NAME or name.endswith("-") or lab.name.endswith("-"):
        raise InputError(
            f"{name!r} is no name for Kubernetes, which takes {_LONGEST_NAME} characters and no dash at the end: "
            "rename the topology or the node"
        )
    return name


def _document(api: str, kind: str, name: str, lab: Exported, rest: Mapping[str, Value]) -> str:
    labels = {"app.kubernetes.io/managed-by": "erlab", PART_OF: lab.name}
    return block({"apiVersion": api, "kind": kind, "metadata": {"name": name, "labels": labels}, **rest})
