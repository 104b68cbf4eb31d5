"""Prefix lists of any size hold what their ranges hold, and name the first of them."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from hypothesis import given
from hypothesis import strategies as st

from lab.bgp import Prefix
from lab.codec import plain, typed
from lab.policy import PrefixList, PrefixRange

BITS = 6
"""So few leading bits vary that ranges and prefixes often meet."""


def network(version: int, length: int, bits: int) -> Prefix:
    """The prefix of a length whose leading bits are the last of `bits`."""
    width = 32 if version == 4 else 128
    address = (bits & ((1 << length) - 1)) << (width - length)
    return IPv4Network((address, length)) if version == 4 else IPv6Network((address, length))


prefixes = st.builds(network, st.sampled_from([4, 6]), st.integers(0, BITS), st.integers(0, 2**BITS - 1))


@st.composite
def ranges(draw: st.DrawFn) -> PrefixRange:
    """A range of lengths around the few that vary."""
    prefix = draw(prefixes)
    at_least = draw(st.integers(prefix.prefixlen, BITS + 1))
    return PrefixRange(prefix=prefix, at_least=at_least, at_most=draw(st.integers(at_least, BITS + 2)))


lists = st.lists(ranges(), max_size=12).map(lambda found: PrefixList(name="x", ranges=tuple(found)))


@given(lists, prefixes)
def test_the_range_found_is_the_first_that_contains_the_prefix(some: PrefixList, prefix: Prefix) -> None:
    """What the index finds is what a look at one range after the other finds."""
    assert some.find(prefix) == next((one for one in some.ranges if one.contains(prefix)), None)


@given(lists)
def test_a_list_is_the_same_on_the_other_side_of_a_channel(some: PrefixList) -> None:
    """Only its name and ranges cross, and the list that comes out is equal and finds the same."""
    there = typed(PrefixList, plain(some))
    assert set(plain(some)) == {"name", "ranges"}
    assert (there, hash(there)) == (some, hash(some))
    assert [there.find(one.prefix) for one in some.ranges] == [some.find(one.prefix) for one in some.ranges]
