"""What a fan's account allows to be sent, and why: opted out, stopped, bounced, complained."""

from typing import Final

from export_platform.local.seed.basis.dataset import Document
from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.sized.chunk import Chunk
from export_platform.local.seed.sized.draws import Whole

FINE, OPTED_OUT, STOPPED, BOUNCED, COMPLAINED = range(5)

_SINCE: Final = at("2026-03-01T08:00:00Z")

# Opted out of everything 2 %, of texts 1.5 %, bounced for good 0.6 %, complained 0.02 %.
STANDINGS: Final[tuple[tuple[Document, float], ...]] = (
    ({"emailGlobalOptOut": False, "smsStop": False}, 0.9588),
    ({"emailGlobalOptOut": True, "smsStop": False}, 0.02),
    ({"emailGlobalOptOut": False, "smsStop": True}, 0.015),
    ({"emailGlobalOptOut": False, "smsStop": False, "hardBouncedAt": _SINCE}, 0.006),
    ({"emailGlobalOptOut": False, "smsStop": False, "complainedAt": _SINCE}, 0.0002),
)
_NASTY: Final = (0.87, 0.04, 0.04, 0.03, 0.02)
NAMES: Final = ("", "email_opted_out", "sms_stopped", "hard_bounced", "complained")
"""Classes of the ledger, one a standing."""


def standings(chunk: Chunk) -> Whole:
    """A position in `STANDINGS` for each fan."""
    weights = _NASTY if chunk.recipe.anomalies else [weight for _, weight in STANDINGS]
    return chunk.draws.pick("user.marketing", chunk.index, weights)
