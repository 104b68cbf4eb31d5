"""Which erlab an image of routers was made from: the files of this package, as one digest in a label of the image.

A router and its supervisor are of the same code, since no message between them has a version.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

CODE_LABEL = "erlab.code"
"""The label of an image that says what `code_digest` was when it was made."""


def code_digest() -> str:
    """SHA-256 of the package's files, by their names and what is in them, as hexadecimal digits."""
    package = Path(__file__).parent.parent
    whole = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        whole.update(f"{file.relative_to(package).as_posix()}\0{file.stat().st_size}\0".encode())
        whole.update(file.read_bytes())
    return whole.hexdigest()


if __name__ == "__main__":
    sys.stdout.write(f"{code_digest()}\n")
