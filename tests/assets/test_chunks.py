"""An attempt that comes after a crash goes on behind the last chunk, and nobody can tell."""

import gzip
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import bson
import pytest
from bson import ObjectId

from assets import chunking, chunks, reading
from assets.attempt import Attempt, Build, Done
from assets.chunks import Chunks, whole_again
from assets.exports.catalog import CATALOG
from assets.heartbeat import Heartbeat
from assets.life import Document, ExportLife, LeaseLost
from assets.loading import load
from assets.model.failure import ExportFailed
from assets.model.request import ExportRequest
from assets.steps import read
from assets.steps.plan import Plan, plan
from resources.clock import SystemClock
from resources.errors import Unavailable
from sensors.housekeeping import clear
from tests.assets.workbench import AFTER_THE_PACK, Workbench, tiny_documents, workbench
from tests.conventions.repository import ROOT
from tests.fakes.asked import Asked
from tests.fakes.object_store import FakeObjectStore

ROWS = 10  # of a chunk, so that the 60 entries of the small pack make five
FORMS: Mapping[str, Mapping[str, Any]] = {
    "plain": {"compression": "none"},
    "gzip": {"compression": "gzip"},
    "zstd": {"compression": "zstd"},
    "jsonl": {"format": "jsonl", "compression": "gzip"},
}
# Two forms are enough where the form is not what matters: one made in C, one in Python.
BOTH = ("gzip", "jsonl")


class Dead(BaseException):
    """The process is no more: nothing it would still do has an effect."""


@dataclass(slots=True)
class Mortal(Asked):
    """The record of doors that a process reaches until it dies before one of its calls.

    Attributes:
        left: Calls until then; None: it lives.
        records: How often chunks are written down before it dies; None: it lives.
        happens: What somebody else does before a call, once.
        before: Which call that is: its name, and how many of that name come first.
    """

    left: int | None = None
    records: int | None = None
    happens: Callable[[], object] | None = None
    before: tuple[str, int] = ("complete", 0)

    def note(self, name: str, *arguments: object) -> None:
        """Record a call, or be dead."""
        if self.happens and name == self.before[0] and len(self.named(name)) >= self.before[1]:
            happening, self.happens = self.happens, None
            happening()
        with self._lock:
            if self.records is not None and name == "change" and "chunks.of" in _set(arguments):
                self.records -= 1
                self.left = 0 if self.records < 0 else self.left
            if self.left is not None:
                if not self.left:
                    raise Dead
                self.left -= 1
        Asked.note(self, name, *arguments)


def _set(arguments: tuple[Any, ...]) -> Mapping[str, object]:
    found: Mapping[str, object] = arguments[2].set
    return found


