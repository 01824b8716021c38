"""Waiting for an export instead of asking again and again: `Prefer: wait`, and events."""

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api_bridge.protocol import events
from api_bridge.routes.events import COMMENT_SECONDS
from api_bridge.waiting.changes import TICK_SECONDS, Changes, Full
from resources.errors import Unavailable
from tests.api_bridge.bench import GOOD_BODY, Answer, Bench, running_bench, seated
from tests.api_bridge.schemas import wrong
from tests.api_bridge.toys import TOYS
from tests.fakes.clock import ManualClock
from tests.fakes.exports import FakeExportStore
from tests.fakes.mongo import FakeOperationsStore
from tests.waiting import Stopwatch, eventually

OVERLOADED = 503


class Later(threading.Thread):
    """A call that is under way while the test does something else."""

    def __init__(self, bench: Bench, *call: Any, **more: Any) -> None:
        """Begin it."""
        super().__init__(daemon=True)
        self._bench, self._call, self._more = bench, call, more
        self._answer: Answer | None = None
        self.start()

    def run(self) -> None:
        """Call until there is a place."""
        while (answer := self._bench.call(*self._call, **self._more)).status == OVERLOADED:
            time.sleep(0.05)
        self._answer = answer

    def answer(self) -> Answer:
        """What came back, within ten seconds."""
        self.join(10)
        assert self._answer is not None
        return self._answer


def waiting(bench: Bench) -> int:
    """How many times the database was asked for revisions."""
    return sum(call.name == "revisions" for call in bench.stores.operations.asked.calls)


def etag(bench: Bench, export_id: str) -> str:
    """The validator of the state as it is now."""
    return str(bench.call("GET", f"/v1/exports/{export_id}").headers["ETag"])


def long_poll(bench: Bench, export_id: str, seconds: int, held: str | None = None) -> Later:
    """Ask for the next state of an export."""
    headers = [("Prefer", f"wait={seconds}"), ("If-None-Match", held or etag(bench, export_id))]
    return Later(bench, "GET", f"/v1/exports/{export_id}", headers=headers)


# --- Prefer: wait ----------------------------------------------------------------------------


def test_a_caller_who_waits_is_told_of_the_change(bench: Bench) -> None:
    """One request where polling takes ten (RFC 7240 4.3)."""
    export_id = bench.create()
    asking = long_poll(bench, export_id, 60)
    eventually(lambda: waiting(bench))
    bench.start(export_id)

    answer = asking.answer()

    assert (answer.status, answer.body["status"]) == (200, "running")
    assert answer.headers["Preference-Applied"] == "wait=60"


def test_a_wait_without_a_change_ends_in_a_304(bench: Bench) -> None:
    """And not before its time: else it were polling with another name."""
    export_id = bench.create()
    begun = time.monotonic()

    answer = long_poll(bench, export_id, 1).answer()

    assert (answer.status, answer.raw) == (304, b"")
    assert time.monotonic() - begun >= 1
    assert answer.headers["Preference-Applied"] == "wait=1"


def test_a_wait_needs_a_state_to_wait_from(bench: Bench) -> None:
    """Without a validator, or with one that fits everything, nobody knows what is new."""
    export_id = bench.create()
    prefer = ("Prefer", "wait=60")

    plain = bench.call("GET", f"/v1/exports/{export_id}", headers=[prefer])
    anything = long_poll(bench, export_id, 60, "*").answer()
    old = long_poll(bench, export_id, 60, '"0"').answer()

    assert [one.status for one in (plain, anything, old)] == [200, 304, 200]
    assert not any("Preference-Applied" in one.headers for one in (plain, anything, old))
    assert waiting(bench) == 0


def test_an_export_that_has_ended_is_not_waited_for(bench: Bench) -> None:
    """Nothing comes after the end."""
    export_id = bench.finish(bench.create())

    assert long_poll(bench, export_id, 60).answer().status == 304
    assert waiting(bench) == 0


