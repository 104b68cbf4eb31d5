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


def test_agreement_is_never_called_proof(capsys: pytest.CaptureFixture[str]) -> None:
    """Where policies agree the report says what that is worth."""
    assert "this is no proof that they are equal" in policy("diff", "edge.yaml", "edge.yaml", capsys=capsys)[1]


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
        (["self.yaml", "self", "--route", "prefix=10.0.0.0/8"], "next_hop self needs the router's own address"),
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
