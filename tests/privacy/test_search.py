"""The search itself: a form that it does not know would be a leak that nobody sees."""

import base64
import hashlib
import html
import json
import unicodedata
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, quote_plus

import pytest

from tests.privacy.canaries import Canary, planted
from tests.privacy.search import search

KINDS: Final = ("email", "phone", "name", "code", "text", "postal", "ip", "as it is")
Written = Callable[[str], str]


def canary(kind: str) -> Canary:
    """One of a kind."""
    return next(one for one in planted().canaries if one.kind == kind)


def digests(value: str) -> list[str]:
    """Every plain hash of a text, as hex and as base64."""
    made = [
        hashlib.new(name, value.encode(), usedforsecurity=False).digest()
        for name in ("md5", "sha1", "sha256", "sha512")
    ]
    return [
        *(one.hex() for one in made),
        *(one.hex().upper() for one in made),
        *(base64.b64encode(one).decode() for one in made),
        *(base64.urlsafe_b64encode(one).decode().rstrip("=") for one in made),
    ]


WRITTEN: Final[tuple[tuple[str, Written], ...]] = (
    ("raw", str),
    ("raw", str.lower),
    ("raw", str.upper),
    ("raw", str.casefold),
    ("raw", lambda value: unicodedata.normalize("NFD", value)),
    ("raw", quote),
    ("raw", quote_plus),
    ("raw", html.escape),
    ("raw", lambda value: value.encode("ascii", "xmlcharrefreplace").decode()),
    ("raw", json.dumps),
    ("hex", lambda value: value.encode().hex()),
    ("hex", lambda value: value.encode().hex().upper()),
    ("base64", lambda value: base64.b64encode(value.encode()).decode()),
    ("base64", lambda value: base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")),
    ("base64", lambda value: base64.b64encode(b"user:" + value.encode() + b"\n").decode()),
    ("base64", lambda value: base64.b64encode(b'{"a":"' + value.encode() + b'"}').decode()),
    ("base64", lambda value: base64.b64encode(b"1234567" + value.encode() + b"89").decode()),
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_canary_is_found_however_it_is_written(kind: str) -> None:
    """In the middle of a line, as a log or a file has it, and told apart by its form."""
    planted_one = canary(kind)
    for form, written in WRITTEN:
        text = f"row 7: {written(planted_one.value)}; done"

        found = {one.form for one in search(text) if one.canary == planted_one}

        assert form in found, (form, text)


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_hash_of_a_canary_is_found(kind: str) -> None:
    """Whoever has a list of addresses has their hashes: only a keyed one hides them."""
    planted_one = canary(kind)
    for spelling in (planted_one.value, planted_one.value.casefold(), planted_one.value.upper()):
        for digest in digests(spelling):
            found = {one.form for one in search(f"id={digest}&x") if one.canary == planted_one}

            assert "hash" in found, (spelling, digest)


@pytest.mark.parametrize("written", [lambda v: v[1:], lambda v: v[2:], lambda v: f"00{v[1:]}"])
def test_a_telephone_is_found_in_each_way_to_dial_it(written: Written) -> None:
    """Digits alone are what a machine for short messages takes, and what people hash."""
    phone = canary("phone")

    assert phone in {one.canary for one in search(f"to {written(phone.value)}.")}
    for digest in digests(written(phone.value)):
        assert phone in {one.canary for one in search(digest)}


def test_a_name_is_found_without_its_accents_and_an_address_without_its_domain() -> None:
    """Some fold a name before they hash it; the first half of an address names a person."""
    name, email = canary("name"), canary("email")
    folded = "".join(c for c in unicodedata.normalize("NFKD", name.value) if c.isascii()).lower()

    assert name in {one.canary for one in search(folded)}
    assert name in {one.canary for one in search(hashlib.sha256(folded.encode()).hexdigest())}
    assert email in {one.canary for one in search(email.value.partition("@")[0])}


def test_a_keyed_hash_and_a_mask_are_not_found() -> None:
    """What is allowed must not be cried over, or the search would be turned off."""
    email = canary("email").value
    keyed = hashlib.blake2b(email.encode(), key=b"a key").hexdigest()

    assert set() == search(f"{keyed} {email[0]}***@***.example +1*****00 {'0' * 64}")


def test_no_canary_is_a_part_of_another() -> None:
    """One value found must mean one field, or the judgement is about the wrong class."""
    values = sorted(one.value.casefold() for one in planted().canaries if one.kind != "domain")

    assert [] == [(a, b) for a in values for b in values if a != b and a in b and "@" not in b]
