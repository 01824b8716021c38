"""`duplicate-clusters`: who belongs together, by what, and who does not."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import permutations
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from assets.exports.duplicate_clusters import MOST_SHARING, network
from assets.exports.shared.clusters import Clusters
from assets.exports.shared.mailboxes import PLUS_DOMAINS, Mailboxes
from assets.model.parameters import InvalidRequest
from tests.assets.examples import request
from tests.assets.exports.sheets import Sheet, entry, sheet
from tests.fakes.athena import Answer, FakeAthena

GMAIL = "ann.lee@gmail.com"


def fan(number: int, **fields: Any) -> dict[str, Any]:
    """An entry that shares nothing with others; an e-mail or phone is put into its contact."""
    contact = {name: fields.pop(name, None) for name in ("email", "firstName", "lastName")}
    contact |= {name: fields.pop(name, None) for name in ("postalCode", "countryCode")}
    contact["phone"] = {"e164": fields.pop("phone", None)}
    device = {name: fields.pop(name, None) for name in ("ip", "fingerprint")}
    return entry(number, contact=contact, device=device, status="verified", **fields)


def found(*entries: Mapping[str, Any], redeemed: Sequence[str] = (), **params: Any) -> Sheet:
    """The file, where these codes let somebody in."""
    answer = Answer(columns=(("code_id", "varchar"),), rows=tuple((code,) for code in redeemed))
    athena = FakeAthena({"code_redemptions": answer})
    # The sample for the local stack names the domains of made-up fans; here stand the usual ones.
    asked = {"plus_domains": list(PLUS_DOMAINS), **params}
    return sheet("duplicate-clusters", entries, athena=athena, **asked)


def clusters(made: Sheet) -> list[list[int]]:
    """The numbers of the entries in each cluster, in the order of the file."""
    together: dict[str, list[int]] = {}
    for row in made.rows:
        together.setdefault(row["cluster_id"], []).append(int(row["entry_id"], 16))
    return list(together.values())


PEOPLE = {
    "firstName": " Ann  Marie",
    "lastName": "Lee",
    "postalCode": "1201-0001",
    "countryCode": "US",
}


@pytest.mark.parametrize(
    ("signal", "one", "other"),
    [
        ("email_alias", {"email": GMAIL}, {"email": "Annlee+tour@GoogleMail.com"}),
        ("email_alias", {"email": "a@b.example"}, {"email": " A@B.example "}),
        ("phone", {"phone": "+14155550132"}, {"phone": "+14155550132"}),
        ("device", {"fingerprint": "fp-1"}, {"fingerprint": "fp-1 "}),
        ("ip24", {"ip": "192.0.2.7"}, {"ip": "::ffff:192.0.2.200"}),
        ("ip24", {"ip": "2001:db8::16"}, {"ip": "2001:DB8::ffff:1"}),
        (
            "name_postal",
            {**PEOPLE, "postalCode": "01201-0001"},
            {**PEOPLE, "firstName": "ANN MARIE", "postalCode": "01201"},
        ),
    ],
)
def test_each_signal_ties_two_entries(
    signal: str, one: dict[str, Any], other: dict[str, Any]
) -> None:
    """However they are spelled."""
    made = found(fan(1, **one), fan(2, **other), fan(3))

    assert [[1, 2]] == clusters(made)
    assert [signal, signal] == made.column("signals")
    others = {"email_alias", "phone", "device", "ip24", "name_postal"} - {signal}
    assert [] == clusters(found(fan(1, **one), fan(2, **other), signals=sorted(others)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"email": "ann.lee@work.example"}, {"email": "annlee@work.example"}),
        ({"email": "ann+a@work.example"}, {"email": "ann@work.example"}),
        ({"email": "no address"}, {"email": "no address"}),
        ({"email": "ann.lee@outlook.com"}, {"email": "annlee@outlook.com"}),
        ({"phone": "+1"}, {"phone": "+1"}),
        ({"phone": ""}, {"phone": ""}),
        ({"fingerprint": " "}, {"fingerprint": " "}),
        ({"ip": "192.0.2.7"}, {"ip": "192.0.3.7"}),
        ({"ip": "unknown"}, {"ip": "unknown"}),
        ({"ip": "2001:db8::16"}, {"ip": "2001:db8:0:1::16"}),
        ({**PEOPLE, "lastName": None}, {**PEOPLE, "lastName": None}),
        ({**PEOPLE, "postalCode": "1220"}, {**PEOPLE, "postalCode": "1220"}),
        ({**PEOPLE, "postalCode": "01201"}, {**PEOPLE, "postalCode": "01202"}),
        ({"email": GMAIL}, {"fingerprint": f"{GMAIL}"}),
    ],
)
def test_what_only_looks_alike_ties_nobody(one: dict[str, Any], other: dict[str, Any]) -> None:
    """A fan who is called a duplicate loses a place: dots and pluses are letters elsewhere."""
    assert [] == clusters(found(fan(1, **one), fan(2, **other)))


def test_which_domains_have_aliases_is_an_option() -> None:
    """No list knows every provider, and what one does may change."""
    fans = [fan(1, email="a.b+x@work.example"), fan(2, email="ab@work.example")]
    domain = ["work.example"]

    assert [] == clusters(found(*fans, plus_domains=domain))
    assert [[1, 2]] == clusters(found(*fans, plus_domains=domain, dot_domains=domain))
    assert [] == clusters(
        found(fan(1, email=GMAIL), fan(2, email="annlee@gmail.com"), dot_domains=[])
    )


def test_ties_lead_on_and_each_entry_says_its_own() -> None:
    """1 and 3 share nothing: 2 ties them. A group is one cluster, whatever brought it together."""
    made = found(
        fan(1, phone="+14155550132"),
        fan(2, phone="+14155550132", fingerprint="fp"),
        fan(3, fingerprint="fp"),
        fan(4, ip="192.0.2.1"),
        fan(5, ip="192.0.2.2"),
    )

    assert [[1, 2, 3], [4, 5]] == clusters(made)
    assert ["phone", "device|phone", "device", "ip24", "ip24"] == made.column("signals")
    assert ["3", "3", "3", "2", "2"] == made.column("cluster_size")
    assert [[1, 2, 3]] == clusters(
        found(*(fan(n, fingerprint="fp") for n in (1, 2, 3)), fan(4), fan(5), min_size=3)
    )


def test_small_clusters_are_left_out_by_min_size() -> None:
    """Whoever hunts bots is not after couples."""
    fans = [fan(1, ip="192.0.2.1"), fan(2, ip="192.0.2.2")]

    assert [] == clusters(found(*fans, min_size=3))
    assert [[1, 2]] == clusters(found(*fans, min_size=2))


def test_what_a_crowd_shares_ties_nobody() -> None:
    """Two hundred share a network and belong together, one more is a campus (DOMAIN.md 7.19)."""
    fans = [fan(n, ip="192.0.2.1") for n in range(1, MOST_SHARING + 2)]
    couple = [fan(n, ip="192.0.2.1", fingerprint="fp") for n in (1, 2)]

    assert [list(range(1, MOST_SHARING + 1))] == clusters(found(*fans[:-1]))
    assert [] == clusters(found(*fans))
    made = found(*couple, *fans[2:])
    assert [[1, 2]] == clusters(made)
    assert ["device", "device"] == made.column("signals")


@pytest.mark.parametrize(
    ("fans", "kept"),
    [
        ([{}, {}], 1),
        ([{"status": "rejected"}, {}], 2),
        ([{"status": "duplicate"}, {}, {}], 2),
        ([{}, {"codes": [{"codeId": "used"}]}], 2),
        ([{}, {"codes": [{"codeId": "other"}]}], 1),
        ([{}, {"status": "rejected", "codes": [{"codeId": "used"}]}], 1),
        ([{"status": "rejected"}, {"status": "rejected"}], 1),
    ],
)
def test_one_entry_of_a_cluster_stays(fans: Sequence[dict[str, Any]], kept: int) -> None:
    """Not thrown out, then in already, then first: who bought is not to be sent home."""
    tied = [{**fan(n, fingerprint="fp"), **more} for n, more in enumerate(fans, start=1)]

    made = found(*tied, redeemed=["used"])

    said = {int(row["entry_id"], 16): row["kept"] for row in made.rows}
    assert {n: "Y" if n == kept else "N" for n in range(1, len(fans) + 1)} == said


def test_clusters_come_largest_first_and_are_named_by_who_registered_first() -> None:
    """A total order, and a name that does not depend on what was found first."""
    fans = [
        fan(1, ip="192.0.2.1"),
        fan(2, ip="192.0.2.2"),
        fan(5, fingerprint="fp", ip="198.51.100.1"),
        fan(4, fingerprint="fp"),
        fan(3, ip="198.51.100.2"),
    ]

    made = [found(*mixed) for mixed in permutations(fans)]

    assert [[3, 4, 5], [1, 2]] == clusters(made[0])
    assert [f"{3:024x}"] * 3 == made[0].column("cluster_id")[:3]
    assert all(one.rows == made[0].rows for one in made)


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        ({"deletedAt": "2026-03-12T00:00:00Z"}, "deleted"),
        ({"erasure": {}}, "erased"),
        ({"isCurrent": False}, "not_current"),
        ({"status": "withdrawn"}, "withdrawn"),
    ],
)
def test_who_is_gone_is_tied_to_nobody(gone: dict[str, Any], reason: str) -> None:
    """The data of who was erased or left must not come back by way of a friend's."""
    made = found(fan(1, fingerprint="fp"), fan(2, fingerprint="fp") | gone)

    assert [] == clusters(made)
    assert {reason: 1} == made.accounting.filtered


