"""One attempt of an export: whatever happens to the worker, there is one right result or none."""

import errno
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import bson
import pytest
from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from assets.attempt import NotOurs
from assets.exports.catalog import CATALOG
from assets.heartbeat import Cancelled, Heartbeat
from assets.life import Document, ExportLife, LeaseLost
from assets.model.failure import ExportFailed
from assets.model.lifecycle import Status, Timing
from assets.model.manifest import Manifest
from assets.model.parameters import parse
from assets.steps.manifest import verify
from resources.clock import SystemClock
from resources.errors import Refused, Unavailable
from resources.mongo.batch import Batch
from resources.mongo.entries import Scan
from resources.mongo.exports import Change, Match
from tests.assets.moving import Moving
from tests.assets.workbench import CAMPAIGN, QUICK, Workbench, keys, tiny_documents, workbench
from tests.fakes.entries import FakeEntryStore
from tests.fakes.exports import FakeExportStore
from tests.fakes.object_store import FakeObjectStore, Kept
from tests.waiting import eventually

# A lease that a busy machine keeps: who loses it neither beats nor sees that it was cancelled.
QUICK_BEATS = replace(QUICK, run_lease=10.0, self_fence=8.0)


class Interrupted(FakeObjectStore):
    """An object store in front of whose manifest something happens first: once, then no more."""

    def __init__(self, happening: Callable[[], object]) -> None:
        super().__init__(part_bytes=4096)
        self._happening: Callable[[], object] | None = happening

    def put(self, key: str, body: bytes, *, media_type: str) -> Any:
        """Let the thing happen, then store."""
        happening, self._happening = self._happening, None
        if happening is not None:
            happening()
        return super().put(key, body, media_type=media_type)


def frozen_until(successor: Callable[[Workbench, Document], None]) -> tuple[str, Document]:
    """Freeze a worker before its commit, let a successor take the export, then let it go on.

    Args:
        successor: What the next attempt does while the first one is frozen.

    Returns:
        What became of the frozen worker, and the document at the end.
    """
    bench: Workbench

    def another_worker_takes_over() -> None:
        bench.clock.advance(bench.life.timing.run_lease + 1)
        dead = bench.life.abandoned(after=None, limit=10)
        assert [bench.life.rescue(document, 0.0) is not None for document in dead] == [True]
        bench.clock.advance(bench.life.timing.backoff_cap)
        claimed = bench.life.dispatch(document["_id"])
        assert claimed is not None
        successor(bench, claimed)

    bench = workbench(objects=Interrupted(another_worker_takes_over))
    document = bench.dispatched("waitlist")
    try:
        bench.attempt().run(document["_id"], document["attempt"], run_id="run-1")
        ended = "published"
    except LeaseLost:
        ended = "lease lost"
    return ended, bench.found(document["_id"])


def test_a_zombie_that_wakes_while_its_successor_runs_publishes_nothing() -> None:
    """Only the token tells the two apart: the state is `running` for both.

    `tests/faults/test_fence.py` takes the token out of the writes and expects this test to fail.
    """

    def runs(bench: Workbench, claimed: Document) -> None:
        bench.life.start(claimed["_id"], claimed["attempt"], owner="second", run_id="run-2")

    ended, document = frozen_until(runs)

    assert ended == "lease lost"
    assert (document["status"], document["result"]) == ("running", None)
    assert document["lease"]["owner"] == "second"


def test_a_zombie_that_wakes_after_its_successor_finished_publishes_nothing() -> None:
    """A frozen worker that goes on must not replace what its successor has published."""

    def finishes(bench: Workbench, claimed: Document) -> None:
        bench.attempt().run(claimed["_id"], claimed["attempt"], run_id="run-2")

    ended, document = frozen_until(finishes)

    assert ended == "lease lost"
    assert document["dagster"]["runId"] == "run-2"
    assert "/a2-" in document["result"]["manifestKey"]


def test_a_finished_export_is_proved_by_its_manifest() -> None:
    """The file, its digest, its rows and the accounting are what a receiver checks."""
    bench = workbench()

    done = bench.run("waitlist")

    document = bench.found(done.document["_id"])
    manifest = Manifest.from_document(json.loads(bench.body(document["result"]["manifestKey"])))
    assert document["status"] == "succeeded"
    assert manifest == done.manifest
    assert verify(manifest, lambda entry: bench.objects.read(entry.key)) == []
    assert manifest.rows == document["result"]["rows"] > 30
    assert manifest.accounting.expected == manifest.accounting.read