def test_more_callers_wait_than_there_are_threads_and_the_bridge_answers_others(
    tmp_path: Path,
) -> None:
    """A thread or a place each would let forty watchers shut the bridge (S14)."""
    with running_bench(tmp_path, TOYS, threads=2, concurrency=4) as bench:
        export_id = bench.create()
        held = etag(bench, export_id)
        asking = [long_poll(bench, export_id, 30, held) for _ in range(20)]
        # While they come in, four at a time, others are turned away; once they wait, nobody is.
        eventually(lambda: seated(bench) == 20)
        others = [bench.call("GET", f"/v1/exports/{export_id}").status for _ in range(20)]
        before, begun = waiting(bench), time.monotonic()
        time.sleep(2 * TICK_SECONDS)
        asked, ticks = waiting(bench) - before, (time.monotonic() - begun) / TICK_SECONDS
        bench.life.dispatch(export_id)
        answers = [one.answer().status for one in asking]

    assert others == [200] * 20
    assert answers == [200] * 20
    assert asked <= ticks + 1  # one query a tick, whoever waits


def test_a_request_can_wait_for_its_own_end(bench: Bench) -> None:
    """A small export in one call: 200 with the files, if they come in time (API.md 1)."""
    headers = [("Prefer", "respond-async, wait=30, handling=lenient")]
    asking = Later(bench, "POST", "/v1/exports", GOOD_BODY, headers=headers)
    eventually(bench.documents)
    (document,) = bench.documents()
    bench.finish(document["_id"])

    answer = asking.answer()

    assert (answer.status, answer.body["status"]) == (200, "succeeded")
    assert answer.body["result"]["files"]
    assert answer.headers["Preference-Applied"] == "handling=lenient, wait=30"
    assert answer.headers["Location"] == f"/v1/exports/{document['_id']}"


def test_a_request_that_has_not_ended_in_time_is_accepted(bench: Bench) -> None:
    """It goes on; the caller comes back to it."""
    headers = [("Prefer", "respond-async, wait=1")]

    answer = bench.call("POST", "/v1/exports", GOOD_BODY, headers=headers)

    assert (answer.status, answer.body["status"]) == (202, "queued")
    assert answer.headers["Preference-Applied"] == "respond-async, wait=1"


def test_an_export_that_fails_in_time_is_a_200_that_says_why(bench: Bench) -> None:
    """It ended within the wait; a failed job is no failed request (API.md 1)."""
    asking = Later(bench, "POST", "/v1/exports", GOOD_BODY, headers=[("Prefer", "wait=30")])
    eventually(bench.documents)
    bench.fail(bench.documents()[0]["_id"])

    answer = asking.answer()

    assert (answer.status, answer.body["error"]["code"]) == (200, "SOURCE_REFUSED")


@pytest.mark.parametrize("prefer", ["wait", "wait=", "wait=-1", "wait=1.5", "wait=x", "wait=٣"])
def test_a_wait_that_is_no_number_is_ignored(bench: Bench, prefer: str) -> None:
    """As every preference that is not understood (RFC 7240 2)."""
    headers = [("Prefer", prefer.encode().decode("latin-1"))]

    answer = bench.call("POST", "/v1/exports", GOOD_BODY, headers=headers)

    assert answer.status == 202
    assert "Preference-Applied" not in answer.headers


def test_nobody_waits_for_longer_than_a_minute(bench: Bench) -> None:
    """What stands between lets go of a silent connection after that (API.md 3)."""
    key = ("Idempotency-Key", "ended")
    made = bench.call("POST", "/v1/exports", GOOD_BODY, headers=[key])
    bench.finish(str(made.body["id"]))

    again = bench.call("POST", "/v1/exports", GOOD_BODY, headers=[key, ("Prefer", "wait=3600")])

    assert (again.status, again.headers["Preference-Applied"]) == (200, "wait=60")


def test_a_caller_who_has_gone_is_not_waited_with(bench: Bench) -> None:
    """Its seat is for somebody who is there."""
    export_id = bench.create()
    connection = http.client.HTTPConnection("127.0.0.1", bench.port, timeout=10)
    sent = {"Authorization": f"Bearer {bench.token()}", "Prefer": "wait=60"}
    sent["If-None-Match"] = etag(bench, export_id)
    connection.request("GET", f"/v1/exports/{export_id}", headers=sent)
    eventually(lambda: seated(bench) == 1)
    connection.close()

    eventually(lambda: seated(bench) == 0)


