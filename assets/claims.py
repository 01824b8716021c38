"""When a claim that somebody has may be taken (DESIGN.md 3, rule 8).

The end of an export frees all it has: who comes next takes it over. So a crash leaves nothing that
somebody must clear, and nobody counts.
"""

from collections.abc import Sequence
from typing import Final

from assets.model.lifecycle import Status
from resources.mongo.claims import Claim, ClaimStore, Holder

# A claim whose export is not stored after so many seconds is left over from a crash.
GRACE: Final = 15.0


def take(
    claims: ClaimStore,
    name: str,
    claim: Claim | None,
    holder: Holder,
    *,
    keeping: Sequence[Status],
) -> bool:
    """Take a claim that was seen to be nobody's, or whose export is in none of these states.

    An export that is not stored is being let in at this moment, or never will be.

    Args:
        claims: The collection.
        name: What is claimed.
        claim: How it was seen to stand; None where nobody had it.
        holder: Who takes it.
        keeping: In these states an export keeps what it has.

    Returns:
        Whether it is the holder's now; another may have been faster.
    """
    if claim is None:
        return claims.take([name], holder) == 1
    if claim.status in keeping:
        return False
    older = GRACE if claim.status is None else None
    return claims.take_over(name, holder, instead_of=claim.holder, older=older)
