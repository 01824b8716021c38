"""The main job: ask over HTTP, download, verify; and the demo that shows it."""

import json
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from assets.exports.catalog import CATALOG
from assets.model.manifest import MANIFEST_NAME
from export_platform.commands.counting import Counter
from export_platform.commands.demo import judged
from export_platform.commands.fetching import fetch
from export_platform.commands.verify import proved
from resources.clock import SystemClock
from tests.e2e.platform import Platform

CAMPAIGN = "aurora-lights-2026"


@pytest.mark.parametrize("name", sorted(CATALOG))
def test_every_kind_of_export_can_be_asked_for_fetched_and_proved(
    platform: Platform, tmp_path: Path, name: str
) -> None:
    """The one way that everything else stands on, by the commands that a person types."""
    export_id = platform.command("request", name, CAMPAIGN, "--wait").strip()
    assert "succeeded" in platform.command("status", export_id, "--watch")

    platform.command("download", export_id, "--to", tmp_path)

    assert "proved: 1 file" in platform.command("verify", tmp_path)
    manifest = json.loads((tmp_path / MANIFEST_NAME).read_bytes())
    assert export_id == manifest["export_id"]
    assert manifest["accounting"]["written"] > 0


def test_a_second_request_does_the_same_work_and_gives_the_same_bytes(
    platform: Platform, tmp_path: Path
) -> None:
    """Same snapshot of the source and same options, same file: else nothing can be compared."""
    name = next(iter(CATALOG))
    exports = platform.ended(platform.ask(name, CAMPAIGN), platform.ask(name, CAMPAIGN))

    manifests = [fetch(platform.client, each, tmp_path / each.id) for each in exports]

    assert 1 == len({entry.sha256 for manifest in manifests for entry in manifest.files})
    assert 2 == len({manifest.export_id for manifest in manifests})


def test_the_demo_ends_well_and_leaves_what_ran_running(platform: Platform) -> None:
    """It is the first command of a newcomer; and one who has a platform up must keep it."""
    before = platform.pids()

    said = platform.command("demo")

    for name in CATALOG:
        assert name in said
    assert platform.base_url in said
    assert before == platform.pids()


def test_the_demo_notices_a_wrong_count(platform: Platform, tmp_path: Path) -> None:
    """A demo that cannot fail shows nothing: one row more in the source must be noticed."""
    name = next(iter(CATALOG))
    export = platform.ended(platform.ask(name, CAMPAIGN))[0]
    fetch(platform.client, export, tmp_path)
    manifest, findings = proved(tmp_path)
    expected = Counter(platform.places.environment, SystemClock()).expected(name, CAMPAIGN)
    assert expected is not None

    assert [] == judged(manifest, findings, expected)
    assert 1 == len(judged(manifest, findings, replace(expected, read=expected.read + 1)))
    assert 1 == len(judged(manifest, findings, replace(expected, kept=expected.kept - 1)))


def test_every_process_is_well_and_listens_on_loopback_only(platform: Platform) -> None:
    """The Dagster page has no login; on any other address it would be everybody's."""
    pids = platform.pids()

    assert {"mongo", "s3", "athena", "code-server", "webserver", "daemon", "bridge"} == set(pids)
    listening = _listening(set(pids.values()))
    assert len(listening) >= 6
    assert [] == [address for address in listening if not _is_loopback(address)]


def test_the_dagster_page_shows_every_export(platform: Platform) -> None:
    """Lineage and history are looked at there."""
    query = {"query": "{ assetNodes { assetKey { path } } }"}
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{platform.dagster_url}/graphql",
        data=json.dumps(query).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        nodes = json.load(answer)["data"]["assetNodes"]

    keys = {tuple(node["assetKey"]["path"]) for node in nodes}
    assert {("exports", name) for name in CATALOG} <= keys


def _listening(pids: set[int]) -> list[str]:
    """The addresses, in the kernel's hexadecimal, on which these processes listen."""
    sockets = {
        str(link.readlink())
        for pid in pids
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if link.is_symlink()
    }
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                found.append(fields[1].partition(":")[0])
    return found


def _is_loopback(address: str) -> bool:
    """127.0.0.1, plain or mapped into IPv6, as the kernel writes it."""
    return address in {"0100007F", "0000000000000000FFFF00000100007F"}
