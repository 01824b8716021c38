"""Which rows a data extension shows of those that it has accepted, by their values.

Where rows carry `ExportId` the service counts them itself. Elsewhere they are read back: a row that
is not there, or that still is what an earlier export made of it, was lost without a word.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from assets.delivery.table import Value
from resources.marketing_cloud import DataExtension, shown

_DIGEST_BYTES: Final = 8  # 10^6 rows: two are alike by chance once in 10^7 exports


def _words(text: str) -> str:
    return " ".join(text.split()).casefold()


def _number(text: str) -> str:
    try:
        return format(Decimal(text).normalize(), "f")
    except InvalidOperation:
        return text


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


# How two spellings of one value become one, by the type of the field. The service may show another
# than it was given [?]; times are left out, since its form of them is not known (DOMAIN.md 8.1).
_ALIKE: Final[Mapping[str, Callable[[str], str]]] = {
    "Boolean": lambda text: str(text.casefold() in {"true", "1"}),
    "Decimal": _number,
    "EmailAddress": _words,
    "Locale": lambda text: _words(text).replace("_", "-"),
    "Number": _number,
    "Phone": _digits,
    "Text": _words,
}


class Readback:
    """The rows of one export that must be there.

    Eight bytes a row are held.

    Args:
        extension: Where they are.
        names: The fields that the export fills.
    """

    def __init__(self, extension: DataExtension, names: Iterable[str]) -> None:
        filled = {name.casefold() for name in names}
        self._fields = [
            (field.name, _ALIKE[field.type])
            for field in extension.fields
            if field.name.casefold() in filled and field.type in _ALIKE
        ]
        self._wanted = array("Q")

    def expect(self, values: Mapping[str, Value]) -> None:
        """Add a row that was accepted; all of them before the first `found`."""
        self._wanted.append(self._digest({name: shown(value) for name, value in values.items()}))

    def found(self, rows: Iterable[Mapping[str, str]]) -> int:
        """How many of the expected rows are among these, each once.

        Args:
            rows: Field in lower case to value, as the service shows it.
        """
        wanted = array("Q", sorted(self._wanted))
        there = bytearray(len(wanted))
        for row in rows:
            digest = self._digest({name: row.get(name.casefold(), "") for name, _ in self._fields})
            place = bisect_left(wanted, digest)
            if place < len(wanted) and wanted[place] == digest:
                there[place] = 1
        return sum(there)

    def _digest(self, values: Mapping[str, str]) -> int:
        parts = (alike(values.get(name, "")) for name, alike in self._fields)
        hashed = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=_DIGEST_BYTES)
        return int.from_bytes(hashed.digest())
