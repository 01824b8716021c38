"""Documents that are decoded but for their lists, whose bytes many documents have in common.

What decodes them is private; `tests/resources/mongo` holds it to the installed PyMongo, and where
that has no such function documents are decoded whole.
"""

import re
import struct
from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any, Final, cast

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import InvalidBSON

# Instants come without a zone, which is UTC's: half of the time of decoding went into adding it.
OPTIONS: Final[CodecOptions[Any]] = CodecOptions(
    tz_aware=False, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
_INT32: Final = struct.Struct("<i")
_size: Final = _INT32.unpack_from
_LIST, _BINARY = b"\x04", b"\x05"
# Where the first field begins, what it is, and where its value stands.
_BEGIN, _ID = 4, b"\x07_id\0"
_ID_BEGIN: Final = _BEGIN + len(_ID)
_ID_END: Final = _ID_BEGIN + 12


def _private() -> Callable[..., dict[str, Any]] | None:
    if not bson.has_c():
        return None
    return getattr(import_module("bson._cbson"), "_raw_to_dict", None)


_raw_to_dict: Final = _private()
KNOWN: Final = _raw_to_dict is not None
"""Whether documents can be decoded so."""


def shallow(raw: bytes) -> tuple[bytes, dict[str, Any]]:
    """The id that a document begins with, and its other fields, of which lists are their bytes.

    Only the bytes of the id are wanted, and an object of it would take 0.3 microseconds. Lists
    within blocks are lists.

    Raises:
        BSONError: It cannot be read, or begins otherwise.
        struct.error: It ends too early.
    """
    end = len(raw) - 1
    if _raw_to_dict is None or _size(raw)[0] != end + 1 or not raw.startswith(_ID, _BEGIN):
        raise InvalidBSON
    found = _raw_to_dict(raw, _ID_END, end, OPTIONS, {}, True)
    if "_id" in found:
        raise InvalidBSON
    return raw[_ID_BEGIN:_ID_END], found


def whole(raw: bytes) -> dict[str, Any]:
    """A document decoded as a whole.

    Raises:
        BSONError: It cannot be read.
    """
    found: dict[str, Any] = bson.decode(raw, OPTIONS)
    return found


def items(raw: bytes) -> list[Any]:
    """What a list holds.

    Raises:
        BSONError: It cannot be read.
    """
    return cast(list[Any], whole(_INT32.pack(len(raw) + 7) + _LIST + b"\0" + raw + b"\0")[""])


class ListNames:
    """Knows whether the bytes in the documents are lists, and all the lists that there are.

    Bytes may stand in a document instead of a list, and a list where none is looked for; and of two
    fields of one name the last is kept, so that a list before it would go unread.

    Args:
        names: All that fields of the documents can have.
        lists: Those of the fields that may be lists.
    """

    def __init__(self, names: Collection[str], lists: Collection[str]) -> None:
        # The group that holds nothing spares an object a list.
        of_any = b"(?:" + b"|".join(re.escape(name.encode()) for name in names) + b")\0()"
        self._lists = re.compile(_LIST + of_any).findall
        self._bytes = re.compile(_BINARY + of_any).search
        self._names = lists

    def are_all(self, data: bytes | memoryview, found: int) -> bool:
        """Whether there are as many lists as were found, and no bytes.

        Args:
            data: Documents.
            found: How often something stands in them where a list may.
        """
        return self._bytes(data) is None and len(self._lists(data)) == found

    def are_those_of(self, raw: bytes) -> bool:
        """The same of one document, perhaps a damaged one."""
        try:
            _, entry = shallow(raw)
        except Exception:  # noqa: BLE001 - whatever it is, it is no document
            return False
        return self.are_all(raw, sum(entry.get(name) is not None for name in self._names))
