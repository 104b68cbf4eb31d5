"""What the exports have to be, as JSON Schemas: of the published ones those parts that an export uses, and no more.

A document that is valid here is valid there: each key that these know has the type and the bounds that it has there,
and no other key is let through. What an API server fills in need not be there: `naming`, in the older Topology.
They are written down from
- containerlab's `schemas/clab.schema.json` at commit b11ef1add1ee7a51e37f092d18526d8768e66098, and what v0.79.0 is
  stricter in: names, and no empty user. `cpu` is a number there, and in the program all along (`CPU float64`);
- the CustomResourceDefinitions of Clabernetes: `assets/crd/clabernetes.containerlab.dev_topologies.yaml` at commit
  0c730d387b55f684c4f91577054dcb1980ec6047, and `charts/clabernetes/crds/c9s.run_topologies.yaml` at commit
  d9b9aa9ee038900fca624ee9ce4e8df27e199370;
- the reference of Kubernetes 1.31 for ConfigMap and Secret, and RFC 1123 §2.1 for names.

`python tests/export_schemas.py clab.schema.json topologies.yaml` holds the exports of all topologies of this project to
the published files themselves.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator

from lab.cli import main as erlab

TOPOLOGIES = Path(__file__).parents[1] / "topologies"
KINDS = ("linux", "arista_ceos", "nokia_srlinux", "juniper_crpd", "juniper_vjunosrouter", "cisco_xrd", "mikrotik_ros")
"""Some of the kinds that containerlab knows."""
_STRING: dict[str, Any] = {"type": "string"}


def _closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _list(items: dict[str, Any], least: int = 1) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least, "uniqueItems": True}


_HEALTHCHECK = _closed(
    {
        "test": {"type": "array", "items": _STRING},
        **{key: {"type": "integer"} for key in ("interval", "retries", "timeout", "start-period")},
    }
)
_CLAB_NODE = _closed(
    {
        "kind": {"enum": list(KINDS)},
        "image": _STRING,
        "network-mode": {"type": "string", "pattern": r"^(host)|(container:\S+)|(none)$"},
        "user": {"type": ["string", "number"], "minLength": 1},
        "entrypoint": _STRING,
        "cmd": _STRING,
        "binds": _list(_STRING),
        "memory": _STRING,
        "cpu": {"type": "number", "minimum": 0},
        "healthcheck": _HEALTHCHECK,
    },
    "kind",
    "image",
)
_CLAB_LINK = _closed(
    {"endpoints": {**_list({"type": "string", "pattern": r"^\S+:\S+$"}, 2), "maxItems": 2}}, "endpoints"
)
CONTAINERLAB = _closed(
    {
        "name": {"type": "string", "pattern": "^[a-zA-Z0-9][-a-zA-Z0-9._]*$"},
        "topology": _closed(
            {
                "nodes": {
                    "type": "object",
                    "propertyNames": {"pattern": "^[a-zA-Z0-9][-a-zA-Z0-9._|]*$"},
                    "additionalProperties": _CLAB_NODE,
                },
                "links": {"type": "array", "items": _CLAB_LINK, "minItems": 1},
            },
            "nodes",
            "links",
        ),
    },
    "name",
    "topology",
)

_NAME = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"}
_LABEL = {"type": "string", "pattern": "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"}
_METADATA = _closed({"name": _NAME, "labels": {"type": "object", "additionalProperties": _LABEL}}, "name")
_MODE = {"enum": ["read", "execute"]}
_FROM_CONFIG_MAP = _closed(
    {"filePath": _STRING, "configMapName": _NAME, "configMapPath": _STRING, "mode": _MODE},
    *("filePath", "configMapName", "mode"),
)
_FROM_SECRET = _closed(
    {"filePath": _STRING, "secretName": _NAME, "secretPath": _STRING, "mode": _MODE}, "filePath", "secretName"
)


def _files(one: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": _list(one)}


def _topology(api: str, **mounts: dict[str, Any]) -> dict[str, Any]:
    spec = _closed(
        {"definition": _closed({"containerlab": _STRING}, "containerlab"), "deployment": _closed(mounts)}, "definition"
    )
    return _closed(
        {"apiVersion": {"const": api}, "kind": {"const": "Topology"}, "metadata": _METADATA, "spec": spec},
        *("apiVersion", "kind", "metadata", "spec"),
    )


_DATA = {"type": "object", "propertyNames": {"pattern": "^[-._a-zA-Z0-9]+$"}, "additionalProperties": _STRING}
KUBERNETES = {
    "clabernetes.containerlab.dev/v1alpha1 Topology": _topology(
        "clabernetes.containerlab.dev/v1alpha1", filesFromConfigMap=_files(_FROM_CONFIG_MAP)
    ),
    "c9s.run/v1alpha1 Topology": _topology(
        "c9s.run/v1alpha1", filesFromConfigMap=_files(_FROM_CONFIG_MAP), filesFromSecret=_files(_FROM_SECRET)
    ),
    "v1 ConfigMap": _closed(
        {"apiVersion": _STRING, "kind": _STRING, "metadata": _METADATA, "data": _DATA}, "metadata", "data"
    ),
    "v1 Secret": _closed(
        {
            "apiVersion": _STRING,
            "kind": _STRING,
            "metadata": _METADATA,
            "type": {"const": "Opaque"},
            "stringData": _DATA,
        },
        *("metadata", "type", "stringData"),
    ),
}


def problems(document: Any, schema: dict[str, Any]) -> list[str]:  # noqa: ANN401  # whatever YAML holds
    """Everything in a document that a schema does not allow."""
    return [f"{one.json_path}: {one.message}" for one in Draft7Validator(schema).iter_errors(document)]


def problems_of_resource(document: Any) -> list[str]:  # noqa: ANN401  # whatever YAML holds
    """The same of a resource for Kubernetes; one of an unknown kind is a problem."""
    kind = f"{document['apiVersion']} {document['kind']}"
    return problems(document, KUBERNETES[kind]) if kind in KUBERNETES else [f"unknown: {kind}"]


# by hand, with the published files


def _exports(target: str) -> Iterator[tuple[Path, Any]]:
    """Every document that the topologies of this project are exported to."""
    for topology in sorted(TOPOLOGIES.glob("*.yaml")):
        with tempfile.TemporaryDirectory() as directory:
            assert erlab(["export", target, str(topology), "-o", directory]) == 0
            for file in sorted(Path(directory).glob("*.yml")):
                yield from ((topology, one) for one in yaml.safe_load_all(file.read_text(encoding="utf-8")))


def _defaulted(document: Any, schema: dict[str, Any]) -> Any:  # noqa: ANN401  # whatever YAML holds
    """A document as an API server has it when it validates: what is not there and has a default is filled in."""
    if isinstance(document, list):
        return [_defaulted(one, schema.get("items", {})) for one in document]
    if not isinstance(document, dict):
        return document
    known, others = schema.get("properties", {}), schema.get("additionalProperties") or {}
    filled = {key: about["default"] for key, about in known.items() if "default" in about}
    return {key: _defaulted(one, known.get(key, others)) for key, one in {**filled, **document}.items()}


def main(containerlab: str, *definitions: str) -> int:
    """Say what the published schemas do not allow; returns the exit code."""
    schema = json.loads(Path(containerlab).read_text(encoding="utf-8"))
    wrong = [(topology, one) for topology, found in _exports("containerlab") for one in problems(found, schema)]
    for file in definitions:
        definition = yaml.safe_load(Path(file).read_text(encoding="utf-8"))["spec"]
        for version in definition["versions"]:
            api, schema = f"{definition['group']}/{version['name']}", version["schema"]["openAPIV3Schema"]
            for topology, found in _exports("kubernetes"):
                if found["apiVersion"] == api:
                    wrong += [(topology, one) for one in problems(_defaulted(found, schema), schema)]
    sys.stderr.writelines(f"{topology.name}: {one}\n" for topology, one in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
