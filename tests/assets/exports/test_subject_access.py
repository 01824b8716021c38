"""`subject-access`: everything of one person, and nothing of anybody else."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from assets.exports.shared.person import Person, person
from assets.exports.subject_access import SUBJECT_ACCESS
from assets.exports.subject_access_columns import SECTIONS, Held
from assets.model.campaign import NO_CAMPAIGN, Facts, Promoter
from assets.model.column import Pii, Unfit
from assets.model.failure import ExportFailed
from assets.model.parameters import Forbidden, InvalidRequest, parse
from assets.model.source import EntryRow, MadeSource
from assets.sources import column_dependencies
from tests.assets.examples import (
    CAMPAIGN_ID,
    EVERY_SCOPE,
    NEW_YORK,
    NORTHLAKE,
    SNAPSHOT,
    campaign,
    facts,
    params_of,
    request,
    row,
)
from tests.assets.exports.scripted import Scripted

ACCOUNT = "0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10"
ADDRESS = "ann@example.com"
HASH = sha256(ADDRESS.encode()).hexdigest()
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
ELSEWHERE = ObjectId("66500000000000000000c0ff")
CODE = "co-1"


def user_id(number: int) -> ObjectId:
    """The id of a user."""
    return ObjectId(f"66520000000000000000{number:04x}")


def entry_id(number: int) -> ObjectId:
    """The id of an entry."""
    return ObjectId(f"66510000000000000000{number:04x}")


def account(number: int) -> str:
    """An account; that of user 1 is the one that is asked for."""
    return ACCOUNT if number == 1 else f"00000000-0000-4000-8000-{number:012d}"


def user(number: int, **fields: Any) -> dict[str, Any]:
    """A user with an account of its own and no address."""
    return {"_id": user_id(number), "accountId": account(number), **fields}


def entry(number: int, of: object = None, **fields: Any) -> EntryRow:
    """An entry of a user, or of a guest."""
    usual = {"_id": entry_id(number), "campaignId": CAMPAIGN_ID, "userId": of, "createdAt": NOON}
    return row(usual | fields)


def guest(number: int, email: str = ADDRESS, **fields: Any) -> EntryRow:
    """An entry of somebody without an account."""
    return entry(number, contact={"email": email}, **fields)


def event(kind: str, **fields: Any) -> dict[str, Any]:
    """A row of the lake."""
    names = "event_id entry_id occurred_at ended_at name state detail reference number amount"
    more = "currency promoter_id locale medium country used_code resale_listed"
    usual = dict.fromkeys(f"{names} {more}".split())
    return {**usual, "kind": kind, "event_id": f"{kind}-1", "occurred_at": NOON, **fields}


def ground(**params: Any) -> Facts:
    """A case about account 1, unless said otherwise, where there is one campaign."""
    named = {} if "email_sha256" in params else {"account_id": ACCOUNT}
    given = {name: v for name, v in params_of("subject-access").items() if name != "account_id"}
    asked = parse(SUBJECT_ACCESS, {**given, **named, **params}, scopes=EVERY_SCOPE)
    empty = facts("subject-access", of=NO_CAMPAIGN, its_markets=(), asked=asked)
    return replace(empty, campaigns=(campaign(),))


def source() -> MadeSource:
    """The source of the export."""
    assert isinstance(SUBJECT_ACCESS.rows, MadeSource)
    return SUBJECT_ACCESS.rows


def lake(*events: Mapping[str, Any], of: ObjectId = CAMPAIGN_ID) -> dict[str, Sequence[Any]]:
    """What the lake holds of the person in one campaign, and how much that is."""
    return {f"held-{of}": events, f"count-{of}": [{"held": len(events)}]}


def prepared(read: Scripted, **params: Any) -> Facts:
    """The ground once the person is found."""
    on = ground(**params)
    return replace(on, prepared=person(on, read))


def found(read: Scripted, **params: Any) -> Person:
    """The person that is found."""
    result: Person = prepared(read, **params).prepared
    return result


def everything(read: Scripted, **params: Any) -> list[Held]:
    """Every row but those of the guide; and their number is the one that was counted apart."""
    on = prepared(read, **params)
    rows = list(source().rows(on, read))
    if not any("count" in name for name in read.results):
        read.results = {**read.results, **lake()}
    assert len(rows) == source().population(on, read)
    return [held for held in rows if held.section != "guide"]


def cell(held: Held, name: str) -> object:
    """The value of a column."""
    (column,) = [one for one in SECTIONS[held.section] if one.name == name]
    return column.value(held)


def only(rows: Sequence[Held], section: str) -> Held:
    """The one row of a file."""
    (held,) = [one for one in rows if one.section == section]
    return held


# ------------------------------------------------------------------------------------ the person


@pytest.mark.parametrize("asked", [1, 2, 3, 4])
def test_merged_accounts_are_one_person_whichever_is_named(asked: int) -> None:
    """Who asks knows the account of today, or one of long ago; the data is the same."""
    people = [
        user(1, mergedInto=user_id(2)),
        user(2, mergedInto=user_id(3)),
        user(3),
        user(4, mergedInto=user_id(3)),
        user(5),
    ]
    read = Scripted(people=people, rows=[entry(n, user_id(n)) for n in range(1, 6)])

    one = found(read, account_id=account(asked))

    assert [user_id(n) for n in (1, 2, 3, 4)] == [known["_id"] for known in one.accounts]
    assert {str(entry_id(n)) for n in (1, 2, 3, 4)} == set(one.entry_ids)


def test_a_circle_of_merges_ends() -> None:
    """Two accounts that name each other must not keep a worker for ever."""
    people = [user(1, mergedInto=user_id(2)), user(2, mergedInto=user_id(1))]

    assert 2 == len(found(Scripted(people=people)).accounts)


def test_entries_that_name_the_user_in_text_are_the_persons() -> None:
    """The second service wrote ids as text, some in capitals (DOMAIN.md 2.9)."""
    identity = ObjectId("66520000000000000000abcd")
    people = [{"_id": identity, "accountId": ACCOUNT}]
    rows = [entry(1, str(identity)), entry(2, str(identity).upper()), entry(3, identity)]

    assert 3 == len(found(Scripted(people=people, rows=rows)).entry_ids)


def test_a_guest_of_the_accounts_address_is_the_person_in_whatever_letters() -> None:
    """Who registered before there were accounts is found by the normalised address."""
    read = Scripted(
        people=[user(1, emailNormalized=ADDRESS)],
        rows=[guest(1, " ANN@example.COM "), guest(2, "bob@example.com"), entry(3, user_id(9))],
    )

    assert {str(entry_id(1))} == set(found(read).entry_ids)


def test_somebody_elses_entry_with_the_same_address_stays_theirs() -> None:
    """The same address under two accounts is no duplicate (DOMAIN.md 7.1)."""
    theirs = entry(1, user_id(2), contact={"email": ADDRESS})
    read = Scripted(people=[user(1, emailNormalized=ADDRESS), user(2)], rows=[theirs])

    assert not found(read).entries


def test_a_guest_whose_address_two_accounts_have_is_nobodys() -> None:
    """It may be the other one's, so it is counted and not shown."""
    people = [user(1, emailNormalized=ADDRESS), user(2, emailNormalized=ADDRESS)]
    answers = [{"key": "q", "version": 1, "value": "secret"}]
    read = Scripted(people=people, rows=[guest(1, answers=answers), entry(2, user_id(1))])
    rows = everything(read)
    verdict = source().verdict(prepared(read))

    told = Counter(verdict(held) for held in rows)

    assert {"profile": 1, "shared_address": 1, None: 1} == told
    assert str(entry_id(1)) not in read.asked[f"held-{CAMPAIGN_ID}"].parameters[0]