def test_the_decision_on_personal_data_is_in_the_manifest_and_in_the_audit_trail() -> None:
    """What a file shows, to whom and why must be plain from either of the two (DOMAIN.md 7.0)."""
    bench = workbench()
    masked = parse(
        CATALOG["waitlist"], {"campaign_id": CAMPAIGN, "deliver": []}, scopes=("pii:masked",)
    )
    document = bench.life.create(masked, origin="api", subject="tester")
    claimed = bench.life.dispatch(document["_id"])
    assert claimed is not None

    done = bench.attempt().run(document["_id"], claimed["attempt"], run_id="run-1")

    decided = {"mode": "masked", "grants": ["pii:masked"]}
    created, succeeded = bench.found(document["_id"])["audit"]
    assert done.manifest.request["policy"] == created["policy"] == decided
    assert list(done.manifest.withheld) == succeeded["withheld"] == ["risk_band"]
    entries = {column.name: column for column in done.manifest.columns}
    assert (entries["email"].pii, entries["email"].transform) == ("D", "mask_email")


def test_the_manifests_of_one_partition_form_a_chain() -> None:
    """Each manifest names the digest of the one before it, so that history cannot be rewritten."""
    bench = workbench()
    first = bench.run("waitlist")
    bench.clock.advance(60)

    second = bench.run("waitlist")

    assert first.manifest.previous is None
    assert second.manifest.previous == first.document["result"]["manifestSha256"]


def test_the_same_snapshot_gives_the_same_bytes() -> None:
    """Two exports of unchanged entries differ in nothing but their names."""
    bench = workbench()

    first, second = bench.run("entries"), bench.run("entries")

    assert [f.sha256 for f in first.manifest.files] == [f.sha256 for f in second.manifest.files]


def test_an_attempt_that_is_not_ours_changes_nothing() -> None:
    """A run that Dagster starts late must not touch an export that has moved on."""
    bench = workbench()
    document = bench.dispatched("waitlist")

    with pytest.raises(NotOurs):
        bench.attempt().run(document["_id"], document["attempt"] + 1, run_id="late")

    assert bench.found(document["_id"]) == document
    assert list(keys(bench)) == []


def test_an_export_can_be_started_only_once() -> None:
    """Two workers with the same attempt: the second finds nothing to do."""
    bench = workbench()
    document = bench.dispatched("waitlist")
    bench.attempt().run(document["_id"], 1, run_id="run-1")

    with pytest.raises(NotOurs):
        bench.attempt().run(document["_id"], 1, run_id="run-1")


def test_a_cancel_during_the_run_ends_it_without_a_result() -> None:
    """People who cancel must find neither a file nor a run that goes on."""
    bench: Workbench
    bench = workbench(
        timing=QUICK_BEATS,
        objects=Interrupted(lambda: _cancelled_and_noticed(bench, document)),
    )
    document = bench.dispatched("waitlist")

    with pytest.raises(Cancelled):
        bench.attempt().run(document["_id"], 1, run_id="run-1")

    ended = bench.found(document["_id"])
    assert (ended["status"], ended["result"], ended["lease"]) == ("cancelled", None, None)
    assert list(keys(bench)) == []


def _cancelled_and_noticed(bench: Workbench, document: Document) -> None:
    bench.life.cancel(document["_id"], by="a person")
    threading.Event().wait(5 * QUICK.heartbeat)


def test_a_cancel_that_no_heartbeat_saw_still_wins_over_the_commit() -> None:
    """Between two heartbeats the commit itself must notice that the export was cancelled."""
    bench: Workbench
    bench = workbench(
        objects=Interrupted(lambda: bench.life.cancel(document["_id"], by="a person"))
    )
    document = bench.dispatched("waitlist")

    with pytest.raises(Cancelled):
        bench.attempt().run(document["_id"], 1, run_id="run-1")

    assert bench.found(document["_id"])["status"] == "cancelled"
    assert list(keys(bench)) == []


def test_a_worker_that_is_asked_to_end_gives_its_export_back() -> None:
    """A deployment must cost no attempt: the export is queued again and counts no failure."""
    bench: Workbench
    bench = workbench(objects=Interrupted(_interrupt))
    document = bench.dispatched("waitlist")

    with pytest.raises(KeyboardInterrupt):
        bench.attempt().run(document["_id"], 1, run_id="run-1")

    given_back = bench.found(document["_id"])
    assert (given_back["status"], given_back["failures"]) == ("queued", 0)
    assert list(keys(bench)) == []