# --- events ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event, as a browser reads it."""

    name: str
    id: int
    data: Any


@dataclass(kw_only=True)
class Stream:
    """A stream that is open."""

    response: http.client.HTTPResponse

    def block(self) -> list[str]:
        """The lines up to the next empty one; none at the end."""
        lines = []
        while (line := self.response.readline().decode().rstrip("\n")) != "":
            lines.append(line)
        return lines

    def events(self, count: int | None = None) -> list[Event]:
        """The next so many events, or all to the end; comments and `retry` are passed over."""
        found: list[Event] = []
        while (count is None or len(found) < count) and (block := self.block()):
            fields = dict(line.split(": ", 1) for line in block)
            if "event" in fields:
                data = json.loads(fields["data"])
                found.append(Event(name=fields["event"], id=int(fields["id"]), data=data))
        return found


@contextmanager
def following(bench: Bench, export_id: str, **headers: str) -> Iterator[Stream]:
    """Follow an export."""
    connection = http.client.HTTPConnection("127.0.0.1", bench.port, timeout=10)
    sent = {"Authorization": f"Bearer {headers.pop('token', bench.token())}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", f"/v1/exports/{export_id}/events", headers=sent)
    try:
        yield Stream(response=connection.getresponse())
    finally:
        connection.close()


def test_a_follower_is_told_all_of_a_life(bench: Bench) -> None:
    """From the queue to the end, with the revision as the id, and then the stream ends."""
    export_id = bench.create()
    with following(bench, export_id) as stream:
        headers = stream.response.headers
        first = stream.events(3)
        token = bench.start(export_id)
        running = stream.events(2)
        bench.life.beat(export_id, token, {"rowsRead": 5, "rowsTotal": 10})
        moving = stream.events(1)
        bench.life.cancel(export_id, by="me")
        bench.life.cancelled(export_id, token)
        rest = stream.events()

    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert [one.name for one in first] == ["attempt", "status", "progress"]
    assert [one.data.get("status") for one in first] == [None, "queued", None]
    assert [(one.name, one.id) for one in running] == [("attempt", 3), ("status", 3)]
    assert running[0].data["attempt"] == 1
    assert [(one.name, one.data["progress"]["ratio"]) for one in moving] == [("progress", 0.5)]
    assert rest[-1].name == "done"
    assert rest[-1].data == bench.call("GET", f"/v1/exports/{export_id}").body
    assert wrong("export", rest[-1].data) == []


def test_who_comes_back_is_told_what_is_different_now(bench: Bench) -> None:
    """Documents keep no history: what was missed is the present state (API.md 1)."""
    export_id = bench.create()
    with following(bench, export_id) as stream:
        last = stream.events(3)[-1].id
    with following(bench, export_id, Last_Event_ID=str(last)) as same:
        bench.start(export_id)
        told = same.events(2)
    with following(bench, export_id, Last_Event_ID=str(last)) as stream:
        again = stream.events(3)

    assert [one.name for one in told] == ["attempt", "status"]
    assert [one.name for one in again] == ["attempt", "status", "progress"]


def test_who_comes_back_after_the_end_is_told_to_stop(bench: Bench) -> None:
    """A browser opens a stream that ends anew for ever, but for a 204 (HTML 9.2.3)."""
    export_id = bench.finish(bench.create())
    path = f"/v1/exports/{export_id}/events"
    with following(bench, export_id) as stream:
        last = stream.events()[-1]

    assert last.name == "done"
    assert bench.call("GET", path, headers=[("Last-Event-ID", str(last.id))]).status == 204
    assert bench.call("GET", path, headers=[("Last-Event-ID", "0")]).status == 200


def test_a_stream_ends_with_its_token(bench: Bench) -> None:
    """An hour's right must not become a day's."""
    export_id = bench.create()
    now = int(bench.clock.now().timestamp())
    with following(bench, export_id, token=bench.token(iat=now, exp=now + 1)) as stream:
        stream.events(3)
        bench.clock.advance(1)
        assert stream.events() == []
        assert stream.response.isclosed()


