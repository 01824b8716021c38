"""The entries service: what the owner of the entries says about them (DOMAIN.md 5.3).

The exports read entries from MongoDB themselves. This service is the second opinion: how many there
are, who was erased since they were read, and the place to say who was sent a message.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from resources.clock import Clock
from resources.errors import Unavailable
from resources.http_json import Answer, JsonHttp

SERVICE = "ENTRIES"
MAX_IDS = 1_000
# With pages of a thousand, 10 million erasures: a service that has more goes in circles.
MAX_PAGES = 10_000

STATUS, MARKET_KEY = "status", "marketKey"
# What `batch_get` may ask for beside the id.
FIELDS = ("status", "erased", "withdrawnAt", "updatedAt")

OBJECT_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryCount:
    """How many entries share the same values.

    Attributes:
        group: Name to value for each name that was grouped by; None where an entry has none.
        count: How many.
    """

    group: Mapping[str, str | None]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOfEntries:
    """Entries that were asked for by id.

    Attributes:
        items: Id to the fields that were asked for, as the service shows them.
        missing: Ids that the service does not know or did not answer, in order.
    """

    items: Mapping[str, Mapping[str, Any]] = field(repr=False)
    missing: tuple[str, ...]


class EntriesService:
    """The entries service.

    Args:
        base_url: Its address.
        token: Bearer token.
        clock: Waits between tries.
        http: The client to use in place of one of its own.
    """

    def __init__(
        self,
        *,
        base_url: str,
        token: str,
        clock: Clock | None = None,
        http: JsonHttp | None = None,
    ) -> None:
        """Remember where the service is; nothing is opened."""
        self._http = http or JsonHttp(service=SERVICE, base_url=base_url, token=token, clock=clock)

    def counts(
        self,
        campaign_id: str,
        as_of: datetime,
        group_by: Sequence[str] = (STATUS, MARKET_KEY),
    ) -> list[EntryCount]:
        """Return how many current entries were registered up to an instant, by group.

        The groups add up to all of them: an entry is counted once, under the market that it was
        selected or waitlisted in, or under none.

        Args:
            campaign_id: 24 hex digits.
            as_of: Aware instant.
            group_by: Any of ``status`` and ``marketKey``; none gives one group.

        Raises:
            Unavailable: The service did not answer well.
            Refused: It does not accept the question.
        """
        answer = self._http.call(
            "GET",
            f"/v1/campaigns/{_id(campaign_id)}/counts",
            query={"groupBy": ",".join(group_by), "asOf": _instant(as_of)},
            attempted="count the entries of a campaign",
        )
        return [_count(answer, raw, group_by) for raw in answer.member("items", list)]

    def batch_get(self, entry_ids: Iterable[str], fields: Sequence[str] = FIELDS) -> BatchOfEntries:
        """Return the present state of entries, a thousand a call, for late checks.

        Args:
            entry_ids: Ids as 24 hex digits; one that occurs twice counts once.
            fields: Any of ``FIELDS``.

        Raises:
            Unavailable: The service did not answer well.
            Refused: It does not accept the question.
        """
        wanted = [_id(one) for one in dict.fromkeys(entry_ids)]
        found: dict[str, Mapping[str, Any]] = {}
        for asked in _chunks(wanted):
            answer = self._http.call(
                "POST",
                "/v1/entries:batchGet",
                body={"ids": asked, "fields": list(fields)},
                attempted="read entries by their ids",
            )
            for raw in answer.member("items", list):
                if isinstance(raw, dict) and raw.get("entryId") in set(asked):
                    found[raw["entryId"]] = {name: raw.get(name) for name in fields}
        return BatchOfEntries(
            items={one: found[one] for one in wanted if one in found},
            missing=tuple(one for one in wanted if one not in found),
        )

    def erased_since(self, campaign_id: str, since: datetime) -> frozenset[str]:
        """Return the ids of a campaign's entries whose erasure was asked for or done since.

        The second erasure check, just before a delivery: it answers with every page or not at all.

        Raises:
            Unavailable: The service did not answer well, or went in circles.
            Refused: It does not accept the question.
        """
        erased: set[str] = set()
        cursors: set[str] = set()
        cursor: str | None = None
        while True:
            answer = self._http.call(
                "POST",
                "/v1/entries:erasedSince",
                body={
                    "campaignId": _id(campaign_id),
                    "since": _instant(since),
                    **({} if cursor is None else {"cursor": cursor}),
                },
                attempted="ask which entries were erased",
            )
            erased.update(_ids(answer, answer.member("entryIds", list)))
            if answer.body.get("cursor") is None:
                return frozenset(erased)
            cursor = answer.member("cursor", str)
            if cursor in cursors or len(cursors) > MAX_PAGES:
                raise Unavailable(f"{SERVICE}_PAGE_REPEATED", answer.attempted)
            cursors.add(cursor)

    def mark_messaged(
        self, campaign_id: str, kind: str, export_id: str, entry_ids: Iterable[str]
    ) -> int:
        """Note that an export sent entries a message, a thousand a call.

        Idempotent by export and entry, so a call whose answer was lost is simply made again.

        Args:
            campaign_id: 24 hex digits.
            kind: What was sent, such as ``reminder``.
            export_id: The export that sent it.
            entry_ids: Ids as 24 hex digits.

        Returns:
            How many of the entries are noted for this export now; the same when asked again.

        Raises:
            Unavailable: The service did not answer well; some may be noted.
            Refused: It does not accept the note.
        """
        updated = 0
        for asked in _chunks([_id(one) for one in dict.fromkeys(entry_ids)]):
            answer = self._http.call(
                "POST",
                "/v1/entries:markMessaged",
                body={
                    "campaignId": _id(campaign_id),
                    "kind": kind,
                    "exportId": export_id,
                    "entryIds": asked,
                },
                attempted="note that entries were sent a message",
            )
            updated += _at_most(answer, answer.member("updated", int), len(asked))
        return updated

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self._http.close()


def _chunks(ids: list[str]) -> list[list[str]]:
    return [ids[start : start + MAX_IDS] for start in range(0, len(ids), MAX_IDS)]


def _id(text: str) -> str:
    # It becomes part of an address or of a question: nothing else may.
    if not OBJECT_ID.fullmatch(text):
        raise ValueError("an id is 24 hex digits")
    return text


def _instant(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("an instant has a zone")
    return moment.isoformat()


def _ids(answer: Answer, raw: list[Any]) -> list[str]:
    # One that is no id could be somebody who must not be written to: better no delivery at all.
    if not all(isinstance(one, str) and OBJECT_ID.fullmatch(one) for one in raw):
        raise _malformed(answer)
    return raw


def _count(answer: Answer, raw: Any, group_by: Sequence[str]) -> EntryCount:
    if not isinstance(raw, dict):
        raise _malformed(answer)
    group = {name: raw.get(name) for name in group_by}
    if not all(one is None or isinstance(one, str) for one in group.values()):
        raise _malformed(answer)
    number = raw.get("count")
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise _malformed(answer)
    return EntryCount(group=group, count=number)


def _at_most(answer: Answer, number: int, bound: int) -> int:
    if not 0 <= number <= bound:
        raise _malformed(answer)
    return number


def _malformed(answer: Answer) -> Unavailable:
    return Unavailable(f"{SERVICE}_MALFORMED", answer.attempted)
