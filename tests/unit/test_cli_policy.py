"""`erlab policy test`, `diff` and `eval`, in this process: what they print word for word, and how they end.

`UPDATE_GOLDEN=1 pytest tests/unit/test_cli_policy.py` writes tests/golden/report/policy_* anew; read the difference.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.cli import main

GOLDEN = Path(__file__).parents[1] / "golden"
REPORTS = GOLDEN / "report"
CALLS = {
    "policy_test.txt": (0, "test edge.cases.yaml"),
    "policy_test_wrong.txt": (1, "test wrong.cases.yaml"),
    "policy_test_together.txt": (1, "test edge.cases.yaml wrong.cases.yaml --require-coverage"),
    "policy_test_wrong.json": (1, "test wrong.cases.yaml --format json"),
    "policy_diff.txt": (1, "diff edge.yaml edge_new.yaml --routes routes.yaml"),
    "policy_diff.json": (
        1,
        "diff edge.yaml edge_new.yaml --policy nothing --policy azure --routes routes.yaml --format json",
    ),
    "policy_diff_equal.txt": (0, "diff edge.yaml edge.yaml"),
    "policy_eval.txt": (1, "eval edge.yaml sane azure --routes routes.yaml"),
    "policy_eval.json": (1, "eval edge.yaml sane azure --routes routes.yaml --format json"),
    "policy_eval_route.txt": (
        0,
        "eval self.yaml self --route prefix=10.0.0.0/8 --neighbor msee1 --asn 65010 --address 172.16.0.1",
    ),
}


@pytest.fixture(autouse=True)
def _beside_the_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN / "policies")


def policy(*arguments: str | Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """The exit code of a call, and what it printed."""
    code = main(["policy", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.parametrize("name", CALLS)
def test_a_report_is_word_for_word_what_it_was(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every report of the samples is as its file holds it, and the call ends as it should."""
    code, words = CALLS[name]
    ended, out, err = policy(*words.split(), capsys=capsys)
    file = REPORTS / name
    if os.environ.get("UPDATE_GOLDEN") == "1":
        file.write_text(out, encoding="utf-8")

    assert (ended, err) == (code, "")
    assert out == file.read_text(encoding="utf-8")


def test_every_golden_report_has_its_call() -> None:
    """No file is left of a report that is gone."""
    assert {file.name for file in REPORTS.glob("policy_*")} == set(CALLS)


@pytest.mark.parametrize("name", [name for name in CALLS if name.endswith(".json")])
def test_json_names_its_kind_and_version(name: str) -> None:
    """Each JSON document says of which kind and version it is."""
    document = json.loads((REPORTS / name).read_text(encoding="utf-8"))

    assert document["schema"] == f"erlab/{'-'.join(name.removesuffix('.json').split('_')[:2])}/1"


# test


def test_a_file_without_cases_is_never_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a file holds no cases nothing is proved, also beside one that holds some."""
    empty = tmp_path / "empty.cases.yaml"
    empty.write_text(f"policies: {GOLDEN / 'policies' / 'edge.yaml'}\n", encoding="utf-8")

    for files in ([empty], ["edge.cases.yaml", empty]):
        code, out, _ = policy("test", *files, capsys=capsys)
        assert code == 3
        assert f"nothing was tested: {empty} has no cases, so this proves nothing" in out


def test_terms_that_no_case_reaches_fail_only_where_they_have_to_be_reached(capsys: pytest.CaptureFixture[str]) -> None:
    """A term that is not reached is named, and is a failure with --require-coverage."""
    code, out, _ = policy("test", "edge.cases.yaml", "--require-coverage", capsys=capsys)

    assert code == 1
    assert "  edge.yaml:12: sane term 2 (too-long)\n" in out
    assert policy("test", "edge.cases.yaml", capsys=capsys)[0] == 0


def test_wrong_cases_end_with_2_and_every_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    """A file with mistakes is not run at all."""
    code, out, err = policy("test", "../mistakes/cases_names.yaml", capsys=capsys)

    assert (code, out) == (2, "")
    assert err.endswith("../mistakes/cases_names.yaml: 4 mistakes\n")


# diff


def test_policies_of_a_name_are_compared_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """With --policy only those are compared; an unknown one is a wrong call that names the nearest."""
    assert policy("diff", "edge.yaml", "edge_new.yaml", "--policy", "sane", capsys=capsys)[0] == 0
    code, out, err = policy("diff", "edge.yaml", "edge_new.yaml", "--policy", "azur", capsys=capsys)

    assert (code, out) == (2, "")
    assert "there is no policy 'azur'\n    did you mean 'azure'?" in err


def test_where_nothing_is_compared_the_code_is_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two files without policies are not called equal."""
    file = tmp_path / "lists.yaml"
    file.write_text("prefix_lists: {a: 10.0.0.0/8}\n", encoding="utf-8")
    code, out, _ = policy("diff", file, file, capsys=capsys)

    assert code == 3
    assert out == "nothing was compared: there is no policy in either file\n"


