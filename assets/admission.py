"""Who may have how many exports at once, and who shares one (DESIGN.md 3, rule 8; API.md 4).

Both are promises of unique claims, not of counting: before it is stored, an export takes the claim
of its fingerprint and a numbered place of its caller and of its campaign. Two processes cannot
have the same. The end of an export frees all it has, because the claim of an ended export may be
taken over; so a crash leaves no counter that is wrong.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from assets.claims import take
from assets.life import Document, ExportLife, IllegalMove, Words, new_id
from assets.model.lifecycle import GENERATING, LIVE, Status
from assets.model.request import ExportRequest
from resources.clock import Clock
from resources.errors import AlreadyExists
from resources.mongo.claims import Claim, ClaimStore, Holder

# Each try is lost only to somebody who won; 200 at once for the last places need a few.
TRIES = 16
# Seconds between two looks at an identical request that was let in but is not stored yet: 2 s in
# all, ten times what two writes take on a busy machine.
PAUSES = (*(0.01,) * 10, *(0.05,) * 20, *(0.1,) * 9)
# Who takes claims stores within this time or gives up, so that none is left over while its export
# is about to be stored (GRACE is twice as long); each write of the bridge ends in 2 s.
IN_TIME = 8.0
# Files that are gone sooner are no answer: this is how long a link to one may be good (API.md 1).
LEFT_TO_FETCH = timedelta(minutes=10)
# All places of a caller or a campaign are asked for in one query: a million do not fit into it.
MOST_PLACES = 10_000

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many exports may be live at once; requests that share one count once.

    Attributes:
        caller: Of one caller.
        campaign: Of one campaign, whoever asks.
    """

    caller: int = 250
    campaign: int = 500

    def __post_init__(self) -> None:
        """Refuse a limit that would refuse everybody, or that no query can ask for."""
        if min(self.caller, self.campaign) < 1 or max(self.caller, self.campaign) > MOST_PLACES:
            raise ValueError(f"a limit of live exports is from 1 to {MOST_PLACES:,}")


class TooMany(Exception):
    """All places are taken; `limit` says whose: `caller` or `campaign`."""

    def __init__(self, limit: str, most: int) -> None:
        super().__init__(limit)
        self.limit, self.most = limit, most


class Contended(Exception):
    """Others were faster each time; the same request may succeed in a second."""


class Clash(Exception):
    """Somebody has what is to be taken first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A request and who sends it.

    Attributes:
        request: In its canonical form.
        origin: Where it was asked.
        subject: Who asks.
        client: Which program asks for them.
        idempotency: Digests of the key and of what was sent with it.
        fresh: Whether it must not share a generation that began earlier.
        max_age: Seconds since the snapshot of published files that would do; None: none would.
        traceparent: The trace that the request belongs to.
    """

    request: ExportRequest
    origin: str
    subject: str
    client: str | None = None
    idempotency: Mapping[str, str] | None = None
    fresh: bool = False
    max_age: int | None = None
    traceparent: str | None = None

    @property
    def shared(self) -> str:
        """The claim of those who want the same files."""
        return f"live:{self.request.fingerprint()}"

    def places(self) -> list[tuple[str, str]]:
        """Whose places it needs: limits, and a name of each."""
        return _wanted(self.subject, self.request.campaign)

    def words(self) -> Words:
        """What an export is created with, whoever makes its files."""
        return {
            "origin": self.origin,
            "subject": self.subject,
            "client": self.client,
            "idempotency": self.idempotency,
            "traceparent": self.traceparent,
        }


