"""The main job: ask over HTTP, download, verify; and the demo that shows it."""

import codecs
import gzip
import hashlib
import json
import re
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from assets.exports.catalog import CATALOG
from assets.model.manifest import Manifest
from assets.steps.manifest import verify
from export_platform.commands.counting import Counter
from export_platform.commands.demo import judged
from export_platform.commands.fetching import fetch
from export_platform.commands.verify import proved
from resources.clock import SystemClock
from tests.assets.exports.test_goldens import GOLDENS, NO_ID
from tests.e2e.platform import Platform
from tests.waiting import eventually

CAMPAIGN = "aurora-lights-2026"


def test_the_demo_ends_well_and_leaves_what_ran_running(
    platform: Platform, demonstrated: str
) -> None:
    """It is the first command of a newcomer; and one who has a platform up must keep it."""
    listed = [line.split()[0] for line in demonstrated.splitlines() if line.split()]

    assert {kind.versioned for kind in CATALOG.values()} <= set(listed)
    assert platform.base_url in demonstrated
    # Within a second each, which after two dozen exports takes a second try on a busy machine.
    eventually(lambda: {one.state for one in platform.deployment.status()} == {"healthy"})


@pytest.mark.usefixtures("demonstrated")
@pytest.mark.parametrize("name", sorted(CATALOG))
def test_every_kind_that_is_asked_for_over_http_equals_its_golden(
    platform: Platform, name: str
) -> None:
    """The bytes that a product tool gets are those that were looked at and committed."""
    document = platform.latest(name)
    result = document["result"]
    manifest = Manifest.from_document(json.loads(platform.body(result["manifestKey"])))

    assert [] == verify(manifest, lambda entry: platform.object_store.read(entry.key))
    found = {
        f"{entry.section}." if entry.section else "": platform.body(entry.key)
        for entry in manifest.files
    }
    for section, body in found.items():
        assert golden(manifest, section) == comparable(manifest, body), section


@pytest.mark.usefixtures("demonstrated")
@pytest.mark.parametrize("name", [kind.name for kind in CATALOG.values() if kind.deliveries])
def test_what_is_delivered_by_itself_arrives_whole(platform: Platform, name: str) -> None:
    """A file that is proved and never arrives helps nobody."""
    latest = platform.latest(name)
    usual = set(map(str, CATALOG[name].usual(latest["request"]["options"])))

    told = latest["result"]["deliveries"]

    assert usual == {delivery["destination"] for delivery in told}
    for delivery in told:
        assert delivery["state"] == "delivered"
        assert delivery["sent"] == delivery["accepted"] + delivery["rejected"]


def golden(manifest: Manifest, section: str) -> bytes:
    """The committed bytes of a file, or the line of its digest."""
    form = manifest.request["format"]
    folder = GOLDENS / str(manifest.request["type"])
    mode = manifest.request["policy"]["mode"]
    if form["kind"] == "csv":
        content = (folder / f"{section}{form['dialect']}.{mode}.csv").read_bytes()
        return _numbered(manifest, content.removeprefix(codecs.BOM_UTF8))
    wanted = f"  {section}{form['kind']}.{form['compression']}.{mode}"
    lines = (folder / "digests.txt").read_text(encoding="utf-8").splitlines()
    return next(line.removesuffix(wanted) for line in lines if line.endswith(wanted)).encode()


def comparable(manifest: Manifest, body: bytes) -> bytes:
    """A stored file in the form of its golden: what is compressed opened, without its own id."""
    if manifest.request["format"]["kind"] != "csv":
        return hashlib.sha256(body).hexdigest().encode()
    plain = gzip.decompress(body) if manifest.request["format"]["compression"] == "gzip" else body
    named = plain.replace(manifest.export_id.encode(), NO_ID).removeprefix(codecs.BOM_UTF8)
    return _numbered(manifest, named)


def _numbered(manifest: Manifest, content: bytes) -> bytes:
    """Keyed ids by the order of their first appearance: their key is that of one request alone."""
    if not any(column.keyed for column in CATALOG[str(manifest.request["type"])].static_columns):
        return content
    order: dict[bytes, int] = {}
    return re.sub(
        rb"\b[0-9a-f]{64}\b",
        lambda found: b"id-%d" % order.setdefault(found[0], len(order)),
        content,
    )


def test_a_second_request_does_the_same_work_and_gives_the_same_bytes(
    platform: Platform, tmp_path: Path
) -> None:
    """Same snapshot of the source and same options, same file: else nothing can be compared."""
    name = next(iter(CATALOG))
    first = platform.ask(name, CAMPAIGN)
    # Asked for afresh: else it would share the files of the first, which is live (rule 8).
    second = platform.client.create(name, {"campaign_id": CAMPAIGN}, fresh=True)
    exports = platform.ended(first, second)

    manifests = [fetch(platform.client, each, tmp_path / each.id) for each in exports]

    assert 1 == len({entry.sha256 for manifest in manifests for entry in manifest.files})
    assert 2 == len({manifest.export_id for manifest in manifests})


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

    dagster = {"code-server", "run-workers", "webserver", "daemon"}
    partners = {"codes", "entries", "marketing-cloud"}
    ours = {"bridge", "webhooks", *dagster}
    assert {"mongo", "s3", "athena", *ours, *partners} == set(pids)
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
