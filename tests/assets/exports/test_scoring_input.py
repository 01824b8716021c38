"""`scoring-input`: what a provider may know about a fan, and nothing that names one."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from bson import ObjectId

from assets.exports.scoring_input import SCORING_INPUT, Prepared, verification_flags
from assets.model.column import FormatKind, Pii
from assets.model.failure import ExportFailed
from assets.model.parameters import Forbidden, InvalidRequest, parse
from assets.steps.plan import plan
from tests.assets.examples import KEY, NEW_YORK, SNAPSHOT, VANCOUVER, facts, request, row
from tests.assets.exports.sheets import Sheet, entry, sheet

GROUP = ObjectId("66560000000000000000d001")
HISTORY = {"ordersLifetime": 11, "ordersArtist": 2, "lastOrderAt": SNAPSHOT - timedelta(days=3.5)}
# Everything but the two hashes, in which a test would only see noise.
PLAIN = [c.name for c in SCORING_INPUT.static_columns if c.format.kind is not FormatKind.HASH]


def account(number: int) -> str:
    """The account of a user; the higher the number, the lower the id."""
    return f"{99 - number:08d}-0000-4000-8000-000000000000"


def fan(number: int, *, user: int | None = None, **fields: Any) -> dict[str, Any]:
    """An entry of a user with its own number, or of another one."""
    return entry(number, userId=ObjectId(f"{user or number:024x}"), **fields)


def user(number: int, **fields: Any) -> dict[str, Any]:
    """An account that is ten days old."""
    usual = {"accountId": account(number), "createdAt": SNAPSHOT - timedelta(days=10)}
    return {"_id": ObjectId(f"{number:024x}"), **usual, **fields}


def fed(*entries: dict[str, Any], **params: Any) -> Sheet:
    """The features of these entries."""
    people = [user(number) for number in range(1, 10)]
    return sheet("scoring-input", entries, **{"users": people, "columns": PLAIN, **params})


def told(made: Sheet, *names: str) -> list[tuple[str, ...]]:
    """Number of the entry and some cells of each row."""
    return [(str(int(line["entry_id"], 16)), *(line[n] for n in names)) for line in made.rows]


def value(name: str, fields: Mapping[str, Any], **of_user: Any) -> object:
    """The value of one column."""
    ground = replace(facts("scoring-input"), prepared=Prepared(group_sizes={}))
    (found,) = [column for column in SCORING_INPUT.columns(ground) if column.name == name]
    return found.value(row(fields, of_user or None, ground))


def test_an_entry_becomes_the_features_of_the_agreed_layout() -> None:
    """The model reads columns by these names and in this order (DOMAIN.md 4.2)."""
    lives = {"email": "Zoe@Example.COM", "countryCode": "us", "postalCode": "01 201"}
    known = user(1, history=HISTORY, createdAt=SNAPSHOT - timedelta(days=400, hours=23))
    made = fed(
        fan(
            1,
            contact={**lives, "phone": {"verifiedAt": SNAPSHOT, "lineType": "mobile"}},
            preferences=[{"marketId": NEW_YORK}, {"marketId": VANCOUVER}],
            verification={"emailAt": SNAPSHOT},
            device={"ipCountry": "ca"},
            boost={"points": 40},
        ),
        users=[known],
    )

    assert [
        {
            "entry_id": f"{1:024x}",
            "account_id": account(1),
            "email_domain": "example.com",
            "account_age_days": "400",
            "orders_lifetime": "11",
            "orders_artist": "2",
            "last_order_days": "3",
            "ip_country": "CA",
            "country": "US",
            "postal_prefix": "012",
            "registered_at": "2026-03-10T12:00:01Z",
            "markets_n": "2",
            "boost_points": "40",
            "dup_group_size": "1",
            "verification_flags": "23",
        }
    ] == made.rows


def test_addresses_leave_as_hashes_only() -> None:
    """No clear e-mail or telephone leaves (DOMAIN.md 7.12); case and blanks are no other fan."""
    contact = {"email": " Zoe@Example.com", "phone": {"e164": "+14155550132"}}
    made = fed(fan(1, contact=contact), columns=["email_sha256", "phone_sha256"])

    assert [
        {
            "email_sha256": sha256(b"zoe@example.com").hexdigest(),
            "phone_sha256": sha256(b"+14155550132").hexdigest(),
        }
    ] == made.rows
    direct = {c.name for c in SCORING_INPUT.static_columns if c.pii is Pii.DIRECT}
    assert {"email_sha256", "phone_sha256"} == direct


def test_a_telephone_that_can_be_none_has_no_hash() -> None:
    """The same wrong number of two fans would make them one person to the model."""
    for number in ("+1", "call me", 4155550132, None):
        assert value("phone_sha256", {"contact": {"phone": {"e164": number}}}) is None


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("email_sha256", {"contact": {"email": "no address"}}),
        ("phone_sha256", {"contact": {"phone": [1]}}),
        ("country", {"contact": {"countryCode": "USA"}}),
        ("ip_country", {"device": {"ipCountry": 7}}),
        ("boost_points", {"boost": {"points": "many"}}),
        ("account_age_days", {"verification": {"accountAgeDays": 1.5}}),
        ("dup_group_size", {"duplicateGroupId": ["x"]}),
        ("registered_at", {"createdAt": "yesterday"}),
    ],
)
def test_a_feature_that_cannot_be_read_is_empty_and_counted(
    name: str, fields: dict[str, Any]
) -> None:
    """Left out of the input, the fan would be left without a score for a slip of the keyboard."""
    made = fed(entry(1, **fields), entry(2), columns=["entry_id", name])

    assert "" == {int(line["entry_id"], 16): line[name] for line in made.rows}[1]
    assert 1 == made.accounting.notes[f"unreadable:{name}"]
    assert {} == made.accounting.rejected


def test_guests_have_no_account_no_age_and_no_history() -> None:
    """Nought orders would say that an account never bought; a guest has no account."""
    made = fed(entry(1, verification={"accountAgeDays": 7}), entry(2))
    names = ("account_id", "account_age_days", "orders_lifetime", "last_order_days")

    assert [("1", "", "7", "", ""), ("2", "", "", "", "")] == told(made, *names)
    assert ["0", "0"] == made.column("boost_points")


@pytest.mark.parametrize(
    ("fields", "of_user", "flags"),
    [
        ({}, {}, 0),
        ({"verification": {"emailAt": SNAPSHOT}}, {}, 1),
        ({"verification": {"phoneAt": SNAPSHOT}}, {}, 2),
        ({"contact": {"phone": {"verifiedAt": SNAPSHOT}}}, {}, 2),
        ({"contact": {"phone": {"lineType": "mobile"}}}, {}, 4),
        ({"contact": {"phone": {"lineType": "voip"}}}, {}, 8),
        ({"contact": {"phone": {"lineType": "fax"}}}, {}, 0),
        ({}, {"accountId": account(1)}, 16),
    ],
)
def test_each_bit_of_the_flags_says_one_thing(
    fields: Mapping[str, Any], of_user: Mapping[str, Any], flags: int
) -> None:
    """A model that was trained on a bit is wrong from the day the bit means something else."""
    assert flags == verification_flags(row(fields, of_user or None))


def test_the_size_of_a_group_of_duplicates_is_counted_before_the_first_row() -> None:
    """The first of three must already say three; who withdrew still was in the group."""
    made = fed(
        fan(1, duplicateGroupId=GROUP),
        fan(2),
        fan(3, duplicateGroupId=GROUP, status="withdrawn"),
        fan(4, duplicateGroupId=GROUP, status="duplicate"),
    )

    assert [("1", "3"), ("2", "1"), ("4", "3")] == told(made, "dup_group_size")


def test_our_model_gets_every_entry_by_id_and_the_second_provider_accounts_by_account() -> None:
    """A guest has no account, so the second provider cannot know one (DOMAIN.md 4.3)."""
    entries = [fan(2), fan(1), entry(3)]
    ours = fed(*entries)
    theirs = fed(
        *entries, provider="vf", deliver=[], columns=["entry_id", "account_id", "markets_n"]
    )

    assert ["1", "2", "3"] == [number for (number,) in told(ours)]
    assert [account(2), account(1)] == [line["accountId"] for line in theirs.rows]
    assert {"entryId", "accountId", "marketsN"} == theirs.rows[0].keys()
    assert {"guest": 1} == theirs.accounting.filtered


def test_an_account_with_two_entries_is_one_line_for_the_second_provider() -> None:
    """After a merge one person has two entries; two lines would be scored twice."""
    merged = [user(1), user(2, mergedInto=ObjectId(f"{1:024x}"))]
    made = fed(fan(1), fan(2), users=merged, provider="vf", deliver=[])

    assert [f"{1:024x}"] == made.column("entryId")
    assert {"same_account": 1} == made.accounting.filtered
    assert 2 == len(fed(fan(1), fan(2), users=merged).rows)


def test_an_incremental_run_holds_what_changed_and_what_may_have() -> None:
    """An entry whose last change cannot be read is sent rather than forgotten."""
    since = SNAPSHOT - timedelta(days=2)
    made = fed(
        fan(1, updatedAt=since),
        fan(2, updatedAt=since - timedelta(seconds=1)),
        fan(3, updatedAt="yesterday"),
        fan(4, updatedAt=None),
        incremental_since=f"{since:%Y-%m-%dT%H:%M:%SZ}",
    )

    assert ["1", "3", "4"] == [number for (number,) in told(made)]
    assert {"unchanged": 1} == made.accounting.filtered


def test_who_withdrew_is_not_sent_and_who_was_rejected_is() -> None:
    """The data of a fan who left is no business of a provider's; a rejection may be wrong."""
    made = fed(fan(1, status="withdrawn"), fan(2, status="rejected"))

    assert ["2"] == [number for (number,) in told(made)]


