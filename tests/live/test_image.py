"""The image of routers (Dockerfile), as `.ci/image` has built it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import docker
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from erlab_command import Erlab
from lab.runtimes.containers import IMAGE
from lab.runtimes.image import CODE_LABEL, code_digest
from topology_text import SHIPPED

pytestmark = pytest.mark.docker
TOP = Path(__file__).parents[2]
MOST_BYTES = 150_000_000
DEADLINE_S = 60.0


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    """The engine of this computer."""
    client = docker.from_env()
    yield client
    client.close()


def test_image_is_small_of_this_code_and_for_an_ordinary_user(client: docker.DockerClient) -> None:
    """The image of a router is below 150 MB, is of the code that is tested here, and runs its programs as no root."""
    image = client.images.get(IMAGE)
    assert image.attrs["Size"] < MOST_BYTES
    assert image.labels[CODE_LABEL] == code_digest()
    assert image.attrs["Config"]["User"] == "erlab"


def test_python_starts_without_any_capability(client: docker.DockerClient) -> None:
    """Capabilities are taken up by asking: python starts where it may have none, and has none in effect at first."""
    program = "print(*(line for line in open('/proc/self/status') if line.startswith(('CapPrm', 'CapEff'))), sep='')"
    for given, permitted in ((), 0), (("NET_ADMIN", "SYS_ADMIN"), 1 << 12):
        said = client.containers.run(
            IMAGE,
            ["-c", program],
            entrypoint="python",
            cap_drop=["ALL"],
            cap_add=[*given],
            network_mode="none",
            remove=True,
        )
        assert said.decode().split() == ["CapPrm:", f"{permitted:016x}", "CapEff:", f"{0:016x}"]


def test_its_bill_of_materials_is_what_cyclonedx_allows(tmp_path: Path) -> None:
    """By the schema of 1.6 itself; each component once, by its package URL. A bill with a wrong type is refused."""
    subprocess.run([TOP / ".ci" / "sbom", "peers", tmp_path], check=True, timeout=DEADLINE_S)  # noqa: S603
    text = (tmp_path / "peers.cdx.json").read_text(encoding="utf-8")
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace('"type": "library"', '"type": "package"', 1)) is not None
    found = [PackageURL.from_string(one["purl"]) for one in json.loads(text)["components"]]
    assert [one.to_string() for one in found] == [one["bom-ref"] for one in json.loads(text)["components"]]
    assert len(set(found)) == len(found)
    assert {"deb": "frr", "pypi": "exabgp"}.items() <= {(one.type, one.name) for one in found}


def test_an_image_of_other_code_is_refused(
    erlab: Erlab, client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lab does not start routers of another erlab, and says how to get those of this one."""
    recipe = f"FROM {IMAGE}\nLABEL {CODE_LABEL}=another\n"
    other, _ = client.images.build(fileobj=BytesIO(recipe.encode()), rm=True)
    monkeypatch.setenv("ERLAB_IMAGE", other.id)
    try:
        ended = erlab.run("test", SHIPPED)
        assert ended.code == 3, ended
        assert "is of another erlab than this one: make it anew with `make image`" in ended.err
    finally:
        client.images.remove(other.id)