def test_a_run_that_a_person_ends_cancels_its_export() -> None:
    """Terminating a run in the Dagster page must not start it again somewhere else."""
    bench: Workbench
    bench = workbench(objects=Interrupted(_interrupt))
    document = bench.dispatched("waitlist")

    with pytest.raises(KeyboardInterrupt):
        bench.attempt().run(document["_id"], 1, run_id="run-1", stopped_by_person=lambda: True)

    assert bench.found(document["_id"])["status"] == "cancelled"


def _interrupt() -> None:
    raise KeyboardInterrupt


class Mute(FakeExportStore):
    """An export store that makes the commit and loses the answer."""

    def change(self, export_id: str, match: Match, change: Change) -> Any:
        """Change it; when that was the commit, say that nobody knows."""
        after = super().change(export_id, match, change)
        if change.set.get("status") == Status.SUCCEEDED:
            raise Unavailable("MONGO_TIMEOUT", "change an export document")
        return after


def test_a_commit_whose_answer_is_lost_keeps_its_files() -> None:
    """The database did what it was told and could not say so: the export has succeeded."""
    bench = workbench()
    mute = Mute(bench.clock)
    mute.kept = bench.mongo.exports.kept
    document = bench.dispatched("waitlist")

    done = bench.attempt(ExportLife(mute)).run(document["_id"], 1, run_id="run-1")

    found = bench.found(document["_id"])
    assert (found["status"], found["failures"]) == ("succeeded", 0)
    assert {entry.key for entry in done.manifest.files} < set(keys(bench))


def test_a_kind_that_is_gone_fails_with_its_name() -> None:
    """A deployment that drops a kind must not leave its exports running for ever."""
    bench = workbench()
    document = bench.dispatched("waitlist")
    worker = bench.attempt(catalog={})

    with pytest.raises(ExportFailed, match="UNKNOWN_TYPE"):
        worker.run(document["_id"], 1, run_id="run-1")

    assert bench.found(document["_id"])["status"] == "failed"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Unavailable("S3_THROTTLED", "store an object"), "queued", "S3_THROTTLED"),
        (Refused("S3_DENIED", "store an object"), "failed", "S3_DENIED"),
        (OSError(errno.ENOSPC, "fan@example.com"), "queued", "DISK_FULL"),
        (OSError(errno.EACCES, "fan@example.com"), "queued", "INTERNAL"),
        (MemoryError("fan@example.com"), "queued", "OUT_OF_MEMORY"),
        (ZeroDivisionError("fan@example.com"), "queued", "INTERNAL"),
    ],
)
def test_a_failure_is_tried_again_only_if_that_can_help(
    error: Exception, status: str, code: str
) -> None:
    """A throttled store heals by itself, a denied one never does, and neither text leaks."""
    bench = workbench()
    document = bench.dispatched("waitlist")
    bench.objects.asked.fail_next(error, name="put")

    with pytest.raises(ExportFailed) as raised:
        bench.attempt().run(document["_id"], 1, run_id="run-1")

    failed = bench.found(document["_id"])
    assert (failed["status"], failed["error"]["code"], raised.value.code) == (status, code, code)
    assert "example.com" not in str(failed) + str(raised.value)
    assert list(keys(bench)) == []


def test_the_fourth_failure_is_the_last() -> None:
    """Retries have one owner and a bound, so that a broken export does not run for ever."""
    bench = workbench()
    export_id = bench.asked("waitlist")["_id"]

    seen = [_fail_once(bench, export_id) for _ in range(4)]

    assert seen == ["queued", "queued", "queued", "failed"]
    assert bench.found(export_id)["attempt"] == 4


def _fail_once(bench: Workbench, export_id: str, claimed: Document | None = None) -> str:
    bench.clock.advance(bench.life.timing.backoff_cap)
    claimed = claimed or bench.life.dispatch(export_id)
    assert claimed is not None
    bench.objects.asked.fail_next(Unavailable("S3_THROTTLED", "store an object"), name="put")
    with pytest.raises(ExportFailed):
        bench.attempt().run(export_id, claimed["attempt"], run_id="r")
    return str(bench.found(export_id)["status"])


