"""The delivery step of an attempt: crashes, unknown outcomes, cancels, and what is said of them."""

import csv
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from assets import shipping, targets
from assets.exports.catalog import CATALOG
from assets.heartbeat import Cancelled
from assets.life import Document
from assets.model.delivery import Destination
from assets.model.failure import ExportFailed
from assets.model.lifecycle import Timing
from assets.model.manifest import Manifest
from assets.steps.manifest import verify
from assets.targets import OVERTAKEN, TAKEN
from resources.errors import Unavailable
from resources.marketing_cloud import Field
from resources.mongo.exports import Change, Match
from sensors.housekeeping import clear
from tests.assets.workbench import Workbench, keys, workbench
from tests.fakes.claims import FakeClaimStore
from tests.fakes.entries_service import FakeEntriesService, KnownEntry
from tests.fakes.exports import FakeExportStore
from tests.fakes.marketing_cloud import FakeMarketingCloud, Fault, Table

WAITLIST = "WaitlistAudience"
# Waiting for a receiver moves the test's clock by an hour, in no time: no beat comes in between.
PATIENT = Timing(run_lease=20_000.0, self_fence=15_000.0)


class Killed(BaseException):
    """The process is gone: nothing of its own can run any more."""


class Dying(FakeExportStore):
    """An export store whose client dies at a write that it is waiting for: once."""

    when: Callable[[Change], bool] = staticmethod(lambda _: False)
    dead = False

    def change(self, export_id: str, match: Match, change: Change) -> Any:
        """Die first, and stay dead until somebody else comes."""
        if self.dead or self.when(change):
            self.dead = True
            raise Killed
        return super().change(export_id, match, change)


def _accepts(change: Change) -> bool:
    return _notes("accepted", change)


def _confirms(change: Change) -> bool:
    return "deliveries.sfmc.notes.confirmed" in change.set


def _notes(state: str, change: Change) -> bool:
    """Whether a batch is said to be in this state."""
    return any(isinstance(v, dict) and v.get("state") == state for v in change.set.values())


def _bench(*, keyed: bool = True) -> Workbench:
    """A platform whose campaign has a data extension for its waiting list."""
    bench = workbench(timing=PATIENT)
    bench.mongo.exports = Dying(bench.clock)
    bench.life._store = bench.mongo.exports
    bench.mongo.claims = FakeClaimStore(bench.clock, bench.mongo.exports)
    cloud = _cloud(bench)
    names = bench.run("waitlist", dialect="sfmc").manifest.columns
    cloud.create(
        WAITLIST,
        [
            Field(
                name=column.name,
                type="Text",
                length=400,
                primary_key=keyed and column.name == "entry_id",
            )
            for column in names
        ],
    )
    return bench


def _cloud(bench: Workbench) -> FakeMarketingCloud:
    cloud = bench.doors.marketing_cloud
    assert isinstance(cloud, FakeMarketingCloud)
    return cloud


def _table(bench: Workbench) -> Table:
    return _cloud(bench).tables[WAITLIST]


def _asked(bench: Workbench, **options: Any) -> Document:
    return bench.dispatched("waitlist", dialect="sfmc", deliver=["sfmc"], **options)


def _attempt(bench: Workbench, document: Document) -> Any:
    worker = bench.attempt(clock=bench.clock)
    return worker.run(document["_id"], document["attempt"], run_id=f"run-{document['attempt']}")


def _again(bench: Workbench, document: Document) -> Document:
    """The next attempt of an export, as the sensors start it."""
    bench.clock.advance(bench.life.timing.backoff_cap)
    claimed = bench.life.dispatch(document["_id"])
    assert claimed is not None
    return claimed


def _rescued(bench: Workbench, document: Document) -> Document:
    """The next attempt after a worker that died."""
    bench.clock.advance(bench.life.timing.run_lease + 1)
    assert bench.life.rescue(bench.found(document["_id"]), 0.0) is not None
    return _again(bench, document)


def _killed(bench: Workbench, document: Document, when: Callable[[Change], bool]) -> None:
    store = bench.mongo.exports
    assert isinstance(store, Dying)
    store.when = when
    with pytest.raises(Killed):
        _attempt(bench, document)
    store.dead, store.when = False, lambda _: False


