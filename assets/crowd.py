"""Requests that come together, let in together: a command of each kind for all of them.

Alone each takes its claims in one command and is stored by another (`assets/admission.py`). What
decides is the same here, the unique keys of the claims and of the idempotency digest, and so is the
order: the claim of the fingerprint, the places, the export. Whoever meets somebody's claim gives
back what he has and is let in alone.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from assets.admission import (
    IN_TIME,
    Admission,
    Asking,
    Clash,
    Contended,
    TooMany,
    holder_of,
)
from assets.life import Document, ExportLife, Words, new_id
from resources.clock import Clock
from resources.errors import AlreadyExists, Unavailable
from resources.mongo.claims import ClaimStore, Holder

# Of 500 places of which 50 are taken one in ten misses at first and one in a hundred twice.
CHANCES: Final = 2


@dataclass(slots=True, eq=False)
class _Comer:
    """One of the crowd.

    Attributes:
        asking: What he asks for.
        holder: Who takes his claims.
        claims: Those that he has.
        refused: Why he is not let in here.
    """

    asking: Asking
    holder: Holder = field(default_factory=lambda: holder_of(new_id()))
    claims: list[str] = field(default_factory=list)
    refused: Exception | None = None

    def words(self) -> Words:
        """What his export is created with."""
        holds: Mapping[str, object] = {"token": self.holder.token, "claims": self.claims}
        return {**self.asking.words(), "export_id": self.holder.export, "holds": holds}


class Crowd:
    """Lets many in at once.

    Args:
        admission: How one is let in.
        life: The moves of an export.
        claims: What only one live export may have.
        clock: The clock of this process.
    """

    def __init__(
        self, admission: Admission, life: ExportLife, claims: ClaimStore, *, clock: Clock
    ) -> None:
        self._admission, self._life, self._claims = admission, life, claims
        self._clock = clock

    def ask(self, askings: Sequence[Asking]) -> list[Document | Exception]:
        """Store requests, each with a generation of its own; nobody is waited for.

        Where the database did not confirm, the claims stay: any of the writes may be in force.

        Returns:
            Of each the export, or why there is none, as `Admission.alone`. A `Clash` may also be
            one of places: `Admission.ask` finds out what it means.

        Raises:
            Unavailable: The database did not confirm.
        """
        if len(askings) == 1:
            return [self._alone(askings[0])]
        begun = self._clock.monotonic()
        comers = [_Comer(asking) for asking in askings]
        self._share(comers)
        self._place(_left(comers))
        if self._clock.monotonic() - begun > IN_TIME:
            for comer in _left(comers):
                comer.refused = Contended()
        stored = iter(self._store(_left(comers)))
        told = [comer.refused or next(stored) for comer in comers]
        for comer, answer in zip(comers, told, strict=True):
            if isinstance(answer, Exception) and comer.claims:
                self._give_back(comer)
        return told

    def _alone(self, asking: Asking) -> Document | Exception:
        """One who comes alone needs fewer commands."""
        try:
            return self._admission.alone(asking)
        except (AlreadyExists, Clash, Contended, TooMany) as refused:
            return refused

    def _give_back(self, comer: _Comer) -> None:
        """Free his claims; those that cannot be freed now are free after their grace."""
        with suppress(Unavailable):  # the others are stored
            self._claims.release(comer.claims, comer.holder)

    def _share(self, comers: Sequence[_Comer]) -> None:
        """Take the claim of each fingerprint, so that whoever shares one takes no place."""
        self._take([(one, one.asking.shared) for one in comers if not one.asking.fresh])

    def _place(self, comers: Sequence[_Comer]) -> None:
        """Take a place of each kind, any of them: most are free."""
        wanted = [(comer, limit, name) for comer in comers for limit, name in comer.asking.places()]
        for chance in range(CHANCES):
            places = [
                (comer, self._admission.any_place(limit, name)) for comer, limit, name in wanted
            ]
            missed = self._take(places, last=chance == CHANCES - 1)
            wanted = [one for one, miss in zip(wanted, missed, strict=True) if miss]

    def _take(self, wanted: Sequence[tuple[_Comer, str]], *, last: bool = True) -> list[bool]:
        """Take claims; which of them somebody has, who then is let in alone if it was the last."""
        taken = self._claims.take_each([(name, comer.holder) for comer, name in wanted])
        for (comer, name), took in zip(wanted, taken, strict=True):
            if took:
                comer.claims.append(name)
            elif last:
                comer.refused = Clash()
        return [not took for took in taken]

    def _store(self, comers: Sequence[_Comer]) -> list[Document | Exception]:
        stored = self._life.create_all([(one.asking.request, one.words()) for one in comers])
        return [
            AlreadyExists("MONGO_DUPLICATE", "insert an export document") if one is None else one
            for one in stored
        ]


def _left(comers: Sequence[_Comer]) -> list[_Comer]:
    return [comer for comer in comers if comer.refused is None]
