"""How a query fails in Athena, and how a call is refused: two different things.

A refused call raises at the caller at once (HTTP 400). A failed query is started, answers with an
id, and ends in the state FAILED with an `AthenaError` (API reference; "Athena error catalog").
"""

import re
from dataclasses import dataclass
from enum import IntEnum

import duckdb


class Category(IntEnum):
    """`ErrorCategory` of the Athena error catalog."""

    SYSTEM = 1
    USER = 2


class ErrorType(IntEnum):
    """The values of `ErrorType` in the Athena error catalog that can occur here."""

    EXHAUSTED = 0
    ENGINE = 200
    RESULT_NOT_WRITTEN = 401
    USER = 1000
    DATA = 1001


class RefusedCallError(Exception):
    """An API call that Athena refuses with status 400.

    Args:
        message: Athena's sentence.
        code: The exception's name on the wire.
        athena_code: `AthenaErrorCode`, or `Reason` for throttling.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "InvalidRequestException",
        athena_code: str = "INVALID_INPUT",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.athena_code = athena_code


class FailedQueryError(Exception):
    """A query that ends in the state FAILED.

    Args:
        message: The reason, beginning with the engine's error name (`SYNTAX_ERROR: …`).
        category: Whose fault it is.
        kind: Athena's number for it.
    """

    def __init__(
        self,
        message: str,
        *,
        category: Category = Category.USER,
        kind: ErrorType = ErrorType.USER,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.category = category
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Line and column of a name in the query text, both from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}:{self.column}"


_NO_COLUMN = re.compile(r'(?:column|named) "([^"]+)"')
_NO_FUNCTION = re.compile(r"Function with name \"?([^\s\"]+)\"? does not exist")
_PREFIX = re.compile(r"^[A-Za-z ]+ Error: ")

_NAMES: tuple[tuple[type[duckdb.Error], str, ErrorType], ...] = (
    (duckdb.ConversionException, "INVALID_CAST_ARGUMENT", ErrorType.DATA),
    (duckdb.OutOfRangeException, "NUMERIC_VALUE_OUT_OF_RANGE", ErrorType.DATA),
    (duckdb.InvalidInputException, "INVALID_FUNCTION_ARGUMENT", ErrorType.DATA),
    (duckdb.BinderException, "SYNTAX_ERROR", ErrorType.USER),
    (duckdb.CatalogException, "SYNTAX_ERROR", ErrorType.USER),
    (duckdb.ParserException, "SYNTAX_ERROR", ErrorType.USER),
    (duckdb.PermissionException, "PERMISSION_DENIED", ErrorType.USER),
)


def position(query: str, name: str) -> Position:
    """Where a name first stands in the query; the beginning when it does not."""
    found = re.search(rf"\b{re.escape(name)}\b", query, re.IGNORECASE)
    before = query[: found.start()] if found else ""
    return Position(line=before.count("\n") + 1, column=len(before) - before.rfind("\n"))


def from_engine(error: duckdb.Error, query: str) -> FailedQueryError:
    """Athena's words for an error of DuckDB."""
    text = _PREFIX.sub("", str(error).splitlines()[0])
    if isinstance(error, duckdb.OutOfMemoryException):
        return FailedQueryError(
            "EXCEEDED_MEMORY_LIMIT: Query exhausted resources at this scale factor",
            kind=ErrorType.EXHAUSTED,
        )
    if isinstance(error, duckdb.BinderException) and (found := _NO_COLUMN.search(text)):
        return FailedQueryError(
            f"COLUMN_NOT_FOUND: {position(query, found[1])}: Column '{found[1]}' cannot be resolved"
            " or requester is not authorized to access requested resources"
        )
    if found := _NO_FUNCTION.search(text):
        where = position(query, found[1])
        return FailedQueryError(
            f"FUNCTION_NOT_FOUND: {where}: Function '{found[1]}' not registered"
        )
    if "Division by zero" in text:
        return FailedQueryError("DIVISION_BY_ZERO: / by zero", kind=ErrorType.DATA)
    for kind, name, number in _NAMES:
        if isinstance(error, kind):
            place = "line 1:1: " if name == "SYNTAX_ERROR" else ""
            return FailedQueryError(f"{name}: {place}{text}", kind=number)
    return FailedQueryError(
        f"GENERIC_INTERNAL_ERROR: {text}", category=Category.SYSTEM, kind=ErrorType.ENGINE
    )
