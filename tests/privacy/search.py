"""Finds canaries in bytes, in whatever form: as they are, in another case, encoded or hashed."""

import base64
import hashlib
import html
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from urllib.parse import quote, quote_plus
from zipfile import ZipFile, is_zipfile

from assets.model.output import Kind, OutputFormat
from assets.steps.encode.compression import decompressed
from tests.privacy.canaries import Canary, planted

# Needles are found by their first letters; one that is shorter would be found by accident.
_START = 6
_HASHES = ("md5", "sha1", "sha256", "sha512")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A canary and the form it was found in: `raw`, `base64`, `hex` or `hash`."""

    canary: Canary
    form: str


def spellings(canary: Canary) -> set[str]:
    """The ways to write a value before it is encoded or hashed, in the forms of Unicode."""
    value = canary.value
    ways = {value, value.lower(), value.casefold(), value.upper(), *_by_kind(canary)}
    ways |= {_without_marks(way) for way in list(ways)}
    return {unicodedata.normalize(form, way) for form in ("NFC", "NFD") for way in ways}


def _by_kind(canary: Canary) -> set[str]:
    value = canary.value
    match canary.kind:
        case "phone":  # without its plus, without its country, as it is dialled
            return {value[1:], value[2:], f"00{value[1:]}"}
        case "email":
            return {value.partition("@")[0], value.casefold().partition("@")[0]}
        case "postal":
            return {value.replace(" ", ""), value.replace(" ", "").lower()}
        case "ip":  # a network of 256 is nearly an address
            part = "." if "." in value else ":"
            return {value.rpartition(part)[0] + part}
        case "as it is":
            return {value.replace("-", "")}
        case _:
            return set()


def _without_marks(text: str) -> str:
    """`zoe` for `zoë`: some hash a name so."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in plain if not unicodedata.combining(sign))


def _needles(canary: Canary) -> Iterator[tuple[str, str, bool]]:
    """Form, text, and whether its case counts."""
    for spelling in spellings(canary):
        raw = spelling.encode()
        for written in _written(spelling):
            yield "raw", unicodedata.normalize("NFC", written.casefold()), False
        yield "hex", raw.hex(), False
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            for shift in range(3):  # inside a longer text it begins at any of three places
                core = encode(b"\0" * shift + raw).decode().rstrip("=")
                yield "base64", core[shift + (shift > 0) : -1], True
        for name in _HASHES:
            digest = hashlib.new(name, raw, usedforsecurity=False).digest()
            yield "hash", digest.hex(), False
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                yield "hash", encode(digest).decode().rstrip("=")[:-1], True


def _written(text: str) -> set[str]:
    """As it is, and as a URL, HTML and JSON write it."""
    references = text.encode("ascii", "xmlcharrefreplace").decode()
    escaped = {html.escape(text), references, json.dumps(text)[1:-1]}
    return {text, quote(text, safe=""), quote_plus(text), *escaped}


Index = Mapping[str, list[tuple[str, Found]]]


@cache
def _indexes(canaries: tuple[Canary, ...]) -> tuple[Index, Index]:
    """By the first letters of a needle: where case counts, and where it does not."""
    exact: dict[str, list[tuple[str, Found]]] = {}
    folded: dict[str, list[tuple[str, Found]]] = {}
    for canary in canaries:
        for form, needle, cased in set(_needles(canary)):
            if len(needle) >= _START:
                index = exact if cased else folded
                found = Found(canary=canary, form=form)
                index.setdefault(needle[:_START], []).append((needle, found))
    return exact, folded


def search(data: bytes | str, canaries: tuple[Canary, ...] | None = None) -> set[Found]:
    """Every canary in there, with the forms it was found in; None: those of the planted pack."""
    text = data if isinstance(data, str) else data.decode("utf-8", errors="replace")
    exact, folded = _indexes(planted().canaries if canaries is None else canaries)
    composed = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return {*_hits(text, exact), *_hits(composed, folded)}


def _hits(text: str, index: Index) -> Iterator[Found]:
    for start in {text[i : i + _START] for i in range(len(text))} & index.keys():
        yield from (found for needle, found in index[start] if needle in text)


def unpacked(body: bytes, output: OutputFormat) -> Iterable[bytes]:
    """What a file holds: decompressed, a workbook's members, and Parquet as its values too."""
    plain = b"".join(decompressed([body], output.packing))
    yield plain
    if output.kind is Kind.PARQUET:
        from pyarrow.parquet import read_table  # noqa: PLC0415 - heavy

        rows = read_table(BytesIO(plain)).to_pylist()
        yield json.dumps(rows, default=str, ensure_ascii=False).encode()
    elif is_zipfile(BytesIO(plain)):
        with ZipFile(BytesIO(plain)) as archive:
            yield from (archive.read(name) for name in archive.namelist())
