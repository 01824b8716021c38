"""Which fields of an entry the kernel looks at, as the tree that it walks."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bson import ObjectId

from assets.steps.native.numbers import Kept
from assets.steps.upcast import PLACES, EachNested, Nested, Place

# BSON types (bsonspec.org), as a bit each.
_DOUBLE, _TEXT, _BLOCK, _LIST, _ID, _TRUTH, DATE, _NULL, _INT32, _INT64 = (
    1 << kind for kind in (1, 2, 3, 4, 7, 8, 9, 10, 16, 18)
)
ANY: Final = _DOUBLE | _TEXT | _BLOCK | _LIST | _ID | _TRUTH | DATE | _NULL | _INT32 | _INT64
# Numbers are repaired where they are text, instants wherever they are no date (`upcast.py`).
_CLEAN: Final[Mapping[type, int]] = {
    datetime: DATE | _NULL,
    ObjectId: _ID | _NULL,
    int: _INT32 | _INT64 | _NULL,
    float: _DOUBLE | _INT32 | _INT64 | _NULL,
}
# Slots that the kernel itself fills (`_rows.c`, S_ID to S_VERSION).
_FIXED: Final = ("_id", "createdAt", "userId", "schemaVersion")
# What the kernel keeps of the items of these lists, in its order (`_rows.c`, L_PREFERENCES and the
# following), and the types that it takes.
_ITEMS: Final[Mapping[str, Mapping[str, int]]] = {
    "preferences": {
        "marketId": _ID | _NULL,
        "rank": _INT32 | _NULL,
        "eventIds": _LIST | _NULL,
        "ticketQuantity": _INT32 | _INT64 | _NULL,
    },
    "consents": {
        "key": _TEXT | _NULL,
        "promoterId": _ID | _NULL,
        "granted": _TRUTH | _NULL,
        "withdrawnAt": DATE | _NULL,
    },
    "answers": {"key": _TEXT, "version": _INT32 | _NULL, "value": ANY},
    "codes": {"state": ANY, "sentAt": DATE | _NULL},
}

# Lists of blocks: those that are only looked through, and the first whose items are kept.
_EACH: Final = 1
EACH_KEPT: Final = 2

FieldNode = tuple[int, bytes, int, int, int]


def item_names(kept: Kept) -> tuple[str, ...]:
    """What is kept of the items of a list, in the order of its slots."""
    return tuple(list(_ITEMS.values())[kept])


@dataclass(slots=True)
class _Node:
    types: int = ANY
    slot: int = -1
    each: int = 0
    children: dict[str, "_Node"] = field(default_factory=dict)

    def child(self, name: str) -> "_Node":
        return self.children.setdefault(name, _Node())


class Fields:
    """The fields that one plan looks at."""

    def __init__(self) -> None:
        """Those that every plan does: the shape that `upcast.py` leaves alone."""
        self._root = _Node(types=_BLOCK)
        _add(self._root, PLACES)
        for slot, name in enumerate(_FIXED):
            self._root.child(name).slot = slot
        for number, (name, items) in enumerate(_ITEMS.items()):
            each = self._root.child(name)
            each.types, each.each = _LIST | _NULL, EACH_KEPT + number
            for slot, (item, types) in enumerate(items.items()):
                each.child(item).types, each.child(item).slot = types, slot
        self._slots: dict[str, int] = {name: slot for slot, name in enumerate(_FIXED)}

    def slot(self, path: str) -> int:
        """Where the kernel keeps the value at a path."""
        if path in self._slots:
            return self._slots[path]
        *parents, last = path.split(".")
        node = self._root
        for name in parents:
            node = node.child(name)
            if node.each:
                raise ValueError(f"{path} leads into a list")
            node.types = _BLOCK | _NULL
        node.child(last).slot = self._slots[path] = len(self._slots)
        return self._slots[path]

    def item(self, name: str, field: str) -> int:
        """Where the kernel keeps a field of the items of a list.

        Raises:
            ValueError: It keeps no such field.
        """
        try:
            return list(_ITEMS[name]).index(field)
        except (KeyError, ValueError):
            raise ValueError(f"{field} of {name} is not kept") from None

    def nodes(self, sent: Collection[str] | None = None) -> tuple[FieldNode, ...]:
        """The tree, parents first: parent, name, types, slot, which list of blocks it is.

        Args:
            sent: The fields of an entry that there can be; None: all.
        """
        found: list[FieldNode] = []
        waiting: list[tuple[int, str, _Node]] = [(-1, "", self._root)]
        while waiting:
            parent, name, node = waiting.pop()
            found.append((parent, name.encode(), node.types, node.slot, node.each))
            place = len(found) - 1
            waiting.extend(
                (place, inner, child)
                for inner, child in node.children.items()
                if place or sent is None or inner in sent
            )
        return tuple(found)


def _add(node: _Node, places: Mapping[str, Place]) -> None:
    for name, (clean, repair) in places.items():
        child = node.child(name)
        if isinstance(repair, Nested | EachNested):
            child.each = _EACH if isinstance(repair, EachNested) else 0
            child.types = (_LIST if child.each else _BLOCK) | _NULL
            _add(child, repair.places)
        else:
            child.types = _CLEAN[clean]
