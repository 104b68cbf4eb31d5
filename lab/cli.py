"""The command `erlab`: what its arguments are, and how it ends.

Data goes to stdout and words to stderr. Exit codes: 0 all passed, 1 an expectation failed, 2 the file or the call is
wrong, 3 the lab could not show the answer.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from lab.errors import InputError, LabError

DEFAULT_TIMEOUT = "10, and 30 with other vendors' routers"
"""What `lab.commands.live.settle_s` makes of no timeout, in words: it is not imported to say so."""
NODE_IMAGE, PEERS_IMAGE = "erlab/node", "erlab/peers"
HEALING_TIMEOUT_S = 30.0
"""An end that heard nothing of a failure holds its old session until TCP gets through to it again."""

_DASK_ADDRESS = re.compile(r"((tcp|tls|ws|wss)://)?(\[[0-9a-fA-F:.%]+\]|[^\s:/@\[\]]+):[0-9]{1,5}")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        sys.stderr.write(f"{self.prog}: {message}\n")
        sys.exit(InputError.exit_code)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds from above 0 to 3600")
    return value


def _runtime(text: str) -> str:
    if text not in ("netns", "docker"):
        raise argparse.ArgumentTypeError(f"{text} is no runtime: they are netns and docker")
    return text


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 500:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to 500")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port from 1 to 65535")
    return value


def _frames(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def _scheduler(text: str) -> str:
    kind, colon, rest = text.partition(":")
    if kind == "dask" and (not _DASK_ADDRESS.fullmatch(rest) or not 1 <= int(rest.rpartition(":")[2]) <= 65535):
        raise argparse.ArgumentTypeError(
            f"dask takes the address of a scheduler, not {rest!r}: dask:HOST:PORT, dask:[IPV6]:PORT or with tcp:// or tls://"
        )
    if kind in ("processes", "threads") and colon and (not rest.isdecimal() or not 1 <= int(rest) <= 500):
        raise argparse.ArgumentTypeError(f"{kind} takes a number from 1 to 500, not {rest!r}")
    if kind not in ("serial", "processes", "threads", "dask") or (kind == "serial" and colon):
        raise argparse.ArgumentTypeError(f"{text!r} is none of serial, processes[:N], threads[:N] and dask:ADDRESS")
    return text


def parser() -> argparse.ArgumentParser:
    """The arguments of every command."""
    main_parser = _Parser(prog="erlab", description="A BGP route-policy lab for Azure ExpressRoute.")
    commands = main_parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, words: str, *, formats: bool = True) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=words, description=words)
        if formats:
            one.add_argument("--format", choices=("text", "json"), default="text", help="text (default) or json")
        return one

    def live(one: argparse.ArgumentParser) -> argparse.ArgumentParser:
        one.add_argument("--lab", metavar="NAME", help="the running lab; not needed where only one is up")
        return one

    def waits(one: argparse.ArgumentParser, default_s: float | None = None) -> argparse.ArgumentParser:
        default = DEFAULT_TIMEOUT if default_s is None else f"{default_s:g}"
        one.add_argument(
            "--timeout",
            type=_positive,
            default=default_s,
            metavar="SECONDS",
            help=f"how long sessions and routes may take to settle (default {default})",
        )
        return one

    def makes(one: argparse.ArgumentParser) -> argparse.ArgumentParser:
        one.add_argument(
            "--runtime",
            type=_runtime,
            default=os.environ.get("ERLAB_RUNTIME") or "netns",
            metavar="{netns,docker}",
            help="what routers live in: network namespaces (default), or Docker containers, which takes root; "
            "the environment variable ERLAB_RUNTIME is taken where it is left out",
        )
        return one

    test = makes(waits(live(command("test", "Run a topology file's lab to one verdict."))))
    test.add_argument("file", metavar="FILE", help="a topology file")
    test.add_argument("--plots", metavar="DIR", help="draw what failovers and losses measured, as SVG and PNG")
    test.set_defaults(run=_test)

    check = command("check", "Find every mistake in topology and policy files; needs no privileges.")
    check.add_argument("files", metavar="FILE", nargs="+", help="topology and policy files, or directories of them")
    _scheduled(check)
    check.set_defaults(run=_offline("check"))

    predict = command("predict", "Show what the model expects of a topology, without packets.")
    predict.add_argument("files", metavar="FILE", nargs="+", help="topology files, or directories of them")
    _scheduled(predict)
    predict.set_defaults(run=_offline("predict"))

    plan = command("plan", "Show every node, address, session and wire that a topology becomes.")
    plan.add_argument("file", metavar="FILE", help="a topology file")
    plan.add_argument("--diff", metavar="OLD", help="show what changed since an older topology file")
    plan.set_defaults(run=_offline("plan"))

    assumptions = command("assumptions", "Show what Microsoft's documents leave open, and the answers of a lab.")
    assumptions.add_argument("file", metavar="FILE", nargs="?", help="a topology file; default: only the defaults")
    assumptions.set_defaults(run=_offline("assumptions"))

    schema = command("schema", "Print the JSON Schema of a file format, for editors.", formats=False)
    schema.add_argument("kind", choices=("topology", "policy", "cases"))
    schema.set_defaults(run=_offline("schema"))

    _export_commands(commands.add_parser("export", help="Write a topology as files for containerlab or Kubernetes."))

    _policy_commands(commands.add_parser("policy", help="Test, compare and try policies."))

    up = makes(waits(command("up", "Start a topology file's lab and leave it running.")))
    up.add_argument("file", metavar="FILE", help="a topology file")
    up.set_defaults(run=_live("up"))

    apply = waits(live(command("apply", "Give a running lab the policies and rules of a changed file.")))
    apply.add_argument("file", metavar="FILE", help="a topology file")
    apply.set_defaults(run=_live("apply"))

    status = live(command("status", "Show the labs that are up."))
    status.set_defaults(run=_live("status"))

    down = live(command("down", "End a running lab."))
    down.set_defaults(run=_live("down"))

    show = live(command("show", "Show a table of a router: the live one, or with --file the predicted one."))
    show.add_argument("what", choices=("routes", "sessions", "rib-in", "rib-out", "fib"))
    show.add_argument("router", metavar="ROUTER")
    show.add_argument("--file", metavar="FILE", help="predict from this topology instead of asking a lab")
    show.set_defaults(run=_live("show"))

    explain = live(command("explain", "Show every path to a prefix at a router, and why the best one won."))
    explain.add_argument("router", metavar="ROUTER")
    explain.add_argument("prefix", metavar="PREFIX")
    explain.add_argument("--file", metavar="FILE", help="predict from this topology instead of asking a lab")
    explain.set_defaults(run=_live("explain"))

    refresh = live(command("refresh", "Let a router ask a neighbour for all its routes again (RFC 2918)."))
    refresh.add_argument("router", metavar="ROUTER")
    refresh.add_argument("neighbor", metavar="NEIGHBOR")
    refresh.set_defaults(run=_live("refresh"))

    for one in (
        waits(live(command("fail", "Let something fail in a running lab, until it is healed."))),
        waits(live(command("heal", "End what fails in a running lab.")), HEALING_TIMEOUT_S),
    ):
        is_fail = one.prog.endswith("fail")
        words = "link_down, silent_loss, session_reset, maintenance, peering_disabled or router_killed, and of what"
        one.add_argument("fault", metavar="FAULT", nargs="+" if is_fail else "*", help=words)
        one.add_argument(
            "--circuit", metavar="NAME", help="the circuit of the link or peering, where there are several"
        )
        one.add_argument("--towards", metavar="ROUTER", help="of silent_loss: only what goes to this router vanishes")
        one.set_defaults(run=_failing("fail" if is_fail else "heal"))

    probe = live(command("probe", "Send packets from one host of a running lab to another."))
    _packets(probe)
    probe.add_argument("--count", type=_count, default=1, help="packets per family, up to 500 (default 1)")
    probe.set_defaults(run=_probing("probe"))

    trace = live(command("trace", "Show every node that packets cross there and back, in a running lab."))
    _packets(trace, protocol=None)
    trace.add_argument(
        "--flows", type=_count, default=1, help="flows per family, each from a port of its own, up to 500 (default 1)"
    )
    trace.set_defaults(run=_probing("trace"))

    matrix = live(command("matrix", "Ask every host of a running lab from every other one."))
    _how(matrix, "icmp")
    matrix.add_argument("--dscp", default="cs0", help="the marks to send, with commas between them (default cs0)")
    matrix.add_argument("--svg", metavar="FILE", help="draw a picture of it too")
    matrix.set_defaults(run=_probing("matrix"))

    capture = live(command("capture", "Write the frames of a link of a running lab to a file for Wireshark."))
    capture.add_argument(
        "link", metavar="LINK", nargs="+", help="a wire's name, primary, secondary, NODE - NODE or NODE:INTERFACE"
    )
    capture.add_argument("-w", "--write", metavar="FILE", required=True, help="a pcapng file; - is stdout")
    capture.add_argument("--circuit", metavar="NAME", help="whose primary or secondary link, where there are several")
    capture.add_argument("--count", type=_frames, metavar="N", help="end after N frames")
    capture.add_argument("--for", type=_positive, metavar="SECONDS", dest="seconds", help="end after this time")
    capture.set_defaults(run=_capture)

    watch = live(command("watch", "Watch sessions, routes and a stream of probes of a running lab."))
    watch.add_argument("hosts", metavar="HOST", nargs="*", help="two hosts: probes go from the first to the second")
    watch.add_argument("--every", type=_positive, default=1.0, metavar="SECONDS", help="how often to ask (default 1)")
    watch.add_argument("--for", type=_positive, metavar="SECONDS", dest="seconds", help="end after this time")
    watch.add_argument("--plain", action="store_true", help="a line for each change, on a terminal too")
    watch.set_defaults(run=_watch)

    shell = live(command("shell", "Run a shell, or a command, in a node of a running lab.", formats=False))
    shell.add_argument("node", metavar="NODE")
    shell.add_argument("argv", metavar="COMMAND", nargs=argparse.REMAINDER, help="default: $SHELL; put -- before it")
    shell.set_defaults(run=_live("shell"))
    return main_parser


def _scheduled(one: argparse.ArgumentParser) -> None:
    """The argument of what works on many files."""
    one.add_argument(
        "--scheduler",
        type=_scheduler,
        default="serial",
        metavar="WHICH",
        help="who works on the files: serial (default), processes[:N], threads[:N] or dask:ADDRESS",
    )


def _packets(one: argparse.ArgumentParser, protocol: str | None = "icmp") -> None:
    """The arguments of what sends packets between two hosts."""
    one.add_argument("source", metavar="FROM", help="a host, or its address")
    one.add_argument("destination", metavar="TO", help="another one")
    one.add_argument("--dscp", default="cs0", help="a name such as ef or af41, or 0 to 63 (default cs0)")
    _how(one, protocol)


def _how(one: argparse.ArgumentParser, protocol: str | None) -> None:
    """What packets are, and how long their answers are waited for."""
    one.add_argument(
        "--protocol",
        choices=("icmp", "udp", "tcp"),
        default=protocol,
        help="what is sent: echoes (default), datagrams, or a TCP handshake",
    )
    one.add_argument("--port", type=_port, help="the destination port of udp or tcp (default 7)")
    one.add_argument("--family", choices=("ipv4", "ipv6"), help="only this family")
    one.add_argument("--timeout", type=_positive, default=1.0, metavar="SECONDS", help="how long to wait (default 1)")


def _export_commands(export: argparse.ArgumentParser) -> None:
    """The arguments of what is written for other programs."""
    targets = export.add_subparsers(dest="target", metavar="TARGET", required=True)

    def target(name: str, words: str) -> argparse.ArgumentParser:
        one = targets.add_parser(name, help=words, description=words)
        one.add_argument("--format", choices=("text", "json"), default="text", help="text (default) or json")
        one.add_argument("file", metavar="FILE", help="a topology file")
        one.add_argument("-o", "--output", metavar="DIR", required=True, help="a directory, made where it is missing")
        one.add_argument(
            "--image", default=NODE_IMAGE, help=f"the image of this project's nodes (default {NODE_IMAGE})"
        )
        one.add_argument(
            "--peers-image",
            default=PEERS_IMAGE,
            metavar="IMAGE",
            help=f"the image of customer edges of kind frr, bird or gobgp (default {PEERS_IMAGE})",
        )
        one.add_argument(
            "--ce",
            action="append",
            default=[],
            metavar="NAME=KIND:IMAGE",
            help="a customer edge that is a vendor's image instead, of a kind that containerlab knows",
        )
        one.set_defaults(run=_export(name))
        return one

    target("containerlab", "Write a topology of containerlab whose nodes configure themselves.")
    kubernetes = target("kubernetes", "Write a topology of Clabernetes, and the files of its nodes as resources.")
    kubernetes.add_argument(
        "--api",
        choices=("clabernetes.containerlab.dev/v1alpha1", "c9s.run/v1alpha1"),
        help="whose Topology; default: the first, and the second where there are MD5 keys, which take Secrets",
    )


def _policy_commands(policy: argparse.ArgumentParser) -> None:
    """The arguments of what is done with policies alone."""
    verbs = policy.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name: str, words: str) -> argparse.ArgumentParser:
        one = verbs.add_parser(name, help=words, description=words)
        one.add_argument("--format", choices=("text", "json"), default="text", help="text (default) or json")
        one.set_defaults(run=_policy(name))
        return one

    test = verb("test", "Run the cases of case files, and name the terms that none of them reaches.")
    test.add_argument("files", metavar="FILE", nargs="+", help="case files")
    test.add_argument("--require-coverage", action="store_true", help="fail where a term is not reached")

    diff = verb("diff", "Show the routes of which two versions of policies make something else.")
    diff.add_argument("old", metavar="OLD", help="a policy file, or a directory of them")
    diff.add_argument("new", metavar="NEW", help="another version of it")
    _scheduled(diff)
    diff.add_argument("--policy", action="append", metavar="NAME", help="only this policy; may be given again")
    diff.add_argument("--routes", metavar="FILE", help="compare on these routes too: YAML, JSON or an MRT dump")

    evaluate = verb("eval", "Show what a chain of policies does with routes, and why.")
    evaluate.add_argument("file", metavar="FILE", help="a policy file")
    evaluate.add_argument("policies", metavar="POLICY", nargs="+", help="the policies of the chain, in order")
    evaluate.add_argument(
        "--route", action="append", metavar="ATTRIBUTES", help="a route, such as 'prefix=10.0.0.0/8 as_path=12076'"
    )
    evaluate.add_argument("--routes", metavar="FILE", help="the routes of a file: YAML, JSON or an MRT dump")
    for one in (diff, evaluate):
        one.add_argument("--neighbor", metavar="NAME", help="the neighbour of all routes given, by name or address")
        one.add_argument("--peer-address", metavar="ADDRESS", help="its address, where --neighbor is its name")
        one.add_argument("--asn", metavar="ASN", help="the own AS number")
        one.add_argument(
            "--address", action="append", metavar="ADDRESS", help="the own address on the session, one of each family"
        )


def _export(name: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        from lab.commands import export

        return int(getattr(export, name)(arguments))

    return run


def _policy(name: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        from lab.commands import policy

        return int(getattr(policy, name)(arguments))

    return run


def _offline(name: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        from lab.commands import offline

        return int(getattr(offline, name)(arguments))

    return run


def _live(name: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        from lab.commands import live

        return int(getattr(live, name)(arguments))

    return run


def _probing(name: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        from lab.commands import probing

        return int(getattr(probing, name)(arguments))

    return run


def _failing(name: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        from lab.commands import failing

        return int(getattr(failing, name)(arguments))

    return run


def _test(arguments: argparse.Namespace) -> int:
    from lab.commands.test import test

    return test(arguments)


def _capture(arguments: argparse.Namespace) -> int:
    from lab.commands.capture import capture

    return capture(arguments)


def _watch(arguments: argparse.Namespace) -> int:
    from lab.commands.watch import watch

    return watch(arguments)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    _open_streams()
    try:
        try:
            return _run(parser().parse_args(argv))
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        code = 141  # whoever read our output has seen enough
    except OSError as problem:
        sys.stderr.write(f"erlab: {problem}\n")
        code = LabError.exit_code
    except Exception:  # noqa: BLE001  # a fault of ours is no verdict: Python itself would end with 1
        import traceback

        traceback.print_exc()
        code = LabError.exit_code
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what could not be written is not tried again at the end
    return code


def _open_streams() -> None:
    """Open what was closed of stdin, stdout and stderr, or a socket of the lab's would get its number."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # until the end
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def _run(arguments: argparse.Namespace) -> int:
    try:
        return int(arguments.run(arguments))
    except LabError as problem:
        if getattr(arguments, "format", "text") == "json":
            from lab.report.as_json import error

            print(error(problem), flush=True)  # first: where nobody reads, nothing more is said
        sys.stderr.write(f"erlab: {problem}\n")
        return problem.exit_code