@dataclass(kw_only=True)
class Scene:
    """A workbench whose workers can die.

    Attributes:
        cuts: Every end of a chunk, as (attempt, file, rows); a list over all workers.
    """

    bench: Workbench
    mortal: Mortal
    form: Mapping[str, Any]
    cuts: list[tuple[int, int, int]] = field(default_factory=list)
    document: Document = field(default_factory=dict)

    @property
    def now(self) -> Document:
        """The document."""
        return self.bench.found(self.document["_id"])

    def ask(self) -> None:
        """An export that a worker may begin."""
        self.document = self.bench.dispatched("entries", **self.form)

    def work(
        self, *, version: str = "1", dies: int | None = None, kept: int | None = None
    ) -> Done | None:
        """A worker for the attempt that is due; None when it has died.

        Args:
            version: Of its code.
            dies: Before which call.
            kept: Or how many chunks it writes down before.
        """
        claimed = self.now
        self.mortal.left, self.mortal.records = dies, kept
        worker = Attempt(
            self.bench.life,
            self.bench.doors,
            CATALOG,
            build=Build(version=version, git_sha="0" * 40),
            clock=SystemClock(),
            jitter=lambda: 0.0,
        )
        try:
            return worker.run(claimed["_id"], claimed["attempt"], run_id="run")
        except Dead:
            return None
        finally:
            self.mortal.left = self.mortal.records = None

    def rescue(self) -> None:
        """Take the export from the dead worker and claim it anew, as the sensors do."""
        life = self.bench.life
        self.bench.clock.advance(life.timing.run_lease + 1)
        for dead in life.abandoned(after=None, limit=10):
            life.rescue(dead, 0.0)
        self.bench.clock.advance(life.timing.backoff_cap)
        if self.now["status"] == "queued":
            assert life.dispatch(self.document["_id"]) is not None

    def kept(self) -> int:
        """How many chunks the document says that there are."""
        return len((self.now.get("chunks") or {"done": ()})["done"])

    def went_on(self) -> list[int]:
        """With how many chunks each attempt went on that did."""
        return [one["chunks"] for one in self.now["audit"] if one["action"] == "went_on"]

    def nothing_else(self) -> bool:
        """Whether the store holds what the result names and nothing else."""
        told, store = self.now["result"], self.bench.objects
        named = {told["manifestKey"], *(file["key"] for file in told["files"])}
        return set(store.objects) == named and not store.unfinished


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Chunks, batches and pages of a few rows."""
    monkeypatch.setattr(chunks, "CHUNK_ROWS", ROWS)
    monkeypatch.setattr(reading, "BATCH", 7)
    monkeypatch.setattr(reading, "PAGE", 20)
    return monkeypatch


def unfit() -> tuple[bytes, ...]:
    """Three entries with a value that does not fit, so that there is something to carry over."""
    usual = [bson.decode(raw) for raw in tiny_documents()["entries"] if b"schemaVersion" in raw]
    live = [one for one in usual if one.get("status") == "waitlisted" and one["isCurrent"]]
    return tuple(
        bson.encode({**live[n], "_id": ObjectId(), "timeZone": n, "userId": None})
        for n in (1, 5, 9)
    )


UNFIT = unfit()
CUT = Chunks.cut


def scene(
    patch: pytest.MonkeyPatch,
    form: str = "gzip",
    *,
    shortest: int = 256,
    rows_per_file: int | None = None,
) -> Scene:
    """A fresh one, with an export that waits for its worker."""
    store, mortal = FakeObjectStore(part_bytes=1024), Mortal()
    store.shortest, store.asked = shortest, mortal
    bench = workbench(objects=store, entries=UNFIT)
    bench.mongo.exports.asked = mortal
    made = Scene(bench=bench, mortal=mortal, form=FORMS[form])

    def counted(self: Chunks, upload: Any, whole: Any, *, number: int, at: Any) -> None:
        CUT(self, upload, whole, number=number, at=at)
        made.cuts.append((made.now["attempt"], number, at["file"]["rows"]))

    patch.setattr(Chunks, "cut", counted)
    made.ask()
    if rows_per_file is not None:
        asked = dict(made.document)
        asked["request"] = deepcopy(asked["request"])
        asked["request"]["format"]["rowsPerFile"] = rows_per_file
        bench.mongo.exports.kept.keep(asked)
    return made


def whole(patch: pytest.MonkeyPatch, form: str = "gzip", **more: Any) -> tuple[Scene, Done]:
    """An export that nothing happened to."""
    made = scene(patch, form, **more)
    done = made.work()
    assert done is not None
    return made, done


def same(one: Done, other: Done) -> bool:
    """Whether two exports have the same files and say the same of their rows."""
    of = [
        [(f.sha256, f.sha256_uncompressed, f.rows, f.bytes) for f in d.manifest.files]
        for d in (one, other)
    ]
    return of[0] == of[1] and one.manifest.accounting == other.manifest.accounting


@pytest.fixture
def stride(request: pytest.FixtureRequest) -> int:
    """Every how manieth call is tried: a few in each run of all tests, all with `--runs 100`."""
    return max(1, 100 // int(request.config.getoption("--runs")))


def killed(made: Scene, expected: Done, dies: int) -> bool:
    """Let a worker die, see what its successor makes of it, and say whether that went on."""
    if made.work(dies=dies) is not None:
        return False
    kept = made.kept()
    made.rescue()
    done = made.work() if made.now["status"] == "dispatched" else None
    assert done is None or same(done, expected), dies
    first, then = ({one[1:] for one in made.cuts if (one[0] > 1) is late} for late in (0, 1))
    assert len(first & then) <= 1, f"{dies}: {first & then} were made twice"
    assert made.now["status"] == "succeeded"
    assert made.nothing_else(), dies
    return bool(kept and done)


@pytest.mark.parametrize("form", FORMS)
def test_wherever_a_worker_dies_the_next_one_ends_with_the_same_file(
    form: str, stride: int, small: pytest.MonkeyPatch
) -> None:
    """Before each call of the store and of the database, one after another until none is left."""
    clean, expected = whole(small, form)
    calls = len(clean.mortal.calls)

    went_on = [killed(scene(small, form), expected, dies) for dies in range(3, calls, stride)]

    assert len(clean.cuts) == 4
    assert expected.manifest.accounting.rejects == len(UNFIT)
    assert sum(went_on) >= len(went_on) / 3


def test_files_that_are_whole_are_taken_as_they_are(stride: int, small: pytest.MonkeyPatch) -> None:
    """A large export has several files; one that was sent is completed, or it is there."""
    clean, expected = whole(small, rows_per_file=25)
    calls = len(clean.mortal.calls)

    for dies in range(5, calls, stride):
        killed(scene(small, rows_per_file=25), expected, dies)

    assert [file.rows for file in expected.manifest.files] == [25, 24]
    assert {one[1:] for one in clean.cuts} == {(1, 10), (1, 20), (2, 10), (2, 20)}


def test_a_worker_may_die_twice(small: pytest.MonkeyPatch) -> None:
    """The third one goes on with what two have made, and knows no digest of either."""
    _, expected = whole(small)
    made = scene(small)
    made.work(kept=2)
    made.rescue()
    made.work(kept=1)
    made.rescue()

    done = made.work()

    assert done is not None
    assert same(done, expected)
    assert len(made.went_on()) == 2
    assert made.nothing_else()


def test_rows_that_are_not_passed_over_are_seen(small: pytest.MonkeyPatch) -> None:
    """The control of the tests above: whoever begins with the batch writes rows again."""
    _, expected = whole(small)
    made = scene(small)
    made.work(kept=2)
    made.rescue()
    small.setattr(read, "behind", lambda rows, _: rows)

    with pytest.raises(ExportFailed, match="ROWS_UNACCOUNTED"):
        made.work()

    assert made.now["chunks"] is None  # the next one trusts nothing of it
    small.undo()
    assert expected.manifest.rows == 49


def test_cuts_are_in_the_bytes_alone_and_not_in_the_rows(small: pytest.MonkeyPatch) -> None:
    """Who unpacks the file sees what a file without chunks holds; short parts change nothing."""
    made, done = whole(small)
    short, other = whole(small, shortest=1 << 20)
    small.setattr(chunks, "CHUNK_ROWS", 1000)
    uncut, small_file = whole(small)

    bodies = [
        one.bench.body(each.manifest.files[0].key)
        for one, each in ((made, done), (short, other), (uncut, small_file))
    ]

    assert bodies[0] == bodies[1] != bodies[2]
    assert len({gzip.decompress(body) for body in bodies}) == 1
    assert (short.kept(), short.now["chunks"]) == (0, None)


def test_a_small_export_pays_nothing(small: pytest.MonkeyPatch) -> None:
    """The same calls as without chunks, one after another."""
    small.setattr(chunks, "CHUNK_ROWS", 50)
    with_chunks, _ = whole(small)
    small.setattr(chunking, "whole_again", lambda _: "asked for")
    without, _ = whole(small)

    asked = [[call.name for call in one.mortal.calls] for one in (with_chunks, without)]

    assert asked[0] == asked[1]


@pytest.mark.parametrize("finishes", [False, True])
@pytest.mark.parametrize("before", [("write", 3), ("complete", 0)])
def test_a_zombie_neither_writes_its_chunks_down_nor_harms_those_of_its_successor(
    small: pytest.MonkeyPatch,
    before: tuple[str, int],
    finishes: bool,
) -> None:
    """It wakes in the middle or at the end; the other one has gone on with the same upload."""
    _, expected = whole(small)
    made = scene(small)

    def another_worker_goes_on() -> None:
        made.rescue()
        made.work(dies=None if finishes else 6)

    made.mortal.happens, made.mortal.before = another_worker_goes_on, before
    with pytest.raises(LeaseLost):
        made.work()
    if not finishes:
        assert made.now["status"] == "running"
        made.rescue()
        made.work()

    (file,) = made.now["result"]["files"]
    assert file["sha256"] == expected.manifest.files[0].sha256
    assert made.bench.objects.objects[file["key"]].body
    assert made.nothing_else()


def test_without_the_lease_in_its_write_a_zombie_is_seen(small: pytest.MonkeyPatch) -> None:
    """The control: what a frozen worker writes down lands on its successor's document."""
    made = scene(small)
    made.work(kept=2)
    old = made.now
    made.rescue()
    claimed = made.now
    bench = made.bench
    started = bench.life.start(claimed["_id"], claimed["attempt"], owner="second", run_id="2")
    assert started is not None

    def zombie_writes() -> None:
        bench.life.keep_chunks(
            old["_id"],
            old["lease"]["token"],
            chunks=chunks.nothing_left(),
            likeness="a zombie's",
            snapshot=old["snapshotAt"],
        )

    with pytest.raises(LeaseLost):
        zombie_writes()
    assert made.now == started
    held = ExportLife._move
    small.setattr(ExportLife, "_move", lambda *args, **more: held(*args, **{**more, "token": None}))
    zombie_writes()

    assert made.now["chunks"]["of"] == "a zombie's"