def test_an_address_names_an_account_and_its_merges() -> None:
    """A person who has forgotten the account proves the address."""
    people = [user(1, emailNormalized=ADDRESS, mergedInto=user_id(2)), user(2)]
    read = Scripted(people=people, rows=[entry(1, user_id(2)), guest(2)])

    one = found(read, email_sha256=HASH)

    assert 2 == len(one.accounts)
    assert 2 == len(one.entry_ids)


def test_an_address_of_two_accounts_names_nobody() -> None:
    """Whoever proves to read a shared mailbox has not proved to be both."""
    people = [user(1, emailNormalized=ADDRESS), user(2, emailNormalized=ADDRESS)]

    with pytest.raises(ExportFailed, match="SUBJECT_AMBIGUOUS"):
        found(Scripted(people=people), email_sha256=HASH)


def test_what_came_after_the_snapshot_is_not_there() -> None:
    """The answer is of one moment, or a second attempt gives another."""
    late = entry(1, user_id(1), createdAt=SNAPSHOT.replace(year=2027))

    assert not found(Scripted(people=[user(1)], rows=[late])).entries


def test_a_damaged_registration_is_missed_and_not_passed_over() -> None:
    """An answer that looks whole and is not is worse than one that fails."""
    read = Scripted(people=[user(1)], damaged=2)
    verdict = source().verdict(prepared(read))

    damaged = [held for held in everything(read) if held.section == "entries"]

    assert 2 == len(damaged)
    with pytest.raises(Unfit, match="entry:undecodable"):
        verdict(damaged[0])


