"""The work that everybody does: twenty columns of nested entries, as the file that Excel opens.

Local times in the campaign's zone, the first two wishes with the names of their markets, a consent,
two answers, text in NFC without blanks around it and guarded against formulas (DOMAIN.md 6 and
7.1). The peers are told nothing but this, `MONGODB_URI`, and where the file goes.
"""

from datetime import timedelta
from typing import Any, Final

from export_platform.local.seed.sized.recipe import OPENS

CAMPAIGN: Final = "small-2026"
SNAPSHOT: Final = OPENS + timedelta(days=30)
"""After the last entry, however many there are (`replay/entries.py`)."""

COLUMNS: Final = (
    *("entry_id", "status", "registered_at", "registered_at_utc", "updated_at_utc"),
    *("email", "first_name", "last_name", "phone", "phone_verified"),
    *("country", "city", "postal_code", "locale"),
    *("pref_1_market", "pref_1_quantity", "pref_2_market"),
    *("opt_in_artist_email", "q_fan_since", "q_favourite_song"),
)
PARAMS: Final[dict[str, Any]] = {
    "campaign_id": CAMPAIGN,
    "columns": list(COLUMNS),
    "dialect": "excel",
    "compression": "none",
    "pii": "full",
    "reason": "benchmark",
}
SCOPES: Final = ("pii:full", "pii:masked")