@pytest.mark.parametrize(("harmed", "taken"), [(0, []), (1, [1]), (2, [2])])
def test_a_chunk_that_is_not_as_it_was_sent_is_made_again(
    harmed: int, taken: list[int], small: pytest.MonkeyPatch
) -> None:
    """Those before it are good; of the first, all is made anew under another prefix."""
    _, expected = whole(small)
    made = scene(small)
    made.work(kept=3)
    (upload,) = made.bench.objects.unfinished
    number = made.now["chunks"]["done"][harmed]["parts"][0]["number"]
    made.bench.objects.parts[upload][number] += b"?"
    made.rescue()

    done = made.work()

    assert done is not None
    assert same(done, expected)
    assert made.went_on() == taken
    assert made.nothing_else()


def test_a_part_that_changes_after_it_was_looked_at_is_never_published(
    small: pytest.MonkeyPatch,
) -> None:
    """The store completes no upload of other parts than were sent; all is made anew then."""
    _, expected = whole(small)
    made = scene(small)
    made.work(kept=3)
    (upload,) = made.bench.objects.unfinished
    made.rescue()

    def damaged() -> None:
        made.bench.objects.parts[upload][1] += b"?"

    made.mortal.happens = damaged
    with pytest.raises(ExportFailed, match="FILE_NOT_AS_WRITTEN"):
        made.work()
    assert (made.now["status"], made.now["chunks"]) == ("queued", None)
    made.rescue()
    done = made.work()

    assert done is not None
    assert same(done, expected)
    assert made.nothing_else()


