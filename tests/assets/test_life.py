"""The moves of an export, on the fake and on the real database side by side."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from pymongo.collection import Collection

from assets.exports.catalog import CATALOG
from assets.life import Document, ExportLife, IllegalMove, LeaseLost
from assets.model.lanes import Lane
from assets.model.lifecycle import LIVE, TERMINAL, TRANSITIONS, Move, Status, Timing
from assets.model.parameters import parse
from resources.mongo.exports import Change, ExportStore, Match
from resources.mongo.stores import MongoStores
from tests.assets.workbench import AFTER_THE_PACK, CAMPAIGN
from tests.fakes.clock import ManualClock
from tests.fakes.exports import FakeExportStore

TIMING = Timing()
RESULT: Mapping[str, Any] = {
    "rows": 3,
    "bytes": 99,
    "manifestSha256": "0" * 64,
    "files": [],
    "accounting": {"read": 4},
    "withheld": ["email", "risk_band"],
}

LATER = datetime(2126, 3, 20, tzinfo=UTC)

Wait = Callable[[float], None]


@pytest.fixture(params=["fake", "real"])
def life_and_wait(request: pytest.FixtureRequest) -> tuple[ExportLife, ExportStore, Wait]:
    """The moves over a store, and how to let that store's clock go on."""
    if request.param == "fake":
        clock = ManualClock(AFTER_THE_PACK)
        fake = FakeExportStore(clock)
        return ExportLife(fake, timing=TIMING), fake, clock.advance
    mongo: MongoStores = request.getfixturevalue("mongo")
    exports = request.getfixturevalue("database").collection("exports")
    return ExportLife(mongo.exports, timing=TIMING), mongo.exports, partial(age, exports)


def age(exports: Collection[Any], seconds: float) -> None:
    """Let all dates lie further back: nobody can move the clock of a real database.

    Leases so short that a test can wait for their end run out between two commands of a machine
    that others share.
    """
    for document in exports.find():
        exports.replace_one({"_id": document["_id"]}, _before(document, timedelta(seconds=seconds)))


def _before(value: Any, by: timedelta) -> Any:
    match value:
        case datetime():
            return value - by
        case dict():
            return {name: _before(one, by) for name, one in value.items()}
        case list():
            return [_before(one, by) for one in value]
        case _:
            return value


def create(life: ExportLife, **given: Any) -> Document:
    """A waiting export."""
    request = parse(CATALOG["waitlist"], {"campaign_id": CAMPAIGN}, scopes=("pii:masked",))
    return life.create(request, origin="api", subject="tester", **given)


def started(life: ExportLife) -> Document:
    """An export that a worker holds."""
    document = life.dispatch(create(life)["_id"])
    assert document is not None
    running = life.start(document["_id"], document["attempt"], owner="worker", run_id="run-1")
    assert running is not None
    return running


def test_an_export_goes_from_the_queue_to_its_result(life_and_wait: Any) -> None:
    """The straight way: queued, dispatched, running, delivering, succeeded."""
    life, _, _ = life_and_wait
    seen = [create(life)]
    export_id = seen[0]["_id"]
    seen.append(life.dispatch(export_id))
    seen.append(life.start(export_id, 1, owner="worker", run_id="run-1"))
    token = seen[-1]["lease"]["token"]
    seen.append(life.beat(export_id, token, {"rowsRead": 3}))
    seen.append(life.deliver(export_id, token))
    seen.append(life.succeed(export_id, token, result=RESULT, expires_at=LATER))

    states = [document["status"] for document in seen]
    assert states == ["queued", "dispatched", "running", "running", "delivering", "succeeded"]
    assert [d["revision"] for d in seen] == [1, 2, 3, 4, 5, 6]
    assert seen[-1]["lease"] is None
    assert seen[-1]["expiresAt"] == LATER
    final = {"rowsRead": 4, "rowsTotal": 4, "rowsWritten": 3, "bytes": 99}
    assert seen[-1]["progress"].items() >= final.items()


def test_each_attempt_has_a_token_of_its_own(life_and_wait: Any) -> None:
    """The dispatch's token must not open the worker's lease, nor one attempt's the next."""
    life, _, _ = life_and_wait
    dispatched = life.dispatch(create(life)["_id"])
    running = life.start(dispatched["_id"], 1, owner="worker", run_id="run-1")

    assert running["lease"]["token"] != dispatched["lease"]["token"]
    with pytest.raises(LeaseLost):
        life.beat(running["_id"], dispatched["lease"]["token"], {})


