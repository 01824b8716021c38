"""How the entries of a campaign are cut into segments that keyset pages can read.

MongoDB compares within one BSON type, and eight years of documents hold `createdAt` as date,
text and number, and v1 ones hold `created` instead. Each type class is a segment of its own;
a last one holds whatever is left, so that nothing is passed over in silence.
"""

import math
from dataclasses import replace
from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from assets.exports.shared.entry_values import millis
from assets.model.campaign import Facts
from assets.model.instant import rfc3339
from assets.model.meaning import Described, Meaning, What
from assets.model.source import EntryRow, Filter, Segment

# The first millisecond that RFC 3339 and Python cannot say: 10000-01-01T00:00:00Z.
BEYOND = 253_402_300_800_000
# An ISO instant begins with a digit, and in every order of text the colon follows the digits:
# "yesterday" is no instant after the snapshot but a text that its column must reject.
NO_DIGIT = ":"
# A condition on a list holds when it holds for any item, so a list could belong to two segments.
A_LIST: Filter = {"$type": "array"}
NOT_A_LIST: Filter = {"$not": A_LIST}
_UNREADABLE: Filter = {"$not": {"$type": ["date", "string", "number", "array"]}}
# The same, but for lists, as an index can be asked: of a `$not` of types it does not know where to
# look, and a server would fetch the whole campaign. All other types there are (bsonspec.org, 1.1).
_NOWHERE: tuple[Filter, ...] = (
    {"createdAt": None},
    {
        "createdAt": {
            "$type": [
                "object", "binData", "undefined", "objectId", "bool", "regex", "dbPointer",
                "javascript", "symbol", "javascriptWithScope", "timestamp", "minKey", "maxKey",
            ]
        }
    },
)  # fmt: skip


def of_campaign(facts: Facts) -> dict[str, object]:
    """Every entry of the campaign."""
    return {"campaignId": facts.campaign.id}


def before_snapshot(facts: Facts) -> dict[str, object]:
    """Every entry of the campaign that was there at the snapshot.

    It names what came later and takes the rest, so a document of a type that nobody thought
    of counts as there: the independent count would then differ from what the strands read.
    """
    instant = facts.snapshot
    late = {"$gt": millis(instant), "$lt": BEYOND, **NOT_A_LIST}
    later: list[Filter] = [
        {"createdAt": {"$gt": instant, "$lt": DatetimeMS(BEYOND), **NOT_A_LIST}},
        {"createdAt": {"$gt": rfc3339(instant), "$lt": NO_DIGIT, **NOT_A_LIST}},
        {"createdAt": late},
        {"createdAt": _UNREADABLE, "created": late},
    ]
    return {**of_campaign(facts), "$nor": later}


def by_registration(facts: Facts) -> list[list[Segment]]:
    """Strands that together hold all entries at the snapshot, each in order of registration."""
    campaign, until = of_campaign(facts), facts.snapshot
    early = {"$type": "number", "$lte": millis(until), **NOT_A_LIST}
    typed: list[Filter] = [
        {"createdAt": {"$type": "date", "$lte": until, **NOT_A_LIST}},
        {"createdAt": {"$type": "string", "$lte": rfc3339(until), **NOT_A_LIST}},
        {"createdAt": early},
    ]
    legacy = {"createdAt": _UNREADABLE, "created": early}
    by_created = ("createdAt", "_id")
    strands = [[Segment(filter={**campaign, **kind}, sort=by_created)] for kind in typed]
    strands.append([Segment(filter={**campaign, **legacy}, sort=("created", "_id"))])
    # The campaign in each: a server looks for an index of every alternative by what it says itself.
    left_over = [{**campaign, **one} for one in _left_over()]
    strands.append([Segment(filter={**campaign, "$or": left_over}, sort=("_id",))])
    return strands


def _registered(row: EntryRow) -> tuple[Any, ...]:
    return millis(row.entry.get("createdAt")), row.entry["_id"]


registration_order: Final = Described(meaning=Meaning(what=What.REGISTERED), read=_registered)
"""The order of `by_registration`: the instant, then the id."""


ENTRY_ID_PART: Final = Described(
    meaning=Meaning(what=What.ID), read=lambda row: str(row.entry["_id"])
)
"""The end of a sort key that is total: the id of the entry."""


def _left_over() -> list[Filter]:
    """What no typed range holds: other types, not-a-number, and instants beyond year 9999."""
    no_other: Filter = {"$nor": [{"created": {"$type": "number", "$lt": BEYOND, **NOT_A_LIST}}]}
    return [
        {"createdAt": {"$gte": DatetimeMS(BEYOND)}},
        {"createdAt": {"$gte": BEYOND}},
        {"createdAt": {"$gte": NO_DIGIT}},
        {"createdAt": math.nan},
        {"createdAt": A_LIST},
        *({**nowhere, **no_other} for nowhere in _NOWHERE),
    ]


def strands(facts: Facts, *wanted: Filter) -> list[list[Segment]]:
    """The wanted entries of one campaign, along the index that holds its entries together."""
    return [
        [replace(part, filter={"$and": [part.filter, one]}) for one in wanted for part in strand]
        for strand in by_registration(facts)
    ]
