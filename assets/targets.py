"""Deliveries into one target take turns: what one writes, no other may write over meanwhile.

Two exports of one kind fill the same data extension with the same fans. Side by side, each would
overwrite rows of the other, and neither could prove that what the receiver holds are its own. So
an export takes its targets before it reads the first row, and has them until it has ended, whatever
becomes of its workers. Who finds one taken goes back into the queue and reads afterwards; who has
ended in between, and finds that another had one since, reads anew. So a target never gets rows that
are older than those it has.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from assets.claims import take
from assets.life import Document
from assets.model.delivery import Destination
from assets.model.failure import ExportFailed
from assets.model.lifecycle import LIVE
from resources.mongo.claims import Claim, ClaimStore, Holder

# Others store each export below names of its own (DOMAIN.md 4): nothing is written over there.
SHARED: Final = frozenset({Destination.SFMC})
TAKEN: Final = "DELIVERY_TARGET_TAKEN"
OVERTAKEN: Final = "DELIVERY_OVERTAKEN"

Targets = Iterable[tuple[Destination, str]]


def take_targets(claims: ClaimStore, document: Document, targets: Targets) -> None:
    """Take every target that exports share, or none; those that are the export's already stay.

    Args:
        claims: Who has what.
        document: The export as it was started.
        targets: Where it is delivered to.

    Raises:
        ExportFailed: `DELIVERY_TARGET_TAKEN`: a live export has one of them.
        Unavailable: The database did not confirm; targets may be taken, and are this export's then.
    """
    names = _names(targets)
    _take(claims, document, names, claims.held(names))


def retake_targets(claims: ClaimStore, document: Document, targets: Targets) -> None:
    """Take the targets of a delivery that was begun, if nobody else had one since.

    An export that a person lets live again may have had other tokens, but it is the same export.
    Nothing is taken before that is known, so who dies right after it finds it again.

    Args:
        claims: Who has what.
        document: The export as it was started.
        targets: Where its files go; it has had them all.

    Raises:
        ExportFailed: `DELIVERY_OVERTAKEN`: another export has, or had, one of them; the files of
            this one may hold older rows. As for `take_targets` where one is faster.
        Unavailable: As for `take_targets`.
    """
    names = _names(targets)
    held = claims.held(names)
    if {name for name, claim in held.items() if claim.holder.export == document["_id"]} != {*names}:
        message = "another export was delivered to the same target meanwhile; new files are made"
        raise ExportFailed(OVERTAKEN, message, retryable=True)
    _take(claims, document, names, held)


def _take(
    claims: ClaimStore, document: Document, names: Sequence[str], held: Mapping[str, Claim]
) -> None:
    """Take all of these claims, which were seen to be held so, or none."""
    holder = _holder(document)
    fresh: list[str] = []
    for name in names:
        claim = held.get(name)
        if claim is not None and claim.holder == holder:
            continue
        if not take(claims, name, claim, holder, keeping=LIVE):
            claims.release(fresh, holder)
            message = "another export is being delivered to the same target; this one is next"
            raise ExportFailed(TAKEN, message, retryable=True)
        fresh.append(name)


def _names(targets: Targets) -> list[str]:
    return sorted(f"target:{where}:{target}" for where, target in targets if where in SHARED)


def _holder(document: Document) -> Holder:
    return Holder(export=document["_id"], token=(document.get("holds") or {}).get("token", ""))
