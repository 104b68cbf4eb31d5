"""The tables of docs/reference/topology.md that follow from the code: every key, and every rule with its source.

Run as a program, this writes them anew, each between its two comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lab.expressroute.rules import RULES
from lab.load.schema import topology_schema

FILE = Path(__file__).parents[1] / "docs" / "reference" / "topology.md"
MOST_CHOICES = 8

_BLOCKS = "peerings.private.primary, peerings.private.secondary"
RULE_KEYS = {
    "ER001": _BLOCKS,
    "ER002": "peerings.private.primary.customer, peerings.private.primary.microsoft",
    "ER003": "customer.asn",
    "ER004": "customer.asn",
    "ER005": "customer.asn",
    "ER006": "peerings.private.vlan_id, circuit.provider.s_tag",
    "ER007": "peerings.private.md5, peerings.private.customer_md5",
    "ER008": _BLOCKS,
    "ER009": _BLOCKS,
    "ER010": f"{_BLOCKS}, azure.vnets",
    "ER011": f"{_BLOCKS}, customer.networks",
    "ER012": "azure.vnets",
    "ER013": "azure.vnets, customer.networks",
    "ER014": "azure.vnets.NAME.community",
    "ER015": "azure.vnets.NAME.community",
    "ER016": "azure.region",
    "ER017": "azure.regional_community",
    "ER018": "peerings.private.hold_time",
    "ER019": "circuit.bandwidth",
    "ER020": "peerings.private.bfd.interval",
    "ER021": "peerings.microsoft.primary, peerings.microsoft.secondary",
    "ER022": "peerings.microsoft.advertised_prefixes",
    "ER023": "peerings.microsoft.customer_asn, customer.asn, circuit.provider.asn",
    "ER024": "peerings.microsoft.vlan_id",
    "ER025": "peerings.private.vlan_id, peerings.microsoft.vlan_id",
    "ER026": "circuit.port.s_tag",
    "ER027": "circuit.port.s_tag",
    "ER028": "global_reach.circuits",
    "ER029": "global_reach.circuits",
    "ER030": "global_reach.circuits",
    "ER031": "global_reach.subnet",
    "ER032": "peerings.microsoft.route_filter, peerings.microsoft.ipv6_route_filter",
    "ER033": "peerings.microsoft.route_filter, peerings.microsoft.ipv6_route_filter",
    "ER034": "azure.connections.NAME.weight",
    "ER035": "circuit.bandwidth",
    "ER036": "circuit.peering_location",
    "ER037": "circuit.peering_location, circuit.sku",
    "ER038": "circuit.port",
    "ER039": "peerings.microsoft.nat.pool, peerings.microsoft.nat.primary, peerings.microsoft.nat.secondary",
    "ER040": "peerings.microsoft.nat.pool, peerings.microsoft.nat.primary, peerings.microsoft.nat.secondary",
    "ER041": "peerings.microsoft.nat.pool, peerings.microsoft.nat.primary, peerings.microsoft.nat.secondary",
    "ER042": "azure.services.NAME.prefixes",
    "ER043": "azure.region, circuit.sku, circuit.peering_location",
    "ER044": "expect.mtu.bytes",
}
"""The keys that each rule is about."""


def tables() -> dict[str, str]:
    """Each table by the name that its comments give it."""
    keys = [("key", "value", "default", "what it is", "rules"), *_keys(topology_schema())]
    rules = [("rule", "what it says", "tag", "source")]
    rules += [(one.id, one.title, one.tag.value, str(one.source)) for one in RULES]
    return {"keys": _table(keys), "rules": _table(rules)}


def filled(text: str) -> str:
    """A document with the tables of today."""
    for name, table in tables().items():
        pattern = rf"(?<=<!-- begin {name} -->\n).*(?=<!-- end {name} -->)"
        escaped = table.replace("\\", "\\\\")
        text, count = re.subn(pattern, f"\n{escaped}\n", text, flags=re.DOTALL)
        if count != 1:
            raise ValueError(f"{name}: {count} places for one table")
    return text


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    head, *body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    rule = "|---" * (head.count(" | ") + 1) + "|"
    return "\n".join([head, rule, *body, ""])


def _keys(schema: dict[str, Any]) -> list[tuple[str, ...]]:
    places: dict[str, str] = {}

    def rows(owner: dict[str, Any], above: str) -> Iterator[tuple[str, ...]]:
        for name, one in owner.get("properties", {}).items():
            path = f"{above}{name}"
            yield (
                f"`{path}`",
                _value(one, schema),
                "required" if name in owner.get("required", ()) else f"`{one['default']}`" if "default" in one else "",
                one["description"],
                ", ".join(rule for rule, keys in RULE_KEYS.items() if path in keys.split(", ")),
            )
            for reference, inner in dict(_references(one, path)).items():
                if reference in places:
                    yield (f"`{inner}.`…", "", "", f"as `{places[reference]}.`…", "")
                else:
                    places[reference] = inner
                    yield from rows(schema["$defs"][reference], f"{inner}.")

    return list(rows(schema, ""))


def _references(one: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """The documents that a value may be or hold, and the way to them."""
    if one.get("$ref", "").endswith("Document"):
        yield one["$ref"].rpartition("/")[2], path
    for choice in one.get("anyOf", ()):
        yield from _references(choice, path)
    for inner in (one.get("additionalProperties"), *one.get("patternProperties", {}).values()):
        if isinstance(inner, dict):
            yield from _references(inner, f"{path}.NAME")
    if isinstance(one.get("items"), dict):
        yield from _references(one["items"], path)


def _value(one: dict[str, Any], schema: dict[str, Any]) -> str:
    """What may stand there, in a few words."""
    if "anyOf" in one:
        return " or ".join(dict.fromkeys(_value(choice, schema) for choice in one["anyOf"]))
    if "$ref" in one:
        return "mapping" if one["$ref"].endswith("Document") else "community"
    if "enum" in one:
        choices = [str(name).lower() for name in one["enum"]]
        return ", ".join(f"`{name}`" for name in dict.fromkeys(choices)) if len(choices) <= MOST_CHOICES else "name"
    kinds = one["type"] if isinstance(one["type"], list) else [one["type"]]
    if "object" in kinds:
        return "mapping by name"
    if "minimum" in one:
        return f"number, {one['minimum']} to {one['maximum']}"
    words = {"array": "list", "integer": "number", "string": "text"}
    return " or ".join(words[kind] for kind in kinds)


if __name__ == "__main__":
    FILE.write_text(filled(FILE.read_text(encoding="utf-8")), encoding="utf-8")
