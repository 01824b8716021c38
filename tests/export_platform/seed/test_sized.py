"""The sized packs: the same for every chunk, as planted, and harmless."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import bson
import pytest
from bson import CodecOptions
from bson.errors import InvalidBSON

from export_platform.local.athena.tables import find
from export_platform.local.seed.basis.identifiers import Kind, object_id, pack_range
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.catalog import NAMES, pack_named, sized_pack
from export_platform.local.seed.sized import anomalies
from tests.export_platform.seed.looks import addresses, fields, is_fictional, is_reserved
from tests.export_platform.seed.made import LENIENT, Made


@pytest.mark.parametrize("name", ["small", "nasty"])
@pytest.mark.parametrize(("chunk", "entries"), [(1, 40), (7, 160), (90, 500)])
def test_chunks_of_any_size_give_the_same_bytes(name: str, chunk: int, entries: int) -> None:
    """Goldens are stored as parameters and hashes: a byte that depends on the chunk breaks them."""
    whole = Made(sized_pack(name, entries=entries), chunk=10_000)
    parts = Made(sized_pack(name, entries=entries), chunk=chunk)

    assert parts.raw == whole.raw
    assert parts.by_day == whole.by_day
    assert parts.codes == whole.codes
    assert parts.objects == whole.objects
    assert parts.ledger.to_json() == whole.ledger.to_json()


def test_the_middle_of_a_huge_pack_needs_nothing_before_it() -> None:
    """An entry of millions is looked at alone; the ids before it must not have to be made.

    Only the plan is of the whole: a tenth of the real size here, 8 s and 0.8 GB for all of it.
    """
    pack, ledger = sized_pack("huge", entries=350_000), Ledger()
    users, entries = pack.span(ledger, 175_000, 175_200)
    ids = [bson.decode(each, LENIENT)["_id"] for each in entries.documents]

    assert ids == [object_id(Kind.ENTRY, 5, n, campaign=1) for n in range(175_000, 175_200)]
    assert 190 <= len(users.documents) <= 210
    assert all(len(plant.ids) <= 200 for plant in map(ledger.__getitem__, ledger.names()))


def test_a_span_is_a_piece_of_the_whole(small: Made) -> None:
    """What is looked at alone must be what the pack holds."""
    _, entries = sized_pack("small", entries=4_000).span(Ledger(), 1_000, 1_100)

    assert list(entries.documents) == small.raw["entries"][1_000:1_100]


def test_another_pack_is_other_data() -> None:
    """Negative control: equality above would also hold for constants."""
    one, other = (Made(sized_pack(name, entries=200), all_of=False) for name in ("small", "medium"))

    names = [
        [each.get("contact", {}).get("firstName") for each in m.documents("entries")]
        for m in (one, other)
    ]
    assert names[0] != names[1]


def test_an_entry_can_be_rebuilt_alone() -> None:
    """What follows from the index alone must not feel how many entries there are."""
    few, many = (
        Made(sized_pack("small", entries=n), all_of=False).documents("entries") for n in (300, 900)
    )

    alone = ("_id", "contact", "preferences", "consents", "device", "locale")
    for one, other in zip(few[:299], many, strict=False):
        if "erasure" not in one and "erasure" not in other:
            assert [one.get(k) for k in alone] == [other.get(k) for k in alone]


SCANS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "v1": lambda e: e.get("schemaVersion", 1) == 1,
    "v2": lambda e: e.get("schemaVersion") == 2,
    "erased": lambda e: "erasure" in e,
    "deleted": lambda e: e.get("deletedAt") is not None,
    "non_current": lambda e: not e["isCurrent"],
    "withdrawn": lambda e: e["status"] == "withdrawn",
    "duplicate": lambda e: "duplicateOf" in e,
    "rejected": lambda e: e["status"] == "rejected",
    "unknown_keys": lambda e: "importedFrom" in e and "erasure" not in e,
    "promoted": lambda e: "promotedAt" in (e.get("waitlist") or {}) and "erasure" not in e,
    "phone_missing": lambda e: (
        e.get("schemaVersion") == 3 and "erasure" not in e and e["contact"]["phone"] is None
    ),
    "leading_zero_postal": lambda e: (
        e.get("schemaVersion") == 3
        and ((e["contact"] or {}).get("postalCode") or "").startswith("0")
    ),
}


@pytest.mark.parametrize("name", sorted(SCANS))
def test_the_ledger_counts_what_a_scan_finds(
    small: Made, small_entries: list[dict[str, Any]], name: str
) -> None:
    """`skipped.erased == plants.erased` is only worth something if the right side is true."""
    found = [str(each["_id"]) for each in small_entries if SCANS[name](each)]

    assert found, name
    assert small.ledger[name].count == len(found)
    assert list(small.ledger[name].ids) == sorted(found)[:50]


def test_missing_users_are_the_ones_in_the_ledger(
    small: Made, small_entries: list[dict[str, Any]]
) -> None:
    """The join's miss is asserted by count elsewhere."""
    users = {each["_id"] for each in small.documents("users")}
    own = [each for each in small_entries if each.get("schemaVersion", 1) > 1 and each["isCurrent"]]
    missing = [each for each in own if bson.ObjectId(str(each["userId"])) not in users]

    assert small.ledger["user_missing"].count == len(missing)