def test_a_delivered_export_says_so_in_document_and_manifest() -> None:
    """Where rows went, and how many, is part of what the manifest proves."""
    bench = _bench()

    done = _attempt(bench, _asked(bench))

    found = bench.found(done.document["_id"])
    told = found["deliveries"]["sfmc"]
    rows = done.manifest.rows
    assert (found["status"], found["shipping"]) == ("succeeded", None)
    assert (told["state"], told["target"], told["sent"]) == ("delivered", WAITLIST, rows)
    assert (told["accepted"], told["rejected"], len(_table(bench).rows)) == (rows, 0, rows)
    assert [one["destination"] for one in done.manifest.deliveries] == ["sfmc"]
    assert [one["sent"] for one in found["result"]["deliveries"]] == [rows]
    assert [batch["state"] for batch in told["batches"].values()] == ["complete"]


def test_a_worker_killed_between_the_202_and_the_ledger_is_resumed_with_the_same_files() -> None:
    """K20 on the real life: the successor sends the batch in doubt, and reads no source again."""
    bench = _bench()
    document = _asked(bench)
    _killed(bench, document, _accepts)
    reads = len(bench.mongo.entries.asked.named("scan"))

    done = _attempt(bench, _rescued(bench, document))

    manifest = Manifest.from_document(
        json.loads(bench.body(done.document["result"]["manifestKey"]))
    )
    distinct = {_table(bench).key_of(row) for row in _table(bench).rows}
    assert len(bench.mongo.entries.asked.named("scan")) == reads
    assert len(_table(bench).rows) == len(distinct) == done.manifest.rows
    assert done.document["attempt"] == 2
    assert done.document["snapshotAt"].isoformat()[:19] == manifest.snapshot_at[:19]
    assert verify(manifest, lambda entry: bench.objects.read(entry.key)) == []
    assert all("/a1-" in entry.key for entry in manifest.files)
    named = {*(entry.key for entry in manifest.files), done.document["result"]["manifestKey"]}
    assert {key for key in keys(bench) if document["_id"] in key} == named


def test_a_batch_that_was_accepted_is_never_sent_again() -> None:
    """Killed at any write after the first note: the table receives every row once."""
    for states in ({"complete"}, {"delivered"}):
        bench = _bench()
        document = _asked(bench)

        def ends(change: Change, states: set[str] = states) -> bool:
            values = [v for v in change.set.values() if isinstance(v, dict)]
            return any(v.get("state") in states for v in values) or any(
                name.endswith("sfmc.state") and value in states
                for name, value in change.set.items()
            )

        _killed(bench, document, ends)

        done = _attempt(bench, _rescued(bench, document))

        assert len(_cloud(bench).asked.named("upsert")) == 1
        assert len(_table(bench).rows) == done.manifest.rows


def test_a_worker_killed_before_the_commit_publishes_the_same_delivery() -> None:
    """K17: the manifest stands, the commit does not; the next attempt writes its own."""
    bench = _bench()
    document = _asked(bench)
    _killed(bench, document, lambda change: change.set.get("status") == "succeeded")

    done = _attempt(bench, _rescued(bench, document))

    assert done.document["status"] == "succeeded"
    assert len(_cloud(bench).asked.named("upsert")) == 1


def test_an_unknown_outcome_keeps_the_files_and_is_asked_again() -> None:
    """Pending for ever is neither delivered nor sent again; the failure in the end says so."""
    bench = _bench()
    document = _asked(bench)
    _cloud(bench).script = [Fault.STUCK]

    for attempt in range(4):
        with pytest.raises(ExportFailed, match="DELIVERY_UNKNOWN"):
            _attempt(bench, document)
        found = bench.found(document["_id"])
        assert found["deliveries"]["sfmc"]["state"] == "unknown"
        if attempt < 3:
            document = _again(bench, document)

    assert (found["status"], found["error"]["code"]) == ("failed", "DELIVERY_UNKNOWN")
    assert [key for key in keys(bench) if document["_id"] in key]
    assert bench.life.dead(10) == []

    bench.life.retry(document["_id"], by="a person")
    _cloud(bench).settle()
    done = _attempt(bench, _again(bench, document))

    assert done.document["status"] == "succeeded"
    assert len(_cloud(bench).asked.named("upsert")) == 1