def test_a_field_that_cannot_be_read_is_empty_and_counted() -> None:
    """A cluster of two with one row would hide the half of it."""
    made = found(
        fan(1, fingerprint="fp", phone="555", risk={"score": "high"}),
        fan(2, fingerprint="fp", email=7),
    )

    assert ["", ""] == made.column("phone") == made.column("email") == made.column("score")
    odd = {"unreadable:email": 1, "unreadable:phone": 1, "unreadable:score": 1}
    assert odd == dict(made.accounting.notes)
    assert {} == made.accounting.rejected


def test_domains_are_words_of_their_form_only() -> None:
    """They come from a caller."""
    with pytest.raises(InvalidRequest) as refused:
        request("duplicate-clusters", plus_domains=["exa mple.com"])

    assert ["/plus_domains/0"] == [one.pointer for one in refused.value.problems]


@pytest.mark.parametrize(
    ("ip", "shown"),
    [
        ("192.0.2.200", "192.0.2.0/24"),
        (" 192.0.2.0 ", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.0/24"),
        ("192.0.2", ""),
        ("", ""),
    ],
)
def test_a_network_is_the_first_part_of_an_address(ip: str, shown: str) -> None:
    """A /24, and of IPv6 what a household gets."""
    assert shown == network(ip)


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("a.b.c+x+y@gmail.com", "abc@gmail.com"),
        ("+x@gmail.com", "+x@gmail.com"),
        ('"a+b"@gmail.com', '"a+b"@gmail.com'),
        ("a+b@mail1.gmail.com", "a+b@mail1.gmail.com"),
        ("\uff41@gmail.com", "a@gmail.com"),
        ("a@b", ""),
        ("", ""),
    ],
)
def test_addresses_reach_mailboxes(address: str, mailbox: str) -> None:
    """A sub-domain is another provider's; full width is the same letter."""
    assert mailbox == Mailboxes().of(address)