def test_legacy_shares_are_those_of_the_recipe(
    small: Made, small_entries: list[dict[str, Any]]
) -> None:
    """The demo shows old documents; a campaign of this year can be made without any."""
    counts = small.ledger.counts()

    assert counts["v2"] / len(small_entries) == pytest.approx(0.065, abs=0.012)
    assert counts["v1"] / len(small_entries) == pytest.approx(0.015, abs=0.006)


def test_the_draw_follows_the_public_ratio(small_entries: list[dict[str, Any]]) -> None:
    """43 % in, 52 % waiting, 5 % out: volumes in DOMAIN.md 7 are derived from it."""
    outcomes = Counter(
        (each.get("selection") or {}).get("outcome")
        for each in small_entries
        if each.get("schemaVersion") == 3
    )
    taking_part = sum(outcomes[name] for name in ("selected", "waitlisted", "not_selected"))

    assert outcomes["selected"] / taking_part == pytest.approx(0.43, abs=0.02)
    assert outcomes["waitlisted"] / taking_part == pytest.approx(0.52, abs=0.02)


def test_places_have_no_gap_before_anybody_leaves(small_entries: list[dict[str, Any]]) -> None:
    """Gaps must come from filtering those who left, never from the numbering."""
    places: dict[object, list[int]] = defaultdict(list)
    for each in small_entries:
        if place := each.get("waitlist"):
            places[place["marketId"]].append(place["position"])

    assert len(places) == 8
    for positions in places.values():
        assert sorted(positions) == list(range(1, len(positions) + 1))
    assert any(each.get("waitlist") and each["status"] == "withdrawn" for each in small_entries)


def test_a_fan_has_one_current_entry(small_entries: list[dict[str, Any]]) -> None:
    """The unique index of the collection refuses a second."""
    current = [
        each["userId"]
        for each in small_entries
        if each["isCurrent"] and isinstance(each.get("userId"), bson.ObjectId)
    ]

    assert len(set(current)) == len(current)


def test_a_wish_is_never_repeated(small_entries: list[dict[str, Any]]) -> None:
    """Ranks and markets are clean unless planted otherwise."""
    for each in small_entries:
        wishes = each.get("preferences") or []
        assert len({wish["marketId"] for wish in wishes}) == len(wishes)
        assert [wish["rank"] for wish in wishes] == list(range(1, len(wishes) + 1))


@pytest.mark.parametrize("pack", ["small", "nasty"])
def test_nothing_in_a_pack_can_reach_a_person(pack: str, request: pytest.FixtureRequest) -> None:
    """An address or number outside the reserved ranges could be somebody's."""
    made: Made = request.getfixturevalue(pack)
    for collection in ("users", "entries"):
        for document in made.documents(collection):
            assert all(is_reserved(each.rstrip(">")) for each in addresses(document)), document
            numbers = [each for each in fields(document, "e164") if each is not None]
            legal = [each for each in numbers if each != "212-555-0147"]  # planted: no E.164
            assert all(is_fictional(str(each)) for each in legal), document


def test_documents_have_the_size_of_real_ones(small: Made, nasty: Made) -> None:
    """The benchmark's bytes per entry stand on 2 kB; 16 MB is the database's limit."""
    mean = sum(map(len, small.raw["entries"])) / len(small.raw["entries"])

    assert 1_500 < mean < 2_600
    assert max(map(len, nasty.raw["entries"])) < 1_000_000


def test_ids_stay_in_the_range_of_the_pack(small: Made) -> None:
    """Loading again deletes by range."""
    for collection, kind in (
        ("users", Kind.USER),
        ("entries", Kind.ENTRY),
        ("scoring", Kind.SCORING),
    ):
        first, last = pack_range(kind, 1)
        ids = [each["_id"] for each in small.documents(collection)]
        assert all(first <= each < last for each in ids)
        assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", [each.name for each in anomalies.CLASSES])
def test_the_nasty_pack_has_twenty_of_each(nasty: Made, name: str) -> None:
    """Fewer than twenty, and a class can hide in one batch (DOMAIN.md 10.2)."""
    assert nasty.ledger[name].count >= 20