def test_what_an_earlier_attempt_left_is_removed_after_the_commit() -> None:
    """A killed worker cannot clean up; its successor does, once its own result stands."""
    bench = workbench()
    document = bench.dispatched("waitlist")
    place = f"exports/waitlist/v1/campaign=aurora-lights-2026/export={document['_id']}/"
    left = f"{place}a0-dead/part-00001.csv.gz"
    bench.objects.put(left, b"half", media_type="application/gzip")

    _fail_once(bench, document["_id"], claimed=document)
    bench.clock.advance(bench.life.timing.backoff_cap)
    again = bench.life.dispatch(document["_id"])
    assert again is not None
    done = bench.attempt().run(document["_id"], again["attempt"], run_id="run-2")

    named = {entry.key for entry in done.manifest.files} | {done.document["result"]["manifestKey"]}
    assert set(keys(bench)) == named


def test_after_a_first_attempt_that_sent_its_files_whole_nothing_is_looked_for() -> None:
    """Nothing can lie there but what it names, and to look takes a twentieth of a small export."""
    bench = workbench()

    bench.run("waitlist")

    assert bench.objects.asked.named("keys") == []


class Short(FakeEntryStore):
    """An entry store that loses one document of a scan, as a cut connection might."""

    def scan(self, scan: Scan, **sizes: int) -> Iterator[Batch]:
        """Read all, and lose the first of every larger batch."""
        batches = super().scan(scan, **sizes)
        for batch in batches:
            yield batch[1:] if len(batch) > 5 else batch


def test_a_row_lost_on_the_way_fails_the_export() -> None:
    """An export is complete or it fails: the independent count finds the missing row."""
    bench = workbench()
    bench.mongo.entries = Short(tiny_documents()["entries"])
    document = bench.dispatched("entries")

    with pytest.raises(ExportFailed) as raised:
        bench.attempt().run(document["_id"], 1, run_id="run-1")

    assert raised.value.code == "ROWS_UNACCOUNTED"
    assert bench.found(document["_id"])["result"] is None


def test_a_fan_who_changes_markets_while_they_are_read_fails_the_attempt() -> None:
    """One fan twice and another one missing balance each other: the count alone sees nothing."""
    bench = workbench()
    bench.mongo.entries = Moving()
    document = bench.dispatched("waitlist")

    with pytest.raises(ExportFailed) as raised:
        bench.attempt().run(document["_id"], 1, run_id="run-1")

    assert raised.value.code == "SOURCE_MOVED"
    assert bench.found(document["_id"])["status"] == "queued"


class Corrupting(FakeObjectStore):
    """An object store that flips a bit of everything uploaded."""

    def store(self, key: str, kept: Kept) -> Any:
        """Store it damaged."""
        body = kept.body[:-1] + bytes([kept.body[-1] ^ 1])
        return super().store(key, replace(kept, body=body))


def test_a_file_that_is_not_stored_as_written_fails_the_export() -> None:
    """What the store gives back is compared before anything is published."""
    bench = workbench(objects=Corrupting(part_bytes=4096))
    document = bench.dispatched("waitlist")

    with pytest.raises(ExportFailed) as raised:
        bench.attempt().run(document["_id"], 1, run_id="run-1")

    assert raised.value.code == "FILE_NOT_AS_WRITTEN"


def _entry(**changes: Any) -> dict[str, Any]:
    """A sound entry of the pack's campaign, changed."""
    sound = next(
        bson.decode(raw)
        for raw in tiny_documents()["entries"]
        if bson.decode(raw).get("waitlist", {}).get("position") == 1
    )
    sound["waitlist"]["position"] = 500
    return {**sound, "_id": ObjectId(), "userId": None, **changes}


def _broken_text() -> bytes:
    raw = bson.encode(_entry(locale="xx-broken"))
    return raw.replace(b"xx-broken", b"\xff\xfe-broken")


POISON: dict[str, bytes] = {
    "invalid UTF-8": _broken_text(),
    "a date beyond year 9999": bson.encode(
        _entry(waitlist={**_entry()["waitlist"], "promotedAt": None}, createdAt=DatetimeMS(2**50))
    ),
    "a number where text is due": bson.encode(
        _entry(contact={**_entry()["contact"], "firstName": 42})
    ),
    "text where a list is due": bson.encode(_entry(messages="none")),
    "a document where a phone is due": bson.encode(
        _entry(contact={**_entry()["contact"], "phone": {"e164": {"$gt": ""}}})
    ),
}


