"""`codes`: the access codes of a campaign, for its host, its mailer and its help desk (7.2).

Rows come from the codes service. What the entry and the events of assignment say of a code is
compared with it; a difference is flagged in the row and counted, never corrected.

Decided here: a code of an erased or deleted entry is in no layout; `esp` holds codes that a live
fan can be told only; a code that several shows take is in the file of all of them (`E1_E2`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from assets.exports.shared.codes import (
    ALWAYS,
    AVAILABLE,
    CODES_SERVICE,
    ISSUED,
    CodeRule,
    Reissued,
    code_field,
    code_instant,
    codes_of,
    entry_column,
    first_failing,
    is_superseded,
    market_shown,
    of_entry,
    on_entry,
    refuse_unallocated,
    remember,
    slices,
)
from assets.exports.shared.entry_columns import ACCOUNT_ID, CONTACT
from assets.exports.shared.entry_options import LIVE, MARKETS, withdrawn
from assets.exports.shared.id_set import IdSet
from assets.exports.shared.lake import events_until_snapshot
from assets.exports.shared.statements import statement
from assets.model.campaign import Facts
from assets.model.column import (
    CODES,
    ENUM,
    ID,
    INTEGER,
    LOCAL_TIME,
    RAW,
    UTC_TIME,
    Column,
    Format,
    FormatKind,
    Pii,
    text,
)
from assets.model.export_type import ExportType, Scope
from assets.model.failure import ExportFailed
from assets.model.option import WORD_PATTERN, Option, choice, flag, whole, words
from assets.model.source import Arrange, CodeRow, CodeSlice, CodeSource, Reading, Verdict

_STATES: Final = (AVAILABLE, *ISSUED)
# What the host must let in (DOMAIN.md 7.2); the others are used up or void.
_FOR_THE_HOST: Final = ("assigned", "sent")
_HOST, _ESP = "host_upload", "esp"
_SET: Final = Format(kind=FormatKind.LIST, ordered=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What is known of all codes before the first row.

    Attributes:
        reissued: Which codes have a successor.
        known: Every code of the service.
        told: Every code that an event assigns.
        as_told: The same with entry, market and seq, as `_place` writes them.
    """

    reissued: Reissued
    known: IdSet
    told: IdSet
    as_told: IdSet


def _prepare(facts: Facts, reading: Reading) -> Prepared:
    """Look at every code twice: once in the service, once in the events."""
    highest: dict[tuple[str, str], int] = {}

    def every() -> Iterator[str]:
        for code in reading.codes(facts, CodeSlice()):
            remember(highest, code, facts)
            yield str(code["codeId"])

    told = statement("codes/assigned.sql", literals=events_until_snapshot(facts))
    rows = [(str(row["code_id"]), _place(row)) for row in reading.query(told, "assigned")]
    return Prepared(
        known=IdSet(every()),
        reissued=highest,
        told=IdSet(code_id for code_id, _ in rows),
        as_told=IdSet(place for _, place in rows),
    )


def _place(row: Mapping[str, Any]) -> str:
    return "|".join(str(row[name]) for name in ("code_id", "entry_id", "market_key", "seq"))


# ----------------------------------------------------------------------------------- differences


def _differences(row: CodeRow) -> Iterator[str]:
    """How the entry and the service disagree about the codes of a fan."""
    if row.code.get("entryId") is None:
        return
    if row.entry is None:
        yield "missing_entry"
        return
    if on_entry(row) is None:
        yield "not_on_entry"
    if not is_superseded(row, row.facts.prepared.reissued) and _on_entry_only(row):
        yield "on_entry_only"


def _on_entry_only(row: CodeRow) -> bool:
    """Whether the entry has a code for this market that the service does not know."""
    market = row.facts.market_by_key.get(str(row.code.get("marketKey")))
    return market is not None and any(
        code.get("marketId") == market.id
        and str(code.get("codeId")) not in row.facts.prepared.known
        for code in codes_of(row)
    )


def _mismatch(row: CodeRow) -> str | None:
    return next(_differences(row), None)


def _notes(row: CodeRow) -> Sequence[str]:
    """What the accounting counts; events may be late, so a code without one is no error."""
    found = list(_differences(row))
    if row.code.get("assignedAt") is not None:
        found.extend(_against_events(row))
    return found


