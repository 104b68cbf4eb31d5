"""Routes from MRT table dumps (RFC 6396, RFC 8050): octets in, routes out.

TABLE_DUMP and the unicast tables of TABLE_DUMP_V2 are read, with additional paths too; records of other kinds are
counted and passed over. Whoever opens the file decompresses it.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from lab.bgp import Address, Family, Prefix, Route
from lab.wire import (
    AttributeFault,
    Attributes,
    Subcode,
    UpdateError,
    decode_prefixes,
    decode_section,
    missing_attributes,
    split_attributes,
)
from lab.wire.attributes import AS_PATH, MP_REACH_NLRI, NEXT_HOP, ORIGIN
from lab.wire.nlri import is_host, next_hop_address

_HEADER = struct.Struct(">IHHI")  # RFC 6396 §2: timestamp, type, subtype, length
_TABLE_DUMP, _TABLE_DUMP_V2 = 12, 13
_TYPES = {
    11: "OSPFv2",
    _TABLE_DUMP: "TABLE_DUMP",
    _TABLE_DUMP_V2: "TABLE_DUMP_V2",
    16: "BGP4MP",
    17: "BGP4MP_ET",
    32: "ISIS",
    33: "ISIS_ET",
    48: "OSPFv3",
    49: "OSPFv3_ET",
}
_FAMILIES = {1: Family.IPV4, 2: Family.IPV6}
_PEER_INDEX_TABLE = 1
_TABLES = {
    2: (Family.IPV4, False),
    4: (Family.IPV6, False),
    8: (Family.IPV4, True),  # RFC 8050 §4
    10: (Family.IPV6, True),
}
_ADDRESS_OCTETS = {Family.IPV4: 4, Family.IPV6: 16}
_NEXT_HOP_LENGTHS = (4, 16, 32)  # RFC 8950 allows an IPv6 next hop for IPv4
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZ": "bzip2", b"\xfd7": "xz", b"(\xb5": "zstd"}


class MrtError(ValueError):
    """A record of a dump cannot be read; `offset` is the octet of the dump at which it begins."""

    def __init__(self, text: str, offset: int) -> None:
        super().__init__(f"MRT record at octet {offset}: {text}")
        self.offset = offset


@dataclass(frozen=True, slots=True, kw_only=True)
class MrtEntry:
    """A route in a collector's table, and the peer that it was learned from. A collector's own routes are of AS 0."""

    peer_address: Address
    peer_asn: int
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class MrtFault:
    """What was wrong with the attributes of an entry, in the record that begins at `offset`.

    `left_out` tells whether the entry was left out or merely one of its attributes.
    """

    offset: int
    peer_address: Address
    prefix: Prefix
    text: str
    left_out: bool


class MrtReading(Iterator[MrtEntry]):
    """The entries of a dump, one after the other. `skipped` and `faults` are whole once the last one is read.

    `skipped` counts the records of kinds that are not read. Raises MrtError at a record that cannot be read.
    """

    def __init__(self, data: bytes) -> None:
        self.skipped: Counter[str] = Counter()
        self.faults: list[MrtFault] = []
        self._peers: tuple[_Peer, ...] | None = None
        self._entries = self._read(data)

    def __next__(self) -> MrtEntry:
        return next(self._entries)

    def _read(self, data: bytes) -> Iterator[MrtEntry]:
        offset = 0
        while offset < len(data):
            record = _Record(data, offset)
            yield from self._entries_of(record)
            offset = record.end

    def _entries_of(self, record: _Record) -> Iterator[MrtEntry]:
        if record.type == _TABLE_DUMP and record.subtype in _FAMILIES:
            yield from self._table_dump(record, _FAMILIES[record.subtype])
        elif record.type == _TABLE_DUMP_V2 and record.subtype == _PEER_INDEX_TABLE:
            self._peers = _peer_index_table(record)
        elif record.type == _TABLE_DUMP_V2 and record.subtype in _TABLES:
            yield from self._table(record, *_TABLES[record.subtype])
        else:
            self.skipped[f"{_TYPES.get(record.type, f'type {record.type}')}, subtype {record.subtype}"] += 1
            return
        record.finish()

    def _table_dump(self, record: _Record, family: Family) -> Iterator[MrtEntry]:
        """The one entry of a record of TABLE_DUMP (RFC 6396 §4.2), whose AS numbers have two octets."""
        octets = _ADDRESS_OCTETS[family]
        record.take(4)  # view number, sequence number
        address = record.take(octets)
        prefix = record.prefix(family, record.number(1), address)
        record.take(5)  # status, originated time
        peer = _Peer(address=_address(record.take(octets)), asn=record.number(2))
        yield from self._entry(record, peer, prefix, record.take(record.number(2)), asn4=False)

    def _table(self, record: _Record, family: Family, has_path_ids: bool) -> Iterator[MrtEntry]:  # noqa: FBT001
        """The entries of a prefix in TABLE_DUMP_V2 (RFC 6396 §4.3.2, §4.3.4, RFC 8050 §4)."""
        if self._peers is None:
            raise record.error("a table without the PEER_INDEX_TABLE before it (RFC 6396 §4.3)")
        record.take(4)  # sequence number
        length = record.number(1)
        prefix = record.prefix(family, length, record.take(length + 7 >> 3))
        for _ in range(record.number(2)):
            index = record.number(2)
            if index >= len(self._peers):
                raise record.error(f"an entry of peer {index}, and the peers are {len(self._peers)}")
            record.take(8 if has_path_ids else 4)  # originated time, path identifier
            octets = record.take(record.number(2))
            yield from self._entry(record, self._peers[index], prefix, octets, asn4=True)

    def _entry(self, record: _Record, peer: _Peer, prefix: Prefix, octets: bytes, *, asn4: bool) -> Iterator[MrtEntry]:
        """An entry, or none where its attributes are such that RFC 7606 would treat it as withdrawn."""
        route, faults = _route(prefix, octets, asn4=asn4)
        for fault in faults:
            self.faults.append(
                MrtFault(
                    offset=record.offset,
                    peer_address=peer.address,
                    prefix=prefix,
                    text=fault.text,
                    left_out=route is None and fault.withdrawn,
                )
            )
        if route is not None:
            yield MrtEntry(peer_address=peer.address, peer_asn=peer.asn, route=route)


def read_mrt(data: bytes) -> MrtReading:
    """The entries of an MRT dump, as an iterator. It raises MrtError at the first record that cannot be read."""
    return MrtReading(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Peer:
    address: Address
    asn: int


class _Record:
    """A record of a dump, and how far it was read."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._data = data
        self.offset = offset
        self.end = len(data)
        self._at = offset
        _, self.type, self.subtype, length = _HEADER.unpack(self.take(_HEADER.size))
        if self._at + length > len(data):
            raise self.error(f"its {length} octets reach past the end of the dump")
        self.end = self._at + length

    def error(self, text: str) -> MrtError:
        """The error that says what is wrong with this record."""
        packing = _COMPRESSED.get(self._data[:2]) if self.offset == 0 else None
        hint = f" (these octets look like {packing}: decompress them first)" if packing else ""
        return MrtError(text + hint, self.offset)

    def take(self, count: int) -> bytes:
        """The next octets."""
        start = self._at
        self._at += count
        if self._at > self.end:
            raise self.error(f"{count} octets are needed at octet {start}, and {self.end - start} are left")
        return self._data[start : self._at]

    def number(self, octets: int) -> int:
        """The next unsigned number."""
        return int.from_bytes(self.take(octets))

    def prefix(self, family: Family, length: int, octets: bytes) -> Prefix:
        """The prefix of a length and at least as many octets as that needs."""
        try:
            (prefix,) = decode_prefixes(
                bytes([length]) + octets[: length + 7 >> 3], family, "prefix", Subcode.INVALID_NETWORK
            )
        except UpdateError as problem:
            raise self.error(str(problem)) from None
        return prefix

    def finish(self) -> None:
        """Refuse octets that were not read: they would mean that those before were misunderstood."""
        if self._at != self.end:
            raise self.error(f"{self.end - self._at} octets are left over behind its last entry")


