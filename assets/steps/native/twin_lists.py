"""What is kept of a list: once for those that are alike, which many rows share.

Lists are alike that are the same bytes, but for values that nobody looks at: an instant, a number,
a text of the same length. What looks through a list sees no difference between them.
"""

import struct
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

from assets.steps.native.twin_values import Unusual
from resources.mongo.shallow import items

MOST_LISTS: Final = 2_048
"""Lists of one name that are remembered; others are decoded each time."""
LONGEST_LIST: Final = 1_000
"""Bytes of a list that is remembered: with what is kept of it, 4 MB a name at the most."""
_NONE: Final[Mapping[object, Any]] = {}
# Ways in which lists of one size may hold what nobody looks at; each costs those behind it a look.
_MOST_SHAPES: Final = 4

# BSON types (bsonspec.org), and the sizes of those that have one.
_TEXT, _BLOCK, _LIST, _DATE = 2, 3, 4, 9
_SIZES: Final[Mapping[int, int]] = {1: 8, 7: 12, 8: 1, _DATE: 8, 10: 0, 16: 4, 18: 8}
# Of those that state it, what is not in it: the four bytes of a text's length.
_SAY_THEIRS: Final[Mapping[int, int]] = {_TEXT: 4, _BLOCK: 0, _LIST: 0}
# Numbers and ids: whatever their bytes are, they are some.
_ANY_BYTES: Final = frozenset((1, 7, 16, 18))
# The upper bytes of the instants from 2004 to 2039: whatever the lower ones are, they are some.
_OUR_TIME: Final = b"\x01\0\0"
_LOWER: Final = 5
_int32: Final = struct.Struct("<i").unpack_from


class Gap(NamedTuple):
    """Where a value stands that nobody looks at.

    Attributes:
        text: Whether it is a text, which must be sound: ASCII is.
    """

    begin: int
    end: int
    text: bool

    def of(self, raw: bytes) -> bytes:
        """The value of a list."""
        return raw[self.begin : self.end]


class _Shape:
    """Lists of one size with values in the same places that nobody looks at.

    Only those that were met with different ones are passed over: to cut at others costs time.

    Attributes:
        fixed: Cuts out what stands between the gaps.
        texts: Cuts out the texts in the gaps.
        known: What is kept, by what stands between the gaps.

    Args:
        first: The first of them.
        places: Where the values stand.
    """

    __slots__ = ("_first", "_others", "_varied", "fixed", "known", "texts")

    def __init__(self, first: bytes, places: Sequence[Gap]) -> None:
        self._first, self._others, self._varied = first, list(places), list[Gap]()
        self._cut()

    def _cut(self) -> None:
        fixed, texts, at, size = "<", "<", 0, len(self._first)
        for begin, end, text in sorted(self._varied):
            fixed += f"{begin - at}s{end - begin}x"
            texts += f"{begin - at}x{end - begin}{'s' if text else 'x'}"
            at = end
        self.fixed = struct.Struct(f"{fixed}{size - at}s").unpack
        self.texts = struct.Struct(f"{texts}{size - at}x").unpack
        self.known: dict[tuple[bytes, ...], Any] = {}

    def learn(self, raw: bytes, kept: Any) -> None:
        """Remember what is kept of a list, and of those like it."""
        for gap in [gap for gap in self._others if gap.of(raw) != gap.of(self._first)]:
            self._others.remove(gap)
            self._varied.append(gap)
            self._cut()
        self.known[self.fixed(raw)] = kept


class Looks:
    """Counts how often a list was decoded to be looked through."""

    def __init__(self) -> None:
        self.times = 0


class Same(dict[Any, Any]):
    """What is kept of the lists of one name, by their bytes; None is a list that is not there.

    Args:
        look: Looks through what a list holds.
        looks: Counts that.
    """

    def __init__(self, look: Callable[[list[Any] | None], Any], looks: Looks) -> None:
        self._look, self._looks, self._room = look, looks, MOST_LISTS

    def __missing__(self, raw: bytes | None) -> Any:
        """What is kept of a list that has not been met."""
        if raw is not None and type(raw) is not bytes:
            raise Unusual
        self._looks.times += 1
        kept = self._look(None if raw is None else items(raw))
        if self._room and (raw is None or len(raw) <= LONGEST_LIST):
            self._room -= 1
            self._remember(raw, kept)
        return kept

    def _remember(self, raw: bytes | None, kept: Any) -> None:
        self[raw] = kept


class Alike(Same):
    """The same of lists of which no two are likely to be the same bytes.

    Args:
        look: Looks through what a list holds.
        looks: Counts that.
        read: Names of what it looks at in an item, but for types.
    """

    def __init__(
        self, look: Callable[[list[Any] | None], Any], looks: Looks, read: Collection[str]
    ) -> None:
        super().__init__(look, looks)
        self._read = frozenset(name.encode() for name in read)
        self._shapes: dict[int, dict[tuple[Gap, ...], _Shape]] = {}

    def of(self, raw: bytes | None) -> Any:
        """What is kept of a list."""
        if raw.__class__ is bytes:
            for shape in self._shapes.get(len(raw), _NONE).values():
                kept = shape.known.get(shape.fixed(raw))
                if kept is not None and b"".join(shape.texts(raw)).isascii():
                    return kept
        return self[raw]

    def _remember(self, raw: bytes | None, kept: Any) -> None:
        places = () if raw is None else tuple(gaps(raw, self._read))
        if raw is None or not places:
            super()._remember(raw, kept)
            return
        shapes = self._shapes.setdefault(len(raw), {})
        if places not in shapes and len(shapes) < _MOST_SHAPES:
            shapes[places] = _Shape(raw, places)
        if places in shapes:
            shapes[places].learn(raw, kept)


def gaps(raw: bytes, read: Collection[bytes]) -> list[Gap]:
    """Where a list of blocks holds values that are not read.

    Args:
        raw: A sound list; where it holds what is unusual, nothing is found.
        read: Names of what is read.
    """
    try:
        blocks = [begin for kind, _, begin, _ in _values(raw, 0) if kind == _BLOCK]
        inside = list(chain.from_iterable(_values(raw, begin) for begin in blocks))
    except KeyError:
        return []
    found = (_gap(raw, kind, begin, end) for kind, name, begin, end in inside if name not in read)
    return [gap for gap in found if gap is not None]


def _values(raw: bytes, at: int) -> Iterator[tuple[int, bytes, int, int]]:
    """Type, name, begin and end of each value of the block or list that begins there."""
    last = at + _int32(raw, at)[0] - 1
    at += 4
    while at < last:
        kind, zero = raw[at], raw.index(0, at + 1)
        name, begin = raw[at + 1 : zero], zero + 1
        at = begin + _size(raw, kind, begin)
        yield kind, name, begin, at


def _size(raw: bytes, kind: int, begin: int) -> int:
    if kind in _SAY_THEIRS:
        return int(_int32(raw, begin)[0]) + _SAY_THEIRS[kind]
    return _SIZES[kind]


def _gap(raw: bytes, kind: int, begin: int, end: int) -> Gap | None:
    if kind in _ANY_BYTES:
        return Gap(begin, end, text=False)
    if kind == _DATE and raw[begin + _LOWER : end] == _OUR_TIME:
        return Gap(begin, begin + _LOWER, text=False)
    if kind == _TEXT and raw[begin + 4 : end - 1].isascii():
        return Gap(begin + 4, end - 1, text=True)
    return None
