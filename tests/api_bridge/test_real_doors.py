"""The bridge over the real driver, server and object store: what the fakes only promise."""

import hashlib
import os
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from api_bridge.__main__ import server_config
from api_bridge.app import app_from
from assets.life import Document, ExportLife
from resources.clock import SystemClock
from resources.mongo.claims import ClaimStore
from resources.mongo.connection import MongoConnection
from resources.mongo.stores import MongoStores
from resources.object_store import ObjectStore
from resources.wiring.environment import MONGODB_DATABASE, MONGODB_URI, object_store
from tests.api_bridge import counting_worker
from tests.api_bridge.bench import GOOD_PARAMS, Answer, Client, serving
from tests.api_bridge.counting_worker import TIMING
from tests.api_bridge.forwarder import Forwarder
from tests.api_bridge.tokens import AUDIENCE, ISSUER, Issuer
from tests.commands import Commands
from tests.waiting import Stopwatch

PARAMS = {**GOOD_PARAMS, "pii": "none"}
BODY = {"type": "waitlist", "params": PARAMS}
FEW = 5
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def bucket(stack: Mapping[str, str]) -> Iterator[ObjectStore]:
    """The bucket of the exports."""
    store = object_store(stack)
    yield store
    store.close()


@pytest.fixture
def line(stack: Mapping[str, str]) -> Iterator[Forwarder]:
    """The line between the bridge and the database."""
    database = urlsplit(stack[MONGODB_URI])
    forwarder = Forwarder((str(database.hostname), int(database.port or 0)))
    yield forwarder
    forwarder.close()


@pytest.fixture
def client(
    stack: Mapping[str, str],
    line: Forwarder,
    database: MongoConnection,
    mongo: MongoStores,
    tmp_path: Path,
) -> Iterator[Client]:
    """A bridge put together from the environment, over an empty database with one campaign."""
    with bridge(stack, line, database, mongo, tmp_path) as client:
        yield client


@pytest.fixture
def tight(
    stack: Mapping[str, str],
    line: Forwarder,
    database: MongoConnection,
    mongo: MongoStores,
    tmp_path: Path,
) -> Iterator[Client]:
    """The same where a caller may have few exports."""
    with bridge(stack, line, database, mongo, tmp_path, BRIDGE_LIVE_PER_CALLER=str(FEW)) as client:
        yield client


@contextmanager
def bridge(
    stack: Mapping[str, str],
    line: Forwarder,
    database: MongoConnection,
    mongo: MongoStores,
    folder: Path,
    **variables: str,
) -> Iterator[Client]:
    """Run it until the block ends."""
    uri = urlsplit(stack[MONGODB_URI])._replace(netloc=f"127.0.0.1:{line.port}").geturl()
    campaigns = database.collection("campaigns")
    mongo.ping()  # asked for its indexes
    campaigns.insert_one({"key": GOOD_PARAMS["campaign_id"], "deletedAt": None})
    issuer = Issuer(clock=SystemClock())
    (folder / "jwks.json").write_bytes(issuer.jwks())
    environment = {
        **stack,
        MONGODB_URI: uri,
        MONGODB_DATABASE: campaigns.database.name,
        "BRIDGE_ISSUER": ISSUER,
        "BRIDGE_AUDIENCE": AUDIENCE,
        "BRIDGE_JWKS": str(folder / "jwks.json"),
        **variables,
    }
    with serving(server_config(app_from(environment), host="127.0.0.1", port=0)) as port:
        yield Client(port=port, issuer=issuer)


def ask(client: Client, key: str) -> Answer:
    """Ask for an export of the waitlist."""
    return client.call("POST", "/v1/exports", BODY, headers=[("Idempotency-Key", key)])


def test_an_export_goes_from_request_to_downloaded_file(
    client: Client, mongo: MongoStores, bucket: ObjectStore
) -> None:
    """The link that is signed must work, name the file, and give the very bytes."""
    export_id = ask(client, "one").body["id"]
    content = b"position,entry_id\r\n1,a\r\n"
    finish(mongo, bucket, export_id, content)

    assert client.call("GET", "/v1/exports").body["exports"][0]["id"] == export_id
    assert client.call("GET", f"/v1/exports/{export_id}").body["status"] == "succeeded"
    assert client.call("GET", f"/v1/exports/{export_id}/manifest").raw == b"{}"
    answer = client.call("GET", f"/v1/exports/{export_id}/files/1")

    assert answer.status == 303
    with urllib.request.urlopen(answer.headers["Location"], timeout=10) as download:  # noqa: S310
        assert download.read() == content
        assert 'filename="waitlist.csv"' in download.headers["Content-Disposition"]
    assert len(mongo.downloads.of(export_id, limit=9)) == 1


def test_many_identical_requests_make_one_document(client: Client, mongo: MongoStores) -> None:
    """The unique index decides, under real concurrency (RELIABILITY.md 4.3, burst)."""
    answers = at_once(client, [BODY] * 100, key="burst")

    assert {answer.status for answer in answers} == {202}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert len(mongo.exports.page({}, limit=10)) == 1


