"""`erlab export`: a topology as files for containerlab or Kubernetes."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.commands.offline import load
from lab.device_file import is_one, to_text
from lab.errors import InputError
from lab.export import Exported, VendorsImage, exported
from lab.export.containerlab import FIRST_LINE

_OPEN, _SECRET = 0o644, 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file to be written."""

    path: Path
    text: str
    mode: int = _OPEN


def containerlab(arguments: argparse.Namespace) -> int:
    """Write a topology of containerlab, and the file of each device."""
    from lab.export.containerlab import topology

    lab = _exported(arguments)
    top, beside = Path(arguments.output), lab.name
    files = [_File(path=top / f"{lab.name}.clab.yml", text=topology(lab, beside))]
    for device in lab.devices.devices:
        if device.name not in lab.vendors:
            mode = _SECRET if device.has_secrets else _OPEN
            files.append(_File(path=top / beside / f"{device.name}.json", text=to_text(device), mode=mode))
    _say_removed(_write(top, files, sorted((top / beside).glob("*.json"))))
    return _report(arguments, lab, files, f"sudo containerlab deploy -t {files[0].path}")


def kubernetes(arguments: argparse.Namespace) -> int:
    """Write a Topology of Clabernetes with its ConfigMaps, and the Secrets to a file of their own."""
    from lab.export.kubernetes import PART_OF, Api, api_for, resources

    lab = _exported(arguments, short_names=True)
    api = api_for(lab, Api(arguments.api) if arguments.api else None)
    texts = {one.name: to_text(one) for one in lab.devices.devices}
    open_text, secret_text = resources(lab, texts, api)
    top = Path(arguments.output)
    files = [_File(path=top / f"{lab.name}.c9s.yml", text=open_text)]
    secrets = top / f"{lab.name}.secrets.yml"
    if secret_text:
        files.insert(0, _File(path=secrets, text=secret_text, mode=_SECRET))
    removed = _write(top, files, [secrets])
    _say_removed(removed)
    if removed:
        sys.stderr.write(
            "note: Secrets that a cluster has of it stay there until "
            f"`kubectl delete secret -l app.kubernetes.io/managed-by=erlab,{PART_OF}={lab.name}`\n"
        )
    return _report(arguments, lab, files, "kubectl apply " + " ".join(f"-f {one.path}" for one in files))


def _exported(arguments: argparse.Namespace, *, short_names: bool = False) -> Exported:
    _, plan = load(arguments.file)
    vendors = dict(map(_vendors_image, arguments.ce))
    return exported(plan, arguments.image, arguments.peers_image, vendors, short_names=short_names)


def _vendors_image(text: str) -> tuple[str, VendorsImage]:
    name, _, what = text.partition("=")
    kind, _, image = what.partition(":")
    if not (name and kind and image) or len(text.split()) != 1:
        raise InputError(f"--ce {text}: write NAME=KIND:IMAGE, such as ce1=arista_ceos:ceos:4.32.0F")
    return name, VendorsImage(kind=kind, image=image)


def _report(arguments: argparse.Namespace, lab: Exported, files: list[_File], start: str) -> int:
    """Say what was written, what it stands in for, and how to start it."""
    if arguments.format == "json":
        from lab.report.export_json import export

        print(export((str(one.path) for one in files), lab.devices, lab.images, lab.stand_ins))
    else:
        print("\n".join(str(one.path) for one in files))
    for words in lab.stand_ins:
        sys.stderr.write(f"note: {words}\n")
    sys.stderr.write(f"start it with: {start}\n")
    return 0


# files


def _write(top: Path, files: list[_File], earlier: Iterable[Path]) -> list[Path]:
    """Write files, each whole or not at all. Raises InputError, and writes nothing, where one would be a user's.

    Those of `earlier` exports that are not written again are removed, unless they are a user's, and returned.
    """
    try:
        _refuse_what_is_not_ours(top, files)
        for directory in dict.fromkeys(one.path.parent for one in files):
            directory.mkdir(parents=True, exist_ok=True)
        for one in files:
            _write_whole(one)
        paths = {one.path for one in files}
        removed = [old for old in earlier if old not in paths and _is_ours(old)]
        for old in removed:
            old.unlink()
    except OSError as problem:
        raise InputError(f"cannot write {problem.filename or top}: {problem.strerror}") from None
    return removed


def _say_removed(removed: list[Path]) -> None:
    for old in removed:
        sys.stderr.write(f"removed {old}: an earlier export wrote it, and this lab has no such file\n")


def _refuse_what_is_not_ours(top: Path, files: list[_File]) -> None:
    for one in files:
        if os.path.lexists(one.path) and not _is_ours(one.path):
            raise InputError(f"{one.path} is there and was not written by `erlab export`: move it, or give another -o")
    if top.is_dir() and any(top.iterdir()) and not any(map(_is_ours, _within(top))):
        raise InputError(f"{top} has files and none is of `erlab export`: give -o a new or empty directory")


def _within(top: Path) -> Iterator[Path]:
    yield from (one for one in sorted(top.iterdir()) if one.suffix == ".yml")


def _is_ours(path: Path) -> bool:
    """Whether an earlier export wrote it."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(len(FIRST_LINE.encode()))
    return start == FIRST_LINE.encode() or is_one(start)


def _write_whole(one: _File) -> None:
    """Write to another file, which nobody else can read meanwhile, and then put it in the place of the old one."""
    fd, new = tempfile.mkstemp(prefix=".erlab-", dir=one.path.parent)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(one.text)
            os.fchmod(file.fileno(), one.mode)
        Path(new).replace(one.path)
    except BaseException:
        Path(new).unlink()
        raise
