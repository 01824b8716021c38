"""Downloading: over two real servers, of which the second must never see the token."""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from assets.model.manifest import MANIFEST_NAME
from export_platform.commands.client import BridgeClient, Export
from export_platform.commands.fetching import fetch
from export_platform.commands.signature import KEYS_NAME, SIGNATURE_NAME
from export_platform.commands.terminal import CommandError
from tests.export_platform.commands.made import CONTENT, manifest

EXPORT_ID = "exp_000000000000000000000001"
BODY = manifest([CONTENT]).to_bytes()


@dataclass
class Site:
    """A server that answers each path with what it was given, and remembers who asked how.

    Attributes:
        answers: Path to status, headers and body.
        asked: The path and headers of each request.
    """

    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def bridge() -> Iterator[Site]:
    """Stands in for the bridge."""
    yield from _serving(Site())


@pytest.fixture
def storage() -> Iterator[Site]:
    """Stands in for the file storage."""
    yield from _serving(Site())


@pytest.fixture
def export(bridge: Site, storage: Site) -> Export:
    """A succeeded export of one file, at both servers."""
    path = f"/v1/exports/{EXPORT_ID}"
    bridge.answers[f"{path}/manifest"] = (200, {}, BODY)
    bridge.answers[f"{path}/files/1"] = (303, {"Location": f"{storage.url}/signed"}, b"")
    storage.answers["/signed"] = (200, {}, CONTENT)
    shown = {
        "id": EXPORT_ID,
        "type": "x.1",
        "status": "succeeded",
        "done": True,
        "result": {"rows": 3, "manifest_sha256": hashlib.sha256(BODY).hexdigest()},
    }
    return Export.from_wire(shown)


def test_a_download_is_the_stored_bytes(bridge: Site, export: Export, tmp_path: Path) -> None:
    """The control: everything below changes one thing."""
    with BridgeClient(bridge.url, "secret") as client:
        fetch(client, export, tmp_path / "to")

    assert CONTENT == (tmp_path / "to" / "part-00001.csv").read_bytes()
    assert BODY == (tmp_path / "to" / MANIFEST_NAME).read_bytes()
    assert 2 == len(list((tmp_path / "to").iterdir()))


def test_the_signature_and_the_keys_of_the_day_are_kept_beside_the_manifest(
    bridge: Site, export: Export, tmp_path: Path
) -> None:
    """In ten years the bridge may be gone; then they are all there is."""
    manifest_path = f"/v1/exports/{EXPORT_ID}/manifest"
    bridge.answers[manifest_path] = (200, {"Export-Signature": "a..b"}, BODY)
    bridge.answers["/.well-known/export-signing-keys"] = (200, {}, b'{"keys": []}')

    with BridgeClient(bridge.url, "secret") as client:
        fetch(client, export, tmp_path)

    assert (tmp_path / SIGNATURE_NAME).read_text() == "a..b\n"
    assert json.loads((tmp_path / KEYS_NAME).read_text()) == {"keys": []}


def test_the_storage_never_sees_the_token(
    bridge: Site, storage: Site, export: Export, tmp_path: Path
) -> None:
    """A link leads to another host, and whoever runs that could act as the caller."""
    with BridgeClient(bridge.url, "secret") as client:
        fetch(client, export, tmp_path)

    assert all("secret" in headers["Authorization"] for _, headers in bridge.asked)
    assert [("/signed", False)] == [
        (path, "Authorization" in headers) for path, headers in storage.asked
    ]


@pytest.mark.parametrize(
    "arrived",
    [CONTENT[:-1], CONTENT + b"x", CONTENT.replace(b"1", b"2", 1), b""],
    ids=["short", "long", "flipped", "empty"],
)
def test_what_arrives_otherwise_gets_no_name(
    bridge: Site, storage: Site, export: Export, tmp_path: Path, arrived: bytes
) -> None:
    """A broken file under its right name would be used."""
    storage.answers["/signed"] = (200, {}, arrived)

    with (
        BridgeClient(bridge.url, "secret") as client,
        pytest.raises(CommandError, match="did not arrive as it was written"),
    ):
        fetch(client, export, tmp_path / "to")

    assert [] == list((tmp_path / "to").iterdir())


