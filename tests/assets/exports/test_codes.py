"""`codes`: every layout, every rule, and what is said where the stores disagree."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId

from assets.exports.codes import CODES_EXPORT
from assets.model.campaign import CodeConfig, Facts
from assets.model.failure import ExportFailed
from assets.model.parameters import Forbidden, parse
from assets.model.policy import Transform, transform
from assets.model.source import CodeRow, CodeSlice, CodeSource
from tests.assets.examples import KEY, MARKETS, NEW_YORK, SNAPSHOT, campaign, facts, row
from tests.assets.exports.scripted import Scripted

FAN = ObjectId("66510000000000000000e001")
OTHER = ObjectId("66510000000000000000e002")
SHOWN: dict[str, Any] = {"layout": "full"}
HOST: dict[str, Any] = {"layout": "host_upload", "reveal": True}


def source() -> CodeSource:
    """The source of the export."""
    assert isinstance(CODES_EXPORT.rows, CodeSource)
    return CODES_EXPORT.rows


def code(number: int, **members: Any) -> dict[str, Any]:
    """A sent code of the fan for New York, as the service shows it."""
    shown = {
        "codeId": f"c{number}",
        "value": f"V{number}",
        "configKey": "presale",
        "entryId": str(FAN),
        "marketKey": "new-york-ny",
        "hostEventIds": ["E2", "E1"],
        "wave": 1,
        "seq": 1,
        "state": "sent",
        "assignedAt": "2026-03-12T18:00:00Z",
        "validFrom": "2026-03-13T14:00:00Z",
        "validUntil": "2026-03-14T03:00:00Z",
    }
    return shown | members


def told(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The event that assigned a code."""
    return {
        "code_id": shown["codeId"],
        "entry_id": shown["entryId"],
        "market_key": shown["marketKey"],
        "seq": shown["seq"],
    }


def known(*ids: str, **fields: Any) -> dict[str, Any]:
    """An entry that knows these codes."""
    codes = [
        {"codeId": one, "marketId": NEW_YORK, "seq": 1, "state": "sent", "channel": "sms"}
        for one in ids
    ]
    return {"_id": FAN, "status": "code_sent", "isCurrent": True, "codes": codes} | fields


def ground(*issued: Mapping[str, Any], late: tuple[str, ...] = (), **params: Any) -> Facts:
    """The facts after the look-ups; codes named in `late` have no event yet."""
    pools = (CodeConfig(key="presale", type="unique"),)
    asked = facts("codes", of=replace(campaign(), code_configs=pools), **params)
    events = [told(one) for one in issued if one["codeId"] not in late]
    reading = Scripted(issued=issued, results={"assigned": events})
    return replace(asked, prepared=CODES_EXPORT.prepare(asked, reading))


def of(shown: Mapping[str, Any], on: Facts, entry: Mapping[str, Any] | None = None) -> CodeRow:
    """A code beside its entry."""
    return CodeRow(shown, None if entry is None else row(entry, {"accountId": "A-1"}, on), on)


def verdict(shown: Mapping[str, Any], entry: Mapping[str, Any] | None, **params: Any) -> str | None:
    """Why a code stays out."""
    on = ground(shown, **params)
    return source().verdict(on)(of(shown, on, entry))


def test_the_code_is_a_column_only_where_it_was_asked_for() -> None:
    """A code lets its holder buy: it must not come along by default."""
    usual = [column.name for column in CODES_EXPORT.columns(facts("codes"))]
    revealed = [column.name for column in CODES_EXPORT.columns(facts("codes", reveal=True))]

    assert "code" not in usual
    assert ["code_id", "code"] == revealed[:2]
    assert usual == [name for name in revealed if name != "code"]


def test_to_reveal_codes_needs_its_scope_and_the_column_too() -> None:
    """Two locks: the option is refused, and the column is withheld in every mode but full."""
    given = {"campaign_id": KEY, "pii": "full", "reason": "a test", "reveal": True}
    with pytest.raises(Forbidden):
        parse(CODES_EXPORT, given, scopes=("pii:full", "answers:sensitive"))
    masked = facts("codes", reveal=True, pii="masked")
    column = CODES_EXPORT.columns(masked)[1]

    assert transform(column, masked.request.policy) is Transform.WITHHELD
    full = facts("codes", reveal=True).request.policy
    assert transform(column, full) is Transform.NONE


