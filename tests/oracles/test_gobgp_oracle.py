"""Our policies beside what GoBGP does with them as `lab.vendors.gobgp` writes them: the same routes come out.

One gobgpd has a policy for each case, on a session outside and on one inside of its AS, and every route from both.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest

from frr import body_of
from gobgp import ROUTER, running_gobgp
from lab.bgp import Asn, Family, parse_prefix
from lab.plan import BgpPlan, NodePlan, Role, SessionPlan
from lab.policy import Context, Operation, Policy, SessionRules, evaluate
from lab.vendors.gobgp.answers import tables
from lab.vendors.gobgp.configuration import configuration
from lab.vendors.gobgp.policies import UnsaidTermError
from lab_processes import await_
from policy_cases import ASNS, INSIDE, OUTSIDE, OWN_ASN, PAIRS, Table, apart, pair_of_ours, sent_by
from random_policies import random_policy

RANDOM = 60