def test_a_silent_stream_says_that_it_is_there(bench: Bench) -> None:
    """Proxies cut what is silent; a comment is no event (HTML 9.2.7)."""
    export_id = bench.create()
    now = int(bench.clock.now().timestamp())
    with following(bench, export_id, token=bench.token(iat=now, exp=now + 1)) as stream:
        stream.events(3)
        comment = stream.block()

    assert comment == [events.STILL_THERE.decode().strip()]
    assert COMMENT_SECONDS == 15


@pytest.mark.parametrize("state", ["create", "finish"])
def test_head_of_a_stream_ends_at_once(bench: Bench, state: str) -> None:
    """A HEAD is answered from a GET, and this GET would go on for an hour."""
    export_id = bench.create() if state == "create" else bench.finish(bench.create())

    with Stopwatch() as watch:
        answer = bench.call("HEAD", f"/v1/exports/{export_id}/events")

    assert (answer.status, answer.raw) == (200, b"")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert watch.seconds < 2
    assert bench.call("GET", f"/v1/exports/{export_id}").status == 200


def test_a_database_that_is_away_for_a_moment_ends_no_stream(bench: Bench) -> None:
    """The next tick asks again."""
    export_id = bench.create()
    with following(bench, export_id) as stream:
        stream.events(3)
        failure = Unavailable("MONGO_UNREACHABLE", "read the revisions")
        bench.stores.operations.asked.fail_next(failure, name="revisions")
        before = waiting(bench)
        eventually(lambda: waiting(bench) > before + 1)
        bench.start(export_id)

        assert [one.name for one in stream.events(2)] == ["attempt", "status"]


# --- who may wait ----------------------------------------------------------------------------


def test_nobody_takes_every_seat() -> None:
    """One client with a loop must not keep the others from waiting (S14)."""
    store = FakeOperationsStore(FakeExportStore(ManualClock()))
    changes = Changes(store, most=6)  # a fifth, rounded up, is two

    with changes.seat("a"), changes.seat("a"):
        with pytest.raises(Full), changes.seat("a"):
            pass
        others = (changes.seat("b"), changes.seat("b"), changes.seat("c"), changes.seat("c"))
        with ExitStack() as seated:
            for seat in others:
                seated.enter_context(seat)
            with pytest.raises(Full), changes.seat("d"):
                pass
    with changes.seat("a"), changes.seat("d"):
        pass


def test_whoever_finds_no_seat_is_answered_at_once(tmp_path: Path) -> None:
    """A preference is only that; a stream that nobody can sit at is a 503."""
    with running_bench(tmp_path, TOYS, waiting=1) as bench:
        export_id = bench.create()
        with following(bench, export_id) as stream:
            stream.events(3)
            polled = long_poll(bench, export_id, 60).answer()
            prefer = ("Prefer", "wait=60")
            created = bench.call("POST", "/v1/exports", GOOD_BODY, headers=[prefer])
            followed = bench.call("GET", f"/v1/exports/{export_id}/events")

    assert (polled.status, created.status) == (304, 202)
    assert "Preference-Applied" not in polled.headers
    assert "Preference-Applied" not in created.headers
    assert (followed.status, followed.body["code"]) == (503, "overloaded")
    assert followed.headers["Retry-After"] == "1"


def test_everybody_is_let_go_when_the_bridge_stops() -> None:
    """A stream would hold a restart up for the whole of its grace."""

    async def ends() -> tuple[bool, float]:
        store = FakeExportStore(ManualClock(), [{"_id": "exp_1", "revision": 1}])
        changes = Changes(FakeOperationsStore(store), most=1, tick_seconds=0.01)
        begun = time.monotonic()
        asyncio.get_running_loop().call_later(0.05, changes.close)
        told = await changes.following({"exp_1": 1}, 30)
        return told, time.monotonic() - begun

    told, took = asyncio.run(ends())

    assert told is False
    assert took < 5