def test_the_host_gets_one_column_of_values_without_any_decoration() -> None:
    """A header or a quote would be uploaded as a code (DOMAIN.md 7.2)."""
    asked = facts("codes", **HOST)

    assert ["code"] == [column.name for column in CODES_EXPORT.columns(asked)]
    assert asked.request.output.dialect == "plain"
    assert asked.request.output.compression == "none"
    assert [CodeSlice(states=("assigned", "sent"), reveal=True)] == source().slices(asked)
    pool = source().slices(facts("codes", include_unassigned=True, **HOST))
    assert ("assigned", "sent", "available") == pool[0].states


def test_each_chosen_market_is_asked_for_by_itself_with_the_wave() -> None:
    """An expired cursor then restarts one market, not the campaign."""
    asked = facts("codes", markets=["vancouver-bc", "new-york-ny"], wave=2, states=["expired"])

    assert [
        CodeSlice(states=("expired",), market="new-york-ny", wave=2),
        CodeSlice(states=("expired",), market="vancouver-bc", wave=2),
    ] == source().slices(asked)


@pytest.mark.parametrize(
    "params",
    [{"layout": "host_upload"}, {**HOST, "states": ["revoked"]}],
)
def test_a_layout_that_cannot_be_is_refused(params: dict[str, Any]) -> None:
    """A void code at the host's door is a fan who is turned away."""
    pools = (CodeConfig(key="presale", type="unique"),)
    asked = facts("codes", of=replace(campaign(), code_configs=pools), its_markets=(), **params)

    with pytest.raises(ExportFailed, match="OPTIONS_CONFLICT"):
        CODES_EXPORT.refuse(asked)


def test_a_campaign_without_codes_is_refused_and_one_with_codes_is_not() -> None:
    """An empty file would look like a campaign in which nobody was invited."""
    pools = (CodeConfig(key="presale", type="unique"),)
    allocated = replace(campaign(), code_configs=pools)
    planned = tuple(replace(market, codes_planned=20) for market in MARKETS)

    for of_campaign, its_markets in ((campaign(), planned), (allocated, MARKETS)):
        with pytest.raises(ExportFailed, match="CAMPAIGN_NOT_ALLOCATED"):
            CODES_EXPORT.refuse(facts("codes", of=of_campaign, its_markets=its_markets))
    CODES_EXPORT.refuse(facts("codes", of=allocated, its_markets=planned))


def test_only_the_last_code_of_a_fan_and_market_is_kept() -> None:
    """Whoever gets the code that was replaced stands at the door with it."""
    first, second = code(1), code(2, seq=2)
    elsewhere = code(3, marketKey="vancouver-bc")
    on = ground(first, second, elsewhere)
    judge = source().verdict(on)

    assert ["superseded", None, None] == [
        judge(of(one, on, known("c1", "c2"))) for one in (first, second, elsewhere)
    ]
    every = ground(first, second, all_seq=True)
    assert source().verdict(every)(of(first, every, known())) is None


def test_a_re_issue_after_the_snapshot_replaces_nothing_yet() -> None:
    """Rows of one snapshot must not depend on how long the reading took."""
    first, later = code(1), code(2, seq=2, assignedAt="2026-03-20T12:00:01Z")
    on = ground(first, later)
    judge = source().verdict(on)

    assert judge(of(first, on, known("c1"))) is None
    assert "assigned_later" == judge(of(later, on, known("c1")))


@pytest.mark.parametrize(
    ("entry", "full", "esp"),
    [
        (known("c1"), None, None),
        (known("c1", status="erased"), "erased", "erased"),
        (known("c1", deletedAt=SNAPSHOT), "deleted", "deleted"),
        (known("c1", isCurrent=False), None, "not_current"),
        (known("c1", status="withdrawn"), None, "withdrawn"),
        (None, None, "no_entry"),
    ],
)
def test_who_is_erased_is_in_no_layout_and_who_left_gets_no_mail(
    entry: dict[str, Any] | None, full: str | None, esp: str | None
) -> None:
    """The help desk sees the code of a fan who left; the mailer must not."""
    assert full == verdict(code(1), entry)
    assert esp == verdict(code(1), entry, layout="esp")


def test_other_pools_and_codes_that_cannot_be_read_stay_out() -> None:
    """A code that the door could not read is a counted reject, never passed over."""
    assert "code_config" == verdict(code(1), known("c1"), code_config_key="general")
    assert verdict(code(1), known("c1"), code_config_key="presale") is None
    with pytest.raises(Exception, match="code:no_state"):
        verdict(code(1, malformed="no_state"), known("c1"))


