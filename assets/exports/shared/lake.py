"""The literals that a statement over the events of one campaign needs (DOMAIN.md 3)."""

from typing import Final

from assets.model.campaign import Facts

# The tables' first partition (DOMAIN.md 3, projection range): no event is older.
FIRST_DAY: Final = "2016-01-01"


def events_until_snapshot(facts: Facts) -> dict[str, str]:
    """The campaign, every day up to the snapshot's, and the snapshot in the tables' precision."""
    snapshot = facts.snapshot
    return {
        "campaign_id": str(facts.campaign.id),
        "from_date": FIRST_DAY,
        "to_date": f"{snapshot:%Y-%m-%d}",
        "until": f"{snapshot:%Y-%m-%d %H:%M:%S}.{snapshot.microsecond // 1000:03d}",
    }