@pytest.mark.parametrize(
    ("provider", "form", "compression"),
    [("internal", "parquet", "none"), ("vf", "jsonl", "gzip")],
)
def test_each_provider_takes_one_form_and_no_other(
    provider: str, form: str, compression: str
) -> None:
    """A provider that finds another form finds nothing."""
    output = request("scoring-input", provider=provider).output

    assert (form, compression) == (output.kind, output.compression)
    with pytest.raises(InvalidRequest):
        request("scoring-input", provider=provider, format="csv")


def test_no_other_mode_of_personal_data_makes_sense() -> None:
    """Without plain ids no score finds its entry; without a grant there is no file."""
    with pytest.raises(InvalidRequest):
        request("scoring-input", pii="hashed")
    with pytest.raises(Forbidden):
        parse(SCORING_INPUT, {"campaign_id": KEY, "reason": "why"}, scopes=("pii:masked",))


@pytest.mark.parametrize(
    ("params", "target"),
    [
        ({}, "internal"),
        ({"provider": "vf"}, "vf"),
        ({"provider": "vf", "deliver": ["vf_scoring"]}, "vf"),
        ({"provider": "vf", "deliver": []}, None),
    ],
)
def test_the_delivery_is_that_of_the_provider(params: dict[str, Any], target: str | None) -> None:
    """Nobody wants the files in the bucket of the other one."""
    planned = plan(SCORING_INPUT, facts("scoring-input", **params))

    assert [f"{target}/{KEY}"] * (target is not None) == [where for _, where in planned.deliveries]


@pytest.mark.parametrize(
    "params", [{"provider": "vf", "deliver": ["scoring"]}, {"deliver": ["vf_scoring"]}]
)
def test_the_delivery_of_the_other_provider_is_refused(params: dict[str, Any]) -> None:
    """Parquet in a bucket that is read as JSON is an outage of theirs and ours."""
    with pytest.raises(ExportFailed, match="OPTIONS_CONFLICT"):
        plan(SCORING_INPUT, facts("scoring-input", **params))
