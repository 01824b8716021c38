"""What a stream of server-sent events says of an export (WHATWG HTML 9.2).

An event tells how the export is, not what happened: documents keep no history, so a caller who
comes back gets the present state, whatever was missed (API.md 1).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from api_bridge.protocol.wire import Document, Surroundings, export_resource, is_done

MEDIA_TYPE = "text/event-stream"
# The browser's own waits are 3 to 5 s; the pace of polling is 2 s (RELIABILITY.md S14).
BEGINNING = b"retry: 2000\n\n"
STILL_THERE = b": still there\n\n"

# Event to the members of the resource that it shows.
_PARTS: Mapping[str, tuple[str, ...]] = {
    "attempt": ("attempt", "started_at"),
    "status": ("status", "phase", "error"),
    "progress": ("progress",),
}


def changes(before: Document | None, after: Document, around: Surroundings) -> Iterator[bytes]:
    """The events that lead from one state of an export to another.

    Args:
        before: The state that the caller knows; None for none.
        after: The state as it is.
        around: What they are shown with.
    """
    known = None if before is None else export_resource(before, around)
    shown = export_resource(after, around)
    for name, members in _PARTS.items():
        part = {member: shown[member] for member in members}
        if known is None or any(known[member] != shown[member] for member in members):
            yield _event(name, after["revision"], part)
    if is_done(after):
        yield _event("done", after["revision"], shown)


def _event(name: str, revision: int, data: Mapping[str, Any]) -> bytes:
    # JSON has no bare line end, so one `data` line holds it.
    return f"event: {name}\nid: {revision}\ndata: {json.dumps(data)}\n\n".encode()
