"""Who looks at all exports sees what is partial and what changes."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.faults import onlooker as onlookers
from tests.faults.__main__ import summary
from tests.faults.onlooker import Onlooker
from tests.faults.slot import Tally
from tests.waiting import eventually

FILE = b"id\r\n1\r\n"
SHA256 = hashlib.sha256(FILE).hexdigest()
MANIFEST = json.dumps({"files": [{"sha256": SHA256}]}).encode()


@dataclass(slots=True, kw_only=True)
class Bridge:
    """What a small bridge answers: bodies by path, 404 where there is none.

    Attributes:
        bodies: The answers.
        silences: How many more questions for a path get no answer, as if the bridge were dead.
    """

    bodies: dict[str, bytes] = field(default_factory=dict)
    silences: Counter[str] = field(default_factory=Counter)

    def show(self, *, result: bool, manifest: bytes = MANIFEST) -> None:
        """Show one export, with its result or without."""
        url = "/v1/exports/exp_1/files/1"
        shown: dict[str, Any] = {
            "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
            "files": [{"sha256": SHA256, "url": url}],
        }
        listed = {"exports": [{"id": "exp_1", "result": shown if result else None}]}
        self.bodies["/v1/exports"] = json.dumps(listed).encode()


@contextmanager
def looking(bridge: Bridge) -> Iterator[Onlooker]:
    """Somebody who looks at a bridge."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if bridge.silences[path] > 0:
                bridge.silences[path] -= 1
                self.close_connection = True
                return
            body = bridge.bodies.get(path)
            self.send_response(404 if body is None else 303 if "/files/" in path else 200)
            if body is not None and "/files/" in path:
                self.send_header("Location", "/stored")
            answer = b"{}" if body is None else body
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        with Onlooker(url, lambda: "token", s3_url=url, bucket="exports") as onlooker:
            yield onlooker
        server.shutdown()


@pytest.fixture
def bridge() -> Bridge:
    """A bridge with one export that has succeeded, whole."""
    one = Bridge()
    one.show(result=True)
    one.bodies["/v1/exports/exp_1/manifest"] = MANIFEST
    one.bodies["/v1/exports/exp_1/files/1"] = b""
    one.bodies["/stored"] = FILE
    return one


def test_a_whole_result_that_stays_is_right(bridge: Bridge) -> None:
    """The control of the tests below."""
    with looking(bridge) as onlooker:
        eventually(lambda: onlooker.looks > 3)

    assert onlooker.faults == {"partial": [], "doubled": [], "away": []}


@pytest.mark.parametrize("gone", ["/v1/exports/exp_1/manifest", "/v1/exports/exp_1/files/1"])
def test_a_result_is_partial_whose_manifest_or_file_is_not_there(bridge: Bridge, gone: str) -> None:
    """At the moment when it is shown."""
    del bridge.bodies[gone]
    with looking(bridge) as onlooker:
        eventually(lambda: onlooker.looks > 1)

    assert len(onlooker.faults["partial"]) == 1


@pytest.mark.parametrize("there", ["/v1/exports/exp_1/manifest", "/stored"])
def test_a_result_is_partial_of_which_something_is_other_than_shown(
    bridge: Bridge, there: str
) -> None:
    """A part of the file, or another manifest."""
    bridge.bodies[there] = bridge.bodies[there][:-1]
    with looking(bridge) as onlooker:
        eventually(lambda: onlooker.looks > 1)

    assert len(onlooker.faults["partial"]) == 1


@pytest.mark.parametrize("result", [True, False])
def test_a_result_that_changes_or_goes_is_doubled(bridge: Bridge, *, result: bool) -> None:
    """Once it has been shown it is the same for good."""
    with looking(bridge) as onlooker:
        eventually(lambda: onlooker.looks > 1)
        bridge.show(result=result, manifest=b"{}")
        eventually(lambda: onlooker.faults["doubled"])

    assert onlooker.faults["partial"] == []


@pytest.mark.parametrize(
    ("silences", "away"), [(onlookers.TRIES, 1), (onlookers.TRIES - 1, 0)], ids=["stays", "is back"]
)
@pytest.mark.parametrize("path", ["/v1/exports/exp_1/manifest", "/v1/exports/exp_1/files/1"])
def test_a_bridge_that_stays_away_makes_no_result_partial(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch, path: str, silences: int, away: int
) -> None:
    """Nothing is known of a result that nobody could fetch; with the last try it is fetched."""
    monkeypatch.setattr(onlookers, "REST_SECONDS", 0.0)
    bridge.silences[path] = silences
    with looking(bridge) as onlooker:
        eventually(lambda: onlooker.looks > 1)
        eventually(lambda: not bridge.silences[path])

    assert len(onlooker.faults["away"]) == away
    assert onlooker.faults["partial"] == []


def test_a_bridge_that_stayed_away_is_a_fault_with_a_line_of_its_own() -> None:
    """The last line is agreed upon; a run without that fault has none."""
    total = Tally()
    total.add("away", 1, "exp_1: the bridge did not come back")

    *_, before, last = summary(total).splitlines()

    assert (total.faults, Tally().faults) == (1, 0)
    assert before == "away=1"
    assert last == "kills=0 lost=0 doubled=0 partial=0 zombies=0 stale=0"
