"""`duplicate-clusters`: entries that look like one fan's, or one bot's (DOMAIN.md 7.19).

Two entries belong together when they share a mailbox, a telephone, a device, a network, or name and
postal code; so do those that are tied by way of others. A value that more than 200 entries share is
that of a campus or a carrier and ties nobody. Rows lie on disk until the last entry is read, since
only then it is known who has one; in memory an entry takes 10 bytes, nine of them in
`shared/clusters.py`, so 35 MB for 3.5 million. Entries that are tied to nobody are kept in the
accounting but make no row.

Decided here: the entries are those that are scored (`shared/scored.py`); a network is a /24, of
IPv6 a /64, which is what a household gets; a name needs both its parts. `signals` are those by
which the entry itself is tied. `cluster_id` is the entry of the cluster that was registered first.
One entry a cluster is `kept`: one that was not thrown out, before others one whose code let
somebody in, since that fan is in; among equals the first. A field that cannot be read is empty and
counted (`unreadable:<column>`): an entry is no less a duplicate for a broken telephone number.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any, Final
from unicodedata import normalize

from assets.exports.shared.clusters import Clusters
from assets.exports.shared.entry_columns import ACCOUNT_ID, ENTRY_ID, REGISTERED_AT_UTC, field
from assets.exports.shared.entry_options import first_failing
from assets.exports.shared.entry_strands import (
    before_snapshot,
    by_registration,
    registration_order,
)
from assets.exports.shared.entry_values import band, mappings, string
from assets.exports.shared.entry_values import notes as entry_notes
from assets.exports.shared.id_set import IdSet
from assets.exports.shared.lake import events_until_snapshot
from assets.exports.shared.mailboxes import DOT_DOMAINS, PLUS_DOMAINS, Mailboxes
from assets.exports.shared.postal import postal_code
from assets.exports.shared.readable import Readable
from assets.exports.shared.scored import SCORED
from assets.exports.shared.statements import statement
from assets.exports.shared.telephone import is_possible
from assets.model.campaign import Facts
from assets.model.column import (
    E164,
    EMAIL,
    ENUM,
    ID,
    INTEGER,
    YES_NO,
    Column,
    Format,
    FormatKind,
    Getter,
    Pii,
    decimal,
    text,
)
from assets.model.export_type import ExportType, Scope
from assets.model.option import Option, whole, words
from assets.model.source import Arrange, EntryRow, EntrySource, Reading, Statement
from assets.steps.arrange import Sorter

# DOMAIN.md 7.19: a value of more entries is a campus, or a carrier that hides its customers.
MOST_SHARING: Final = 200
_LARGEST: Final = 1_000_000
_IPV4_BITS, _IPV6_BITS = 24, 64
# People of one network follow each other in time, as do bots.
_NETWORKS: Final = 4_096
_THROWN_OUT: Final = ("rejected", "duplicate")
_DOMAIN: Final = r"^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,8}$"


class Signal(IntEnum):
    """What ties two entries; the numbers are the kinds of `Clusters`."""

    EMAIL_ALIAS = 0
    PHONE = 1
    DEVICE = 2
    IP24 = 3
    NAME_POSTAL = 4

    @property
    def word(self) -> str:
        """As requests and files say it."""
        return self.name.lower()


# --- before the first row -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Ids of the codes that let somebody in."""

    redeemed: IdSet


def _prepare(facts: Facts, reading: Reading) -> Prepared:
    used = reading.query(redeemed(facts), "redeemed")
    return Prepared(redeemed=IdSet(str(row["code_id"]) for row in used))


def redeemed(facts: Facts) -> Statement:
    """The codes that the host accepted at least once."""
    return statement("duplicate_clusters/redeemed.sql", literals=events_until_snapshot(facts))


# --- signals ------------------------------------------------------------------------------------


def _mailbox(facts: Facts) -> Callable[[EntryRow], str]:
    options = facts.request.options
    known = Mailboxes(
        plus=frozenset(options["plus_domains"]), dots=frozenset(options["dot_domains"])
    )
    return lambda row: known.of(string(row, "contact.email"))


def _phone(row: EntryRow) -> str:
    number = string(row, "contact.phone.e164")
    return number if is_possible(number) else ""


def _network(row: EntryRow) -> str:
    return network(string(row, "device.ip"))