# --- the clusters themselves --------------------------------------------------------------------


def joined(things: Sequence[Mapping[int, str]], *, most: int = 200, run: int = 7) -> Clusters:
    """Clusters of these; so few are sorted in memory that most of it happens on disk."""
    made = Clusters(most=most, run=run)
    assert list(range(len(things))) == [made.add(values) for values in things]
    made.join()
    return made


def by_comparing(things: Sequence[Mapping[int, str]], most: int) -> list[int]:
    """The first of each cluster, by looking at every pair: slow, and plainly right."""
    holders: dict[tuple[int, str], list[int]] = {}
    for number, values in enumerate(things):
        for pair in values.items():
            holders.setdefault(pair, []).append(number)
    firsts = list(range(len(things)))
    for shared in (numbers for numbers in holders.values() if len(numbers) <= most):
        tied = {firsts[number] for number in shared}
        firsts = [min(tied) if first in tied else first for first in firsts]
    return firsts


@given(
    st.lists(
        st.dictionaries(st.integers(0, 7), st.sampled_from("abcdefgh"), max_size=4), max_size=40
    ),
    st.integers(2, 6),
)
def test_clusters_are_those_that_comparing_every_pair_finds(
    things: list[dict[int, str]], most: int
) -> None:
    """Whatever is shared, by however many, in whatever order."""
    made = joined(things, most=most)
    firsts = by_comparing(things, most)

    assert firsts == [made.first(number) for number in range(len(things))]
    assert [firsts.count(first) for first in firsts] == [made.size(n) for n in range(len(things))]


@pytest.mark.parametrize("mixed", [False, True])
def test_a_chain_of_a_hundred_thousand_is_one_cluster(mixed: bool) -> None:
    """Comparing pairs would be five thousand million steps; a way that is never halved as many."""
    length = 100_000
    links = [{0: f"a{n // 2}", 1: f"b{(n + 1) // 2}"} for n in range(length)]
    if mixed:
        links = sorted(links, key=lambda link: sha256(link[0].encode() + link[1].encode()).digest())

    made = joined(links, run=50_000)

    assert length == made.size(0) == made.size(length - 1)
    assert {0} == {made.first(n) for n in range(length)}
    assert 2 == max(len(made.kinds(n)) for n in range(100))


def test_a_thing_takes_nine_bytes_of_memory() -> None:
    """What the docstring promises is what a campaign of millions is planned by."""
    made = joined([{0: "a"}] * 1_000)
    held = (made._parents, made._sizes, made._kinds)

    assert 9_000 == sum(len(one) * getattr(one, "itemsize", 1) for one in held)


def test_ids_of_the_fans_are_ids() -> None:
    """The cluster's name is that of an entry, and keyed like it in a file of hashes."""
    made = found(fan(1, fingerprint="fp"), fan(2, fingerprint="fp"))

    assert all(ObjectId.is_valid(row["cluster_id"]) for row in made.rows)