def test_identical_requests_share_one_run_and_one_file(
    client: Client, mongo: MongoStores, bucket: ObjectStore
) -> None:
    """Two hundred people press the button at once (DESIGN.md 3, rule 8): 1 run, 200 ids, 1 file."""
    refused: list[Answer] = []
    answers = at_once(client, [BODY] * 200, refused=refused)

    ids = {answer.body["id"] for answer in answers}
    assert ({answer.status for answer in answers}, len(ids)) == ({202}, 200)
    (made,) = mongo.exports.page({"status": "queued"}, limit=10)
    finish(mongo, bucket, made["_id"], b"one\r\n")
    shown = [client.call("GET", f"/v1/exports/{one}").body for one in sorted(ids)[:20]]
    assert {one["status"] for one in shown} == {"succeeded"}
    # Counted before it is stored: who was told 503 in between has been counted, and comes again.
    (others,) = {one["shared_with"] for one in shown}
    assert 199 <= others <= 199 + len(refused)
    assert len({one["result"]["files"][0]["sha256"] for one in shown}) == 1
    assert mongo.exports.page({"status": "queued"}, limit=1) == []


def test_the_places_of_a_caller_are_not_oversold(tight: Client, mongo: MongoStores) -> None:
    """The unique key of the claims decides, under real concurrency (API.md 4, race-free)."""
    answers = at_once(tight, [unlike(n) for n in range(30)])

    statuses = [answer.status for answer in answers]
    assert (statuses.count(202), statuses.count(429)) == (FEW, 30 - FEW)
    assert len(mongo.exports.page({"status": "queued"}, limit=50)) == FEW
    limits = tight.call("GET", "/v1/limits").body
    assert limits["caller"] == {"limit": FEW, "used": FEW, "remaining": 0}