def test_more_registrations_than_a_parameter_holds_are_refused() -> None:
    """A part of them would look like all of them."""
    read = Scripted(people=[user(1)], rows=[entry(n, user_id(1)) for n in range(1, 50)])

    with pytest.raises(ExportFailed, match="SUBJECT_TOO_LARGE"):
        list(source().rows(prepared(read), read))


# ---------------------------------------------------------------------------------- the request


def test_exactly_one_name_is_needed() -> None:
    """A case without a person is about nobody, and two names may be two persons."""
    neither = ground(email_sha256=HASH)
    options = {**neither.request.options, "email_sha256": None}
    nobody = replace(neither, request=replace(neither.request, options=options))

    with pytest.raises(ExportFailed, match="NO_SUBJECT"):
        SUBJECT_ACCESS.refuse(nobody)
    with pytest.raises(ExportFailed, match="OPTIONS_CONFLICT"):
        SUBJECT_ACCESS.refuse(ground(email_sha256=HASH, account_id=ACCOUNT))
    SUBJECT_ACCESS.refuse(ground())


@pytest.mark.parametrize(
    "params",
    [
        {"account_id": ADDRESS},
        {"account_id": ACCOUNT.upper()},
        {"email_sha256": ADDRESS},
        {"email_sha256": HASH.upper()},
        {"email": ADDRESS},
        {"pii": "masked"},
        {"case_id": "Ann"},
    ],
)
def test_a_request_cannot_hold_an_address(params: dict[str, str]) -> None:
    """Requests stand in the database, the manifest and Dagster for longer than the files."""
    with pytest.raises(InvalidRequest) as refused:
        request("subject-access", **params)

    said = " ".join(f"{problem.pointer} {problem.detail}" for problem in refused.value.problems)
    assert ADDRESS not in said


@pytest.mark.parametrize(
    ("scopes", "more", "needed"),
    [
        (("pii:masked",), {}, "pii:full"),
        ((), {}, "pii:masked"),
        (("pii:full",), {"include_scores": True}, "scores:read"),
    ],
)
def test_who_may_not_see_a_person_may_not_ask(
    scopes: tuple[str, ...], more: dict[str, Any], needed: str
) -> None:
    """The file is always in full."""
    with pytest.raises(Forbidden) as denied:
        parse(SUBJECT_ACCESS, params_of("subject-access", **more), scopes=scopes)

    assert needed in denied.value.columns.values()


# ------------------------------------------------------------------------------------- the rows


def rich() -> Scripted:
    """A person of whom everything is held."""
    held = entry(
        1,
        user_id(1),
        preferences=[{"marketId": NEW_YORK, "eventIds": ["E1"], "ticketQuantity": 2}],
        answers=[
            {"key": "q", "version": 1, "value": ["a", "b"]},
            {"key": "when", "version": 1, "value": NOON},
            {"key": "song", "version": 1, "value": "borealis"},
        ],
        consents=[
            {"key": "promoter_email", "promoterId": NORTHLAKE, "granted": True, "at": NOON},
            {"key": "sms", "granted": True, "at": NOON, "withdrawnAt": NOON},
            {"key": "ads", "granted": None},
        ],
        messages=[{"kind": "code", "channel": "sms", "state": "sent", "at": NOON}],
        codes=[{"codeId": CODE, "marketId": NEW_YORK, "state": "assigned", "assignedAt": NOON}],
        statusLog=[{"status": "registered", "at": NOON, "by": "staff:jd", "reason": "a guess"}],
        boost={"activities": [{"key": "share", "count": 2, "lastAt": NOON}]},
        referral={"code": "ANN", "referredBy": entry_id(7), "signups": 1},
        duplicateOf=entry_id(7),
        risk={"score": 0.5, "band": "C", "reasons": ["velocity"]},
    )
    events = (
        event("consent", name="sms", state="withdrawn", promoter_id=str(NORTHLAKE)),
        event("email", entry_id=str(entry_id(1)), name="waitlist", state="open"),
        event("redemption", state="wrong_account", detail="co-of-somebody-else"),
        event("assigned", entry_id=str(entry_id(1)), name="new-york-ny", state="sent", detail=CODE),
        event("order", name="new-york-ny", state="paid", number=2),
    )
    return Scripted(
        people=[user(1, phone={"e164": "+14155550132"}, flags=["blocked"])],
        rows=[held],
        results=lake(*events),
        issued=[{"codeId": CODE, "state": "redeemed", "wave": 1, "value": "ALW3T4RMHV"}],
    )


