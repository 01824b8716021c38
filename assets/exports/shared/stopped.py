"""Addresses that must not be written to, whoever gave them (DOMAIN.md 7.0; 11, point 3).

A no is said by a person, but mail goes to an address: where several accounts share one, the one
that bounced or opted out stops it for all of them. What is with our mailer goes by account, so it
is asked only what accounts say; who knows the address alone (a promoter, an advertising platform)
must not get one either that `suppression` names for a withdrawal or an erasure.

Decided here: accounts are the truth about bounces, complaints and opt-outs (DOMAIN.md 2.4); what an
event says that no account has heard of yet stops nobody before `suppression` has told the account.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from itertools import chain
from typing import Final

from assets.exports.shared.chunks import chunks
from assets.exports.shared.entry_options import Rule
from assets.exports.shared.entry_values import NO_INSTANT, lowered, millis, string
from assets.exports.shared.id_set import IdSet
from assets.exports.shared.lake import events_until_snapshot
from assets.exports.shared.merged_accounts import entries_of, with_merged
from assets.exports.shared.signal_sources import (
    PROMOTER,
    said_by_entries,
    said_by_ledger,
    text_of,
)
from assets.exports.shared.signals import BY_SMS, Suppressions, Window, digest
from assets.model.campaign import Facts
from assets.model.column import Unfit
from assets.model.meaning import Described, Meaning, What
from assets.model.source import EntryRow, Reading, Segment

# What an account says of its addresses: for all mail, and for all but that of a registration.
NO_MAIL: Final = ("hardBouncedAt", "complainedAt")
NO_MARKETING: Final = (*NO_MAIL, "emailGlobalOptOut")


def address_of(row: EntryRow) -> str:
    """The fan's address as it is compared: the one shown, trimmed and in lower case.

    It is not the stored `emailNormalized`, which an edit of the address may have left behind.
    """
    return lowered(string(row, "contact.email"))


def stopped_digest(row: EntryRow) -> str:
    """By what the address of a row is known among those that are stopped."""
    return digest(address_of(row))


def not_stopped(stopped: IdSet) -> Rule:
    """The rule that the address of a row is none of these."""
    meaning = Meaning(what=What.NOT_STOPPED, path="contact.email", values=(stopped.digests(),))
    stays = Described(meaning=meaning, read=lambda row: stopped_digest(row) not in stopped)
    return "address_suppressed", stays


def stopped_by_accounts(
    facts: Facts, reading: Reading, said: Collection[str] = NO_MARKETING
) -> Iterator[str]:
    """Digests of the addresses of accounts that said no: their own, and those of their entries.

    Args:
        facts: The ground that the entries stand on.
        reading: Where to look.
        said: Names of DOMAIN.md 2.4 `marketing`; any value that is not a clear no counts.
    """
    flagged = [{f"marketing.{name}": {"$nin": [None, False]}} for name in said]
    wanted = {"kind": {"$nin": ["staff", "service"]}, "$or": flagged}
    for users in chunks(reading.users_where(wanted)):
        yield from (digest(lowered(text_of(user.get("email")) or "")) for user in users)
        ids = sorted(with_merged(users, reading))
        held = Segment(filter=entries_of(ids), sort=("_id",))
        yield from map(stopped_digest, reading.entries(facts, [[held]]))


def stopped_for_others(facts: Facts, reading: Reading, promoter: str = "") -> Iterator[str]:
    """Digests of the addresses that nobody who knows the address alone may be given.

    Args:
        facts: Whose campaign, and the snapshot.
        reading: Where to look.
        promoter: Key of the promoter who is told; what was said to others does not count.
    """
    yield from stopped_by_accounts(facts, reading)
    lines = Suppressions(Window(start=NO_INSTANT, end=millis(facts.snapshot) + 1))
    erased = said_by_ledger(reading, events_until_snapshot(facts))
    for record in chain(said_by_entries(facts, reading), erased):
        with suppress(Unfit):  # `suppression` counts it; its own row is rejected
            lines.add(record)
    for line in lines.rest():
        if line.channel != BY_SMS and (line.reason != PROMOTER or line.promoter == promoter):
            yield digest(lowered(line.subject.email or "")) or line.subject.digest