@pytest.mark.parametrize(
    ("shown", "entry", "expected"),
    [
        (code(1), known("c1"), []),
        (code(1), known("c9"), ["not_on_entry", "on_entry_only"]),
        (code(1), known("c1", "c9"), ["on_entry_only"]),
        (code(1), None, ["missing_entry"]),
        (code(1, entryId=None), None, []),
    ],
)
def test_a_code_that_only_one_side_knows_is_flagged_and_counted(
    shown: dict[str, Any], entry: dict[str, Any] | None, expected: list[str]
) -> None:
    """DOMAIN.md 7.2: written, flagged, counted; a shared code has no entry and is no mismatch."""
    on = ground(shown)
    (flag,) = [column for column in CODES_EXPORT.columns(on) if column.name == "mismatch"]
    found = of(shown, on, entry)

    assert expected == list(source().notes(found))
    assert next(iter(expected), None) == flag.value(found)


def test_the_events_of_assignment_are_compared_and_a_late_one_is_only_counted() -> None:
    """Events may be late, so a code without one is no mismatch; another market is worth a look."""
    shown = code(1)
    late = ground(shown, late=("c1",))
    moved = ground(code(1, marketKey="vancouver-bc"))
    never = ground(code(1), late=("c1",))

    assert ["not_in_events"] == list(source().notes(of(shown, late, known("c1"))))
    assert ["differs_from_event"] == list(source().notes(of(shown, moved, known("c1"))))
    pooled = code(1, state="available", entryId=None, assignedAt=None)
    assert [] == list(source().notes(of(pooled, never)))


def ordered(*codes: dict[str, Any], **params: Any) -> list[str]:
    """Ids of codes in the order of the file, each key once."""
    on = ground(*codes, **params)
    keyed = sorted((source().arrange.key(of(one, on)), one["codeId"]) for one in codes)
    seen = {key[0]: name for key, name in reversed(keyed)}
    return [name for key, name in keyed if seen[key[0]] == name]


def test_the_order_is_market_wave_and_id_and_for_the_host_the_bytes_of_the_value() -> None:
    """Equal snapshots must give equal files although the service gives codes in no order."""
    codes = [
        code(1, wave=2, value="b"),
        code(2, wave=10, value="B"),
        code(3, marketKey="vancouver-bc", value="a"),
        code(4, wave=2, value="1E10"),
        code(5, wave=None, value="é"),
    ]

    assert ["c1", "c4", "c2", "c5", "c3"] == ordered(*codes)
    assert ["c4", "c2", "c3", "c1", "c5"] == ordered(*codes, **HOST)


def test_the_host_gets_each_value_once_and_people_see_each_code() -> None:
    """A shared value twice would be refused by the host's upload."""
    twins = [code(1, value="SAME"), code(2, value="SAME")]

    assert ["c1"] == ordered(*twins, **HOST)
    assert ["c1", "c2"] == ordered(*twins)


@pytest.mark.parametrize(("split", "group"), [("market", "new-york-ny"), ("event", "E1_E2")])
def test_rows_of_one_file_follow_each_other(split: str, group: str) -> None:
    """A file begins where the group changes, so the order must begin with the group."""
    on = ground(code(1), split=split)
    grouped = CODES_EXPORT.split(on)

    assert grouped is not None
    assert group == grouped(of(code(1), on)) == source().arrange.key(of(code(1), on))[0][0]
    assert CODES_EXPORT.split(facts("codes")) is None


def test_cells_come_from_the_service_and_the_entry() -> None:
    """One row, every column, as a person would read it."""
    entry = known("c1", contact={"email": "a@example.com", "firstName": "Ann"})
    entry["codes"][0]["sentAt"] = SNAPSHOT
    on = ground(code(1), reveal=True)
    found = of(code(1), on, entry)
    cells = {column.name: column.value(found) for column in CODES_EXPORT.columns(on)}

    assert "V1" == cells["code"]
    assert ("unique", "presale") == (cells["code_type"], cells["code_config"])
    assert ("new-york-ny", "New York, NY") == (cells["market_key"], cells["market"])
    assert "2026-03-12 18:00:00+00:00" == str(cells["assigned_at_utc"])
    assert (SNAPSHOT, "sms") == (cells["sent_at_utc"], cells["channel"])
    assert ("A-1", "a@example.com", "Ann") == (
        cells["account_id"],
        cells["email"],
        cells["first_name"],
    )


def test_a_code_without_an_entry_has_empty_cells_and_is_written() -> None:
    """Shared codes have no fan (DOMAIN.md 7.2)."""
    shared = code(1, entryId=None, configKey="unknown")
    on = ground(shared)
    cells = {column.name: column.value(of(shared, on)) for column in CODES_EXPORT.columns(on)}

    assert verdict(shared, None) is None
    assert {None} == {cells[name] for name in ("code_type", "entry_id", "email", "sent_at_utc")}