def test_every_thing_that_is_held_is_a_row_of_its_file() -> None:
    """What is left out of an answer was kept from the person."""
    counted = Counter(held.section for held in everything(rich(), include_scores=True))

    assert {
        "profile": 1,
        "entries": 1,
        "preferences": 1,
        "answers": 3,
        "consents": 3 + 1,
        "messages": 1 + 1,
        "codes": 1 + 1,
        "activity": 1 + 1,
        "orders": 2,
        "scores": 1,
    } == counted
    assert "scores" not in {held.section for held in everything(rich())}


def test_nothing_of_anybody_else_is_in_it() -> None:
    """Who referred, whose entry it repeats, who of the staff decided, and whose code it was."""
    read = rich()
    others = (str(entry_id(7)), "staff:jd", "a guess", "co-of-somebody-else", "ALW3T4RMHV")

    shown = [
        str(column.value(held))
        for held in everything(read, include_scores=True)
        for column in SECTIONS[held.section]
    ]

    assert not [text for text in shown for other in others if other in text]
    assert [text for text in shown if CODE in text], "negative control: its own code is there"


def test_an_entry_that_repeats_another_of_the_person_says_so() -> None:
    """What is left out because it may be somebody else's is there where it is not."""
    read = Scripted(
        people=[user(1)],
        rows=[entry(1, user_id(1), duplicateOf=entry_id(2)), entry(2, user_id(1))],
    )
    rows = [held for held in everything(read) if held.section == "entries"]
    on = prepared(read)

    shown = [cell(replace(held, facts=on), "duplicate_of") for held in rows]

    assert [entry_id(2), None] == shown


def test_a_code_is_masked_and_not_even_asked_for_without_its_scope() -> None:
    """Whoever has a code can use it, and a value that was not read cannot leak."""
    codes = [held for held in everything(rich()) if held.section == "codes"]
    bare = replace(
        ground().request,
        policy=replace(ground().request.policy, grants=("pii:full", "pii:masked")),
    )
    on = replace(prepared(rich()), request=bare)

    unread = [held for held in source().rows(on, rich()) if held.section == "codes"]

    assert ["A***", "A***"] == [cell(held, "code_masked") for held in codes]
    assert ["redeemed", "sent"] == [cell(held, "state") for held in codes]
    assert [None, None] == [cell(held, "code_masked") for held in unread]


def test_a_code_that_the_service_does_not_know_is_shown_as_it_was_noted() -> None:
    """The registration says that there was one; that the service forgot it is no reason to."""
    read = rich()
    read.issued = ()

    held = next(one for one in everything(read) if one.section == "codes")

    assert ("assigned", None) == (cell(held, "state"), cell(held, "code_masked"))
    assert "new-york-ny" == cell(replace(held, facts=facts()), "market_key")


def test_a_consent_is_what_was_said_last() -> None:
    """Null is not granted (DOMAIN.md 6.3), and what was withdrawn is not in force."""
    rows = [held for held in everything(rich()) if held.section == "consents"]
    known = facts(promoters=[Promoter(id=NORTHLAKE, key="northlake")])

    assert ["granted", "withdrawn", "not_granted", "withdrawn"] == [
        cell(held, "state") for held in rows
    ]
    assert "northlake" == cell(replace(rows[0], facts=known), "promoter")
    assert str(NORTHLAKE) == cell(rows[0], "promoter")
    assert DatetimeMS(NOON) == cell(rows[3], "at_utc")


def test_an_answer_is_shown_whatever_its_type() -> None:
    """One column holds them all; words are as they were given, lists are JSON."""
    rows = [held for held in everything(rich()) if held.section == "answers"]

    assert ['["a","b"]', "2026-03-03T12:00:00.000Z", "borealis"] == [
        cell(held, "answer") for held in rows
    ]


def test_a_campaign_that_is_gone_is_answered_for_all_the_same() -> None:
    """A deleted campaign's registrations are held as long as they are stored."""
    read = Scripted(
        people=[user(1)],
        rows=[entry(1, user_id(1), campaignId=ELSEWHERE)],
        results=lake() | lake(event("order"), of=ELSEWHERE),
    )

    rows = everything(read)

    assert {"profile", "entries", "orders"} == {held.section for held in rows}


