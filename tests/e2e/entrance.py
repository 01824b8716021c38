"""nginx with our configuration before Dagster's page, and an identity service with two people."""

import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from export_platform.local.processes import free_port
from tests.conventions.repository import ROOT
from tests.export_platform.production.postgres import certificate
from tests.waiting import eventually

TEMPLATES = ROOT / "export_platform" / "production" / "page"
PAGE, READ_ONLY = "dagster.example", "dagster-look.example"
# Of the sessions that the identity service keeps: who it is, and whether an operator.
OPERATOR, VIEWER = "session=operator", "session=viewer"
_VARIABLE = re.compile(r"\$\{([A-Z_]+)\}")
Edit = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """A running nginx.

    Attributes:
        port: Where it speaks TLS, on loopback.
        log: What it has said.
    """

    port: int
    log: Path

    def origin(self, name: str = PAGE) -> str:
        """What a browser calls a page of this name."""
        return f"https://{name}:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        *,
        name: str = PAGE,
        cookie: str | None = OPERATOR,
        origin: str | None = None,
        body: str = "",
        **headers: str,
    ) -> Answer:
        """Send one request as a browser would, with a session unless told otherwise."""
        sent = {"Host": f"{name}:{self.port}", "Content-Type": "application/json"}
        sent |= {key.replace("_", "-"): value for key, value in headers.items()}
        sent |= {"Cookie": cookie} if cookie else {}
        sent |= {"Origin": origin} if origin else {}
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=20, context=trusting()
        )
        try:
            connection.request(method, path, body=body or None, headers=sent)
            answer = connection.getresponse()
            upgraded = answer.status == http.client.SWITCHING_PROTOCOLS
            return Answer(
                status=answer.status,
                headers={key.lower(): value for key, value in answer.headers.items()},
                body=b"" if upgraded else answer.read(),
            )
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        """A connection, still without TLS."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


def trusting() -> ssl.SSLContext:
    """It is the entrance that must trust nobody, not this client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def program() -> str:
    """nginx; on CI a missing one fails, elsewhere it skips."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        missing = "nginx is not installed (Debian: nginx-light)"
        assert "CI" not in os.environ, missing
        pytest.skip(missing)
    return found


@contextmanager
def entrance(
    upstream: str, read_only: str, identity: str, *, edit: Edit = lambda text: text
) -> Iterator[Entrance]:
    """Run it until the block ends; `edit` may take a rule out of the configuration."""
    binary, port = program(), free_port()
    # Its workers are another user when we are root, and pytest's folders are closed to others.
    folder = Path(tempfile.mkdtemp(prefix="entrance"))
    folder.chmod(0o755)
    certificate(folder, key="tls.key", shown="tls.crt")
    values = {
        "PAGE_HOST": PAGE,
        "READ_ONLY_HOST": READ_ONLY,
        "PAGE_LISTEN": f"127.0.0.1:{port}",
        "PAGE_ORIGIN_PORT": f":{port}",
        "PAGE_UPSTREAM": upstream,
        "READ_ONLY_UPSTREAM": read_only,
        "PAGE_IDENTITY": identity,
        "PAGE_TLS": str(folder),
        "PAGE_SCRATCH": str(folder),
    }
    for template in TEMPLATES.glob("*.template"):
        text = _VARIABLE.sub(lambda found: values[found[1]], edit(template.read_text("utf-8")))
        (folder / template.stem).write_text(text, encoding="utf-8")
    log = folder / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [binary, "-e", "stderr", "-c", folder / "nginx.conf", "-g", "daemon off;"],
            stdout=said, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        eventually(lambda: process.poll() is not None or listens(port), 10)
        assert process.poll() is None, log.read_text(encoding="utf-8")
        yield Entrance(port=port, log=log)
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


class _Identity(BaseHTTPRequestHandler):
    """What oauth2-proxy answers: 202, 401 without a session, 403 for somebody of other groups."""

    def do_GET(self) -> None:
        """Say who it is."""
        asked = urlsplit(self.path)
        who = self.headers.get("Cookie", "").partition("session=")[2].partition(";")[0]
        groups = parse_qs(asked.query).get("allowed_groups", [])
        status = 202
        if asked.path != "/oauth2/auth":
            status = 200
        elif who not in ("operator", "viewer"):
            status = 401
        elif groups and who != "operator":
            status = 403
        self.send_response(status)
        if status == 202:
            self.send_header("X-Auth-Request-User", f"id-of-{who}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Recorder(ThreadingHTTPServer):
    """A server in Dagster's place, which remembers what it was sent.

    Attributes:
        asked: Each request: its target, and its headers by name in lower case.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Recording)
        self.asked: list[tuple[str, dict[str, str]]] = []


class _Recording(BaseHTTPRequestHandler):
    server: Recorder

    def do_POST(self) -> None:
        """Remember."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.path, headers))
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - http.server's name

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def recording() -> Iterator[Recorder]:
    """A server that remembers, until the block ends."""
    with Recorder() as server:
        yield from _served(server)


@contextmanager
def identity_service() -> Iterator[str]:
    """An identity service until the block ends; its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Identity) as server:
        for _ in _served(server):
            yield f"127.0.0.1:{server.server_port}"


def _served(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
