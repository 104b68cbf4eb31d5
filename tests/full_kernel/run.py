"""Run a command on a full kernel: Debian's, in qemu without hardware virtualisation, and without touching this machine.

    python run.py KERNEL COMMAND...

KERNEL is a directory with an unpacked package of Debian's kernel, made by `.ci/setup full_kernel`. The guest sees this
machine's files at their places, read-only; what it writes is in its memory and ends with it. The command is run in this
directory, as root. Exit status: the command's, or 3 where the guest did not get so far.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

MODULES_TO_BOOT = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
PROCESSORS, MEMORY = 2, "3G"
BUSYBOX = Path("/bin/busybox")
ENDED = "guest: exit status "
DEADLINE_S = 3600

INIT = """\
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc none /proc
$b mount -t sysfs none /sys
$b mount -t devtmpfs none /dev
for module in {modules}; do $b insmod /modules/$module; done
$b mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=512000 root /host
$b mount -t tmpfs none /memory
$b mkdir /memory/upper /memory/work /memory/root
$b mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work none /memory/root
for at in proc sys dev; do $b mount --move /$at /memory/root/$at; done
for at in run tmp dev/shm dev/pts; do $b mkdir -p /memory/root/$at; done
$b mount -t tmpfs none /memory/root/run
$b mount -t tmpfs none /memory/root/dev/shm
$b mount -t devpts none /memory/root/dev/pts
$b mkdir -p /memory/root/lib/modules/{version}
$b mount --bind /host{kernel}/lib/modules/{version} /memory/root/lib/modules/{version}
$b cp /command /memory/root/run/command
exec $b switch_root /memory/root /bin/sh /run/command
"""

COMMAND = """\
export {environment}
cd {directory}
{command} </dev/null
echo "{ended}$?"
echo o >/proc/sysrq-trigger
while :; do :; done
"""


def archive(files: dict[str, tuple[int, bytes]]) -> bytes:
    """An archive for the kernel to start from: modes and contents by path (cpio, format newc)."""
    written = io.BytesIO()
    entries = [*files.items(), ("TRAILER!!!", (0, b""))]
    for number, (path, (mode, content)) in enumerate(entries, start=1):
        name = path.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
        for part in (b"070701" + b"".join(b"%08x" % field for field in fields) + name, content):
            written.write(part)
            written.write(b"\0" * (-written.tell() % 4))
    return written.getvalue()


def modules_to_load(modules: Path, names: tuple[str, ...]) -> list[Path]:
    """The files of some modules, each behind what it needs (modules.dep)."""
    needs = {}
    for line in (modules / "modules.dep").read_text(encoding="ascii").splitlines():
        file, _, others = line.partition(":")
        needs[Path(file).name.partition(".")[0].replace("-", "_")] = [file, *others.split()]
    files = [file for name in names for file in reversed(needs[name.replace("-", "_")])]
    return [modules / file for file in dict.fromkeys(files)]


def first_files(kernel: Path, version: str, command: list[str]) -> bytes:
    """What the guest starts from."""
    modules = modules_to_load(kernel / "lib" / "modules" / version, MODULES_TO_BOOT)
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environment = {"HOME": "/root", "TERM": "dumb", **kept}
    init = INIT.format(modules=" ".join(one.name for one in modules), version=version, kernel=kernel)
    script = COMMAND.format(
        environment=" ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items()),
        directory=shlex.quote(str(Path.cwd())),
        command=shlex.join(command),
        ended=ENDED,
    )
    directories = ("bin", "dev", "host", "memory", "modules", "proc", "sys")
    files = dict.fromkeys(directories, (0o40755, b""))
    files |= {f"modules/{one.name}": (0o100644, one.read_bytes()) for one in modules}
    files["bin/busybox"] = (0o100755, BUSYBOX.read_bytes())
    files["init"] = (0o100755, init.encode())
    files["command"] = (0o100644, script.encode())
    return archive(files)


def qemu(kernel: Path, version: str, first: str) -> list[str]:
    """The emulator's command line."""
    return [
        *("qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max"),
        *("-smp", str(PROCESSORS), "-m", MEMORY, "-nodefaults", "-no-user-config", "-display", "none"),
        *("-serial", "stdio", "-no-reboot", "-kernel", f"{kernel}/boot/vmlinuz-{version}", "-initrd", first),
        *("-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap"),
        *("-device", "virtio-9p-pci,fsdev=host,mount_tag=root"),
        *("-append", "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable random.trust_cpu=on"),
    ]


def main() -> int:
    """Boot, run, and show what the guest writes."""
    kernel, command = Path(sys.argv[1]).resolve(), sys.argv[2:]
    version = (kernel / "boot").glob("vmlinuz-*").__next__().name.removeprefix("vmlinuz-")
    status = 3
    with tempfile.NamedTemporaryFile(suffix=".cpio") as first:
        first.write(first_files(kernel, version, command))
        first.flush()
        argv = ["timeout", str(DEADLINE_S), *qemu(kernel, version, first.name)]
        with subprocess.Popen(  # noqa: S603
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
        ) as guest:
            assert guest.stdout is not None
            for line in guest.stdout:
                if found := re.match(rf"{ENDED}(\d+)", line):
                    status = int(found[1])
                    break  # what follows is the kernel's own farewell
                sys.stdout.write(line)
                sys.stdout.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
