"""Linux namespaces: a process in new ones, as root or as an ordinary user, and network namespaces held as open files.

The lab's first process is number 1 of its own pid namespace: when it dies, however it dies, the kernel ends every other
process of the lab, and with the last one all namespaces, wires and mounts.
"""

from __future__ import annotations

import ctypes
import os
import select
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.errors import NotPermitted
from lab.processes import die_with_parent, name_process

_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x20000, 0x10000000, 0x20000000, 0x40000000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MS_BIND = 4096
_PRIVATE, _FRR_GROUP, _FRR_GID = "/var/tmp", "frrvty", 0  # noqa: S108  # the lab mounts a file system of its own there
_room_made: list[str] = []
_libc = ctypes.CDLL(None, use_errno=True)

HOW_TO_ALLOW = """\
the kernel did not let this user make namespaces, which the live lab is made of. One of these allows it:
    sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0    (Ubuntu 23.10 and later)
    sudo sysctl -w kernel.unprivileged_userns_clone=1                (Debian 10 and earlier)
    sudo sysctl -w user.max_user_namespaces=15000                    (RHEL and others that set it to 0)
    docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined --cap-add SYS_ADMIN ...
or run erlab as root. `erlab check` and `erlab predict` need no namespaces and work as they are."""


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise NotPermitted(f"{name}: {os.strerror(number)}\n{HOW_TO_ALLOW}")


def start_first_process(
    body: Callable[[], int], refused: Callable[[NotPermitted], None], *, outlives_parent: bool
) -> int:
    """Run `body` as process 1 of new user (unless root), network, mount and pid namespaces; returns a pid to wait for.

    The process that is returned only waits for process 1; killing either ends both. `refused` is called in the new
    process where the kernel does not allow the namespaces.
    """
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        status = _unshare_and_wait(body, refused, outlives_parent=outlives_parent)
    except NotPermitted as problem:
        refused(problem)
    finally:
        os._exit(status)


def _unshare_and_wait(
    body: Callable[[], int], refused: Callable[[NotPermitted], None], *, outlives_parent: bool
) -> int:
    os.setsid()
    uid, gid = os.geteuid(), os.getegid()
    user = _CLONE_NEWUSER if uid else 0
    _call("unshare", user | _CLONE_NEWNET | _CLONE_NEWNS | _CLONE_NEWPID)
    if user:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1", encoding="ascii")
    name_process("erlab-parent")
    if not outlives_parent:
        die_with_parent()  # after the new user namespace, which clears it
    alive, held = os.pipe()
    first = os.fork()
    if first:
        os.closerange(0, held)
        os.closerange(held + 1, 1024)
        _, status = os.waitpid(first, 0)
        return min(255, abs(os.waitstatus_to_exitcode(status)))
    status = 1
    try:
        die_with_parent()
        os.close(held)
        if select.select((alive,), (), (), 0)[0]:
            os._exit(1)  # the parent was killed before it could take this process with it
        os.close(alive)
        _call("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
        _call("mount", b"proc", b"/proc", b"proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, None)
        status = body()
    except NotPermitted as problem:
        refused(problem)
    except Exception:  # noqa: BLE001  # the process ends here, and its log must say why
        traceback.print_exc()
    finally:
        os._exit(status)


def make_room_for_daemons() -> None:
    """Give the lab's mount namespace, once, what daemons of other vendors ask of a host.

    That is a /var/tmp which goes with the lab, and root in the group that FRR asks for.
    """
    if _room_made:
        return
    _room_made.append(_PRIVATE)
    _call("mount", b"none", _PRIVATE.encode(), b"tmpfs", _MS_NOSUID | _MS_NODEV, b"mode=1777")
    groups = Path("/etc/group")
    own = Path(_PRIVATE, "group")
    others = [line for line in groups.read_text(encoding="utf-8").splitlines() if not line.startswith(f"{_FRR_GROUP}:")]
    own.write_text("\n".join([*others, f"{_FRR_GROUP}:x:{_FRR_GID}:root", ""]), encoding="utf-8")
    _call("mount", bytes(own), bytes(groups), None, _MS_BIND, None)


def new_network_namespace() -> int:
    """A new network namespace as an open file; the calling thread is in it afterwards."""
    _call("unshare", _CLONE_NEWNET)
    return this_network_namespace()


def this_network_namespace() -> int:
    """The network namespace of the calling thread as an open file."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def enter_network_namespace(fd: int) -> None:
    """Move the calling thread into a network namespace."""
    _call("setns", fd, _CLONE_NEWNET)


def enter_lab(supervisor_pid: int, namespace_fd: int) -> None:
    """Move this process into a node of a running lab; its children will be in the lab's pid namespace.

    `supervisor_pid` is the lab's first process as seen from here, `namespace_fd` that process's file of the node's
    network namespace.
    """
    at = f"/proc/{supervisor_pid}"
    node = os.open(f"{at}/fd/{namespace_fd}", os.O_RDONLY | os.O_CLOEXEC)
    namespaces = [("user", _CLONE_NEWUSER)] if os.geteuid() else []
    namespaces += [("pid", _CLONE_NEWPID), ("mnt", _CLONE_NEWNS)]
    opened = [(os.open(f"{at}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC), flag) for name, flag in namespaces]
    for fd, flag in opened:
        _call("setns", fd, flag)
    enter_network_namespace(node)


def open_networks(supervisor_pid: int, namespace_fds: Sequence[int]) -> list[int]:
    """Open network namespaces of a running lab, each by its supervisor's file, with the right to enter them.

    This process is in the lab's user namespace afterwards, and still in its own network; it may have one thread only.
    """
    at = f"/proc/{supervisor_pid}"
    opened = [os.open(f"{at}/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC) for fd in namespace_fds]
    if os.geteuid():
        user = os.open(f"{at}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        _call("setns", user, _CLONE_NEWUSER)
        os.close(user)
    return opened
