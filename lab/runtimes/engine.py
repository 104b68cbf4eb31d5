"""The Docker engine of this computer, by its SDK for Python: containers made, asked, and removed by their labels.

It is imported where it is used, and not with the command, for it takes a quarter of a second.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.errors import LabBroken
from lab.limits import Limits

if TYPE_CHECKING:
    from docker import APIClient

DEFAULT_SOCKET = "/var/run/docker.sock"
CAPABILITIES = ("NET_ADMIN", "NET_BIND_SERVICE", "NET_RAW")
"""What a router's container may do, and why: docs/decisions/0026-containers.md."""
_MOST_PROCESSES = 64
_MOST_LOG = {"max-size": "1m", "max-file": "1"}
_SCRATCH = "rw,nosuid,nodev,noexec,mode=1777,size=16m"
_DEADLINE_S = 20.0
_HEALTH = ["CMD", "python", "-m", "lab.node", "healthy"]
_SECOND_NS = 1_000_000_000
NO_SDK = "the Docker runtime takes the Docker SDK for Python: install erlab[docker], or the package docker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """A container of this project's: its id, its name, and its labels."""

    id: str
    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The container of a router to be made, with its labels.

    `capabilities` are those beside the ones of every router. `scratch` is a directory that it may write to, in memory
    and gone with it; without one there is none.
    """

    image: str
    name: str
    node: str
    labels: Mapping[str, str]
    limits: Limits | None
    capabilities: tuple[str, ...] = ()
    scratch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a container ended."""

    exit_code: int
    out_of_memory: bool

    def __str__(self) -> str:
        if self.out_of_memory:
            return f"was killed for taking more memory than it may (exit code {self.exit_code})"
        if self.exit_code > 128 and self.exit_code - 128 in signal.valid_signals():
            name = signal.Signals(self.exit_code - 128).name
            return f"was killed by signal {self.exit_code - 128} ({name})"
        return f"ended with exit code {self.exit_code}"


class Engine:
    """A connection to the engine, for every thread one of its own. All methods raise LabBroken where it refuses."""

    def __init__(self) -> None:
        try:
            import docker.errors
        except ImportError:
            raise LabBroken(NO_SDK) from None
        self._docker, self._errors = docker, (docker.errors.DockerException, OSError)
        self._socket = os.environ.get("DOCKER_HOST") or f"unix://{DEFAULT_SOCKET}"
        if not self._socket.startswith("unix://"):
            raise LabBroken(
                f"DOCKER_HOST is {self._socket}: the engine has to run on this computer, whose kernel joins its "
                "containers by wires; unset DOCKER_HOST, or let it be a unix:// socket"
            )
        self._version: str | None = None
        self._own = threading.local()
        with self._refused("reach the Docker engine"):
            self.release = str(self._api.version()["Version"])
        self._version = str(self._api.api_version)

    @property
    def _api(self) -> APIClient:
        if not hasattr(self._own, "api"):
            self._own.api = self._docker.APIClient(
                base_url=self._socket, version=self._version or "auto", timeout=_DEADLINE_S
            )
        api: APIClient = self._own.api
        return api

    @contextmanager
    def _refused(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._errors as problem:
            why = getattr(problem, "explanation", None) or problem
            hint = ""
            if "reach" in what:
                hint = f"; is it running, and may this user use {self._socket.removeprefix('unix://')}?"
            raise LabBroken(f"could not {what}: {why}{hint}") from problem

    def image_labels(self, image: str) -> dict[str, str]:
        """The labels of an image that is present."""
        try:
            with self._refused(f"find the image {image}"):
                return dict(self._api.inspect_image(image)["Config"]["Labels"] or {})
        except LabBroken as problem:
            if isinstance(problem.__cause__, self._docker.errors.ImageNotFound):
                raise LabBroken(f"there is no image {image} here: make it with `make image`") from None
            raise

    def not_in_force(self, limits: Limits) -> tuple[str, ...]:
        """Which of some limits this engine does not keep, one sentence each: it makes the containers without them."""
        with self._refused("ask what the engine can limit"):
            info = self._api.info()
        if limits.memory_bytes is None or (info["MemoryLimit"] and info["SwapLimit"]):
            return ()
        if not info["MemoryLimit"]:
            return ("limits of memory: not in force: the engine says that this kernel keeps none",)
        return (
            "limits of memory: a router may swap beyond its own: the engine says that this kernel does not limit that",
        )

    def create(self, wanted: Wanted) -> str:
        """Make the container of a router, with the fewest privileges that a router runs with; its id."""
        limits = wanted.limits or Limits()
        api = self._api
        host = api.create_host_config(
            network_mode="none",
            read_only=True,
            tmpfs={wanted.scratch: _SCRATCH} if wanted.scratch else None,
            cap_drop=["ALL"],
            cap_add=[*CAPABILITIES, *wanted.capabilities],
            sysctls={"net.ipv4.ip_unprivileged_port_start": "0"},
            pids_limit=_MOST_PROCESSES,
            mem_limit=limits.memory_bytes,
            memswap_limit=limits.memory_bytes,
            nano_cpus=None if limits.cpus is None else round(limits.cpus * 1e9),
            log_config=self._docker.types.LogConfig(type="json-file", config=_MOST_LOG),
        )
        health = {"test": _HEALTH, "interval": 30 * _SECOND_NS, "timeout": 10 * _SECOND_NS, "retries": 3}
        with self._refused(f"make the container {wanted.name}"):
            made = api.create_container(
                image=wanted.image,
                command=["supervised", wanted.node],
                name=wanted.name,
                hostname=wanted.node,
                labels=dict(wanted.labels),
                healthcheck=health,
                network_disabled=True,  # a network namespace all the same, which the engine need not configure
                host_config=host,
            )
        return str(made["Id"])

    def start(self, container: str) -> None:
        """Start a container."""
        with self._refused("start a container"):
            self._api.start(container)

    def pid(self, container: str) -> int:
        """Process 1 of a container, as the engine's pid namespace has it; 0 where it does not run."""
        return int(self._state(container)["Pid"])

    def end(self, container: str) -> End | None:
        """How a container ended; None where it still runs. Raises LabBroken where it is gone."""
        state = self._state(container)
        if state["Running"]:
            return None
        return End(exit_code=int(state["ExitCode"]), out_of_memory=bool(state["OOMKilled"]))

    def _state(self, container: str) -> dict[str, Any]:
        with self._refused("ask for the state of a container"):
            state: dict[str, Any] = self._api.inspect_container(container)["State"]
        return state

    def tail(self, container: str, lines: int) -> str:
        """The last lines that a container wrote."""
        with self._refused("read the log of a container"):
            return bytes(self._api.logs(container, tail=lines)).decode(errors="replace")

    def owned(self, labels: Mapping[str, str]) -> list[Owned]:
        """All containers with these labels, running or not."""
        wanted = [f"{name}={value}" for name, value in labels.items()]
        with self._refused("list containers"):
            found = self._api.containers(all=True, filters={"label": wanted})
        return [Owned(id=one["Id"], name=one["Names"][0].lstrip("/"), labels=one["Labels"]) for one in found]

    def remove(self, container: str) -> None:
        """End a container and remove it. Nothing is wrong where it is gone, or another one is removing it."""
        with self._refused("remove a container"):
            try:
                self._api.remove_container(container, v=True, force=True)
            except self._docker.errors.NotFound:
                return
            except self._docker.errors.APIError as problem:
                if problem.status_code != 409 or "already in progress" not in str(problem.explanation):
                    raise