def test_files_that_nobody_delivers_are_removed_when_their_time_is_over() -> None:
    """Kept for a retry, not for ever: they hold addresses."""
    bench = _bench()
    document = _asked(bench)
    _cloud(bench).script = [Fault.STUCK]
    for _ in range(4):
        with pytest.raises(ExportFailed):
            _attempt(bench, document)
        if bench.found(document["_id"])["status"] == "queued":
            document = _again(bench, document)

    bench.clock.advance(31 * 86_400)
    left = bench.life.dead(10)
    bench.life.purged(bench.found(document["_id"]))

    assert [one["_id"] for one in left] == [document["_id"]]
    assert bench.found(document["_id"])["shipping"] is None


def test_a_cancel_while_delivering_keeps_the_record_and_drops_the_files() -> None:
    """What was sent was sent: the document says so, and the files are nobody's."""
    bench = _bench()
    document = _asked(bench)
    cloud = _cloud(bench)
    upsert = cloud.upsert

    def cancelled(key: str, rows: Any) -> str:
        bench.life.cancel(document["_id"], by="a person")
        return upsert(key, rows)

    cloud.upsert = cancelled  # type: ignore[method-assign]

    with pytest.raises(Cancelled):
        _attempt(bench, document)

    found = bench.found(document["_id"])
    states = [batch["state"] for batch in found["deliveries"]["sfmc"]["batches"].values()]
    assert (found["status"], found["shipping"], states) == ("cancelled", None, ["accepted"])
    assert not [key for key in keys(bench) if document["_id"] in key]


def test_a_fan_erased_before_the_delivery_gives_new_files_without_them() -> None:
    """Invariant 13: the second check fails the attempt, and the next one takes a fresh snapshot."""
    bench = _bench()
    document = _asked(bench)
    campaign = str(bench.mongo.campaigns.by_key("aurora-lights-2026")["_id"])  # type: ignore[index]
    first = bench.mongo.entries.kept.seen()
    inside = next(d for d, _ in first if (d.get("waitlist") or {}).get("position") == 1)
    entries = bench.doors.entries_service
    assert isinstance(entries, FakeEntriesService)
    entries.entries[str(inside["_id"])] = KnownEntry(
        id=str(inside["_id"]), campaign_id=campaign, erased_at=bench.clock.now()
    )

    with pytest.raises(ExportFailed, match="ERASED_SINCE_SNAPSHOT"):
        _attempt(bench, document)
    nothing_sent = _table(bench).rows
    bench.mongo.entries.kept.keep({**inside, "erasure": {"completedAt": bench.clock.now()}})
    bench.clock.advance(3600)
    done = _attempt(bench, _again(bench, document))

    assert nothing_sent == []
    assert str(inside["_id"]) not in {str(row["entry_id"]) for row in _table(bench).rows}
    assert all("/a2-" in entry.key for entry in done.manifest.files)
    assert not [key for key in keys(bench) if "-ids/" in key]


def test_rejected_rows_are_a_file_with_reasons() -> None:
    """Who was not reached, and why, without anyone having to compare two systems."""
    bench = _bench()
    cloud = _cloud(bench)
    refused: list[str] = []

    def bad(row: Any) -> str | None:
        refused[:] = refused or [str(row["entry_id"])]
        return "NotAllowed" if row["entry_id"] == refused[0] else None

    cloud.bad = bad
    with pytest.MonkeyPatch.context() as patch:
        # The pack has 33 rows: one of them would be 3 %.
        patch.setattr("assets.delivery.sfmc.MOST_REJECTED", 0.1)
        done = _attempt(bench, _asked(bench))

    file = next(entry for entry in done.manifest.files if entry.section == "rejects")
    lines = bench.body(file.key)
    assert file.rows == 1
    assert [column.name for column in done.manifest.companions["rejects"]] == ["row_key", "reason"]
    assert done.manifest.deliveries[0]["rejected"] == 1
    assert verify(done.manifest, lambda entry: bench.objects.read(entry.key)) == []
    assert lines


def _refusing(bench: Workbench) -> Document:
    """An export that failed because the service took none of its rows."""
    document = _asked(bench)
    _cloud(bench).bad = lambda _: "NotAllowed"
    with pytest.raises(ExportFailed, match="DELIVERY_REJECTED"):
        _attempt(bench, document)
    return bench.found(document["_id"])


