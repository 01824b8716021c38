"""What becomes of exports, as DESIGN.md 3 tells it: a model without database, token or index.

It is written from the rules and shares no code with what it judges but the clocks; the machine in
`test_life_machine.py` asks both and compares.
"""

from dataclasses import dataclass, field

from assets.model.lifecycle import Timing

TIMING = Timing()
CALLER_MOST, CAMPAIGN_MOST = 2, 3
GRACE = 15.0
LEFT_TO_FETCH = 600.0
# What a request is marked with that a person began in Dagster: nobody joins it.
PERSON = "p"

WAITING = ("queued", "dispatched")
HELD = ("running", "delivering")
GENERATING = (*WAITING, *HELD)
LIVE = ("joined", *GENERATING, "cancelling")
ENDED = ("succeeded", "failed", "cancelled", "expired")


@dataclass(kw_only=True)
class Export:
    """One request: what the stored document must say, and what only the model knows.

    Attributes:
        id: Its id.
        wanted: What is asked for; equal texts are identical requests.
        status: Its state.
        place: Whose place it takes while it is live; None for one that a person began.
        generation: The export whose files it waits for or has.
        sharers: How often others have joined and not gone again.
        left: Whether its own request was taken back while others wait; None, "open" or "closed".
        deleted: Whether a person has given it up.
        attempt: How often it was claimed.
        failures: Attempts that said that they failed.
        rescues: Workers and runs that ended without a word.
        due: When it may be claimed.
        until: When its lease runs out; None without one.
        worker: The number of the worker that holds it.
        expires: When its files go.
        born: When it was stored.
        news: What has happened to it that nobody was told yet.
    """

    id: str
    wanted: str
    status: str
    place: str | None = None
    generation: str | None = None
    sharers: int = 0
    left: str | None = None
    deleted: bool = False
    attempt: int = 0
    failures: int = 0
    rescues: int = 0
    due: float = 0.0
    until: float | None = None
    worker: int | None = None
    expires: float = 0.0
    born: float = 0.0
    news: list[str] = field(default_factory=list)

    def goes(self, status: str) -> None:
        """Be in a state in which nobody holds it."""
        self.status, self.until, self.worker = status, None, None
        if status in ENDED:
            self.tells(status)

    def tells(self, status: str) -> None:
        """Who asked for it is told, if that one has not left."""
        if not self.left:
            self.news.append(f"export.{status}")


