"""The bridge as an operator starts it: settings, what is loaded, the process itself."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from api_bridge.settings import settings_from
from tests.waiting import Stopwatch

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    "BRIDGE_ISSUER": "https://issuer.test/",
    "BRIDGE_AUDIENCE": "export-bridge",
    "BRIDGE_JWKS": "jwks.json",
    "MONGODB_URI": "mongodb://127.0.0.1:9/",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    "AWS_REGION": "us-east-1",
    "EXPORTS_BUCKET": "exports",
}


def test_the_bridge_loads_neither_dagster_nor_polars() -> None:
    """They cost a second of start and 100 MB, and must be able to be down without us."""
    script = (
        "import sys, api_bridge.app, api_bridge.__main__;"
        "print(sorted({n.split('.')[0] for n in sys.modules} & {'dagster', 'polars', 'fastapi'}))"
    )

    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip

    assert result.stdout.strip() == "['fastapi']"


def test_a_database_that_is_not_there_is_a_503_within_two_seconds(tmp_path: Path) -> None:
    """The real driver with nobody at the other end: the whole way, as an operator starts it."""
    with running_process(tmp_path) as bridge, Stopwatch() as watch:
        answer = bridge("GET", "/readyz")

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"queue-unavailable" in answer
    assert watch.seconds < 3.0


class running_process:  # noqa: N801 - reads as what it is: a block with the process running
    """`python -m api_bridge` on a free loopback port."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "bridge.log"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]

    def __enter__(self) -> "running_process":
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **ENVIRONMENT}
        command = [sys.executable, "-m", "api_bridge", "--port", str(self._port)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, env=environment, stderr=log, stdout=log)
        until = time.monotonic() + 20
        while time.monotonic() < until and self._process.poll() is None:
            try:
                if self("GET", "/healthz").startswith(b"HTTP/1.1 200 "):
                    return self
            except OSError:
                time.sleep(0.05)
        raise AssertionError(self._log.read_text())

    def __call__(self, method: str, path: str) -> bytes:
        """Send a request by hand; return what comes back."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=10) as connection:
            head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode())
            received = b""
            while piece := connection.recv(65_536):
                received += piece
            return received

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(15) in (0, -signal.SIGTERM)
        assert "Traceback" not in self._log.read_text()


@pytest.mark.parametrize("missing", ["BRIDGE_ISSUER", "BRIDGE_AUDIENCE", "BRIDGE_JWKS"])
def test_a_missing_setting_is_named(missing: str) -> None:
    """At the start, not at the first request."""
    environment = {name: value for name, value in ENVIRONMENT.items() if name != missing}

    with pytest.raises(ValueError, match=missing):
        settings_from(environment)


@pytest.mark.parametrize(
    ("name", "value"),
    [("LINK_SECONDS", "601"), ("LINK_SECONDS", "0"), ("LINK_SECONDS", "x"), ("THREADS", "0"),
     ("ALLOWED_HOSTS", "*"), ("ALLOWED_HOSTS", "a.test,*"), ("QUEUE_AGE_SECONDS", "-1"),
     ("DAGSTER_URL", "javascript:x"), ("DAGSTER_URL", "https://name@dagster.test")],
)  # fmt: skip
def test_a_setting_that_would_weaken_the_bridge_is_refused(name: str, value: str) -> None:
    """Ten minutes for a link, and names for hosts, are promises and not defaults (API.md 1)."""
    with pytest.raises(ValueError, match="BRIDGE_"):
        settings_from({**ENVIRONMENT, f"BRIDGE_{name}": value})


def test_settings_are_read_as_written() -> None:
    """The control of the two tests above."""
    settings = settings_from({**ENVIRONMENT, "BRIDGE_ALLOWED_HOSTS": "a.test, b.test"})

    assert settings.allowed_hosts == ("a.test", "b.test")
    assert settings.link_seconds == 600
