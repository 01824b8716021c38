"""How an instant is written in manifests, in the API, and in the text that v2 documents store."""

from datetime import UTC, datetime


def rfc3339(instant: datetime) -> str:
    """RFC 3339 in UTC with `Z`, to the millisecond that MongoDB stores; later is greater text."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
