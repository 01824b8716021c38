"""Accounts of the past as they are called today: who bought may have merged accounts since."""

from collections.abc import Iterable
from typing import Final

from bson import ObjectId

from assets.exports.shared.chunks import chunks
from assets.exports.shared.salesforce import without_hyphens
from assets.model.source import Document, Filter, Reading
from assets.steps.read import MERGE_HOPS

_AT_A_TIME: Final = 1_000  # accounts looked for in one query


def keys_of_today(accounts: Iterable[str], reading: Reading) -> dict[str, str]:
    """Account id to the subscriber key of the account that it is now, mostly its own."""
    today = {account: without_hyphens(account) or "" for account in accounts}
    for chunk in chunks(sorted(today), _AT_A_TIME):
        merged = {
            user["_id"]: str(user["accountId"])
            for user in reading.users_where(
                {"accountId": {"$in": chunk}, "mergedInto": {"$ne": None}}
            )
        }
        into = reading.users(merged) if merged else {}
        for user_id, account in merged.items():
            key = without_hyphens((into.get(user_id) or {}).get("accountId"))
            today[account] = key or today[account]
    return today


def with_merged(users: Iterable[Document], reading: Reading) -> dict[ObjectId, Document]:
    """Users by id, and all that were merged into them, over as many hops as are ever followed."""
    found = {user["_id"]: user for user in users}
    newest = set(found)
    for _ in range(MERGE_HOPS):
        if not newest:
            break
        # The type says to the planner that the partial index holds all of them.
        merged = {"mergedInto": {"$in": sorted(newest), "$type": "objectId"}}
        below = {user["_id"]: user for user in reading.users_where(merged)}
        newest = below.keys() - found.keys()
        found |= below
    return found


def entries_of(users: Iterable[ObjectId]) -> Filter:
    """The filter of entries that name one of the users, by `ObjectId`.

    Those of v2 name them in text, in either case (DOMAIN.md 2.9).
    """
    named = [name for one in users for name in (one, str(one), str(one).upper())]
    return {"userId": {"$in": named}}