class Admission:
    """Lets requests in.

    Args:
        life: The moves of an export.
        claims: What only one live export may have.
        limits: How many at once.
        clock: The clock of this process.
        random: Gives a number in [0, 1): which place is tried.
    """

    def __init__(
        self,
        life: ExportLife,
        claims: ClaimStore,
        limits: Limits,
        *,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self._life, self._claims, self.limits = life, claims, limits
        self._clock, self._random = clock, random

    def ask(self, asking: Asking) -> Document:
        """Store a request: with files that are there, with a live generation, or with its own.

        Raises:
            AlreadyExists: There is an export with this idempotency digest.
            Contended: Others were faster each time.
            TooMany: The caller or the campaign has as many as it may.
        """
        if (ready := self._ready(asking)) is not None:
            return ready
        # Most requests are unlike any that is live: what there is, is looked at after a clash only.
        with suppress(Clash):
            return self.alone(asking)
        shared = asking.shared
        for pause in PAUSES:
            claim = self._claims.held([shared]).get(shared)
            joined = self._joined(asking, claim) if claim is not None else None
            if joined is not None:
                return joined
            holder = holder_of(new_id())
            if take(self._claims, shared, claim, holder, keeping=GENERATING):
                return self._alone(asking, holder, has=(shared,))
            self._clock.sleep(pause)
        raise Contended

    def alone(self, asking: Asking) -> Document:
        """Store a request with a generation of its own; nobody is waited for.

        Raises:
            Clash: There is a generation that it is to share; it was not stored.
            AlreadyExists: As `ask`, and so are the others.
        """
        first = () if asking.fresh else (asking.shared,)
        return self._alone(asking, holder_of(new_id()), first=first)

    def retry(self, document: Document, *, by: str) -> Document | None:
        """Queue an ended export again, if there is a place for it.

        Raises:
            Contended: Others were faster each time.
            IllegalMove: It has not ended, or has succeeded.
            TooMany: The caller or the campaign has as many as it may.
        """
        export_id = document["_id"]
        moved = self._placed(
            _wanted(by, document.get("campaign")),
            holder_of(export_id),
            lambda holds: self._life.retry(export_id, by=by, holds=holds),
        )
        release(self._claims, document)  # what it had in its life before
        return moved

    def used(self, limit: str, name: str) -> int:
        """How many live exports a caller or a campaign has.

        Args:
            limit: `caller` or `campaign`.
            name: The subject or the campaign's key.
        """
        held = self._claims.held(self._all(limit, name)).values()
        return sum(claim.status in LIVE for claim in held)

    def any_place(self, limit: str, name: str) -> str:
        """The claim of one of the places, by chance, whoever has it."""
        return _place_name(limit, name, self._any(range(getattr(self.limits, limit))))

    def _ready(self, asking: Asking) -> Document | None:
        """One more request of files that are new enough; None where there are none."""
        if asking.max_age is None:
            return None
        now = self._clock.now()
        made = self._life.published(
            asking.request,
            since=now - timedelta(seconds=asking.max_age),
            until=now + LEFT_TO_FETCH,
        )
        if made is None:
            return None
        joined = self._with_files_of(made["_id"], asking)
        return self._life.settle(joined) or joined

    def _joined(self, asking: Asking, claim: Claim) -> Document | None:
        """One more request of a generation; None when that has ended, or is not stored yet."""
        generation = claim.holder.export
        if claim.status not in GENERATING or self._life.join(generation) is None:
            return None
        try:
            return self._with_files_of(generation, asking)
        except AlreadyExists:
            self._life.part(generation, by=asking.subject)
            raise

    def _with_files_of(self, generation: str, asking: Asking) -> Document:
        """Store a request that has another one's files."""
        also: Words = {**asking.words(), "status": Status.JOINED, "generation": generation}
        return self._life.create(asking.request, **also)

    def _alone(
        self, asking: Asking, holder: Holder, *, has: Sequence[str] = (), first: Sequence[str] = ()
    ) -> Document:
        """Store a request with a generation of its own."""

        def write(holds: Mapping[str, object]) -> Document:
            also: Words = {**asking.words(), "export_id": holder.export, "holds": holds}
            return self._life.create(asking.request, **also)

        return self._placed(asking.places(), holder, write, has=has, first=first)

    def _placed(
        self,
        wanted: Sequence[tuple[str, str]],
        holder: Holder,
        write: Callable[[Mapping[str, object]], _T],
        *,
        has: Sequence[str] = (),
        first: Sequence[str] = (),
    ) -> _T:
        """Write an export that has a place of each kind; if it is not written, it keeps none.

        Where the database did not confirm, the claims stay: the write may be in force.

        Args:
            wanted: Whose places: limits, and a name of each.
            holder: Who takes them.
            write: Stores the export, given what it holds.
            has: Claims that the holder has already.
            first: Claims to take before any place.

        Raises:
            Clash: Somebody has one of `first`; nothing was taken then.
        """
        begun = self._clock.monotonic()
        # All in one command, each place any of its kind: most are free.
        places = {self.any_place(limit, name): (limit, name) for limit, name in wanted}
        asked = [*first, *places]
        taken = self._claims.take(asked, holder)
        claims = [*has, *asked[:taken]]
        try:
            if taken < len(first):
                raise Clash
            for place in asked[taken:]:
                # Not `extend`: where one is refused, those before it must be known.
                claims.append(self._place(*places[place], holder))  # noqa: PERF401
            if self._clock.monotonic() - begun > IN_TIME:
                raise Contended
            return write({"token": holder.token, "claims": claims})
        except (AlreadyExists, Contended, IllegalMove, TooMany, Clash):
            if claims:
                self._claims.release(claims, holder)
            raise

    def _place(self, limit: str, name: str, holder: Holder) -> str:
        """Take a place that is free, if there is one."""
        places = self._all(limit, name)
        for _ in range(TRIES):
            held = self._claims.held(places)
            free = [place for place in places if place not in held or _ended(held[place])]
            if not free:
                return self._left_over(limit, places, held, holder)
            place = self._any(free)
            if take(self._claims, place, held.get(place), holder, keeping=LIVE):
                return place
        raise Contended

    def _left_over(
        self, limit: str, places: Sequence[str], held: Mapping[str, Claim], holder: Holder
    ) -> str:
        """Take a place that a crash left, since every other is somebody's."""
        for place in places:
            if take(self._claims, place, held[place], holder, keeping=LIVE):
                return place
        raise TooMany(limit, getattr(self.limits, limit))

    def _any(self, places: Sequence[_T]) -> _T:
        return places[int(self._random() * len(places))]

    def _all(self, limit: str, name: str) -> list[str]:
        """Every place."""
        return [_place_name(limit, name, n) for n in range(getattr(self.limits, limit))]


def release(claims: ClaimStore, document: Document) -> None:
    """Forget the claims of an ended export; they may be taken over anyhow, so this only tidies."""
    if holds := document.get("holds"):
        holder = Holder(export=document["_id"], token=holds["token"])
        claims.release(holds["claims"], holder)


def _wanted(caller: str, campaign: str | None) -> list[tuple[str, str]]:
    named = {"caller": caller, "campaign": campaign}
    return [(limit, name) for limit, name in named.items() if name is not None]


def _place_name(limit: str, name: str, number: int) -> str:
    """Whatever the name holds, the last `#` ends it."""
    return f"{limit}:{name}#{number}"


def holder_of(export_id: str) -> Holder:
    """An export that is about to take claims; another one each time."""
    return Holder(export=export_id, token=secrets.token_hex(8))


def _ended(claim: Claim) -> bool:
    return claim.status is not None and claim.status not in LIVE