def test_rejected_rows_are_a_file_even_if_the_export_fails_of_them() -> None:
    """The failure must be repaired by somebody, who has to know which rows, and why."""
    bench = _bench()

    failed = _refusing(bench)

    told = failed["deliveries"]["sfmc"]
    (file,) = told["rejects"]
    lines = list(csv.DictReader(gzip.decompress(bench.body(file["key"])).decode().splitlines()))
    ids = {str(entry["_id"]) for entry, _ in bench.mongo.entries.kept.seen()}
    assert (failed["status"], told["state"]) == ("failed", "rejected")
    assert {line["reason"] for line in lines} == {"NotAllowed"}
    assert len({line["row_key"] for line in lines} & ids) == file["rows"] == len(lines) > 0
    assert [key for key in keys(bench) if failed["_id"] in key] == [file["key"]]


def test_the_file_of_rejects_lives_as_long_as_the_files_would_have() -> None:
    """Housekeeping clears what failed after a minute; this is looked for days later."""
    bench = _bench()
    failed = _refusing(bench)

    bench.clock.advance(86_400)
    early = bench.life.dead(10)
    bench.clock.advance(30 * 86_400)
    late = bench.life.dead(10)
    gone = clear(bench.life, bench.objects, CATALOG, bench.found(failed["_id"]))

    assert (early, [one["_id"] for one in late], gone) == ([], [failed["_id"]], True)
    assert not [key for key in keys(bench) if failed["_id"] in key]


def test_a_person_who_retries_after_rejects_gets_new_files_and_loses_the_old_list() -> None:
    """The rejects of files that are no more would only mislead."""
    bench = _bench()
    failed = _refusing(bench)
    _cloud(bench).bad = lambda _: None

    bench.life.retry(failed["_id"], by="a person")
    done = _attempt(bench, _again(bench, failed))

    named = {*(entry.key for entry in done.manifest.files), done.document["result"]["manifestKey"]}
    assert "rejects" not in done.document["deliveries"]["sfmc"]
    assert all("/a2-" in entry.key for entry in done.manifest.files)
    assert {key for key in keys(bench) if failed["_id"] in key} == named


def test_a_refused_batch_fails_the_export_and_the_next_attempt_sends_it() -> None:
    """A throttle that lasts costs an attempt, not a row."""
    bench = _bench()
    document = _asked(bench)
    _cloud(bench).asked.fail_next(Unavailable("SFMC_THROTTLED", "hand rows over"), name="upsert")

    with pytest.raises(ExportFailed, match="SFMC_THROTTLED"):
        _attempt(bench, document)
    done = _attempt(bench, _again(bench, document))

    assert done.document["deliveries"]["sfmc"]["accepted"] == len(_table(bench).rows)


def _waits(bench: Workbench, document: Document) -> Document:
    """An export whose attempt finds the target taken, as it stands then."""
    with pytest.raises(ExportFailed, match=TAKEN) as failed:
        _attempt(bench, document)
    assert failed.value.retryable
    return bench.found(document["_id"])


def test_an_export_waits_until_the_target_is_nobodys() -> None:
    """It reads nothing, sends nothing and did not fail; the other, though dead, keeps it."""
    bench = _bench()
    first, second = _asked(bench), _asked(bench)
    _killed(bench, first, _accepts)
    rescued = _rescued(bench, first)
    sent = list(_table(bench).rows)

    waiting = _waits(bench, second)

    assert (waiting["status"], waiting["failures"], waiting["error"]["code"]) == (
        "queued",
        0,
        TAKEN,
    )
    assert (waiting["progress"]["rowsRead"], waiting["shipping"]) == (0, None)
    wait = waiting["notBefore"] - waiting["error"]["at"]
    assert wait.total_seconds() == bench.life.timing.target_wait
    assert _table(bench).rows == sent

    done = _attempt(bench, rescued)
    assert bench.found(first["_id"])["status"] == "succeeded"
    later = _attempt(bench, _again(bench, waiting))
    assert later.manifest.rows == done.manifest.rows == len(_table(bench).rows)
    assert later.manifest.deliveries[0]["accepted"] == later.manifest.rows