def other_version(made: Scene, _: pytest.MonkeyPatch) -> Done | None:
    """Other code goes on."""
    return made.work(version="2")


def other_extension(made: Scene, patch: pytest.MonkeyPatch) -> Done | None:
    """Another build of the extension goes on."""
    patch.setattr(chunks, "build", lambda: "another")
    return made.work()


def other_ground(made: Scene, _: pytest.MonkeyPatch) -> Done | None:
    """Somebody has renamed a market meanwhile."""
    kept = made.bench.mongo.markets.kept
    market = next(document for document, _ in kept.seen())
    kept.keep({**market, "displayName": "Elsewhere", "name": "Elsewhere"})
    return made.work()


def too_late(made: Scene, _: pytest.MonkeyPatch) -> Done | None:
    """It waited for longer than the parts are kept."""
    made.bench.clock.advance((chunking.KEPT + timedelta(seconds=1)).total_seconds())
    made.rescue()
    return made.work()


def upload_gone(made: Scene, _: pytest.MonkeyPatch) -> Done | None:
    """The bucket's own rule has aborted it."""
    made.bench.objects.unfinished.clear()
    return made.work()


@pytest.mark.parametrize(
    "change", [other_version, other_extension, other_ground, too_late, upload_gone]
)
def test_anything_different_starts_anew(
    change: Callable[[Scene, pytest.MonkeyPatch], Done | None], small: pytest.MonkeyPatch
) -> None:
    """One file is of one code, one ground and one snapshot, and of parts that are there."""
    made = scene(small)
    made.work(kept=3)
    first = made.now["snapshotAt"]
    made.rescue()

    done = change(made, small)

    assert done is not None
    assert made.went_on() == []
    assert made.now["snapshotAt"] > first
    assert {one[0] for one in made.cuts if one[2] == ROWS} == {1, made.now["attempt"]}
    assert made.nothing_else()