def _against_events(row: CodeRow) -> Iterator[str]:
    code, prepared = row.code, row.facts.prepared
    told = {
        "code_id": code["codeId"],
        "entry_id": code.get("entryId"),
        "market_key": code.get("marketKey"),
        "seq": code.get("seq"),
    }
    if str(code["codeId"]) not in prepared.told:
        yield "not_in_events"
    elif _place(told) not in prepared.as_told:
        yield "differs_from_event"


# --------------------------------------------------------------------------------------- columns


def _code_type(row: CodeRow) -> str | None:
    configs = {config.key: config.type for config in row.facts.campaign.code_configs}
    return configs.get(str(row.code.get("configKey")))


def _of_code(name: str) -> Any:
    return lambda row: (on_entry(row) or {}).get(name)


_CODE_ID = code_field("code_id", ID, Pii.PSEUDONYM, "codeId")
_CODE = Column(
    name="code",
    format=RAW,
    pii=Pii.SECRET,
    secret_scope=CODES,
    source="CS.value",
    value=lambda row: row.code.get("value"),
    description="Exactly as the host takes it: text, never neutralised. Only with reveal.",
)
_MARKET: tuple[Column, ...] = (
    code_field("market_key", ID, Pii.NONE, "marketKey"),
    Column(
        name="market",
        format=text(120),
        pii=Pii.NONE,
        source="m.name by CS.marketKey",
        value=market_shown("label"),
    ),
)
_WAVE = code_field("wave", INTEGER, Pii.NONE, "wave")
_SEQ = code_field("seq", INTEGER, Pii.NONE, "seq")
_STATE = code_field("state", ENUM, Pii.NONE, "state")
_VALID: tuple[Column, ...] = (
    code_instant("valid_from_utc", UTC_TIME, "validFrom"),
    code_instant("valid_until_utc", UTC_TIME, "validUntil"),
)
_FAN: tuple[Column, ...] = (
    code_field("entry_id", ID, Pii.PSEUDONYM, "entryId"),
    entry_column(ACCOUNT_ID),
    *(entry_column(column) for column in CONTACT if column.name in ("email", "first_name")),
)
_FULL: tuple[Column, ...] = (
    _CODE_ID,
    Column(
        name="code_type",
        format=ENUM,
        pii=Pii.NONE,
        source="c.codeConfig.codeType by CS.configKey",
        value=_code_type,
    ),
    code_field("code_config", text(80), Pii.NONE, "configKey"),
    *_MARKET,
    code_field("event_ids", _SET, Pii.NONE, "hostEventIds"),
    _WAVE,
    _SEQ,
    _STATE,
    code_instant("assigned_at", LOCAL_TIME, "assignedAt"),
    code_instant("assigned_at_utc", UTC_TIME, "assignedAt"),
    *_VALID,
    Column(
        name="sent_at_utc",
        format=UTC_TIME,
        pii=Pii.NONE,
        source="e.codes[codeId].sentAt",
        value=_of_code("sentAt"),
    ),
    Column(
        name="channel",
        format=ENUM,
        pii=Pii.NONE,
        source="e.codes[codeId].channel",
        value=_of_code("channel"),
    ),
    *_FAN,
    Column(
        name="mismatch",
        format=ENUM,
        pii=Pii.NONE,
        source="X: CS.codeId against e.codes.codeId",
        value=_mismatch,
        description=(
            "missing_entry: the entry does not exist; not_on_entry: it does not know the code; "
            "on_entry_only: it has another code for the market that the service does not know."
        ),
    ),
)
_FOR_MAIL: tuple[Column, ...] = (_CODE_ID, *_MARKET, _WAVE, _SEQ, _STATE, *_VALID, *_FAN)


def columns(facts: Facts) -> tuple[Column, ...]:
    """The columns of the layout; the code itself is second where it is shown at all."""
    options = facts.request.options
    if options["layout"] == _HOST:
        return (_CODE,)
    shown = _FOR_MAIL if options["layout"] == _ESP else _FULL
    return (shown[0], _CODE, *shown[1:]) if options["reveal"] else shown


# ------------------------------------------------------------------------------------------ rows


def _states(facts: Facts) -> tuple[str, ...]:
    options = facts.request.options
    usual = _FOR_THE_HOST if options["layout"] == _HOST else ISSUED
    states = tuple(options.get("states") or usual)
    pool = (AVAILABLE,) if options["include_unassigned"] and AVAILABLE not in states else ()
    return (*states, *pool)


def _slices(facts: Facts) -> Sequence[CodeSlice]:
    options = facts.request.options
    return slices(facts, _states(facts), wave=options.get("wave"), reveal=bool(options["reveal"]))


