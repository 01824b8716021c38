"""What the pack itself says, worked out without the platform: the ground that files are held to.

Documents are taken as they were generated, and every rule is written down a second time here, from
DOMAIN.md and in the plainest way: slow, whole, and in memory.
"""

import csv
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from bson import ObjectId

from tests.export_platform.seed.made import Made

Document = Mapping[str, Any]

_HOPS: Final = 5  # DOMAIN.md 2.4
_V2: Final = 2
# The last instant that the exports see; no event of a pack lies between it and the snapshot.
_SEEN_UNTIL: Final = datetime(2026, 3, 20, 12, 0, 30, tzinfo=UTC)

# DOMAIN.md 2.9: what old forms called the two sides of the draw, and who failed before it.
_OLD_STATUSES: Final = {
    **dict.fromkeys(("standby", "waitlist"), "waitlisted"),
    **dict.fromkeys(("confirmed", "winner"), "selected"),
    "denied": "rejected",
}
_VERIFIED: Final = {
    *("verified", "selected", "waitlisted", "not_selected"),
    *("promoted", "code_sent", "redeemed", "lapsed"),
}
_KNOWN: Final = {*_VERIFIED, "registered", "rejected", "duplicate", "withdrawn", "erased"}


def email_digest(address: str) -> str:
    """SHA-256 of an address, trimmed and in lower case (DOMAIN.md 6.1)."""
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()


def campaign(made: Made) -> Document:
    """The campaign of the pack; a nasty one has an empty campaign beside it."""
    return made.documents("campaigns")[0]


def accounts(made: Made) -> dict[object, Document | None]:
    """User id to the account of today, None where merges lead nowhere."""
    users = {user["_id"]: user for user in made.documents("users")}

    def today(user: Document) -> Document | None:
        found: Document | None = user
        for _ in range(_HOPS):
            if not found or not found.get("mergedInto"):
                break
            found = users.get(found["mergedInto"])
        return None if not found or found.get("mergedInto") else found

    return {user_id: today(user) for user_id, user in users.items()}


@cache
def _users(made: Made) -> dict[object, Document]:
    return {user["_id"]: user for user in made.documents("users")}


def _trail(made: Made, user_id: object) -> Iterator[Document]:
    """An account and all that it was merged into."""
    users = _users(made)
    for _ in range(_HOPS + 1):
        user = users.get(user_id)
        if user is None:
            return
        yield user
        user_id = user.get("mergedInto")


def is_live(made: Made, entry: Document) -> bool:
    """`LIVE` of DOMAIN.md 7.0."""
    user_id = entry.get("userId")
    named = ObjectId(user_id) if ObjectId.is_valid(user_id or "") else None
    return (
        entry.get("isCurrent") is not False
        and entry.get("deletedAt") is None
        and entry.get("erasure") is None
        and entry.get("status") != "erased"
        and all(user.get("erasure") is None for user in _trail(made, named))
    )


def erased_themselves(made: Made) -> set[str]:
    """Ids of entries that say that they are erased."""
    return _ids(made, lambda entry: entry.get("erasure") is not None)


def of_erased_fans(made: Made) -> set[str]:
    """Ids of entries whose fan is erased: all of them, whatever else is wrong with one."""
    return _ids(
        made,
        lambda entry: any(
            user.get("erasure") is not None for user in _trail(made, _user_id(entry))
        ),
    )


@cache
def erased(made: Made) -> frozenset[str]:
    """Ids of entries that are erased, themselves or with their fan."""
    return frozenset(erased_themselves(made) | of_erased_fans(made))


def replaced(made: Made) -> set[str]:
    """Ids of entries that are not the current ones of their fan."""
    return _ids(made, lambda entry: entry.get("isCurrent") is False)


def withdrawn(made: Made) -> set[str]:
    """Ids of entries that were withdrawn."""
    return _ids(made, lambda entry: entry.get("status") == "withdrawn")


def _ids(made: Made, belongs: Callable[[Document], bool]) -> set[str]:
    return {str(entry["_id"]) for entry in made.documents("entries") if belongs(entry)}


def flagged_and_gone(made: Made) -> int:
    """Fans of the house and the press whose entry is left out for another reason before."""
    staff = {"employee", "press", "vip_test"}
    flagged = {user["_id"] for user in made.documents("users") if staff & set(user["flags"])}
    there = {
        _user_id(entry)
        for entry in made.documents("entries")
        if is_live(made, entry)
        and not unreadable(entry)
        and entry.get("status") not in ("duplicate", "withdrawn")
        and entry.get("withdrawnAt") is None
    }
    return len(flagged - there)