def test_another_manifest_is_refused(bridge: Site, export: Export, tmp_path: Path) -> None:
    """Its digests would vouch for any file."""
    other = replace(export, manifest_sha256="0" * 64)

    with (
        BridgeClient(bridge.url, "secret") as client,
        pytest.raises(CommandError, match="not the one of this export"),
    ):
        fetch(client, other, tmp_path)

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "link", ["", "/signed", "http://storage.example/signed", "file:/etc/hostname", "ftp://x/y"]
)
def test_a_link_that_leads_astray_is_not_followed(
    bridge: Site, export: Export, tmp_path: Path, link: str
) -> None:
    """What cannot be trusted with the bytes is not asked for them."""
    path = f"/v1/exports/{EXPORT_ID}/files/1"
    bridge.answers[path] = (303, {"Location": link}, b"")

    with BridgeClient(bridge.url, "secret") as client, pytest.raises(CommandError):
        fetch(client, export, tmp_path)

    assert not (tmp_path / "part-00001.csv").exists()


def test_a_redirect_of_the_storage_is_not_followed(
    bridge: Site, storage: Site, export: Export, tmp_path: Path
) -> None:
    """A signed link is for one object; where it sends us next nobody has signed."""
    storage.answers["/signed"] = (302, {"Location": f"{storage.url}/other"}, b"")
    storage.answers["/other"] = (200, {}, CONTENT)

    with (
        BridgeClient(bridge.url, "secret") as client,
        pytest.raises(CommandError, match="302"),
    ):
        fetch(client, export, tmp_path)

    assert ["/signed"] == [path for path, _ in storage.asked]


def test_a_name_for_another_folder_is_refused(bridge: Site, tmp_path: Path) -> None:
    """The manifest names the files, and must not choose where they are written."""
    document = json.loads(BODY)
    document["files"][0]["key"] = "exports/x/..\\..\\evil"
    body = json.dumps(document).encode()
    bridge.answers[f"/v1/exports/{EXPORT_ID}/manifest"] = (200, {}, body)
    digest = hashlib.sha256(body).hexdigest()
    shown = {"id": EXPORT_ID, "type": "x.1", "status": "succeeded", "done": True}
    export = Export.from_wire({**shown, "result": {"manifest_sha256": digest}})

    with (
        BridgeClient(bridge.url, "secret") as client,
        pytest.raises(CommandError, match="cannot be written here"),
    ):
        fetch(client, export, tmp_path)

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>", "answered 502"),
        (b'{"title": "No", "detail": "Wait."}', "No; Wait"),
        (b'{"title": "No", "detail": "x", "required_scopes": ["pii:full"]}', "needed: pii:full"),
        (
            b'{"title": "No", "detail": "x", "errors": [{"pointer": "/a", "detail": "is b"}]}',
            "No; /a is b",
        ),
        (
            b'{"title": "No", "detail": "x", "errors": [{"pointer": "/params/a", "detail": "b"}]}',
            "No; a b",
        ),
        (
            b'{"title": "No", "detail": "x", "errors": [{"pointer": "", "detail": "is b"}]}',
            "No; the body is b",
        ),
        (b"[]", "answered 502"),
    ],
)
def test_a_refusal_is_told_in_one_line(bridge: Site, body: bytes, said: str) -> None:
    """A problem document says where and what helps; a person should read just that."""
    bridge.answers["/v1/export-types"] = (502, {}, body)

    with BridgeClient(bridge.url, "secret") as client, pytest.raises(CommandError) as told:
        client.types()

    assert said in str(told.value)
    assert "\n" not in str(told.value)


def _serving(site: Site) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path, dict(self.headers)))
            status, headers, body = site.answers.get(self.path, (404, {}, b"{}"))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()
