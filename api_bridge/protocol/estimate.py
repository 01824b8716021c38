"""What an export will come to, told from what exports like it came to; pure.

Three questions have three answers of different worth. How many rows there are to read is counted
where an index can; what share of them is written, their size and the time they take are those of
earlier exports. Where there is nothing to go by the answer is null and not a guess.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api_bridge.protocol.wire import Document
from assets.model.request import ExportRequest

# Athena's list price in US dollars for 10^12 bytes scanned. AWS bills the whole account at once, so
# a discount or another region is the operator's to reckon with.
USD_PER_TERABYTE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What an earlier export came to.

    Attributes:
        read: Rows that it read.
        rows: Rows in its main files.
        bytes: Stored bytes of its files.
        seconds: Its last attempt, from start to end.
        scanned: Bytes that Athena scanned for it; None if it asked nothing.
        same_rows: It was asked for with the same options, so the same share of rows is written.
        same_form: Its files have the same columns in the same form, so their rows are as long.
    """

    read: int
    rows: int
    bytes: int
    seconds: float
    scanned: int | None
    same_rows: bool
    same_form: bool


def pasts(documents: Sequence[Document], request: ExportRequest) -> list[Past]:
    """What these exports came to; those that do not say are left out."""
    return [past for document in documents for past in _past(document, request)]


def estimate(
    own: Sequence[Past], others: Sequence[Past], *, population: int | None, folded: bool
) -> dict[str, Any]:
    """The numbers of an estimate.

    Args:
        own: Earlier exports of the same kind and partition, newest first.
        others: Of the same kind, newest first.
        population: Rows that there are to read, counted now; None if nobody could count.
        folded: A row written is not a row read, so their numbers have nothing to do with each
            other.
    """
    read = population if population is not None else next((past.read for past in own), None)
    alike = next((past for past in own if past.same_rows), None)
    rows, at_most = None, None if folded else population
    if alike is not None:
        rows = alike.rows if folded else _scaled(alike.rows, alike.read, read)
    guess = rows if rows is not None else at_most
    return {
        "rows": guess,
        "rows_at_most": at_most,
        "rows_from": _source(rows, at_most),
        "bytes": _bytes(guess, (*own, *others)),
        "seconds": _seconds(read, (*own, *others)),
        "earlier_exports": len(own),
    }


def athena(own: Sequence[Past]) -> dict[str, Any]:
    """What Athena is likely to scan at most: the most that it did for exports like this one."""
    scanned = max((past.scanned for past in own if past.scanned is not None), default=None)
    cost = None if scanned is None else round(scanned / 1e12 * USD_PER_TERABYTE, 6)
    return {"bytes_scanned": scanned, "usd": cost}


def _past(document: Document, request: ExportRequest) -> Iterator[Past]:
    result = document.get("result") or {}
    started, finished = document.get("startedAt"), document.get("finishedAt")
    if not result or not isinstance(started, datetime) or not isinstance(finished, datetime):
        return
    stored, wanted = document["request"], request.to_document()
    yield Past(
        read=result["accounting"]["read"],
        rows=result["rows"],
        bytes=result["bytes"],
        seconds=max(0.0, (finished - started).total_seconds()),
        scanned=result.get("bytesScanned"),
        same_rows=_same(stored, wanted, "options"),
        same_form=_same(stored, wanted, "columns", "format", "policy"),
    )


def _same(stored: Mapping[str, Any], wanted: Mapping[str, Any], *members: str) -> bool:
    return all(stored.get(member) == wanted[member] for member in members)


def _scaled(rows: int, read: int, now: int | None) -> int:
    """The same share of the rows that there are now."""
    return rows if now is None or not read else round(rows * now / read)


def _source(rows: int | None, at_most: int | None) -> str | None:
    if rows is not None:
        return "earlier_exports"
    return None if at_most is None else "count"


def _bytes(rows: int | None, pasts: Sequence[Past]) -> int | None:
    alike = next((past for past in pasts if past.same_form and past.rows), None)
    return None if rows is None or alike is None else round(alike.bytes / alike.rows * rows)


def _seconds(read: int | None, pasts: Sequence[Past]) -> float | None:
    """As long as the one nearest in size, and longer in proportion if there is more to read.

    Less to read is not less time in proportion: a small export is mostly its run's start.
    """
    if read is None or not pasts:
        return None
    nearest = min(pasts, key=lambda past: abs(past.read - read))
    return round(nearest.seconds * max(1.0, read / max(1, nearest.read)), 1)