def test_agreement_is_never_called_proof(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where policies agree the report says what that is worth."""
    file = tmp_path / "edge.yaml"
    text = (GOLDEN / "policies" / "edge.yaml").read_text(encoding="utf-8")
    file.write_text(text.replace('">= 5"', "5-4294967295").replace("10.100.0.0/16 le 24", "10.100.0.0/16 ge 16 le 24"))
    code, out, _ = policy("diff", "edge.yaml", file, capsys=capsys)

    assert code == 0, "other words for the same numbers and prefixes"
    file.write_text(text.replace("then: next_policy", "match: {as_path: .*}\n      then: next_policy"))
    code, out, _ = policy("diff", "edge.yaml", file, capsys=capsys)
    assert code == 3
    assert "sane: written differently; no route was found that shows it, of " in out
    assert "this is no proof that they are equal" in out
    document = json.loads(policy("diff", "edge.yaml", file, "--format", "json", capsys=capsys)[1])
    assert [one["written_differently"] for one in document["policies"]] == [True, False, False]
    assert document["exit_code"] == 3


@pytest.mark.parametrize("verb", [["diff", "edge.yaml", "edge.yaml"], ["eval", "edge.yaml", "azure"]])
def test_a_file_without_routes_proves_nothing(
    verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where routes were to be asked about and there are none, the code is 3 and the report says so."""
    file = tmp_path / "routes.json"
    file.write_text('{"schema": "erlab/routes/1", "router": "ce1", "routes": []}', encoding="utf-8")
    more = ["--route", "prefix=10.100.0.0/16"] if verb[0] == "eval" else []
    code, out, _ = policy(*verb, "--routes", file, *more, capsys=capsys)

    assert code == 3
    assert "0 routes given" in out
    assert "proves nothing about" in out


def test_a_policy_that_goes_on_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a policy hands to the next one is compared and told."""
    files = []
    for name, tag in (("old", "65010:1"), ("new", "65010:2")):
        file = tmp_path / f"{name}.yaml"
        file.write_text(f'policies: {{tag: [{{set: {{add_communities: "{tag}"}}, then: next_policy}}]}}\n')
        files.append(file)
    code, out, _ = policy("diff", *files, capsys=capsys)

    assert code == 1
    assert "  goes on to the next policy: " in out
    assert "set:    communities: 65010:1 -> 65010:2" in out


ONLY_FROM_MSEE1 = "policies: {p: [{match: {neighbor: msee1}, then: accept}]}\n"


def test_routes_of_a_session_are_asked_about_with_its_neighbour(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A condition on the neighbour holds for what an Adj-RIB-In has from it, and the call may say another."""
    file = tmp_path / "p.yaml"
    file.write_text(ONLY_FROM_MSEE1, encoding="utf-8")
    nobody = tmp_path / "nobody.yaml"
    nobody.write_text("policies: {p: [{match: {neighbor: msee2}, then: accept}]}\n", encoding="utf-8")
    table = REPORTS / "show_rib-in.json"
    read = json.loads(policy("eval", file, "p", "--routes", table, "--format", "json", capsys=capsys)[1])
    said = policy("eval", file, "p", "--routes", table, "--neighbor", "msee2", "--format", "json", capsys=capsys)[1]
    differing = json.loads(policy("diff", file, nobody, "--routes", table, "--format", "json", capsys=capsys)[1])

    assert {one["neighbor"]: one["outcome"]["accepted"] for one in read["routes"]}["msee1"] is True
    assert {one["neighbor"]: one["outcome"]["accepted"] for one in json.loads(said)["routes"]} == {"msee2": False}
    assert json.loads(said)["neighbor"] == "msee2"
    assert any(one["given"] and one["neighbor"] == "msee1" for one in differing["policies"][0]["differences"])


def test_routes_without_a_neighbour_are_noted_where_it_matters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a policy asks for the neighbour and the routes do not tell it, a note says what that means."""
    file = tmp_path / "p.yaml"
    file.write_text(ONLY_FROM_MSEE1, encoding="utf-8")
    says = "of 3 of the 3 routes given it is not known from which neighbour they are"

    verbs: tuple[tuple[str | Path, ...], ...] = (("eval", file, "p"), ("diff", file, file))
    for verb in verbs:
        assert says in policy(*verb, "--routes", "routes.yaml", capsys=capsys)[1]
        assert says not in policy(*verb, "--routes", "routes.yaml", "--neighbor", "msee1", capsys=capsys)[1]
    assert says not in policy("eval", "edge.yaml", "azure", "--routes", "routes.yaml", capsys=capsys)[1]


def test_a_neighbour_has_a_name_and_an_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Conditions on either hold where the call says both."""
    file = tmp_path / "p.yaml"
    file.write_text(ONLY_FROM_MSEE1.replace("msee1", "172.16.0.2"), encoding="utf-8")
    call = ("eval", file, "p", "--route", "prefix=10.0.0.0/8", "--neighbor", "msee1")

    assert policy(*call, capsys=capsys)[0] == 1
    assert policy(*call, "--peer-address", "172.16.0.2", capsys=capsys)[0] == 0


def test_each_family_has_its_own_address(capsys: pytest.CaptureFixture[str]) -> None:
    """An own address becomes the next hop of routes of its family alone."""
    call = ("eval", "self.yaml", "self", "--route", "prefix=10.0.0.0/8", "--asn", "65010", "--address", "2001:db8::1")
    code, out, err = policy(*call, capsys=capsys)

    assert (code, out) == (2, "")
    assert "give it with --address, one of the route's family" in err
    code, out, _ = policy(*call, "--address", "172.16.0.1", "--route", "prefix=::/0", capsys=capsys)
    assert code == 0
    assert "comes out as ::/0, next_hop 2001:db8::1" in out
    assert "comes out as 10.0.0.0/8, next_hop 172.16.0.1" in out


def test_a_difference_calls_a_med_what_the_policy_calls_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The attribute has one name in the file and in what is said of it; JSON has its own (RFC 4271 §5.1.4)."""
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    for file, med in ((old, 10), (new, 20)):
        file.write_text(f"policies: {{p: [{{set: {{med: {med}}}, then: accept}}]}}", encoding="utf-8")
    out = policy("diff", str(old), str(new), capsys=capsys)[1]

    assert "med: 10 -> 20" in out
    assert "multi_exit_disc" not in out


def test_a_chosen_next_hop_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A term that keeps the next hop changes no attribute, and still says what it chose; JSON does too."""
    call = ("eval", "chain.yaml", "first", "--route", "prefix=10.0.0.0/8 communities=65010:1")
    (one,) = json.loads(policy(*call, "--format", "json", capsys=capsys)[1])["routes"]

    assert "      chooses the next hop: the session puts no other one in its place\n" in policy(*call, capsys=capsys)[1]
    assert (one["next_hop_set"], one["decided_by"]) == (True, {"policy": "first", "term": 1})


def test_json_of_cases_says_what_was_asked_and_expected(capsys: pytest.CaptureFixture[str]) -> None:
    """A case's context and what it expected stand beside what there was."""
    document = json.loads(policy("test", "wrong.cases.yaml", "--format", "json", capsys=capsys)[1])
    case = document["cases"][0]

    assert case["context"] == {"neighbor": None, "peer_address": None, "asn": None, "address": None}
    assert case["expected"] == {
        "fate": "accept",
        "by": "other",
        "next_hop": None,
        "local_pref": "300",
        "multi_exit_disc": "5",
    }
    assert case["decided_by"] == {"policy": "azure", "term": 1}


def test_a_policy_file_is_called_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Where a policy file is given in place of a file of cases, that is what is said."""
    code, out, err = policy("test", "edge.yaml", capsys=capsys)

    assert (code, out) == (2, "")
    assert "edge.yaml:1:1: this is a policy file, not a file of cases\n    give a file of cases, which names it" in err


def test_a_default_that_no_case_reaches_fails_where_it_has_to_be_reached(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --require-coverage a default that accepts has to be reached."""
    file = tmp_path / "x.cases.yaml"
    case = "{name: a, policy: second, route: {prefix: 10.0.0.0/8, communities: ['65010:2']}, expect: reject}"
    file.write_text(f"policies: p.yaml\ncases:\n  - {case}\n", encoding="utf-8")
    second = (GOLDEN / "policies" / "chain.yaml").read_text(encoding="utf-8").partition("  last:")[0]
    (tmp_path / "p.yaml").write_text("policies:\n" + second[second.index("  second:") :], encoding="utf-8")
    code, out, _ = policy("test", file, "--require-coverage", capsys=capsys)

    assert code == 1
    assert f"  {tmp_path / 'p.yaml'}:2: the default of second\n1 of 2 terms and defaults reached" in out


def test_a_given_route_alone_can_tell_versions_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Routes of a file are compared too, and those that differ are counted."""
    _, out, _ = policy("diff", "edge.yaml", "edge_new.yaml", "--routes", "routes.yaml", capsys=capsys)

    assert "azure: " in out
    assert ", 2 of those given\n" in out
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("- 10.0.0.0/33\n", encoding="utf-8")
    assert policy("diff", "edge.yaml", "edge_new.yaml", "--routes", wrong, capsys=capsys)[0] == 2


def test_what_frr_does_not_tell_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    """A note says that routes of FRR's brief form have no communities, in text and in JSON."""
    call = ("diff", "edge.yaml", "edge.yaml", "--routes", "../routes/frr_ipv4.json")
    _, out, _ = policy(*call, capsys=capsys)
    document = json.loads(policy(*call, "--format", "json", capsys=capsys)[1])

    assert "note: ../routes/frr_ipv4.json: no path in it has a community" in out
    assert document["given_routes"] == 11
    assert len(document["notes"]) == 1


# eval


def test_very_many_routes_are_counted_and_few_traced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Twenty routes are shown with their traces, the others counted; JSON has them all."""
    file = tmp_path / "many.yaml"
    file.write_text("".join(f"- 10.100.{number}.0/24\n" for number in range(60)) + "- 10.0.0.0/8\n", encoding="utf-8")
    code, out, _ = policy("eval", "edge.yaml", "azure", "--routes", file, capsys=capsys)
    document: Any = json.loads(
        policy("eval", "edge.yaml", "azure", "--routes", file, "--format", "json", capsys=capsys)[1]
    )

    assert code == 1
    assert out.count("  accepted by azure") == 20
    assert out.endswith("and 41 routes more (--format json shows all)\n60 accepted, 1 rejected\n")
    assert document["summary"] == {"accepted": 60, "rejected": 1}
    assert [one["outcome"]["accepted"] for one in document["routes"]] == [True] * 60 + [False]


def test_the_json_of_no_routes_is_a_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there are no routes the code is 3, and the JSON has an empty list."""
    file = tmp_path / "x.json"
    file.write_text('{"schema": "erlab/routes/1", "router": "ce1", "routes": []}', encoding="utf-8")
    code, out, _ = policy("eval", "edge.yaml", "azure", "--routes", file, "--format", "json", capsys=capsys)

    assert code == 3
    assert json.loads(out)["routes"] == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["edge.yaml", "azure"],
            "there is no route to evaluate: give --route 'prefix=10.0.0.0/8 ...' or --routes FILE",
        ),
        (["edge.yaml", "azur", "--route", "prefix=10.0.0.0/8"], "there is no policy 'azur'"),
        (["edge.yaml", "azure", "--route", "prefix=10.0.0.0"], "--route:1:8: prefix: '10.0.0.0' is not a prefix"),
        (["edge.yaml", "azure", "--route", "prefix=10.0.0.0/8", "--asn", "0"], "--asn: AS number 0 is out of range"),
        (["edge.yaml", "azure", "--route", "prefix=10.0.0.0/8", "--address", "x"], "--address: 'x' is not an address"),
        (["edge.yaml", "azure", "--route", "prefix=10.0.0.0/8", "--neighbor", "A B"], "--neighbor: 'A B' is no router"),
        (["edge.yaml", "azure", "--routes", "missing"], "missing: no such file"),
        (
            ["self.yaml", "self", "--route", "prefix=10.0.0.0/8"],
            "next_hop self needs the router's own address on the session: give it with --address, one of the route's",
        ),
        (
            ["edge.yaml", "azure", "--route", "prefix=10.0.0.0/8", "--address", "10.0.0.1", "--address", "10.0.0.2"],
            "--address: two ipv4 addresses",
        ),
        (
            ["edge.yaml", "azure", "--route", "prefix=::/0", "--neighbor", "10.0.0.1", "--peer-address", "10.0.0.1"],
            "--neighbor and --peer-address: two addresses",
        ),
    ],
)
def test_a_wrong_call_says_what_is_wrong(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A call that cannot be answered ends with 2, and nothing is on stdout."""
    code, out, err = policy("eval", *arguments, capsys=capsys)

    assert (code, out) == (2, "")
    assert says in err


def test_a_route_that_turns_out_wrong_late_leaves_no_half_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON is printed when all routes were read: where the last one is wrong, stdout has the error alone."""
    file = tmp_path / "x.json"
    text = '{"routes": {"10.0.0.0/8": [{"path": "1", "nexthops": [{"ip": "10.0.0.1"}]}], "x": []}}'
    file.write_text(text, encoding="utf-8")
    code, out, _ = policy("eval", "edge.yaml", "azure", "--routes", file, "--format", "json", capsys=capsys)

    assert code == 2
    assert json.loads(out)["schema"] == "erlab/error/1"


def test_policies_are_tested_without_what_only_labs_need() -> None:
    """Neither ExaBGP nor scapy nor pyroute2 is loaded to run cases, so they run in milliseconds."""
    program = (
        "import sys; from lab.cli import main; main(['policy', 'test', 'edge.cases.yaml']);"
        "sys.exit(bool({'exabgp', 'scapy', 'pyroute2', 'asyncio', 'multiprocessing'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603

    assert ended.returncode == 0, ended