def _refuse(facts: Facts) -> None:
    refuse_unallocated(facts)
    options = facts.request.options
    if options["layout"] != _HOST:
        return
    if not options["reveal"]:
        message = "layout=host_upload is a list of codes: it needs reveal=true"
        raise ExportFailed("OPTIONS_CONFLICT", message)
    if set(options.get("states") or ()) - {*_FOR_THE_HOST, AVAILABLE}:
        message = "layout=host_upload takes the states assigned, sent and available only"
        raise ExportFailed("OPTIONS_CONFLICT", message)


def _verdict(facts: Facts) -> Verdict:
    options, prepared = facts.request.options, facts.prepared
    rules: list[CodeRule] = [*ALWAYS]
    if options["layout"] == _ESP:
        rules += _mailable()
    if config := options.get("code_config_key"):
        rules.append(("code_config", lambda row: row.code.get("configKey") == config))
    if not options["all_seq"]:
        rules.append(("superseded", lambda row: not is_superseded(row, prepared.reissued)))
    return first_failing(rules)


def _mailable() -> list[CodeRule]:
    return [
        ("no_entry", lambda row: row.entry is not None),
        *(of_entry(rule) for rule in LIVE),
        of_entry(("withdrawn", lambda row: not withdrawn(row))),
    ]


def _group(row: CodeRow) -> str:
    """What the files are split by: the market, the shows, or nothing."""
    match row.facts.request.options.get("split"):
        case "market":
            return str(row.code.get("marketKey") or "")
        case "event":
            return "_".join(sorted(row.code.get("hostEventIds") or ()))
        case _:
            return ""


def _key(row: CodeRow) -> tuple[Any, ...]:
    """The order of the layout: by value for the host (bytewise), else by market, wave and id.

    UTF-8 keeps the order of code points, so texts compare as their bytes do. The first part is
    all of it, because a value must not stand twice in a file of the host.
    """
    code, group = row.code, _group(row)
    if row.facts.request.options["layout"] == _HOST:
        return ((group, str(code.get("value"))), str(code["codeId"]))
    wave = code.get("wave")
    place = (wave is None, wave or 0)
    return ((group, str(code.get("marketKey") or ""), *place, str(code["codeId"])),)


def _split(facts: Facts) -> Callable[[CodeRow], str] | None:
    return _group if facts.request.options.get("split") else None


def _fixed(options: Mapping[str, Any]) -> Mapping[str, str]:
    """The host reads one column without header, quotes or byte order mark (DOMAIN.md 7.2)."""
    if options["layout"] != _HOST:
        return {}
    return {"dialect": "plain", "format": "csv", "compression": "none", "pii": "full"}


CODES_EXPORT = ExportType(
    name="codes",
    version=1,
    summary="Access codes with their state, their fan and what the entry says of them.",
    scope=Scope.CAMPAIGN,
    owner="team:ticketing-operations",
    upstream=(
        CODES_SERVICE,
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "markets"),
        ("mongo", "users"),
        ("athena", "fan_events", "codes_assigned"),
    ),
    options=(
        MARKETS,
        choice(
            "layout",
            "full; host_upload: nothing but codes, one a line; esp: for e-mail about codes.",
            values=("full", _HOST, _ESP),
            default="full",
        ),
        words("states", "Only codes in these states.", values=_STATES),
        whole("wave", "Only this wave.", least=0, most=10_000),
        Option(
            name="code_config_key",
            schema={"type": "string", "pattern": WORD_PATTERN.replace("_]", "_-]")},
            description="Only codes of this pool.",
        ),
        flag("include_unassigned", "Add the codes that nobody was given yet."),
        Option(
            name="reveal",
            schema={"type": "boolean"},
            description="Show the codes themselves.",
            default=False,
            scope=CODES,
        ),
        flag("all_seq", "Keep codes that a re-issue has replaced."),
        choice("split", "A file of its own for each.", values=("event", "market"), default=None),
    ),
    columns=columns,
    static_columns=_FULL,
    sort=("market_key", "wave", "code_id"),
    rows=CodeSource(
        slices=_slices,
        verdict=_verdict,
        notes=_notes,
        arrange=Arrange(key=_key, unique=1),
    ),
    retention_days=7,
    other_columns=("code",),
    fixed=_fixed,
    prepare=_prepare,
    refuse=_refuse,
    split=_split,
)