def _peer_index_table(record: _Record) -> tuple[_Peer, ...]:
    """The peers that entries name by their place (RFC 6396 §4.3.1)."""
    record.take(4)  # the collector's BGP identifier
    record.take(record.number(2))  # the name of the view
    peers = []
    for _ in range(record.number(2)):
        kind = record.number(1)
        record.take(4)  # BGP identifier
        address = _address(record.take(16 if kind & 1 else 4))
        peers.append(_Peer(address=address, asn=record.number(4 if kind & 2 else 2)))
    return tuple(peers)


def _address(octets: bytes) -> Address:
    return IPv4Address(octets) if len(octets) == 4 else IPv6Address(octets)


def _route(prefix: Prefix, octets: bytes, *, asn4: bool) -> tuple[Route | None, tuple[AttributeFault, ...]]:
    """The route that an entry's attributes make, None where it cannot be used, and their faults.

    The collector's neighbours may be internal ones, so LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST are kept.
    """
    try:
        section = split_attributes(octets)
    except UpdateError as problem:
        return None, (_fault(MP_REACH_NLRI, str(problem)),)
    attributes = decode_section(section, asn4=asn4, ebgp=False)
    faults = [*attributes.faults, *missing_attributes(attributes, ORIGIN, AS_PATH)]
    next_hop = _next_hop(attributes, section.mp_reach, faults)
    if next_hop is None or any(fault.withdrawn for fault in faults):
        return None, tuple(faults)
    return attributes.routes((prefix,), next_hop)[0], tuple(faults)


def _next_hop(attributes: Attributes, mp_reach: bytes | None, faults: list[AttributeFault]) -> Address | None:
    """The next hop of MP_REACH_NLRI, or else of NEXT_HOP; faults of the one that is not read are taken out."""
    if mp_reach is None:
        faults += missing_attributes(attributes, NEXT_HOP)
        return attributes.next_hop
    faults[:] = [fault for fault in faults if fault.code != NEXT_HOP]
    octets = _mp_next_hop(mp_reach)
    if len(octets) not in _NEXT_HOP_LENGTHS:
        faults.append(_fault(MP_REACH_NLRI, "malformed MP_REACH_NLRI: no next hop can be read (RFC 6396 §4.3.4)"))
        return None
    next_hop = next_hop_address(octets)
    if not is_host(next_hop):
        text = f"malformed MP_REACH_NLRI: the next hop {next_hop} is not the address of a host (RFC 4271 §6.3)"
        faults.append(_fault(MP_REACH_NLRI, text))
    return next_hop


def _mp_next_hop(value: bytes) -> bytes:
    """The octets of the next hop: behind its length alone, or, as some collectors write it, in the whole attribute.

    The whole one begins with an address family, whose first octet is 0 and can be no length.
    """
    start = 3 if value[:1] == b"\0" else 0
    length = value[start] if start < len(value) else 0
    octets = value[start + 1 : start + 1 + length]
    return octets if len(octets) == length else b""


def _fault(code: int, text: str) -> AttributeFault:
    return AttributeFault(code=code, text=text, withdrawn=True, subcode=Subcode.OPTIONAL_ATTRIBUTE)