def test_planted_anomalies_are_on_the_documents(nasty: Made) -> None:
    """Spot checks of each family by a scan that knows nothing of the generator."""
    found: Counter[str] = Counter()
    for each in nasty.documents("entries"):
        contact = each.get("contact")
        found["contact_is_text"] += isinstance(contact, str) and contact.startswith("Zoe")
        found["key_twice"] += contact == "second@example.com"
        found["position_is_text"] += isinstance((each.get("waitlist") or {}).get("position"), str)
        found["created_is_text"] += each.get("schemaVersion") == 3 and isinstance(
            each.get("createdAt"), str
        )
        found["created_is_missing"] += each.get("schemaVersion") == 3 and "createdAt" not in each
        found["v1_unmatched_market"] += each.get("market") == "Atlantis"
        found["v2_no_markets"] += each.get("markets") == []
        found["nested_90_deep"] += "debug" in each
        found["status_unknown"] += each.get("status") == "on_hold"
        found["erased"] += "erasure" in each

    assert dict(found) == {name: nasty.ledger[name].count for name in found}


def test_poison_cannot_be_decoded_as_usual(nasty: Made) -> None:
    """If a strict decoder took them, the tests that use them would prove nothing."""
    strict: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
    broken = 0
    for raw in nasty.raw["entries"]:
        try:
            bson.decode(raw, strict)
        except InvalidBSON:
            broken += 1
    unreadable = [
        name
        for name in anomalies.POISONED
        if name not in {"nested_90_deep", "key_twice"}  # these two decode, and mislead
    ]

    assert broken == sum(nasty.ledger[name].count for name in unreadable)


def test_a_strict_server_gets_the_pack_without_broken_text(nasty: Made) -> None:
    """The counts must be of what is stored, also where the server refuses what MongoDB takes."""
    made = Made(sized_pack("nasty"), broken_text=False, all_of=False)
    refused = sum(nasty.ledger[name].count for name in anomalies.NOT_UTF8)

    assert made.ledger["refused_by_server"].count == refused
    assert len(made.raw["entries"]) == len(nasty.raw["entries"]) - refused
    assert all(made.ledger[name].count == 0 for name in anomalies.NOT_UTF8)


def test_the_lake_tells_the_same_story_as_the_entries(
    small: Made, small_entries: list[dict[str, Any]]
) -> None:
    """A code on an entry is in the lake and the reverse, but for the planted mismatches."""
    on_entries = {code["codeId"] for each in small_entries for code in each.get("codes", ())}
    in_lake = {each["code_id"] for each in small.rows["codes_assigned"]}
    used = {each["code_id"] for each in small.rows["code_redemptions"]}

    assert len(on_entries - in_lake) == small.ledger["code_only_on_entry"].count
    assert len(in_lake - on_entries) == small.ledger["code_only_in_lake"].count
    assert small.ledger["redemption_without_assignment"].count <= len(used - in_lake)


def test_orders_hold_what_settlement_must_survive(small: Made) -> None:
    """Two currencies, cancelled orders, late flags and duplicates: each has its own edge in 7.8."""
    orders = small.rows["ticket_orders"]
    results = Counter(each["result"] for each in small.rows["code_redemptions"])

    assert len({each["currency"] for each in orders}) >= 2
    cancelled = {each["order_id"] for each in orders if each["status"] == "cancelled"}
    assert len(cancelled) == small.ledger["cancelled_order"].count
    resold = {each["order_id"] for each in orders if each["resale_listed"]}
    assert len(resold) == small.ledger["resale_listed"].count
    assert set(results) == {"ok", "wrong_account", "exhausted", "expired"}
    assert small.ledger["duplicate_assignment"].count > 0


def test_lake_columns_are_the_declared_ones(small: Made) -> None:
    """The Athena endpoint reads by the same declaration."""
    for name, rows in small.rows.items():
        table = find("fan_events", name)
        assert table is not None
        assert list(rows[0]) == [*(column.name for column in table.columns), "dt"]


def test_every_pack_can_be_named_and_a_wrong_name_lists_them() -> None:
    """The command line prints this message as it is."""
    for name in NAMES:
        assert pack_named(name).name == name
    with pytest.raises(ValueError, match="tiny, nasty, small"):
        pack_named("gigantic")
    with pytest.raises(ValueError, match="size of its own"):
        pack_named("tiny", entries=3)


def test_a_nasty_campaign_has_an_empty_one_beside_it(nasty: Made) -> None:
    """Zero entries and zero promoters is a file with a header, not an error."""
    empty = pack_named("nasty").campaigns["nasty-nobody-2026"]
    campaign = next(each for each in nasty.documents("campaigns") if each["_id"] == empty)

    assert campaign["promoterIds"] == []
    assert all(each["campaignId"] != empty for each in nasty.documents("entries"))


def test_the_ledger_survives_its_file() -> None:
    """Other suites read `plants.json`."""
    ledger = Made(sized_pack("small", entries=300), all_of=False).ledger

    assert Ledger.from_json(ledger.to_json()).to_json() == ledger.to_json()
