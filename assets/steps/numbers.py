"""How a number becomes text: as it is written, never through a float (DOMAIN.md 6.1)."""

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Final

from bson.decimal128 import Decimal128

from assets.model.column import Unfit
from assets.steps.encode.fields import DECIMAL_DIGITS
from assets.steps.values import Formatter, Warn

# What the typed kinds declare: int64 and decimal128(38, n). A number that they cannot hold is
# refused in every kind, so that a CSV and a Parquet of one export have the same rows.
_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1

# Decimal128 reaches 1E+6144 and 1E-6176: enough digits for all of both ends.
_EXACT: Final = Context(prec=12_400, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])


def _number(value: object) -> Decimal:
    """The number as it is written, never through a float; True is not a number."""
    if isinstance(value, bool):
        raise Unfit("wrong_type")
    if isinstance(value, float):
        return Decimal(repr(value))  # 2.675 is what was stored, not 2.67499999999999982236431605997
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, Decimal128):
        return value.to_decimal()
    raise Unfit("wrong_type")


def _fixed(number: Decimal, digits: int) -> str:
    try:
        rounded = number.quantize(Decimal((0, (1,), -digits)), context=_EXACT)
    except InvalidOperation:
        raise Unfit("too_long") from None
    return f"{rounded or rounded.copy_abs():f}"  # there is no minus nought


def integer(warn: Warn) -> Formatter:
    """`int`: a whole number of 64 bits."""

    def write(value: object) -> str:
        if value is None:
            return ""
        number = value if type(value) is int else _whole(value, warn)
        if number is None:
            return ""
        if not _LEAST <= number <= _MOST:
            raise Unfit("out_of_range")
        return str(number)

    return write


def _whole(value: object, warn: Warn) -> int | None:
    number = _number(value)
    if not number.is_finite():
        warn("not_finite")
        return None
    if number != number.to_integral_value(context=_EXACT):
        raise Unfit("not_integral")
    if number.adjusted() >= DECIMAL_DIGITS:  # 1E+6144 has 6,145 digits
        raise Unfit("out_of_range")
    return int(number)


def fixed(digits: int, warn: Warn, *, shift: int = 0) -> Formatter:
    """`dec(n)` and `pct(n)`: exactly n digits after the point, half to even.

    Args:
        digits: n.
        warn: Told of a number that is not finite.
        shift: Powers of ten that the number is multiplied by first.
    """

    def write(value: object) -> str:
        if value is None:
            return ""
        number = _number(value)
        if not number.is_finite():
            warn("not_finite")
            return ""
        text = _fixed(number.scaleb(shift, context=_EXACT) if shift else number, digits)
        # A point and a sign are no digits; below that length nothing needs to be counted.
        if len(text) > DECIMAL_DIGITS and _digits(text) > DECIMAL_DIGITS:
            raise Unfit("out_of_range")
        return text

    return write


def _digits(text: str) -> int:
    return len(text.lstrip("-").replace(".", "").lstrip("0"))


def shortest(warn: Warn) -> Formatter:
    """`num`: a number with as many digits as it has: a fan's answer, which nothing may round."""

    def write(value: object) -> str:
        if value is None:
            return ""
        number = _number(value)
        if not number.is_finite():
            warn("not_finite")
            return ""
        least = number.normalize(_EXACT)
        return f"{least or least.copy_abs():f}"

    return write
