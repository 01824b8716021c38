"""Accounts of the past as they are called today: who bought may have merged accounts since."""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from assets.exports.shared.salesforce import without_hyphens
from assets.model.source import Reading

_AT_A_TIME: Final = 1_000  # accounts looked for in one query


def keys_of_today(accounts: Iterable[str], reading: Reading) -> dict[str, str]:
    """Account id to the subscriber key of the account that it is now, mostly its own."""
    today = {account: without_hyphens(account) or "" for account in accounts}
    waiting = iter(sorted(today))
    while chunk := list(islice(waiting, _AT_A_TIME)):
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