def test_one_of_many_claims_wins(life_and_wait: Any) -> None:
    """Two daemons look at the same queue; an export may be dispatched once."""
    life, _, _ = life_and_wait
    export_id = create(life)["_id"]
    barrier = threading.Barrier(8)

    def claim(_: int) -> Document | None:
        barrier.wait()
        return life.dispatch(export_id)

    with ThreadPoolExecutor(8) as pool:
        claims = [claimed for claimed in pool.map(claim, range(8)) if claimed is not None]

    assert [claimed["attempt"] for claimed in claims] == [1]


@pytest.mark.parametrize("move", list(Move))
@pytest.mark.parametrize("status", list(Status))
def test_a_move_happens_only_from_the_states_of_the_table(status: Status, move: Move) -> None:
    """Every pair: what the table does not allow must change nothing."""
    store = FakeExportStore(ManualClock(AFTER_THE_PACK))
    life = ExportLife(store)
    export_id = create(life)["_id"]
    anything = Match(statuses=tuple(map(str, Status)))
    store.change(export_id, anything, Change(set={"status": str(status)}))
    before = store.find(export_id)

    life._move(move, export_id, change=Change())

    after = store.find(export_id)
    assert before is not None and after is not None  # noqa: PT018 - for the type checker
    allowed = status in TRANSITIONS[move].sources
    target = TRANSITIONS[move].target or status
    assert after["status"] == (target if allowed else status)
    assert (after["revision"] > before["revision"]) is allowed


def test_the_table_leaves_no_live_state_without_a_way_out() -> None:
    """A state from which nothing leads on would hold an export for ever."""
    for status in LIVE:
        ways = [m for m, t in TRANSITIONS.items() if status in t.sources and t.target]
        assert ways, status
    for status in TERMINAL:
        again = {m for m, t in TRANSITIONS.items() if status in t.sources and t.target}
        assert again <= {Move.RETRY, Move.EXPIRE, Move.WITHDRAW}


def test_a_lease_that_ran_out_is_taken_and_the_old_holder_is_refused(life_and_wait: Any) -> None:
    """A worker that died costs one back-off; should it wake, its token opens nothing."""
    life, _, wait = life_and_wait
    document = started(life)
    assert life.abandoned(after=None, limit=10) == []
    wait(TIMING.run_lease + 0.05)

    dead = life.abandoned(after=None, limit=10)
    rescued = life.rescue(dead[0], 0.0)

    assert (rescued["status"], rescued["rescues"], rescued["failures"]) == ("queued", 1, 0)
    with pytest.raises(LeaseLost):
        life.succeed(document["_id"], document["lease"]["token"], result=RESULT, expires_at=LATER)


def test_a_worker_that_renews_in_time_is_not_taken(life_and_wait: Any) -> None:
    """The reaper looked before the beat and acts after it: the lease is alive, hands off."""
    life, _, wait = life_and_wait
    document = started(life)
    wait(TIMING.run_lease + 0.05)
    dead = life.abandoned(after=None, limit=10)
    life.beat(document["_id"], document["lease"]["token"], {})

    assert life.rescue(dead[0], 0.0) is None


def test_two_reapers_take_an_export_once(life_and_wait: Any) -> None:
    """Both saw it dead; counting it twice would quarantine a sound export."""
    life, _, wait = life_and_wait
    started(life)
    wait(TIMING.run_lease + 0.05)
    dead = life.abandoned(after=None, limit=10)

    taken = [life.rescue(dead[0], 0.0), life.rescue(dead[0], 0.0)]

    assert [one is not None for one in taken] == [True, False]


def test_three_crashes_quarantine_an_export(life_and_wait: Any) -> None:
    """A poison pill would otherwise kill one worker after the other for ever."""
    life, _, wait = life_and_wait
    export_id = create(life)["_id"]
    seen = []
    for _ in range(3):
        wait(TIMING.backoff_cap + 0.05)
        claimed = life.dispatch(export_id)
        life.start(export_id, claimed["attempt"], owner="worker", run_id="run")
        wait(TIMING.run_lease + 0.05)
        seen.append(life.rescue(life.abandoned(after=None, limit=10)[0], 0.0))

    assert [one["status"] for one in seen] == ["queued", "queued", "failed"]
    assert seen[-1]["error"]["code"] == "POISON"


