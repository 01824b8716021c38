"""Who one person is: accounts after merges, and registrations made before there was an account.

A person is found by the account, or by the digest of an address that was proved to be theirs: the
address itself must not stand in a request, which the database and Dagster keep (DOMAIN.md 9). Of
several accounts with one address nobody can say whose it is, so an address alone does not name a
person then, and a guest of that address is nobody's (DOMAIN.md 7.1: the same address under two
accounts is no duplicate).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bson import ObjectId

from assets.exports.shared.entry_values import millis, string
from assets.exports.shared.merged_accounts import entries_of, with_merged
from assets.exports.shared.salesforce import without_hyphens
from assets.exports.shared.signals import digest
from assets.model.campaign import Facts
from assets.model.failure import ExportFailed
from assets.model.source import Document, EntryRow, Filter, Reading, Segment
from assets.steps.read import MERGE_HOPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person, as far as the platform knows them.

    Attributes:
        accounts: Documents of the person's users, those that were merged away included, by id.
        entries: Campaign id to the ids of the person's entries, in order.
        disputed: Ids of guests' entries whose address several accounts have.
        unreadable: How many entries of the person's users cannot be decoded.
    """

    accounts: tuple[Document, ...] = ()
    entries: Mapping[ObjectId, tuple[ObjectId, ...]] = field(default_factory=dict)
    disputed: frozenset[ObjectId] = frozenset()
    unreadable: int = 0

    @property
    def erased(self) -> bool:
        """Whether any of the accounts was erased: an erasure is of the person, not of a login."""
        return any(user.get("erasure") is not None for user in self.accounts)

    @property
    def entry_ids(self) -> frozenset[str]:
        """Every entry of the person, by the hex text of its id."""
        return frozenset(
            str(one) for ids in self.entries.values() for one in ids if one not in self.disputed
        )

    @property
    def user_ids(self) -> tuple[str, ...]:
        """Ids of the person's users."""
        return tuple(str(user["_id"]) for user in self.accounts)

    @property
    def account_keys(self) -> tuple[str, ...]:
        """The accounts as the shop knows them, and without hyphens as the mailer does."""
        known = [account for user in self.accounts if (account := _text(user.get("accountId")))]
        keys = (key for one in known for key in (one, without_hyphens(one) or one))
        return tuple(dict.fromkeys(key.lower() for key in keys))


def person(facts: Facts, reading: Reading) -> Person:
    """Find the person that a request is about; of nobody there is nothing to be found.

    Raises:
        ExportFailed: `SUBJECT_AMBIGUOUS`: several accounts have the address.
    """
    account, hashed = (facts.request.options[name] for name in ("account_id", "email_sha256"))
    if account is not None:
        accounts = _family(reading.users_where({"accountId": account}), reading)
    else:
        accounts = _family(_with_address(hashed, reading), reading)
        if len([user for user in accounts if not _is_merged(user)]) > 1:
            message = "several accounts have this address: ask by params/account_id"
            raise ExportFailed("SUBJECT_AMBIGUOUS", message)
    addresses = {address for user in accounts if (address := _address(user))}
    digests = {digest(address) for address in addresses} | ({hashed} if hashed else set())
    strangers = _strangers(addresses, accounts, reading)
    named = entries_of(user["_id"] for user in accounts)
    held = list(_read(facts, named, reading))
    guests = list(_guests(facts, digests, reading))
    by_campaign: dict[ObjectId, list[ObjectId]] = {}
    for row in (*_there(facts, held), *guests):
        by_campaign.setdefault(row.entry["campaignId"], []).append(row.entry["_id"])
    return Person(
        accounts=accounts,
        entries={campaign: tuple(sorted(set(ids))) for campaign, ids in by_campaign.items()},
        disputed=frozenset(
            row.entry["_id"] for row in guests if digest(_contact(row)) in strangers
        ),
        # They are there and cannot be decoded: they must be missed, not passed over.
        unreadable=reading.entry_count(named) - len(held),
    )


# -------------------------------------------------------------------------------------- accounts


def _family(seeds: Iterable[Document], reading: Reading) -> tuple[Document, ...]:
    """The accounts that these were merged into, and all that were merged into those."""
    found = {user["_id"]: user for user in seeds}
    for _ in range(MERGE_HOPS):
        above = {user["mergedInto"] for user in found.values() if _is_merged(user)}
        missing = sorted(above - found.keys())
        if not missing:
            break
        found |= {user["_id"]: user for user in reading.users_where({"_id": {"$in": missing}})}
    return tuple(user for _, user in sorted(with_merged(found.values(), reading).items()))


def _with_address(hashed: str, reading: Reading) -> Iterator[Document]:
    """Users with an address of this digest: no index holds digests, so all of them are looked at.

    3.5 million users take about a minute, a few times a day.
    """
    for user in reading.users_where({"emailNormalized": {"$type": "string"}}):
        if digest(_address(user)) == hashed:
            yield user


def _strangers(
    addresses: Iterable[str], accounts: Sequence[Document], reading: Reading
) -> frozenset[str]:
    """Digests of the addresses that somebody else has too."""
    own = {user["_id"] for user in accounts}
    others = reading.users_where({"emailNormalized": {"$in": sorted(addresses)}})
    return frozenset(digest(_address(user)) for user in others if user["_id"] not in own)


def _is_merged(user: Document) -> bool:
    return isinstance(user.get("mergedInto"), ObjectId)


def _address(user: Document) -> str:
    return _text(user.get("emailNormalized")) or _text(user.get("email"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


# --------------------------------------------------------------------------------------- entries


def _guests(facts: Facts, digests: set[str], reading: Reading) -> Iterator[EntryRow]:
    """Entries without a user and with an address of the person (DOMAIN.md 7.22)."""
    if not digests:
        return
    for row in _there(facts, _read(facts, {"userId": None}, reading)):
        if digest(_contact(row)) in digests:
            yield row


def _read(facts: Facts, wanted: Filter, reading: Reading) -> Iterator[EntryRow]:
    """Entries of any campaign."""
    return reading.entries(facts, [[Segment(filter=wanted, sort=("_id",))]])


def _there(facts: Facts, rows: Iterable[EntryRow]) -> Iterator[EntryRow]:
    """Those that were there at the snapshot."""
    latest = millis(facts.snapshot)
    return (row for row in rows if millis(row.entry.get("createdAt")) <= latest)


def _contact(row: EntryRow) -> str:
    return string(row, "contact.emailNormalized") or string(row, "contact.email")