def test_without_turns_one_delivery_is_written_over_by_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: the rows that a receiver has are then not those of an export that says so."""
    monkeypatch.setattr(targets, "SHARED", frozenset())
    bench = _bench()
    first, second = _asked(bench), _asked(bench, pii="masked")
    _killed(bench, first, _confirms)

    _attempt(bench, second)

    with pytest.raises(ExportFailed, match="DELIVERY_UNBALANCED"):
        _attempt(bench, _rescued(bench, first))


def _overtaken(bench: Workbench) -> Document:
    """An export that lives again after another was delivered to its target, at its next attempt."""
    first = _asked(bench)
    _killed(bench, first, _accepts)
    bench.life.quarantine(first["_id"], by="a person")
    _attempt(bench, _asked(bench, pii="masked"))
    bench.life.retry(first["_id"], by="a person")
    return _again(bench, first)


def test_an_export_that_lives_again_reads_anew_where_another_was_delivered_meanwhile() -> None:
    """Its files are older than the rows that the receiver has by now."""
    bench = _bench()
    again = _overtaken(bench)
    reads = len(bench.mongo.entries.asked.named("scan"))

    with pytest.raises(ExportFailed, match=OVERTAKEN):
        _attempt(bench, again)
    assert bench.found(again["_id"])["shipping"] is None
    done = _attempt(bench, _again(bench, again))

    assert len(bench.mongo.entries.asked.named("scan")) > reads
    assert all("/a3-" in entry.key for entry in done.manifest.files)
    assert done.manifest.deliveries[0]["accepted"] == done.manifest.rows == len(_table(bench).rows)


def test_without_that_look_a_receiver_gets_rows_that_are_older_than_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: the files of the first attempt are delivered over newer rows."""
    monkeypatch.setattr(shipping, "retake_targets", targets.take_targets)
    bench = _bench()

    done = _attempt(bench, _overtaken(bench))

    assert all("/a1-" in entry.key for entry in done.manifest.files)


def test_who_died_after_finding_out_finds_it_out_again() -> None:
    """The claim stays the other's until the old files are given up."""
    bench = _bench()
    again = _overtaken(bench)
    both = [(Destination.SFMC, WAITLIST)]

    for _ in range(2):
        with pytest.raises(ExportFailed, match=OVERTAKEN):
            targets.retake_targets(bench.mongo.claims, again, both)

    targets.take_targets(bench.mongo.claims, again, both)
    targets.retake_targets(bench.mongo.claims, again, both)


def test_an_export_that_lives_again_waits_for_who_came_meanwhile() -> None:
    """Its delivery was begun, but the target went to another once it had ended."""
    bench = _bench()
    first, second = _asked(bench), _asked(bench)
    _killed(bench, first, _accepts)
    bench.life.quarantine(first["_id"], by="a person")
    _killed(bench, second, _accepts)
    bench.life.retry(first["_id"], by="a person")
    with pytest.raises(ExportFailed, match=OVERTAKEN):
        _attempt(bench, _again(bench, first))

    _waits(bench, _again(bench, first))

    _attempt(bench, _rescued(bench, second))
    _attempt(bench, _again(bench, first))
    assert bench.found(first["_id"])["status"] == "succeeded"


def test_who_does_not_get_every_target_keeps_none() -> None:
    """Two exports that wait for each other's targets would wait for ever."""
    bench = _bench()
    first, second = _asked(bench), _asked(bench)
    both = [(Destination.SFMC, "A"), (Destination.SFMC, "B")]
    claims = bench.mongo.claims
    targets.take_targets(claims, first, both[1:])

    with pytest.raises(ExportFailed, match=TAKEN):
        targets.take_targets(claims, second, both)

    targets.take_targets(claims, first, both)
    targets.take_targets(claims, first, both)
    with pytest.raises(ExportFailed, match=TAKEN):
        targets.take_targets(claims, second, both[:1])


def test_places_that_exports_do_not_share_are_nobodys() -> None:
    """Objects have names of their own in a promoter's prefix, so nobody waits there."""
    bench = _bench()
    first, second = _asked(bench), _asked(bench)
    for document in (first, second):
        targets.take_targets(bench.mongo.claims, document, [(Destination.PROMOTER, "promoters/p/")])