def test_an_export_without_any_lease_is_found_too(life_and_wait: Any) -> None:
    """A run that made its own export may die before it ever held a lease."""
    life, _, wait = life_and_wait
    document = create(life, status=Status.DISPATCHED)
    wait(TIMING.start_timeout + 0.05)

    assert life.abandoned(after=None, limit=10) == []
    lost = life.unleased(after=None, limit=10)
    rescued = life.rescue(lost[0], 0.0)

    assert (rescued["_id"], rescued["status"]) == (document["_id"], "queued")


def test_a_dispatched_export_whose_run_does_not_start_is_asked_for_again(
    life_and_wait: Any,
) -> None:
    """The daemon may die between claim and launch; the same run key heals it in seconds."""
    life, _, wait = life_and_wait
    document = life.dispatch(create(life)["_id"])
    assert life.unstarted(10) == []
    wait(TIMING.redispatch + 0.05)

    assert [one["_id"] for one in life.unstarted(10)] == [document["_id"]]


def test_a_failed_attempt_waits_before_the_next(life_and_wait: Any) -> None:
    """Back-off is kept by the database's clock, not by a sleeping process."""
    life, _, wait = life_and_wait
    document = started(life)
    error = {"code": "S3_THROTTLED", "message": "m", "retryable": True}
    life.fail(document, document["lease"]["token"], error=error, jitter=1.0)
    life.place(document, lane=Lane.SMALL, turn=LATER, rows=3)

    assert life.undispatched(Lane.SMALL, 10) == []
    wait(TIMING.backoff_base + 0.05)
    assert [one["_id"] for one in life.undispatched(Lane.SMALL, 10)] == [document["_id"]]


def test_a_newcomer_is_placed_once_and_a_retry_is_one_again(life_and_wait: Any) -> None:
    """Two sensors may size one export differently; it must not wait in two lanes."""
    life, _, _ = life_and_wait
    document = create(life)
    assert [one["_id"] for one in life.unplaced(10)] == [document["_id"]]

    placed = life.place(document, lane=Lane.LARGE, turn=LATER, rows=70_000)
    again = life.place(document, lane=Lane.SMALL, turn=AFTER_THE_PACK, rows=3)

    assert placed is not None
    assert {"lane": "large", "turn": LATER, "rows": 70_000} == placed["line"]
    assert again is None
    assert [] == life.unplaced(10) == life.undispatched(Lane.SMALL, 10)
    assert [document["_id"]] == [one["_id"] for one in life.undispatched(Lane.LARGE, 10)]
    life.cancel(document["_id"], by="tester")
    life.retry(document["_id"], by="tester")
    assert [one["_id"] for one in life.unplaced(10)] == [document["_id"]]


def test_cancelling_is_repeatable_and_ends_by_the_worker_or_the_reaper(
    life_and_wait: Any,
) -> None:
    """Impatient people press twice; a worker that died cannot confirm, the reaper does."""
    life, _, wait = life_and_wait
    document = started(life)
    first = life.cancel(document["_id"], by="a person")
    second = life.cancel(document["_id"], by="a person")
    wait(TIMING.run_lease + 0.05)

    ended = life.rescue(life.abandoned(after=None, limit=10)[0], 0.0)

    assert [first["status"], second["status"], ended["status"]] == [
        "cancelling",
        "cancelling",
        "cancelled",
    ]


def test_what_has_succeeded_cannot_be_cancelled_or_retried(life_and_wait: Any) -> None:
    """A published result must not be taken away by a late click."""
    life, _, _ = life_and_wait
    document = started(life)
    life.succeed(document["_id"], document["lease"]["token"], result=RESULT, expires_at=LATER)

    with pytest.raises(IllegalMove, match="succeeded"):
        life.cancel(document["_id"], by="a person")
    with pytest.raises(IllegalMove, match="succeeded"):
        life.retry(document["_id"], by="a person")


def test_a_retry_keeps_the_id_and_uses_a_new_attempt(life_and_wait: Any) -> None:
    """Dagster never starts a run key again, so a retry must have another number."""
    life, _, _ = life_and_wait
    document = started(life)
    error = {"code": "S3_DENIED", "message": "m", "retryable": False}
    failed = life.fail(document, document["lease"]["token"], error=error, jitter=0.0)

    again = life.dispatch(life.retry(failed["_id"], by="a person")["_id"])

    assert failed["status"] == "failed"
    assert (again["_id"], again["attempt"]) == (document["_id"], 2)


