"""Access codes as the codes service shows them, beside their entries (DOMAIN.md 5.2, 7.2, 7.7)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from assets.exports.shared.entry_options import LIVE, Rule
from assets.exports.shared.entry_values import mappings, millis
from assets.model.campaign import Facts, Market
from assets.model.column import Column, Format, Getter, Pii, Unfit
from assets.model.failure import ExportFailed
from assets.model.source import CodeRow, CodeSlice, Document, Verdict

# The asset key of the service, as `upstream` of what reads it.
CODES_SERVICE: Final = ("http", "codes")
# DOMAIN.md 5.2. A code that is not available was given to a fan, or is shared by many.
AVAILABLE: Final = "available"
ISSUED: Final = ("assigned", "sent", "redeemed", "revoked", "expired")

# A rule tells whether the row stays; the name is the reason that the accounting shows.
CodeRule = tuple[str, Callable[[CodeRow], bool]]
# Entry and market to the highest seq, of those pairs only that a code was re-issued for.
Reissued = Mapping[tuple[str, str], int]


def refuse_unallocated(facts: Facts) -> None:
    """Refuse a campaign that has no codes to give.

    Raises:
        ExportFailed: `CAMPAIGN_NOT_ALLOCATED`: it has no pool of codes, or no market has a plan.
    """
    planned = not facts.markets or any(market.codes_planned for market in facts.markets)
    if not facts.campaign.code_configs or not planned:
        message = (
            "the campaign has no codes: give it a codeConfig, and its markets an allocation, first"
        )
        raise ExportFailed("CAMPAIGN_NOT_ALLOCATED", message)


def slices(
    facts: Facts, states: Sequence[str], *, wave: int | None, reveal: bool
) -> list[CodeSlice]:
    """What to ask the service for: each chosen market by itself, or all codes at once.

    All at once is not one slice a market: a shared code may belong to none.
    """
    keys: Iterable[str | None] = [None]
    if facts.request.options.get("markets"):
        keys = [market.key for market in facts.chosen_markets]
    return [CodeSlice(states=tuple(states), market=key, wave=wave, reveal=reveal) for key in keys]


def first_failing(rules: Sequence[CodeRule]) -> Verdict:
    """The verdict that names the first rule a row fails."""

    def verdict(row: CodeRow) -> str | None:
        return next((reason for reason, stays in rules if not stays(row)), None)

    return verdict


def of_entry(rule: Rule) -> CodeRule:
    """A rule of entries; a code without an entry passes it."""
    reason, stays = rule
    return reason, lambda row: row.entry is None or stays(row.entry)


# A code whose fan is erased tells of the fan, whatever the layout; the snapshot bounds the rest.
ALWAYS: Final[tuple[CodeRule, ...]] = (
    ("malformed", lambda row: _is_code(row.code)),
    ("assigned_later", lambda row: not is_later(row.code, row.facts)),
    *(of_entry(rule) for rule in LIVE if rule[0] in ("deleted", "erased")),
)


def _is_code(code: Document) -> bool:
    """Let a code pass; one that the door could not read is a counted reject, not left out."""
    if reason := code.get("malformed"):
        raise Unfit(f"code:{reason}")
    return True


def is_later(code: Document, facts: Facts) -> bool:
    """Whether a code was assigned after the snapshot; what cannot be read is for its column."""
    try:
        return millis(as_instant(code.get("assignedAt"))) > millis(facts.snapshot)
    except Unfit:
        return False


def reissued(codes: Iterable[Document], facts: Facts) -> Reissued:
    """Which codes have a successor: the highest seq of each pair that has more than one.

    A first code has seq 1, so only the others, about 7 in 100 (DOMAIN.md 10.3), are kept in mind.
    """
    highest: dict[tuple[str, str], int] = {}
    for code in codes:
        remember(highest, code, facts)
    return highest


def remember(highest: dict[tuple[str, str], int], code: Document, facts: Facts) -> None:
    """Take one code into account, where other things are read from the same codes."""
    seq = code.get("seq")
    if isinstance(seq, int) and seq > 1 and code.get("entryId") and not is_later(code, facts):
        pair = _pair(code)
        highest[pair] = max(seq, highest.get(pair, 0))


def is_superseded(row: CodeRow, highest: Reissued) -> bool:
    """Whether the same fan got a later code for the same market (DOMAIN.md 7.2)."""
    return (row.code.get("seq") or 1) < highest.get(_pair(row.code), 0)


def _pair(code: Document) -> tuple[str, str]:
    return str(code.get("entryId")), str(code.get("marketKey"))


# ---------------------------------------------------------------------------------------- values


def code_field(name: str, form: Format, pii: Pii, member: str) -> Column:
    """A column that shows one member of the service's answer as it is."""
    return Column(
        name=name,
        format=form,
        pii=pii,
        source=f"CS.{member}",
        value=lambda row: row.code.get(member),
    )


def code_instant(name: str, form: Format, member: str) -> Column:
    """A column that shows an instant of the service's answer."""
    return Column(
        name=name,
        format=form,
        pii=Pii.NONE,
        source=f"CS.{member}",
        value=lambda row: as_instant(row.code.get(member)),
    )


def entry_column(column: Column, name: str = "") -> Column:
    """A column of entries, for codes; empty where a code has no entry."""
    return Column(
        name=name or column.name,
        format=column.format,
        pii=column.pii,
        source=column.source,
        value=lambda row: None if row.entry is None else column.value(row.entry),
        description=column.description,
    )


def as_instant(value: object) -> object:
    """An instant as JSON says it; what is none stays, so that its column rejects it."""
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise Unfit("wrong_type") from None


def market_of(row: CodeRow) -> Market | None:
    """The market that a code is for."""
    return row.facts.market_by_key.get(str(row.code.get("marketKey")))


def market_shown(attribute: str) -> Getter:
    """An attribute of a code's market; empty where the campaign has no such market."""

    def get(row: CodeRow) -> object:
        market = market_of(row)
        return None if market is None else getattr(market, attribute)

    return get


def on_entry(row: CodeRow) -> Mapping[str, Any] | None:
    """What the entry says of the code (DOMAIN.md 2.5 `codes`), if it knows it."""
    wanted = row.code["codeId"]
    return next((code for code in codes_of(row) if code.get("codeId") == wanted), None)


def codes_of(row: CodeRow) -> list[Mapping[str, Any]]:
    """Every code that the entry knows."""
    return [] if row.entry is None else mappings(row.entry.entry.get("codes"))


def was_sent(row: CodeRow) -> bool:
    """Whether the fan got this code already."""
    return (on_entry(row) or {}).get("sentAt") is not None