def withdrawn_long_ago(made: Made) -> int:
    """How many entries of old forms were withdrawn: years ago, as text (DOMAIN.md 2.9)."""
    return sum(isinstance(entry.get("withdrawnAt"), str) for entry in made.documents("entries"))


def unreadable(entry: Document) -> bool:
    """Whether nobody can tell whose entry it is, or what it wishes for.

    Such an entry is a counted reject of every export (DESIGN.md 4); those counts are compared with
    the ledger of plants.
    """
    return not _is_somebodys(entry) or not isinstance(entry.get("preferences") or [], list)


def _is_somebodys(entry: Document) -> bool:
    """Whether it names a user, or says that there is none; v2 names one by a text."""
    named = entry.get("userId")
    return named is None or isinstance(named, ObjectId) or entry.get("schemaVersion") == _V2


def verified(made: Made) -> set[str]:
    """Ids of entries that passed the vetting (DOMAIN.md 2.8).

    The status says so; where it is none that anybody knows, that the draw decided on the entry.
    """
    return {
        str(entry["_id"])
        for entry in made.documents("entries")
        if is_live(made, entry)
        and not unreadable(entry)
        and entry.get("withdrawnAt") is None
        and _is_verified(entry)
    }


def _is_verified(entry: Document) -> bool:
    status = entry.get("status")
    today = _OLD_STATUSES.get(status, status) if isinstance(status, str) else None
    if today in _KNOWN:
        return today in _VERIFIED
    return (entry.get("selection") or {}).get("outcome") is not None


# --- consents


def partners(made: Made) -> list[str]:
    """Keys of the promoters of the campaign with whom something may be shared."""
    return [
        promoter["key"]
        for promoter in made.documents("promoters")
        if promoter["_id"] in campaign(made)["promoterIds"]
        and promoter["status"] == "active"
        and promoter["dataSharing"]["expiresAt"] > _SEEN_UNTIL
    ]


def consenting(made: Made, promoter_key: str) -> set[str]:
    """Digests of addresses whose fan agreed to hear from exactly this promoter, provably.

    Granted, not withdrawn since, with the evidence in the ledger of consents and a text that the
    campaign knows (DOMAIN.md 7.0, `SHAREABLE`).
    """
    (promoter,) = [p for p in made.documents("promoters") if p["key"] == promoter_key]
    texts = {
        (consent["key"], text["version"])
        for consent in campaign(made)["consents"]
        if consent["party"] == "promoter" and consent.get("promoterId") == promoter["_id"]
        for text in consent["textVersions"]
    }
    ledger = _acts(made, str(promoter["_id"]))
    return {
        email_digest(entry["contact"]["email"])
        for entry in made.documents("entries")
        if is_live(made, entry)
        and not unreadable(entry)
        and _agreed(entry, promoter, texts, ledger)
    }


def _agreed(
    entry: Document,
    promoter: Document,
    texts: set[tuple[str, str]],
    ledger: Mapping[tuple[str, str], list[Document]],
) -> bool:
    given = entry.get("consents")
    if not isinstance(given, list) or not isinstance(_email(entry), str):
        return False
    named = [c for c in given if c.get("promoterId") == promoter["_id"] and c["key"] != "sms"]
    if not named:
        return False
    last = max(named, key=lambda consent: (consent["at"], consent["granted"] is not True))
    acts = ledger.get((str(entry["_id"]), last["key"]), [])
    return (
        last["granted"] is True
        and last.get("withdrawnAt") is None
        and (last["key"], last["textVersion"]) in texts
        and bool(acts)
        and acts[-1]["action"] == "granted"
        and any(act["evidence_id"] == last["evidenceId"] for act in acts)
    )


def without_grants(made: Made) -> Made:
    """The same pack, had every fan withdrawn: for a negative control."""
    other = copy(made)
    rows = [{**row, "action": "withdrawn"} for row in made.rows["consent_events"]]
    other.rows = defaultdict(list, {**made.rows, "consent_events": rows})
    return other


def _email(entry: Document) -> object:
    contact = entry.get("contact")
    return contact.get("email") if isinstance(contact, dict) else None


def _acts(made: Made, promoter_id: str) -> dict[tuple[str, str], list[Document]]:
    """The acts of each entry and consent towards one promoter, in the order of time."""
    found: dict[tuple[str, str], list[Document]] = {}
    for row in sorted(seen(made, "consent_events", "occurred_at"), key=lambda r: r["occurred_at"]):
        if row["promoter_id"] == promoter_id:
            found.setdefault((row["entry_id"], row["consent_key"]), []).append(row)
    return found