def test_rows_that_came_after_the_first_snapshot_stay_out(small: pytest.MonkeyPatch) -> None:
    """The second attempt is of the first one's instant, or the file would be of two."""
    _, expected = whole(small)
    made = scene(small)
    made.work(kept=3)
    first = made.now["snapshotAt"]
    entries = made.bench.mongo.entries.kept
    late = bson.decode(UNFIT[0])
    entries.keep({**late, "_id": ObjectId(), "createdAt": first + timedelta(seconds=5)})
    made.rescue()

    done = made.work()

    assert done is not None
    assert made.now["snapshotAt"] == first
    assert same(done, expected)


@pytest.mark.parametrize(
    ("raised", "stays"), [(Unavailable("S3_UNREACHABLE", "send"), True), (KeyError("bug"), False)]
)
def test_only_after_an_outage_the_next_attempt_goes_on(
    raised: Exception,
    stays: bool,
    small: pytest.MonkeyPatch,
) -> None:
    """What failed for another reason may lie in what was made."""
    _, expected = whole(small)
    made = scene(small)

    def fails() -> None:
        raise raised

    made.mortal.happens = fails
    with pytest.raises(ExportFailed):
        made.work()
    assert bool(made.kept()) is stays
    assert bool(made.bench.objects.unfinished) is stays
    made.rescue()
    done = made.work()

    assert done is not None
    assert same(done, expected)
    assert bool(made.went_on()) is stays
    assert made.nothing_else()


def test_a_worker_that_is_asked_to_end_leaves_its_chunks(small: pytest.MonkeyPatch) -> None:
    """A deployment costs a large export no more than a chunk."""
    made = scene(small)
    made.mortal.happens = _interrupted
    with pytest.raises(KeyboardInterrupt):
        made.work()
    assert made.now["status"] == "queued"
    made.rescue()

    assert made.work() is not None
    assert made.went_on() == [0]  # all of the file had been sent
    assert made.nothing_else()


def _interrupted() -> None:
    raise KeyboardInterrupt


def test_what_nobody_goes_on_with_is_swept(small: pytest.MonkeyPatch) -> None:
    """Housekeeping aborts the upload of a dead worker once its export has ended, not before."""
    made = scene(small)
    made.work(kept=3)
    life, bench = made.bench.life, made.bench
    made.rescue()
    bench.clock.advance(3600)
    assert (life.dead(10), len(bench.objects.unfinished)) == ([], 1)

    life.cancel(made.document["_id"], by="a person")
    bench.clock.advance(120)
    (dead,) = life.dead(10)
    assert clear(life, bench.objects, CATALOG, dead)

    assert made.now["chunks"] is None
    assert (bench.objects.unfinished, bench.objects.objects) == ({}, {})


def test_who_goes_on_counts_on(small: pytest.MonkeyPatch) -> None:
    """People watch a bar: it must not begin again where the work does not."""
    told: list[int] = []
    advance = Heartbeat.advance

    def heard(self: Heartbeat, **progress: int) -> None:
        told.extend(n for name, n in progress.items() if name == "rowsWritten")
        advance(self, **progress)

    made = scene(small)
    made.work(kept=3)
    made.rescue()
    small.setattr(Heartbeat, "advance", heard)
    made.work()

    assert told[0] >= 3 * ROWS
    assert told == sorted(told)
    assert made.now["progress"]["rowsRead"] == 63


def planned(name: str, **params: Any) -> Plan:
    """A plan of a kind of export over the small pack."""
    bench = workbench()
    document = bench.asked(name, **params)
    request = ExportRequest.from_document(document["request"])
    kind, export_id = CATALOG[name], document["_id"]
    stores = bench.doors.mongo
    return plan(kind, load(kind, request, AFTER_THE_PACK, stores, export_id=export_id))


def test_each_kind_that_is_made_again_says_why() -> None:
    """Who waits for a large export can look up what a crash costs (docs/decisions/0020)."""
    reasons = {name: whole_again(planned(name)) for name in CATALOG}

    assert [name for name, reason in reasons.items() if reason is None] == ["entries"]
    page = (ROOT / "docs/decisions/0020-chunks-outlive-their-worker.md").read_text("utf-8")
    assert all(f"| `{name}` | {reason} |" in page for name, reason in reasons.items() if reason)


@pytest.mark.parametrize(
    "form", [{"format": "parquet"}, {"format": "xlsx"}, {"max_file_bytes": 10_000_000}]
)
def test_a_file_that_is_closed_as_a_whole_is_made_again(form: Mapping[str, Any]) -> None:
    """Parquet's end says where everything is; what would go on with half of it knows that not."""
    assert whole_again(planned("entries", **form)) is not None
