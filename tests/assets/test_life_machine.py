"""Exports by chance: a model of DESIGN.md 3 and the store side by side, step by step.

`make test` drives the store in memory through some traces. `--traces 10000` does it for long, and
`--traces-on-server 1000` on the embedded MongoDB.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from assets.admission import Admission, Asking, Contended, Limits, TooMany
from assets.exports.catalog import CATALOG
from assets.life import Document, ExportLife, IllegalMove, LeaseLost
from assets.model.lifecycle import Move, Status
from assets.model.parameters import parse
from assets.model.request import ExportRequest
from resources.clock import SystemClock
from resources.mongo.claims import ClaimStore, Holder
from resources.mongo.connection import MongoConnection
from resources.mongo.exports import Change, ExportStore
from resources.mongo.stores import MongoStores
from tests.assets.life_model import (
    CALLER_MOST,
    CAMPAIGN_MOST,
    GENERATING,
    LIVE,
    PERSON,
    RETENTION,
    Export,
    LifeModel,
)
from tests.assets.test_life import RESULT
from tests.assets.workbench import AFTER_THE_PACK, CAMPAIGN
from tests.fakes.claims import FakeClaimStore
from tests.fakes.clock import ManualClock
from tests.fakes.exports import FakeExportStore

# More make a trace slow and no richer: a caller has two places and the campaign three.
MOST_EXPORTS = 9
CALLERS = ("svc:a", "svc:b")
A_MONTH = 31 * 86_400
# Seconds that pass at once. No sum of a few comes near a lease, a grace, a backoff or an expiry, so
# the moments that the server takes for itself decide nothing.
STEPS = (25.0, 67.0, 607.0)
DATES = ("updatedAt", "lease.until", "notBefore", "expiresAt", "finishedAt", "queuedAt")


class Died(Exception):
    """The bridge was killed between its claims and its insert."""


@dataclass(kw_only=True)
class House:
    """The stores of one trace and a clock to move."""

    exports: ExportStore
    claims: ClaimStore
    passes: Callable[[float], None]
    now: Callable[[], datetime]
    clear: Callable[[], None]


def fake_house() -> House:
    """The fakes."""
    clock = ManualClock(AFTER_THE_PACK)
    exports = FakeExportStore(clock)
    claims = FakeClaimStore(clock, exports)
    return House(
        exports=exports,
        claims=claims,
        passes=clock.advance,
        now=clock.now,
        clear=lambda: None,
    )


def server_house(connection: MongoConnection) -> House:
    """The embedded MongoDB: its clock cannot be moved, so every stored date is moved back."""
    stores = MongoStores(connection)
    places = [connection.collection(name) for name in ("exports", "export_claims")]
    last = [time.monotonic()]

    def passes(seconds: float) -> None:
        begun = time.monotonic()
        back = timedelta(seconds=seconds - (begun - last[0]))
        last[0] = begun
        for place, dates in zip(places, (DATES, ("at",)), strict=True):
            for document in place.find({}):
                moved = {
                    path: value - back
                    for path in dates
                    if isinstance(value := _at(document, path), datetime)
                }
                if moved:
                    place.update_one({"_id": document["_id"]}, {"$set": moved})

    def clear() -> None:
        last[0] = time.monotonic()
        for place in places:
            place.delete_many({})

    return House(
        exports=stores.exports,
        claims=stores.claims,
        passes=passes,
        now=SystemClock().now,
        clear=clear,
    )


def _at(document: Mapping[str, Any], path: str) -> object:
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


class Impatient(SystemClock):
    """Waits for nobody: a claim that is being stored is stored by no other thread here.

    Args:
        now: The instant of the house.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def now(self) -> datetime:
        """The instant of the house."""
        return self._now()

    def sleep(self, seconds: float) -> None:
        """Return at once."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """One that holds an export, or once did."""

    number: int
    document: Document


# Mostly the first: a life gets far only if much happens to the same one.
ANY = st.sampled_from((0, 0, 0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8))


class LifeMachine(RuleBasedStateMachine):
    """What people, sensors, workers and crashes do, in any order."""

    open_house: ClassVar[Callable[[], House]] = staticmethod(fake_house)
    life_of: ClassVar[type[ExportLife]] = ExportLife
    traces: ClassVar[int] = 0
    moves: ClassVar[int] = 0

    @initialize()
    def begin(self) -> None:
        """An empty house."""
        type(self).traces += 1
        self.house = type(self).open_house()
        self.house.clear()
        self.life = type(self).life_of(self.house.exports)
        most = Limits(caller=CALLER_MOST, campaign=CAMPAIGN_MOST)
        self.admission = Admission(
            self.life,
            self.house.claims,
            most,
            clock=Impatient(self.house.now),
            random=lambda: 0.0,
        )
        self.model = LifeModel()
        self.workers: list[Worker] = []
        self.revisions: dict[str, int] = {}

    def teardown(self) -> None:
        """Nothing is left open."""

    # --- people -------------------------------------------------------------------------

    @precondition(lambda self: len(self.model.exports) < MOST_EXPORTS)
    @rule(
        caller=st.sampled_from(CALLERS),
        kind=st.integers(1, 2),
        how=st.sampled_from(("", "", "", "fresh", "fresh", "aged")),
    )
    def ask(self, caller: str, kind: int, how: str) -> None:
        """A request comes in."""
        fresh, aged = how == "fresh", how == "aged"
        told = self.model.ask(caller, str(kind), fresh=fresh, aged=aged)
        document, said = self._admitted(caller, kind, fresh=fresh, aged=aged)
        assert told == said
        if document is None:
            return
        export = Export(id=document["_id"], wanted=str(kind), status=document["status"])
        export.generation, export.born = document.get("generation"), self.model.now
        export.place = None if export.generation else caller
        self.model.stored(export, fresh=fresh)

    def _admitted(
        self, caller: str, kind: int, *, fresh: bool, aged: bool = False
    ) -> tuple[Document | None, str]:
        asking = Asking(
            request=_request(kind),
            origin="api",
            subject=caller,
            fresh=fresh,
            max_age=A_MONTH if aged else None,
        )
        try:
            document = self.admission.ask(asking)
        except TooMany as too_many:
            return None, too_many.limit
        except Contended:
            return None, "contended"
        except Died:
            return None, "died"
        return document, str(document.get("generation") or "new")

    @precondition(lambda self: len(self.model.exports) < MOST_EXPORTS)
    @rule(caller=st.sampled_from(CALLERS), kind=st.integers(1, 2))
    def crash(self, caller: str, kind: int) -> None:
        """A request comes in and the bridge dies before the export is stored."""
        told = self.model.ask(caller, str(kind), fresh=False)
        create, self.life.create = self.life.create, _dies  # type: ignore[method-assign]
        _, said = self._admitted(caller, kind, fresh=False)
        self.life.create = create  # type: ignore[method-assign]

        assert said == ("died" if told == "new" or told in self.model.exports else told)
        self.model.crash(caller, str(kind))

    @precondition(lambda self: len(self.model.exports) < MOST_EXPORTS)
    @rule(kind=st.integers(1, 2))
    def begun_by_a_person(self, kind: int) -> None:
        """Somebody materialises the asset in Dagster: no claim, no cap, no lease yet."""
        document = self.life.create(
            _request(kind), origin="dagster", subject="p", status=Status.DISPATCHED
        )
        self.model.exports[document["_id"]] = Export(
            id=document["_id"], wanted=f"{PERSON}{kind}", status="dispatched", attempt=1,
            born=self.model.now,
        )  # fmt: skip

    @precondition(lambda self: self.model.exports)
    @rule(which=ANY)
    def cancel(self, which: int) -> None:
        """A person takes a request back."""
        export = self._any(which)
        told = self.model.cancel(export)

        assert self._said(lambda: self.life.cancel(export.id, by="p")) == told

    @precondition(lambda self: self.model.exports)
    @rule(which=ANY)
    def halt(self, which: int) -> None:
        """An operator ends the run in Dagster."""
        export = self._any(which)
        if export.status == "joined":
            return  # it has no run
        told = self.model.halt(export)

        assert self._said(lambda: self.life.halt(export.id, by="dagster")) == told

    @precondition(lambda self: self.model.exports)
    @rule(which=ANY, by=st.sampled_from(CALLERS))
    def retry(self, which: int, by: str) -> None:
        """A person asks for another try."""
        export = self._any(which)
        document = self._stored(export)
        told = self.model.retry(export, by)

        assert self._said(lambda: self.admission.retry(document, by=by)) == told

    @precondition(lambda self: self.model.exports)
    @rule(which=ANY)
    def delete(self, which: int) -> None:
        """A person is done with an export."""
        export = self._any(which)
        told = self.model.delete(export)

        assert self._said(lambda: self.life.delete(export.id, by="p")) == told

    # --- sensors ------------------------------------------------------------------------

    @precondition(lambda self: self.model.exports)
    @rule(which=ANY)
    def dispatch(self, which: int) -> None:
        """The sensor of requests claims one."""
        export = self._any(which)

        assert (self.life.dispatch(export.id) is not None) == self.model.dispatch(export)

    @precondition(lambda self: self.model.exports)
    @rule(which=ANY)
    def recall(self, which: int) -> None:
        """A run ended before its export began."""
        export = self._any(which)
        document = self._stored(export)

        assert (self.life.recall(document) is not None) == self.model.recall(export)

    @rule()
    def outcomes(self) -> None:
        """The sensor of outcomes comes by."""
        for document in self.life.joined(after=None, limit=100):
            self.life.settle(document)
        for document in self.life.forsaken(100):
            self.life.withdraw(document)
        self.model.outcomes()

    @rule(jitter=st.sampled_from((0.0, 0.9)))
    def housekeeping(self, jitter: float) -> None:
        """The reaper comes by, and files whose time is over go."""
        self._passes(0.02)
        silent = [
            *self.life.abandoned(after=None, limit=100),
            *self.life.unleased(after=None, limit=100),
        ]
        for document in silent:
            self.life.rescue(document, jitter)
        for document in self.life.expired(100):
            self.life.expire(document["_id"])
        self.model.reap(jitter)
        self.model.expire()

    @rule()
    def news(self) -> None:
        """Whoever hands on what has happened comes by."""
        for document in self.life.untold(after=None, limit=100):
            assert self.life.told(document) is not None
        for export in self.model.exports.values():
            export.news.clear()

    @rule(seconds=st.sampled_from(STEPS))
    def time_passes(self, seconds: float) -> None:
        """Nobody says anything for a while."""
        self._passes(seconds)

    # --- workers ------------------------------------------------------------------------

    @precondition(lambda self: self.model.exports)
    @rule(which=ANY, late=st.sampled_from((0, 0, 0, 1)))
    def start(self, which: int, late: int) -> None:
        """A run begins, perhaps that of an attempt before."""
        export, number = self._any(which), len(self.workers)
        attempt = export.attempt - late
        document = self.life.start(export.id, attempt, owner=f"w{number}", run_id="r")

        assert (document is not None) == self.model.start(export, attempt, number)
        if document is not None:
            self.workers.append(Worker(number=number, document=document))

    @precondition(lambda self: self.model.exports)
    @rule(which=ANY)
    def take(self, which: int) -> None:
        """A sensor claims one and its run begins, as it mostly goes."""
        self.dispatch(which)
        self.start(which, 0)

    @precondition(lambda self: self.workers)
    @rule()
    def die(self) -> None:
        """Workers fall silent for longer than their leases, and the reaper comes by."""
        self._passes(STEPS[1])
        self.housekeeping(0.0)

    @precondition(lambda self: self.workers)
    @rule(
        which=st.sampled_from((0, 0, 0, 1, 1, 2, 3)),
        move=st.sampled_from(
            ("beat", "deliver", "succeed", "fail for now", "fail for good", "release", "cancelled")
        ),
        jitter=st.sampled_from((0.0, 0.9)),
    )
    def work(self, which: int, move: str, jitter: float) -> None:
        """A worker writes, and it may have been given up long ago."""
        worker = self.workers[-1 - which % len(self.workers)]
        export = self.model.exports[worker.document["_id"]]
        told = self.model.work(export, worker.number, move, jitter)
        try:
            after = self._written(worker.document, move, jitter)["status"]
        except LeaseLost:
            after = "lost"

        assert after == told

    def _written(self, document: Document, move: str, jitter: float) -> Document:
        export_id, token = document["_id"], document["lease"]["token"]
        if move == "beat":
            return self.life.beat(export_id, token, {"rowsRead": 1})
        if move == "succeed":
            manifest = {**RESULT, "manifestKey": f"exports/export={export_id}/a1-x/_manifest.json"}
            expires = self.house.now() + timedelta(seconds=RETENTION)
            return self.life.succeed(export_id, token, result=manifest, expires_at=expires)
        if move.startswith("fail"):
            error = {"code": "E", "message": "m", "retryable": move == "fail for now"}
            return self.life.fail(document, token, error=error, jitter=jitter)
        plain: Mapping[str, Callable[[str, str], Document]] = {
            "deliver": self.life.deliver,
            "release": self.life.release,
            "cancelled": self.life.cancelled,
        }
        return plain[move](export_id, token)

    # --- what must hold always ----------------------------------------------------------

    @invariant()
    def model_and_store_agree_and_nothing_is_promised_twice(self) -> None:
        """After every step, over all exports."""
        type(self).moves += 1
        stored = {one["_id"]: one for one in self.house.exports.page({}, limit=100)}
        self._agrees(stored)
        self._caps_hold(stored)
        self._nobody_waits_for_nothing(stored)

    def _agrees(self, stored: Mapping[str, Document]) -> None:
        """Every field that decides something is as the model has it."""
        assert stored.keys() == self.model.exports.keys()
        for export in self.model.exports.values():
            document = stored[export.id]
            assert _told(document) == _expected(export), export
            assert document["revision"] >= self.revisions.get(export.id, 0)
            self.revisions[export.id] = document["revision"]

    def _caps_hold(self, stored: Mapping[str, Document]) -> None:
        """What is live never exceeds its places, and what is published of them is so."""
        live = [
            (one, held["claims"])
            for one in stored.values()
            if one["status"] in LIVE and (held := one.get("holds"))
        ]
        for caller in CALLERS:
            used = self.admission.used("caller", caller)
            assert used <= CALLER_MOST
            assert used == sum(f"caller:{caller}#" in held[-2] for _, held in live)
        assert self.admission.used("campaign", CAMPAIGN) == len(live) <= CAMPAIGN_MOST
        shared = [one["fingerprint"] for one, held in live if held[0].startswith("live:")
                  and one["status"] in GENERATING]  # fmt: skip
        assert len(shared) == len(set(shared))

    def _nobody_waits_for_nothing(self, stored: Mapping[str, Document]) -> None:
        """A joined request has a generation, which knows of it and stops for the last one only."""
        joined = Counter(one["generation"] for one in stored.values() if one["status"] == "joined")
        for generation, waiting in joined.items():
            made = stored[generation]
            assert made["status"] != "joined"
            assert made["status"] not in GENERATING or made["sharers"] >= waiting

    # --- helpers ------------------------------------------------------------------------

    def _any(self, which: int) -> Export:
        return list(self.model.exports.values())[which % len(self.model.exports)]

    def _stored(self, export: Export) -> Document:
        document = self.life.find(export.id)
        assert document is not None
        return document

    def _passes(self, seconds: float) -> None:
        self.house.passes(seconds)
        self.model.now += seconds

    def _said(self, move: Callable[[], Document | None]) -> str:
        try:
            document = move()
        except IllegalMove as illegal:
            return f"illegal {illegal.status}"
        except TooMany as too_many:
            return too_many.limit
        assert document is not None
        return str(document["status"])


@cache
def _request(kind: int) -> ExportRequest:
    params = {"campaign_id": CAMPAIGN, "top_n": kind}
    return parse(CATALOG["waitlist"], params, scopes=("pii:masked",))


def _dies(*_: object, **__: object) -> Document:
    raise Died


def _expected(export: Export) -> dict[str, object]:
    return {
        "status": export.status,
        "attempt": export.attempt,
        "failures": export.failures,
        "rescues": export.rescues,
        "generation": export.generation,
        "left": export.left,
        "deleted": export.deleted,
        "leased": export.until is not None,
        "sharers": export.sharers,
        "news": export.news,
    }


def _told(document: Document) -> dict[str, object]:
    left = document.get("left")
    return {
        "status": document["status"],
        "attempt": document["attempt"],
        "failures": document["failures"],
        "rescues": document["rescues"],
        "generation": document.get("generation"),
        "left": None if not left else "open" if left["open"] else "closed",
        "deleted": bool(document.get("deletedAt")),
        "leased": document["lease"] is not None,
        "sharers": document["sharers"],
        "news": _news(document),
    }


def _news(document: Document) -> list[str]:
    """The events that nobody was told yet; each has an id of its own."""
    events = (document.get("outbox") or {}).get("events", [])
    assert len({event["id"] for event in events}) == len(events)
    return [one for event in events for one in event["types"]]


def drive(machine: type[LifeMachine], traces: int, *, control: bool = False) -> None:
    """Run so many traces of thirty steps at most, and say how many there were.

    A control is the same each time and ends with the first difference: by chance one run in thirty
    met none.
    """
    machine.traces = machine.moves = 0
    chosen = settings(
        max_examples=traces,
        stateful_step_count=30,
        deadline=None,
        database=None,
        derandomize=control or traces < 100,  # `make test` asks the same each time
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, *(() if control else (Phase.shrink,))),
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(machine, settings=chosen)
    print(f"traces={machine.traces} moves={machine.moves} differences=0")  # noqa: T201


def test_model_and_store_agree_over_traces_by_chance(pytestconfig: pytest.Config) -> None:
    """No order of events gives a state that the design does not know (issue: ten thousand)."""
    drive(LifeMachine, pytestconfig.getoption("--traces"))

    assert LifeMachine.traces >= pytestconfig.getoption("--traces")


def test_model_and_server_agree_too(
    pytestconfig: pytest.Config, mongo: MongoStores, database: MongoConnection
) -> None:
    """What the fake only promises: the same traces over compare-and-set on a server."""
    assert mongo

    class OnServer(LifeMachine):
        open_house = staticmethod(lambda: server_house(database))

    drive(OnServer, pytestconfig.getoption("--traces-on-server"))

    assert OnServer.traces >= pytestconfig.getoption("--traces-on-server")


class Trusting(ExportLife):
    """The negative control: a life that lets everybody write who knows the id."""

    def _held(self, move: Move, export_id: str, token: str, change: Change) -> Document:
        moved = self._move(move, export_id, change=change)
        if moved is None:
            raise LeaseLost
        return moved


class Silent(ExportLife):
    """The negative control: one that tells of an end in a write of its own, and dies before it."""

    def _move(self, move: Move, export_id: str, **rest: Any) -> Document | None:
        moved = super()._move(move, export_id, **rest)
        if move is Move.SUCCEED and moved is not None:
            super()._move(Move.TELL, export_id, change=Change(set={"outbox": None}))
        return moved


class Careless(ExportLife):
    """The negative control: one that gives whatever files there are."""

    def published(
        self, request: ExportRequest, *, since: datetime, until: datetime
    ) -> Document | None:
        """Look neither at what is asked for nor at whose they are, nor for how long."""
        assert request
        assert since < until
        return self.latest({"status": "succeeded"})


class Generous(FakeClaimStore):
    """The negative control: a claim that everybody is given."""

    def take(self, claims: Sequence[str], holder: Holder) -> int:
        """Say yes."""
        super().take(claims, holder)
        return len(claims)


def generous_house() -> House:
    """The fakes, where nobody is refused."""
    house = fake_house()
    assert isinstance(house.claims, FakeClaimStore)
    house.claims.__class__ = Generous
    return house


class WithoutLease(LifeMachine):
    """Over a life without the fence."""

    life_of = Trusting


class WithoutNews(LifeMachine):
    """Over a life that forgets to tell."""

    life_of = Silent


class WithoutCare(LifeMachine):
    """Over a life that gives anybody's files to anybody, and somebody's are there.

    Which traces are drawn depends on what else was imported, and of 3,000 that begin with nothing
    none may ask for such files at the right time.
    """

    life_of = Careless

    @initialize()
    def begin(self) -> None:
        """A house in which one export has succeeded."""
        super().begin()
        self.ask(CALLERS[0], 1, "")
        self.take(0)
        self.work(0, "succeed", 0.0)


class WithoutClaims(LifeMachine):
    """Over claims that exclude nobody."""

    open_house = staticmethod(generous_house)


@pytest.mark.parametrize("machine", [WithoutLease, WithoutNews, WithoutCare, WithoutClaims])
def test_a_life_without_its_guard_is_found_out(machine: type[LifeMachine]) -> None:
    """A machine that agrees with everything proves nothing."""
    with pytest.raises(AssertionError):
        drive(machine, 3_000, control=True)
