"""Looking at documents from outside: every text in them, and the two rules no pack may break."""

import re
from collections.abc import Iterator
from typing import Final

RESERVED: Final = re.compile(r"(^|[@.])(example\.(com|net|org)|[^@.]+\.test)$")
"""RFC 2606: addresses under these names reach nobody."""

PHONES: Final = re.compile(
    r"\+1[2-9]\d{2}55501\d{2}"  # US and CA: 555-01xx is kept for fiction
    r"|\+447700900\d{3}"  # GB: Ofcom's drama range
    r"|\+3363998\d{4}"  # FR: Arcep's fiction range
    r"|\+52155555501\d{2}"  # MX, the old mobile form: an impossible number
)


def texts(value: object) -> Iterator[str]:
    """Every string inside a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def fields(value: object, name: str) -> Iterator[object]:
    """Every value stored under a name, at any depth."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key == name:
                yield each
            yield from fields(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from fields(each, name)


def addresses(document: object) -> Iterator[str]:
    """Every text of a document that could be sent a message by e-mail."""
    return (each for each in texts(document) if re.search(r"[^\s]@[^\s]+\.", each))


def is_reserved(address: str) -> bool:
    """Whether an address is under a name that nobody can own."""
    return RESERVED.search(address.strip().lower()) is not None


def is_fictional(number: str) -> bool:
    """Whether a number is in a range kept for fiction (DOMAIN.md 10.3)."""
    return PHONES.fullmatch(number) is not None