@lru_cache(maxsize=_NETWORKS)
def network(ip: str) -> str:
    """The network of an address: `192.0.2.0/24`, `2001:db8::/64`; empty for what is no address."""
    try:
        address = ip_address(ip.strip())
    except ValueError:
        return ""
    if address.version == 6:  # noqa: PLR2004 - the version of the protocol
        address = address.ipv4_mapped or address
    bits = _IPV4_BITS if address.version == 4 else _IPV6_BITS  # noqa: PLR2004
    return str(ip_network((int(address).to_bytes(address.max_prefixlen // 8), bits), strict=False))


def _name_postal(row: EntryRow) -> str:
    """Name and postal code in one spelling; empty where one of them is missing."""
    country = string(row, "contact.countryCode").strip().upper()
    code = postal_code(string(row, "contact.postalCode"), country)
    names = [_folded(string(row, f"contact.{part}")) for part in ("firstName", "lastName")]
    if code is None or not all(names):
        return ""
    return "|".join([*names, country, code.code])


def _folded(name: str) -> str:
    return " ".join(normalize("NFKC", name).casefold().split())


def _values(facts: Facts) -> Callable[[EntryRow], dict[int, str]]:
    """The values of an entry by signal, of the signals that the request asks for."""
    wanted = facts.request.options.get("signals")
    readers: dict[Signal, Callable[[EntryRow], str]] = {
        Signal.EMAIL_ALIAS: _mailbox(facts),
        Signal.PHONE: _phone,
        Signal.DEVICE: lambda row: string(row, "device.fingerprint").strip(),
        Signal.IP24: _network,
        Signal.NAME_POSTAL: _name_postal,
    }
    chosen = {s: read for s, read in readers.items() if not wanted or s.word in wanted}

    def values(row: EntryRow) -> dict[int, str]:
        return {signal: value for signal, read in chosen.items() if (value := read(row))}

    return values


# --- columns of the entry -----------------------------------------------------------------------


def _column(
    name: str, form: Format, pii: Pii, source: str, value: Getter, *, said: str = ""
) -> Column:
    return Column(name=name, format=form, pii=pii, source=source, value=value, description=said)


_OF_ENTRY: tuple[Column, ...] = (
    ENTRY_ID,
    ACCOUNT_ID,
    field("email", EMAIL, Pii.DIRECT, "contact.email"),
    field("phone", E164, Pii.DIRECT, "contact.phone.e164"),
    _column(
        "ip_prefix",
        text(43),
        Pii.DIRECT,
        "e.device.ip",
        lambda row: _network(row) or None,
        said="The network: a /24, of IPv6 a /64.",
    ),
    REGISTERED_AT_UTC,
    field("status", ENUM, Pii.NONE, "status"),
    field("score", decimal(6), Pii.RESTRICTED, "risk.score"),
    _column(
        "band",
        ENUM,
        Pii.RESTRICTED,
        "s.toBand | e.risk.band",
        band,
        said="A manual decision beats the scoring file.",
    ),
    field("duplicate_of", ID, Pii.PSEUDONYM, "duplicateOf"),
)
_READABLE: Final = Readable(_OF_ENTRY)


def _notes(row: EntryRow) -> list[str]:
    return [*entry_notes(row), *_READABLE.notes(row)]


# --- rows ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the file: an entry and the cluster that it is in."""

    cluster_id: str
    size: int
    signals: tuple[str, ...]
    kept: bool
    cells: Mapping[str, object]


# The cells of an entry in the order of `_OF_ENTRY`.
Cells = tuple[object, ...]


class DuplicateClusters:
    """Ties entries together while they are read, on disk.

    Args:
        facts: With what `prepare` read, and the options.
    """

    def __init__(self, facts: Facts) -> None:
        self._prepared: Prepared = facts.prepared
        self._least = int(facts.request.options["min_size"])
        self._values = _values(facts)
        self._clusters = Clusters(most=MOST_SHARING)
        self._entries: Sorter[Cells] = Sorter()
        # How readily an entry is given up for another of its cluster; the lowest is kept.
        self._losses = bytearray()

    def add(self, row: EntryRow) -> Iterable[Row]:
        """Keep one entry; they come in the order of registration.

        Raises:
            Unfit: Its codes cannot be read.
        """
        loss = self._loss(row)
        number = self._clusters.add(self._values(row))
        self._losses.append(loss)
        self._entries.add((number,), tuple(_READABLE.values(row).values()))
        return ()

    def rest(self) -> Iterator[Row]:
        """The rows of every cluster that is large enough."""
        clusters = self._clusters
        clusters.join()
        kept = self._kept()
        names: dict[int, str] = {}
        for (number,), cells in self._entries.pairs():
            if clusters.size(number) < self._least:
                continue
            first = clusters.first(number)
            shown = dict(zip(_NAMES, cells, strict=True))
            yield Row(
                # The first of a cluster comes first.
                cluster_id=names.setdefault(first, str(shown["entry_id"])),
                size=clusters.size(number),
                signals=tuple(Signal(kind).word for kind in clusters.kinds(number)),
                kept=kept[first] == number,
                cells=shown,
            )

    def _loss(self, row: EntryRow) -> int:
        held = [str(code.get("codeId")) for code in mappings(row.entry.get("codes"))]
        let_in = any(code in self._prepared.redeemed for code in held)
        return 2 * (row.entry.get("status") in _THROWN_OUT) + (not let_in)

    def _kept(self) -> dict[int, int]:
        """The entry that stays of each cluster, by the first one."""
        kept: dict[int, int] = {}
        for number, loss in enumerate(self._losses):
            if self._clusters.size(number) < self._least:
                continue
            first = self._clusters.first(number)
            if loss < self._losses[kept.setdefault(first, number)]:
                kept[first] = number
        return kept


_NAMES: Final = tuple(column.name for column in _OF_ENTRY)


def _order(row: Row) -> tuple[Any, ...]:
    return -row.size, row.cluster_id, str(row.cells["entry_id"])


# --- columns ------------------------------------------------------------------------------------


_CELLS: Final = _READABLE.shown(lambda row: row.cells)
_COLUMNS: tuple[Column, ...] = (
    _column(
        "cluster_id",
        ID,
        Pii.PSEUDONYM,
        "X: first e._id of the cluster",
        lambda row: row.cluster_id,
        said="The entry of the cluster that was registered first.",
    ),
    _column(
        "cluster_size", INTEGER, Pii.NONE, "X: count of e._id in the cluster", lambda row: row.size
    ),
    _column(
        "signals",
        Format(kind=FormatKind.LIST, ordered=False),
        Pii.RESTRICTED,
        "X: e.contact.email, e.contact.phone.e164, e.device.fingerprint, e.device.ip,"
        " e.contact.firstName, e.contact.lastName, e.contact.postalCode",
        lambda row: row.signals,
        said="What the entry shares with others of the cluster, sorted.",
    ),
    *(column for name, column in _CELLS.items() if name != "duplicate_of"),
    _column(
        "kept",
        YES_NO,
        Pii.NONE,
        "X: e.status, e.createdAt, e.codes.codeId with A.code_redemptions.result",
        lambda row: row.kept,
        said=(
            "Y: the one entry of the cluster to stay: not rejected and no duplicate, then with a"
            " code that let somebody in, then the first."
        ),
    ),
    _CELLS["duplicate_of"],
)


def _domains(name: str, description: str, default: tuple[str, ...]) -> Option:
    return words(name, description, pattern=_DOMAIN, default=default)


DUPLICATE_CLUSTERS = ExportType(
    name="duplicate-clusters",
    version=1,
    summary="Entries that share a mailbox, telephone, device, network or name, by cluster.",
    scope=Scope.CAMPAIGN,
    owner="team:fraud",
    upstream=(
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "scoring"),
        ("mongo", "users"),
        ("athena", "fan_events", "code_redemptions"),
    ),
    options=(
        replace(
            whole("min_size", "Only clusters of at least so many entries.", least=2, most=_LARGEST),
            default=2,
        ),
        words(
            "signals",
            "Tie entries by these only; all of them unless it is set.",
            values=tuple(signal.word for signal in Signal),
        ),
        _domains(
            "plus_domains",
            "Domains that leave out a plus in an address and what follows it.",
            PLUS_DOMAINS,
        ),
        _domains("dot_domains", "Domains that leave out dots in an address.", DOT_DOMAINS),
    ),
    columns=lambda _: _COLUMNS,
    static_columns=_COLUMNS,
    sort=("cluster_size", "cluster_id", "entry_id"),
    rows=EntrySource(
        strands=by_registration,
        order=registration_order,
        population=before_snapshot,
        verdict=lambda _: first_failing(SCORED),
        notes=_notes,
        fold=DuplicateClusters,
        arrange=Arrange(key=_order),
    ),
    retention_days=30,
    prepare=_prepare,
)