def test_without_the_claims_both_promises_break(
    tight: Client, mongo: MongoStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: the same bursts where a claim is given to everybody."""
    monkeypatch.setattr(ClaimStore, "take", lambda _, claims, __: len(claims))
    monkeypatch.setattr(ClaimStore, "take_each", lambda _, wanted: [True] * len(wanted))
    at_once(tight, [BODY] * 8)
    doubled = len(mongo.exports.page({"status": "queued"}, limit=50))
    at_once(tight, [unlike(n) for n in range(FEW + 2)])
    live = len(mongo.exports.page({"status": "queued"}, limit=50))

    assert doubled > 1
    assert live - doubled > FEW


def at_once(
    client: Client,
    bodies: Sequence[object],
    *,
    key: str | None = None,
    refused: list[Answer] | None = None,
) -> list[Answer]:
    """Send requests from 32 threads; who is told to try again does.

    Args:
        client: Who sends them.
        bodies: One a request.
        key: The same Idempotency-Key for all; None for one of its own for each.
        refused: Gets each answer that said so.
    """
    said = [] if refused is None else refused
    with ThreadPoolExecutor(32) as pool:
        return list(pool.map(lambda body: _insistent(client, body, key, said), bodies))


def _insistent(client: Client, body: object, of_all: str | None, refused: list[Answer]) -> Answer:
    key = [("Idempotency-Key", of_all or uuid.uuid4().hex)]
    for _ in range(10):
        answer = client.call("POST", "/v1/exports", body, headers=key)
        if answer.status != 503:
            break
        refused.append(answer)
        threading.Event().wait(float(answer.headers["Retry-After"]))
    return answer


def unlike(number: int) -> dict[str, Any]:
    """A request that is like no other."""
    return {**BODY, "params": {**PARAMS, "top_n": number + 1}}


def test_an_export_is_cancelled_and_queued_again(client: Client) -> None:
    """The moves as update pipelines, on the server that runs them."""
    path = f"/v1/exports/{ask(client, 'moves').body['id']}"

    moves = [client.call("POST", f"{path}/{verb}") for verb in ("cancel", "retry")]

    assert [move.body["status"] for move in moves] == ["cancelled", "queued"]
    assert client.call("GET", "/v1/exports?status=queued&mine=true").body["exports"]
    assert client.call("GET", "/readyz").status == 200


@pytest.mark.parametrize("direction", ["requests", "replies"])
def test_a_silent_database_is_a_503_in_time_and_loses_nothing(
    client: Client, line: Forwarder, mongo: MongoStores, direction: str
) -> None:
    """The connection stands and nothing comes back; with `replies` the insert has happened.

    A refused connection shows neither, and the second case is where an export could be doubled.
    """
    assert ask(client, "before").status == 202
    with line.silent(getattr(line, direction)), Stopwatch() as watch:
        answer = ask(client, "during")

    assert (answer.status, answer.body["code"]) == (503, "queue-unavailable")
    assert watch.seconds < 3.0
    # Stored or not, the same key leads to one export: there is no third state.
    again = [_patiently(client, "during") for _ in range(2)]
    assert {one.status for one in again} == {202}
    assert len({one.body["id"] for one in again}) == 1
    assert len(mongo.exports.page({}, limit=10)) == 2


def _patiently(client: Client, key: str) -> Answer:
    """Ask as a client does: a 503 is asked again."""
    for _ in range(20):
        answer = ask(client, key)
        if answer.status != 503:
            break
        time.sleep(0.2)
    return answer


def finish(mongo: MongoStores, bucket: ObjectStore, export_id: str, content: bytes) -> None:
    """Do a worker's work by hand."""
    life = ExportLife(mongo.exports)
    dispatched = life.dispatch(export_id)
    assert dispatched is not None
    running = life.start(export_id, dispatched["attempt"], owner="w", run_id="run-1")
    assert running is not None
    token = running["lease"]["token"]
    key = f"exports/waitlist/export={export_id}"
    stored = bucket.put(f"{key}/part-00001.csv", content, media_type="text/csv")
    bucket.put(f"{key}/_manifest.json", b"{}", media_type="application/json")
    file = {
        "number": 1,
        "section": "",
        "group": "",
        "key": stored.key,
        "rows": 1,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "mediaType": "text/csv",
        "filename": "waitlist.csv",
    }
    result = {
        "manifestKey": f"{key}/_manifest.json",
        "manifestSha256": hashlib.sha256(b"{}").hexdigest(),
        "rows": 1,
        "bytes": len(content),
        "emptyReason": None,
        "accounting": {"read": 1},
        "withheld": [],
        "files": [file],
        "deliveries": [],
    }
    life.deliver(export_id, token)
    life.succeed(export_id, token, result=result, expires_at=datetime(2126, 3, 20, tzinfo=UTC))


def test_rows_done_never_fall_although_a_worker_is_killed_and_another_begins_again(
    client: Client, mongo: MongoStores, database: MongoConnection, stack: Mapping[str, str]
) -> None:
    """A bar that jumps back makes people cancel what goes on elsewhere."""
    export_id, life = str(ask(client, "one").body["id"]), ExportLife(mongo.exports, timing=TIMING)
    alone: list[int] = []
    seen: list[int] = []

    def look() -> None:
        time.sleep(0.02)  # whoever polls without a rest is told to
        alone.append((mongo.exports.find(export_id) or {})["progress"]["rowsRead"])
        shown = client.call("GET", f"/v1/exports/{export_id}").body["progress"]
        seen.append(shown["rows_done"])

    def run_out() -> Sequence[Document]:
        """A minute later: nobody renews any more, but for a beat that was under way."""
        over = {"$set": {"lease.until": LONG_AGO}}
        database.collection("exports").update_one({"_id": export_id}, over)
        return life.abandoned(after=None, limit=1)

    look()
    with counting(stack, database, life, export_id, attempt=1, total=600):
        until(look, lambda: alone[-1] == 540)
    until(look, lambda: bool(run_out()))
    assert life.rescue(life.abandoned(after=None, limit=1)[0], jitter=0.0) is not None
    with counting(stack, database, life, export_id, attempt=2, total=200):
        until(look, lambda: alone[-1] == 180)

    assert sorted(seen) == seen
    assert seen[-1] == 540
    assert sorted(alone) != alone  # the control: what one attempt has done does fall


@contextmanager
def counting(
    stack: Mapping[str, str],
    database: MongoConnection,
    life: ExportLife,
    export_id: str,
    *,
    attempt: int,
    total: int,
) -> Iterator[None]:
    """A worker process that is killed at the end of the block."""
    name = database.collection("exports").database.name
    command = [sys.executable, "-m", counting_worker.__name__]
    assert life.dispatch(export_id) is not None
    with subprocess.Popen(
        [*command, export_id, str(attempt), str(total)],
        env={**os.environ, **stack, MONGODB_DATABASE: name},
    ) as worker:
        try:
            yield
        finally:
            worker.kill()


def until(look: Callable[[], None], reached: Callable[[], bool]) -> None:
    """Look again and again, for half a minute at most."""
    end = time.monotonic() + 30
    while not reached():
        look()
        assert time.monotonic() < end


def test_a_look_is_one_command_and_a_request_for_an_export_two(
    heard: Commands, client: Client
) -> None:
    """A command costs the bridge 0.3 ms, as much as all else that a look does."""
    made = client.call("POST", "/v1/exports", {**BODY, "fresh": True}).body["id"]
    said: list[list[str]] = []
    for method, path, body in (
        ("GET", f"/v1/exports/{made}", None),
        ("POST", "/v1/exports", {**BODY, "fresh": True}),
    ):
        heard.names.clear()
        assert client.call(method, path, body).status in (200, 202)
        said.append([*heard.names])

    assert said == [["find"], ["update", "findAndModify"]]