def test_a_deleted_export_is_past_its_time_and_is_not_tried_again(life_and_wait: Any) -> None:
    """Its files must go, and no retry that comes in between may make others (API.md 1)."""
    life, store, wait = life_and_wait
    document = started(life)
    with pytest.raises(IllegalMove, match="running"):
        life.delete(document["_id"], by="a person")
    life.succeed(document["_id"], document["lease"]["token"], result=RESULT, expires_at=LATER)
    assert life.expired(9) == []

    deleted = life.delete(document["_id"], by="a person")
    again = life.delete(document["_id"], by="a person")
    wait(0.01)

    assert deleted["status"] == "succeeded"
    assert deleted["revision"] == again["revision"]
    assert [one["_id"] for one in life.expired(9)] == [document["_id"]]
    assert life.expire(document["_id"])["status"] == "expired"
    with pytest.raises(IllegalMove, match="expired"):
        life.retry(document["_id"], by="a person")
    trail = store.find(document["_id"])["audit"]
    assert [entry["action"] for entry in trail] == ["created", "succeeded", "delete"]


def test_an_unknown_export_is_none_and_not_an_error(life_and_wait: Any) -> None:
    """The bridge turns None into its 404."""
    life, _, _ = life_and_wait

    assert life.cancel("exp_" + "0" * 24, by="a person") is None
    assert life.retry("exp_" + "0" * 24, by="a person") is None
    assert life.delete("exp_" + "0" * 24, by="a person") is None


def test_the_audit_trail_only_grows(life_and_wait: Any) -> None:
    """Who asked and what was tried again stays readable for ever."""
    life, store, _ = life_and_wait
    document = started(life)
    error = {"code": "S3_THROTTLED", "message": "m", "retryable": True}
    life.fail(document, document["lease"]["token"], error=error, jitter=0.0)

    trail = store.find(document["_id"])["audit"]

    assert [entry["action"] for entry in trail] == ["created", "attempt_failed"]
    assert all(entry["at"] for entry in trail)


def test_the_audit_trail_tells_what_was_decided_on_personal_data(life_and_wait: Any) -> None:
    """Long after the files are gone it must be plain what they could show, and what they did."""
    life, store, _ = life_and_wait
    document = started(life)
    export_id, token = document["_id"], document["lease"]["token"]
    life.deliver(export_id, token)
    life.succeed(export_id, token, result=RESULT, expires_at=LATER)

    created, succeeded = store.find(export_id)["audit"]

    assert created["policy"] == {"mode": "masked", "grants": ["pii:masked"]}
    assert succeeded["withheld"] == ["email", "risk_band"]


def test_the_ledger_of_a_delivery_is_written_bit_by_bit_and_only_by_its_holder(
    life_and_wait: Any,
) -> None:
    """Each batch is its own field: a write of one must leave the others, and need the lease."""
    life, _, _ = life_and_wait
    running = started(life)
    export_id, token = running["_id"], running["lease"]["token"]
    life.ship(
        export_id, token, draft=b"\x00draft", attempt=1, deliveries={"sfmc": "Table"}, keep=60.0
    )
    for number in (1, 2):
        life.note_delivery(export_id, token, "sfmc", {f"batches.batch-{number:05d}": {"n": number}})
    after = life.note_delivery(export_id, token, "sfmc", {"batches.batch-00001": {"n": 10}})

    assert after["status"] == Status.DELIVERING
    assert after["phase"] == "delivering"
    assert (after["shipping"]["draft"], after["shipping"]["attempt"]) == (b"\x00draft", 1)
    assert after["deliveries"]["sfmc"] == {
        "target": "Table",
        "state": "open",
        "batches": {"batch-00001": {"n": 10}, "batch-00002": {"n": 2}},
    }
    with pytest.raises(LeaseLost):
        life.note_delivery(export_id, "another", "sfmc", {"state": "delivered"})


def test_a_delivery_survives_a_rescue_but_not_a_cancel(life_and_wait: Any) -> None:
    """The next attempt goes on with the files; a cancelled export's files are nobody's."""
    life, _, _ = life_and_wait
    running = started(life)
    export_id, token = running["_id"], running["lease"]["token"]
    life.ship(export_id, token, draft=b"d", attempt=1, deliveries={"sfmc": "T"}, keep=60.0)

    released = life.release(export_id, token)
    cancelled = life.cancel(export_id, by="a person")

    assert released["shipping"]["attempt"] == 1
    assert (cancelled["status"], cancelled["shipping"]) == (Status.CANCELLED, None)
    assert cancelled["deliveries"]["sfmc"]["target"] == "T"
