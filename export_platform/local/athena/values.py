"""How Athena names the type of a column, and how it writes a value as text.

The text is Java's (Athena's engine is Trino): `1.0E7` for a double, three digits of a second,
`{k=v}` for maps and rows, `[a, b]` for arrays, spaced hex for bytes.
"""

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from duckdb.sqltypes import DuckDBPyType

Write = Callable[[Any], str]

_VARCHAR_PRECISION = 2_147_483_647
_VARBINARY_PRECISION = 1_073_741_824
# Outside of these bounds Double.toString switches to an exponent (Java SE API).
_PLAIN_FROM = 1e-3
_PLAIN_BELOW = 1e7


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultColumn:
    """A column of a result, as `ColumnInfo` describes it."""

    name: str
    type: str
    precision: int
    scale: int

    def on_the_wire(self) -> dict[str, object]:
        """The members of `ColumnInfo`."""
        return {
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Name": self.name,
            "Label": self.name,
            "Type": self.type,
            "Precision": self.precision,
            "Scale": self.scale,
            "Nullable": "UNKNOWN",
            "CaseSensitive": self.type in {"varchar", "char"},
        }


# DuckDB's type id -> Athena's name and precision. Unsigned and 128-bit integers do not exist in
# Athena: DuckDB sums integers as HUGEINT where Athena has bigint.
_SIMPLE: dict[str, tuple[str, int]] = {
    "boolean": ("boolean", 0),
    "tinyint": ("tinyint", 3),
    "smallint": ("smallint", 5),
    "integer": ("integer", 10),
    "bigint": ("bigint", 19),
    "hugeint": ("bigint", 19),
    "utinyint": ("smallint", 5),
    "usmallint": ("integer", 10),
    "uinteger": ("bigint", 19),
    "ubigint": ("bigint", 19),
    "float": ("float", 17),
    "double": ("double", 17),
    "varchar": ("varchar", _VARCHAR_PRECISION),
    "uuid": ("uuid", 0),
    "blob": ("varbinary", _VARBINARY_PRECISION),
    "date": ("date", 0),
    "time": ("time", 3),
    "timestamp": ("timestamp", 3),
    "timestamp_s": ("timestamp", 3),
    "timestamp_ms": ("timestamp", 3),
    "timestamp_ns": ("timestamp", 3),
    "timestamp with time zone": ("timestamp with time zone", 3),
    "interval": ("interval day to second", 0),
    "list": ("array", 0),
    "array": ("array", 0),
    "map": ("map", 0),
    "struct": ("row", 0),
    "null": ("unknown", 0),
}


def column(name: str, kind: DuckDBPyType) -> ResultColumn:
    """Describes a column of DuckDB in Athena's terms."""
    if kind.id == "decimal":
        sizes = dict(kind.children)
        return ResultColumn(
            name=name,
            type="decimal",
            precision=int(str(sizes["precision"])),
            scale=int(str(sizes["scale"])),
        )
    if str(kind) == "JSON":
        return ResultColumn(name=name, type="json", precision=0, scale=0)
    athena, precision = _SIMPLE.get(kind.id, ("varchar", _VARCHAR_PRECISION))
    return ResultColumn(name=name, type=athena, precision=precision, scale=0)


def writer(kind: DuckDBPyType) -> Write:
    """What turns a value of this type, which is not NULL, into text."""
    if kind.id in {"list", "array"}:
        element = _nested(kind.children[0][1])
        return lambda value: f"[{', '.join(element(item) for item in value)}]"
    if kind.id == "map":
        children = dict(kind.children)
        key, item = _nested(children["key"]), _nested(children["value"])
        return lambda value: f"{{{', '.join(f'{key(k)}={item(v)}' for k, v in value.items())}}}"
    if kind.id == "struct":
        fields = [(name, _nested(child)) for name, child in kind.children]
        return lambda value: (
            f"{{{', '.join(f'{name}={text(value[name])}' for name, text in fields)}}}"
        )
    return _WRITERS.get(kind.id, str)


def _nested(kind: Any) -> Write:
    write = writer(kind)
    return lambda value: "null" if value is None else write(value)


def java_double(value: float) -> str:
    """`Double.toString`: shortest digits, at least one after the point, or an exponent."""
    return _java_number(value, repr(value))


def java_float(value: float) -> str:
    """`Float.toString`: as for a double, with the fewest digits that give the same 32 bits."""
    digits = next(
        text
        for n in range(1, 10)
        if _as_float(float(text := f"{value:.{n}g}")) == value or n == 9  # noqa: PLR2004 - nine digits always suffice
    )
    return _java_number(value, digits)


def _as_float(value: float) -> float:
    try:
        unpacked: float = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return math.inf
    return unpacked


def _java_number(value: float, text: str) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    sign, digits, exponent = Decimal(text).as_tuple()
    number = "".join(map(str, digits)).rstrip("0") or "0"
    point = len(digits) + int(exponent)  # how many digits stand before the point
    minus = "-" if sign else ""
    if value == 0 or _PLAIN_FROM <= abs(value) < _PLAIN_BELOW:
        if point <= 0:
            return f"{minus}0.{'0' * -point}{number}" if value else f"{minus}0.0"
        whole = number[:point].ljust(point, "0")
        return f"{minus}{whole}.{number[point:] or '0'}"
    return f"{minus}{number[0]}.{number[1:] or '0'}E{point - 1}"


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _timestamp(value: datetime) -> str:
    return value.isoformat(" ", "milliseconds")


def _instant(value: datetime) -> str:
    return f"{value.replace(tzinfo=None).isoformat(' ', 'milliseconds')} UTC"


def _time(value: time) -> str:
    return value.isoformat("milliseconds")


def _bytes(value: bytes) -> str:
    return value.hex(" ")


def _interval(value: timedelta) -> str:
    seconds, milliseconds = divmod(value // timedelta(milliseconds=1), 1000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{days} {hour:02}:{minute:02}:{second:02}.{milliseconds:03}"


_WRITERS: dict[str, Write] = {
    "boolean": _boolean,
    "float": java_float,
    "double": java_double,
    "blob": _bytes,
    "time": _time,
    "timestamp": _timestamp,
    "timestamp_s": _timestamp,
    "timestamp_ms": _timestamp,
    "timestamp_ns": _timestamp,
    "timestamp with time zone": _instant,
    "interval": _interval,
}