def test_what_cannot_be_understood_is_one_counted_reject() -> None:
    """A list that is none must neither stop the answer nor vanish from it."""
    read = Scripted(people=[user(1)], rows=[entry(1, user_id(1), answers="none", consents=[3])])
    verdict = source().verdict(prepared(read))

    broken = [held for held in everything(read) if held.unfit]

    assert ["answers:wrong_type", "consents:wrong_type"] == [held.unfit for held in broken]
    with pytest.raises(Unfit):
        verdict(broken[0])


@pytest.mark.parametrize("erased", [1, 2])
def test_an_erasure_of_any_of_the_accounts_is_of_the_person(erased: int) -> None:
    """Nothing may come back through an account that was merged before."""
    gone = {"erasure": {"completedAt": NOON}}
    people = [user(1, mergedInto=user_id(2)), user(2)]
    people[erased - 1] |= gone
    read = Scripted(people=people, rows=[entry(1, user_id(2)), guest(2)])
    verdict = source().verdict(prepared(read))

    rows = everything(read)

    assert {"erased"} == {verdict(held) for held in rows}
    assert not [held for held in source().rows(prepared(read), read) if held.section == "guide"]


def test_an_entry_that_was_erased_alone_takes_only_its_own_rows_along() -> None:
    """The tombstone keeps what counts need, and none of it is shown."""
    tomb = entry(1, user_id(1), status="erased", statusLog=[{"status": "erased"}])
    mail = event("email", entry_id=str(entry_id(1)))
    read = Scripted(people=[user(1)], rows=[tomb, entry(2, user_id(1))], results=lake(mail))
    verdict = source().verdict(prepared(read))

    told = Counter(verdict(held) for held in everything(read))

    assert {"erased": 3, "profile": 1, None: 1} == told


def test_of_nobody_there_is_nothing_and_the_lake_is_not_asked() -> None:
    """An empty parameter in a query could mean everybody."""
    read = Scripted(people=[user(2)], rows=[entry(1, user_id(2)), entry(2)])

    assert [] == everything(read)
    assert {} == read.asked


# ---------------------------------------------------------------------------------- the columns


def test_every_column_is_explained_in_the_guide_in_plain_words() -> None:
    """The file is for a person who has never seen ours."""
    read = rich()
    on = prepared(read, include_scores=True)

    guide = [held.item for held in source().rows(on, read) if held.section == "guide"]

    explained = {(item["file"], item["column"]) for item in guide}
    assert explained == {
        (section, column.title) for section, columns in SECTIONS.items() for column in columns
    }
    assert all(str(item["meaning"]).endswith(".") for item in guide)


def test_the_guide_explains_what_is_there_and_nothing_else() -> None:
    """A column that was withheld is not promised."""
    on = prepared(rich(), columns=["entry_id"])
    bare = replace(on.request, policy=replace(on.request.policy, grants=("pii:full", "pii:masked")))

    guide = [
        (held.item["file"], held.item["column"])
        for held in source().rows(replace(on, request=bare), rich())
        if held.section == "guide"
    ]

    assert [("entries", "entry_id")] == [one for one in guide if one[0] == "entries"]
    assert not {"scores"} & {file for file, _ in guide}
    assert ("profile", "flags") not in guide
    assert ("codes", "code_masked") not in guide
    assert ("answers", "answer") not in guide


def test_the_main_file_says_nothing_of_what_the_platform_thinks() -> None:
    """Scores and bands are a file of their own, which the policy can withhold (DOMAIN.md 7.22)."""
    assert Pii.RESTRICTED not in {column.pii for column in SECTIONS["entries"]}
    assert {Pii.RESTRICTED, Pii.NONE, Pii.PSEUDONYM} == {c.pii for c in SECTIONS["scores"]}
    assert 7 == SUBJECT_ACCESS.retention_days


def test_every_file_has_a_total_order() -> None:
    """The same data gives the same bytes, whatever the order in which it is read."""
    rows = everything(rich(), include_scores=True)
    assert source().arrange is not None

    keys = [(held.section, *source().arrange.key(held)) for held in rows]  # type: ignore[union-attr]

    assert len(set(keys)) == len(keys)


def test_the_lineage_of_the_columns_is_all_that_it_reads() -> None:
    """A source that no column names is read for nothing, or its data is kept from the person."""
    named = {
        tuple(dependency.asset_key.path)
        for columns in SECTIONS.values()
        for column in columns
        for dependency in column_dependencies(column.source, SUBJECT_ACCESS.upstream)
    }

    assert set(SUBJECT_ACCESS.upstream) == named