@dataclass(kw_only=True)
class LifeModel:
    """All exports, and what a crash of the bridge has left claimed."""

    now: float = 0.0
    exports: dict[str, Export] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)
    crashed: list[tuple[str, float]] = field(default_factory=list)
    crashed_wanted: dict[str, float] = field(default_factory=dict)

    # --- who comes in -------------------------------------------------------------------

    def full(self, caller: str) -> str | None:
        """Whose places are taken: `caller`, `campaign` or None."""
        live = [one.place for one in self.exports.values() if one.place and one.status in LIVE]
        live += [place for place, at in self.crashed if self.now - at <= GRACE]
        if live.count(caller) >= CALLER_MOST:
            return "caller"
        return "campaign" if len(live) >= CAMPAIGN_MOST else None

    def ask(self, caller: str, wanted: str, *, fresh: bool, aged: bool = False) -> str:
        """What comes of a request: the id of its generation, `new`, `contended`, or whose cap."""
        if aged and (ready := self.ready(wanted)) is not None:
            return ready.id
        if not fresh:
            holder = self.exports.get(self.holders.get(wanted, ""))
            if holder is not None and holder.status in GENERATING:
                return holder.id
            if self.now - self.crashed_wanted.get(wanted, -GRACE - 1) <= GRACE:
                return "contended"
            self.holders.pop(wanted, None)  # whoever had it has ended
        return self.full(caller) or "new"

    def ready(self, wanted: str) -> Export | None:
        """The newest that has made such files and stands by them, if they stay long enough."""
        made = [
            one
            for one in self.exports.values()
            if one.wanted.removeprefix(PERSON) == wanted
            and one.status == "succeeded"
            and not (one.generation or one.left or one.deleted)
        ]
        return next((one for one in made[-1:] if one.expires >= self.now + LEFT_TO_FETCH), None)

    def stored(self, export: Export, *, fresh: bool) -> None:
        """A request was let in."""
        self.exports[export.id] = export
        if export.generation is not None and export.status == "joined":
            self.exports[export.generation].sharers += 1
        elif export.generation is not None:
            self.settle(export)
        elif not fresh and export.place is not None:
            self.holders[export.wanted] = export.id
            self.crashed_wanted.pop(export.wanted, None)

    def crash(self, caller: str, wanted: str) -> None:
        """The bridge died after it had claimed and before it had stored."""
        told = self.ask(caller, wanted, fresh=False)
        if told in self.exports:
            self.exports[told].sharers += 1  # counted, and nobody will take it off
        elif told == "new":
            self.crashed.append((caller, self.now))
            self.crashed_wanted[wanted] = self.now

    def retry(self, export: Export, by: str) -> str:
        """A person asks for another try."""
        full = self.full(by)
        if full is not None:
            return full
        self.part_ways(export)
        if export.status not in ("failed", "cancelled", "expired") or export.deleted:
            return f"illegal {export.status}"
        if self.holders.get(export.wanted) == export.id:
            del self.holders[export.wanted]
        export.goes("queued")
        export.place, export.generation, export.sharers, export.left = by, None, 0, None
        export.failures, export.rescues, export.due = 0, 0, 0.0
        return "queued"

    # --- who goes -----------------------------------------------------------------------

    def cancel(self, export: Export) -> str:
        """A person takes a request back."""
        if export.status == "joined":
            return self._parted(export)
        if export.status in GENERATING and export.sharers > 0:
            if not export.left:
                export.tells("cancelled")
                export.left = "open"
            return export.status
        if export.left:
            return export.status  # it was taken back before, whatever became of the files
        return self.halt(export)

    def _parted(self, export: Export) -> str:
        if not self.settle(export):
            export.goes("cancelled")
        if export.status != "cancelled":
            return f"illegal {export.status}"
        made = self.exports[export.generation or ""]
        if made.status in (*GENERATING, "cancelling"):
            made.sharers -= 1
            if made.left and made.sharers == 0 and made.status in GENERATING:
                self.halt(made)
        return "cancelled"

    def halt(self, export: Export) -> str:
        """Stop a generation."""
        if export.status in WAITING:
            export.goes("cancelled")
        elif export.status in HELD:
            export.status = "cancelling"
        elif export.status not in ("cancelling", "cancelled"):
            return f"illegal {export.status}"
        return export.status

    def delete(self, export: Export) -> str:
        """A person is done with an export."""
        self.part_ways(export)
        if export.left == "open" and export.status in GENERATING:
            export.deleted = True
        elif export.status not in ENDED:
            return f"illegal {export.status}"
        elif not export.deleted:
            export.deleted, export.expires = True, self.now
        return export.status

    # --- sharing ------------------------------------------------------------------------

    def settle(self, export: Export) -> bool:
        """Let a joined request end as its generation; whether it has ended."""
        made = self.exports[export.generation or ""]
        if made.status in ("succeeded", "expired"):
            export.goes("succeeded")
            export.expires, export.attempt = made.expires, made.attempt
        elif made.status in ("cancelling", "cancelled"):
            export.goes("cancelled")
        elif made.status == "failed":
            export.goes("failed")
        else:
            return False
        return True

    def waiting_for(self, export: Export) -> list[Export]:
        """The joined requests of a generation."""
        return [
            one
            for one in self.exports.values()
            if one.generation == export.id and one.status == "joined"
        ]

    def withdraw(self, export: Export) -> None:
        """The one that left is cancelled once all others have what they waited for."""
        ended = export.status in ("succeeded", "failed", "expired")
        if export.left == "open" and ended and not self.waiting_for(export):
            export.left = "closed"
            export.goes("cancelled")

    def part_ways(self, export: Export) -> None:
        """Whatever it shared until now, an ended request stands by itself."""
        if export.status == "joined":
            self.settle(export)
        for one in self.waiting_for(export):
            self.settle(one)
        self.withdraw(export)

    def outcomes(self) -> None:
        """The sensor of outcomes comes by."""
        for one in self.exports.values():
            if one.status == "joined":
                self.settle(one)
        for one in self.exports.values():
            self.withdraw(one)

    # --- work ---------------------------------------------------------------------------

    def dispatch(self, export: Export) -> bool:
        """A sensor claims it."""
        if export.status != "queued" or export.due > self.now:
            return False
        export.goes("dispatched")
        export.attempt += 1
        export.until = self.now + TIMING.dispatch_lease
        return True

    def start(self, export: Export, attempt: int, worker: int) -> bool:
        """A worker takes it."""
        if export.status != "dispatched" or attempt != export.attempt:
            return False
        export.status, export.worker = "running", worker
        export.until = self.now + TIMING.run_lease
        return True

    def work(self, export: Export, worker: int, move: str, jitter: float) -> str:
        """A worker, or what is left of one, writes; the state then, or `lost`."""
        held = export.status in HELD
        stopping = export.status == "cancelling"
        allowed = {
            "beat": held or stopping,
            "deliver": held,
            "succeed": held,
            "release": held,
            "cancelled": stopping,
            "fail for now": (held and export.failures < 3) or (stopping and export.failures >= 3),
            "fail for good": held or stopping,
        }
        if export.worker != worker or not allowed[move]:
            return "lost"
        self._worked(export, move, jitter)
        return export.status

    def _worked(self, export: Export, move: str, jitter: float) -> None:
        if move == "beat":
            export.until = self.now + TIMING.run_lease
        elif move == "deliver":
            export.status = "delivering"
        elif move == "succeed":
            export.goes("succeeded")
            export.expires = self.now + RETENTION
        elif move == "release":
            self._queue_again(export, 0.0)
        elif move == "cancelled":
            export.goes("cancelled")
        else:
            export.failures += 1
            if move == "fail for now" and export.failures < 4:
                self._queue_again(export, self._wait(export.failures, jitter))
            else:
                export.goes("failed")

    def _queue_again(self, export: Export, wait: float) -> None:
        export.goes("queued")
        export.due = self.now + wait

    def _wait(self, times: int, jitter: float) -> float:
        return min(TIMING.backoff_cap, TIMING.backoff_base * 2 ** (times - 1)) * jitter

    # --- housekeeping -------------------------------------------------------------------

    def reap(self, jitter: float) -> None:
        """The reaper comes by."""
        for one in self.exports.values():
            if one.status not in LIVE or one.status in ("queued", "joined"):
                continue
            leased = one.until is not None
            silent = one.until if one.until is not None else one.born + TIMING.start_timeout
            if silent < self.now:
                self._rescue(one, jitter, leased=leased)

    def _rescue(self, export: Export, jitter: float, *, leased: bool) -> None:
        if export.status == "dispatched" and leased:
            self._queue_again(export, 0.0)  # its run never began: no worker died of it
            return
        stopping = export.status == "cancelling"
        export.rescues += 1
        if stopping:
            export.goes("cancelled")
        elif export.rescues >= 3:
            export.goes("failed")
        else:
            self._queue_again(export, self._wait(export.rescues, jitter))

    def recall(self, export: Export) -> bool:
        """The run of a dispatched export ended before it began."""
        if export.status != "dispatched":
            return False
        export.rescues += 1
        if export.rescues >= 3:
            export.goes("failed")
        else:
            self._queue_again(export, 0.0)
        return True

    def expire(self) -> None:
        """Files whose time is over are deleted."""
        for one in self.exports.values():
            if one.status == "succeeded" and one.expires < self.now:
                one.status = "expired"
                one.tells("expired")


RETENTION = 1013.0
