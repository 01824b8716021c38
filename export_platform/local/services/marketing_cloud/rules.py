"""What a data extension takes: its declaration, and each value against the type of its field."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_NUMBERS: Final = range(-(2**31), 2**31)
_DECIMAL_DIGITS: Final = 29


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """A data extension as it was declared.

    Attributes:
        fields: As the custom objects API shows them: `name`, `type`, `length`, `isPrimaryKey`,
            `isNullable`.
    """

    id: str
    key: str
    sendable: bool
    fields: tuple[Mapping[str, Any], ...]

    @property
    def key_names(self) -> tuple[str, ...]:
        """The names of the primary key's fields."""
        return tuple(str(one["name"]) for one in self.fields if one.get("isPrimaryKey"))

    def key_of(self, row: Mapping[str, Any]) -> str | None:
        """The primary key of a row as one text, or None where the table has none."""
        names = self.key_names
        return "|".join(str(row.get(name)) for name in names) if names else None

    def canonical(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row under the names of the declaration: the service does not tell cases apart."""
        known = {str(one["name"]).casefold(): str(one["name"]) for one in self.fields}
        return {known.get(name.casefold(), name): value for name, value in row.items()}

    def refusal(self, row: Mapping[str, Any]) -> str | None:
        """Why a row is not taken, in the service's words, or None."""
        unknown = set(row) - {str(one["name"]) for one in self.fields}
        if unknown:
            return "The row has a column that the data extension does not have"
        reasons = (_refusal(one, row.get(str(one["name"]))) for one in self.fields)
        return next((reason for reason in reasons if reason), None)


def parsed(members: Mapping[str, Any], identity: str) -> Extension:
    """Read a declaration.

    Raises:
        ValueError: It is none.
    """
    fields = members.get("fields")
    if not isinstance(members.get("key"), str) or not isinstance(fields, Sequence) or not fields:
        raise ValueError("a data extension has a key and fields")
    if any(one.get("type") not in _TYPES for one in fields):
        raise ValueError(f"a field has one of the types {sorted(_TYPES)}")
    return Extension(
        id=identity,
        key=members["key"],
        sendable=bool(members.get("isSendable")),
        fields=tuple(fields),
    )


def _refusal(field: Mapping[str, Any], value: Any) -> str | None:
    name = field["name"]
    if value is None or value == "":
        needed = field.get("isPrimaryKey") or field.get("isNullable") is False
        return f"A value for the required field {name} is missing" if needed else None
    if not _TYPES[field["type"]](value):
        return f"The value of {name} is not of the type {field['type']}"
    length = field.get("length")
    if length and len(str(value).encode("utf-16-le")) // 2 > length:
        return f"The value of {name} is longer than {length}"
    return None


def _is_date(value: Any) -> bool:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return True


def _is_decimal(value: Any) -> bool:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return False
    return number.is_finite() and len(number.as_tuple().digits) <= _DECIMAL_DIGITS


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in _NUMBERS


def _is_text(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "Boolean": lambda value: isinstance(value, bool),
    "Date": _is_date,
    "Decimal": _is_decimal,
    "EmailAddress": lambda value: isinstance(value, str) and bool(_EMAIL.fullmatch(value)),
    "Locale": _is_text,
    "Number": _is_number,
    "Phone": _is_text,
    "Text": _is_text,
}