def seen(made: Made, table: str, time: str) -> Iterator[Document]:
    """The rows of a table that had arrived, and happened, by the snapshot."""
    until = _SEEN_UNTIL.replace(tzinfo=None)
    for row in made.rows[table]:
        if row["dt"] <= _SEEN_UNTIL.date() and row[time].replace(tzinfo=None) <= until:
            yield row


# --- buyers and scores


def buyers(made: Made) -> set[str]:
    """Keys of the accounts of today that have an order that stands."""
    known = {user["accountId"]: user["_id"] for user in made.documents("users")}
    today = accounts(made)
    found: set[str] = set()
    for order in _orders(made).values():
        if order["status"] != "cancelled" and order["account_id"]:
            user = today.get(known.get(order["account_id"]))
            account = user["accountId"] if user else order["account_id"]
            found.add(account.replace("-", ""))
    return found


def _orders(made: Made) -> dict[str, Document]:
    """Each order as it stands: the last of its versions."""
    rows = seen(made, "ticket_orders", "ordered_at")
    return {row["order_id"]: row for row in sorted(rows, key=lambda row: row["ordered_at"])}


def scored(made: Made) -> set[str]:
    """Entries and accounts that a provider gave a score."""
    found: set[str] = set()
    answers: dict[str, Any] = {}
    for (bucket, key), body in sorted(made.objects.items()):
        if not key.endswith(".gz"):
            continue
        if bucket == "scoring":
            lines = csv.DictReader(io.StringIO(body.decode()))
            found |= {row["entry_id"] for row in lines if row["score"]}
        else:
            rows = map(json.loads, body.decode().splitlines())
            answers |= {row["accountId"].lower(): row["vfScore"] for row in rows}
    return found | {account for account, score in answers.items() if score is not None}


def scores_of_nobody(made: Made) -> int:
    """Lines of the files of scores whose entry or account is none of the campaign's."""
    entries = {str(e["_id"]) for e in made.documents("entries") if _is_somebodys(e)}
    today = accounts(made)
    known = {
        user["accountId"].lower()
        for entry in made.documents("entries")
        if (user := today.get(_user_id(entry))) is not None
    }
    found = 0
    told: set[str] = set()
    for (bucket, key), body in made.objects.items():
        if key.endswith(".gz") and bucket == "scoring":
            lines = csv.DictReader(io.StringIO(body.decode()))
            found += sum(row["entry_id"] not in entries for row in lines)
        elif key.endswith(".gz"):
            told |= {json.loads(line)["accountId"].lower() for line in body.decode().splitlines()}
    return found + len(told - known)


def _user_id(entry: Document) -> ObjectId | None:
    stored = entry.get("userId")
    return ObjectId(stored) if ObjectId.is_valid(stored or "") else None


def mailable(made: Made) -> set[str]:
    """Ids of live entries whose fan may be written to about other things than the registration."""
    stops = ("emailGlobalOptOut", "hardBouncedAt", "complainedAt")
    today = accounts(made)
    return {
        str(entry["_id"])
        for entry in made.documents("entries")
        if is_live(made, entry)
        and today.get(_user_id(entry)) is not None
        and not any(
            user.get("marketing", {}).get(name)
            for user in _trail(made, _user_id(entry))
            for name in stops
        )
    }


_FLAGS: Final = {
    "complained": "complainedAt",
    "email_opted_out": "emailGlobalOptOut",
    "hard_bounced": "hardBouncedAt",
    "sms_stopped": "smsStop",
}


def said_no(made: Made, name: str) -> list[set[str]]:
    """By what each fan is known whose account has a standing of the ledger."""
    today = accounts(made)
    return [
        {
            (today[user["_id"]] or user)["accountId"].replace("-", ""),
            str(user.get("email")),
            email_digest((user.get("phone") or {}).get("e164") or ""),
        }
        for user in made.documents("users")
        if user.get("marketing", {}).get(_FLAGS[name]) and not _is_erased(made, user)
    ]


def said_no_and_erased(made: Made, name: str) -> int:
    """How many of them are erased by now."""
    flagged = [u for u in made.documents("users") if u.get("marketing", {}).get(_FLAGS[name])]
    return sum(_is_erased(made, user) for user in flagged)


def _is_erased(made: Made, user: Document) -> bool:
    """Whether the account says so, or the ledger: an erasure is of the person, not of a login."""
    return any(
        one.get("erasure") is not None or str(one["_id"]) in _in_ledger(made)
        for one in _trail(made, user["_id"])
    )


@cache
def _in_ledger(made: Made) -> frozenset[str]:
    """Users whose erasure the ledger holds; an account may have been forgotten meanwhile."""
    rows = seen(made, "erasure_ledger", "completed_at")
    return frozenset(row["user_id"] for row in rows if row["user_id"])