@pytest.mark.parametrize("kind", sorted(POISON))
def test_a_bad_document_is_a_counted_reject_and_the_rest_is_right(kind: str) -> None:
    """One rotten document must neither stop the export nor change another row of the file."""
    clean = workbench().run("waitlist")
    bench = workbench(entries=(POISON[kind],))

    done = bench.run("waitlist")

    assert done.manifest.accounting.rejects == 1
    assert done.manifest.accounting.read == clean.manifest.accounting.read + 1
    assert [f.sha256 for f in done.manifest.files] == [f.sha256 for f in clean.manifest.files]


def test_too_many_rejects_fail_the_export() -> None:
    """A handful of bad documents is life, a tenth of the file is a broken source."""
    bad = tuple(bson.encode(_entry(messages="none")) for _ in range(11))
    bench = workbench(entries=bad)
    document = bench.dispatched("waitlist")

    with pytest.raises(ExportFailed) as raised:
        bench.attempt().run(document["_id"], 1, run_id="run-1")

    assert raised.value.code == "TOO_MANY_REJECTS"
    assert bench.run("waitlist", max_rejects=11).manifest.accounting.rejects == 11


@pytest.mark.parametrize(("bad", "partial"), [(10, False), (11, True)])
def test_a_partial_file_is_a_success_only_for_who_asked_for_it_and_says_so(
    bad: int, partial: bool
) -> None:
    """Up to the usual bound a file is complete; API.md 2."""
    wrong = tuple(bson.encode(_entry(messages="none")) for _ in range(bad))
    bench = workbench(entries=wrong)

    done = bench.run("waitlist", allow_partial=True)

    assert done.manifest.accounting.rejects == bad
    assert done.document["result"]["partial"] is partial


def test_a_worker_that_cannot_renew_stops_itself_before_its_lease_can_be_taken() -> None:
    """Cut off from MongoDB a worker must not go on writing until someone else has started."""
    bench = workbench(timing=QUICK)
    document = bench.dispatched("waitlist")
    started = bench.life.start(document["_id"], 1, owner="me", run_id="run-1")
    assert started is not None
    for _ in range(50):
        bench.mongo.exports.asked.fail_next(
            Unavailable("MONGO_UNREACHABLE", "change an export document"), name="change"
        )

    with Heartbeat(bench.life, started, clock=SystemClock(), fence=lambda: None) as heartbeat:
        _until(heartbeat, LeaseLost)


def test_a_worker_that_hangs_after_losing_its_lease_is_ended() -> None:
    """The main thread may sit in a call that never returns; then only the process can be ended."""
    bench = workbench(timing=QUICK)
    document = bench.dispatched("waitlist")
    started = bench.life.start(document["_id"], 1, owner="me", run_id="run-1")
    assert started is not None
    ended = threading.Event()
    taken = {**started, "lease": {**started["lease"], "token": "another's"}}

    heartbeat = Heartbeat(bench.life, taken, clock=SystemClock(), fence=ended.set, grace=0.05)
    heartbeat.__enter__()

    assert ended.wait(30.0)


def _until(heartbeat: Heartbeat, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        _advance_for_two_seconds(heartbeat)


def _advance_for_two_seconds(heartbeat: Heartbeat) -> None:
    for _ in range(200):
        threading.Event().wait(0.01)
        heartbeat.advance(rowsRead=1)


def test_heartbeats_carry_the_progress() -> None:
    """People watch rows done of rows total; the beats are what writes them down."""
    bench = workbench(timing=QUICK_BEATS)
    document = bench.dispatched("waitlist")
    started = bench.life.start(document["_id"], 1, owner="me", run_id="run-1")
    assert started is not None

    def told() -> bool:
        progress = bench.found(document["_id"])["progress"]
        return (progress["rowsRead"], progress["rowsTotal"]) == (7, 9)

    with Heartbeat(bench.life, started, clock=SystemClock()) as heartbeat:
        heartbeat.advance(rowsRead=7, rowsTotal=9)
        eventually(told)


def test_timing_that_would_let_two_workers_overlap_is_refused() -> None:
    """A fence that comes after the lease has run out protects nothing."""
    with pytest.raises(ValueError, match="self_fence"):
        Timing(run_lease=30.0, self_fence=29.0)
