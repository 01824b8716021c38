"""The text of a query: how many statements, which kind, parameters bound, UNLOAD taken apart.

What a query reads is `plan.py`; here nothing is known of tables.
"""

import functools
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from export_platform.local.athena.failures import FailedQueryError, RefusedCallError

DIALECT = "athena"
_LONGEST_BYTES = 262_144  # the longest query text (Athena service quotas)
_UNLOAD = re.compile(r"\s*UNLOAD\s*\(", re.IGNORECASE)
_TARGET = re.compile(r"\s*TO\s+'((?:[^']|'')+)'\s*WITH\s*\((.*)\)\s*", re.IGNORECASE | re.DOTALL)
_OPTION = re.compile(r"\s*(\w+)\s*=\s*'?([\w-]+)'?\s*(?:,|$)")
_REMEMBERED = 128  # texts; whoever waits for a query asks many times what kind it is


class Kind(StrEnum):
    """`SubstatementType` of Athena, for what can be run here."""

    SELECT = "SELECT"
    UNLOAD = "UNLOAD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unload:
    """Where UNLOAD writes.

    Attributes:
        location: `s3://bucket/prefix/`.
        compression: Parquet codec; Athena's default is gzip.
    """

    location: str
    compression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement, not yet checked against the tables.

    Attributes:
        kind: What it is.
        query: The SELECT, with `?` still in it.
        unload: Where to write, for UNLOAD.
    """

    kind: Kind
    query: str
    unload: Unload | None = None


@functools.lru_cache(_REMEMBERED)
def parse(text: str) -> Statement:
    """Takes a query text apart, as far as Athena does before it answers with an id.

    A long one takes a tenth of a second, and is asked about twice by each look at its execution.

    Raises:
        RefusedCallError: The text is too long, several statements, or not a query.
    """
    if len(text.encode()) > _LONGEST_BYTES:
        raise RefusedCallError(f"Query string length exceeds the maximum of {_LONGEST_BYTES} bytes")
    if _UNLOAD.match(text):
        return _unload(text)
    _expression(text)
    return Statement(kind=Kind.SELECT, query=text.strip().rstrip(";"))


def bind(query: str, values: list[str]) -> str:
    """Puts the execution parameters in place of the question marks, in their order.

    Each value is a literal in Athena's own notation: `'text'` with its quotes, `12`, `DATE '…'`.

    Raises:
        FailedQueryError: The numbers differ, or a value is not one literal.
    """
    marks = [t for t in _tokens(query) if t.token_type == TokenType.PLACEHOLDER]
    if len(marks) != len(values):
        raise FailedQueryError(
            "INVALID_PARAMETER_USAGE: line 1:1: Incorrect number of parameters: "
            f"expected {len(marks)} but found {len(values)}"
        )
    for mark, value in reversed(list(zip(marks, values, strict=True))):
        query = f"{query[: mark.start]} {_literal(value)} {query[mark.end + 1 :]}"
    return query


def tree(query: str) -> exp.Query:
    """The syntax tree of a bound query.

    Raises:
        RefusedCallError: It is not a query.
    """
    return _expression(query)


def _expression(text: str) -> exp.Query:
    try:
        found = [tree for tree in sqlglot.parse(text, read=DIALECT) if tree is not None]
    except SqlglotError as error:
        raise _malformed(error) from None
    if len(found) != 1:
        raise RefusedCallError(
            f"Only one sql statement is allowed. Got: {len(found)}", athena_code="MALFORMED_QUERY"
        )
    if not isinstance(found[0], exp.Query | exp.Values):
        raise RefusedCallError("Queries of this type are not supported")
    return found[0]  # type: ignore[return-value]  # VALUES is read like a query


def _malformed(error: SqlglotError) -> RefusedCallError:
    details: list[dict[str, Any]] = getattr(error, "errors", None) or [{}]
    line, column = details[0].get("line") or 1, details[0].get("col") or 1
    token = details[0].get("highlight") or "<EOF>"
    return RefusedCallError(
        f"line {line}:{column}: mismatched input '{token}'", athena_code="MALFORMED_QUERY"
    )


def _tokens(text: str) -> list[Token]:
    try:
        return sqlglot.tokenize(text, read=DIALECT)
    except SqlglotError as error:
        raise _malformed(error) from None


def _literal(value: str) -> str:
    """The value itself when it is exactly one literal; anything else would be injected SQL."""
    try:
        found = sqlglot.parse_one(value, read=DIALECT)
    except SqlglotError:
        found = None
    if isinstance(found, exp.Neg):
        found = found.this
    plain = (exp.Literal, exp.Boolean, exp.Null, exp.HexString)
    typed = isinstance(found, exp.Cast) and isinstance(found.this, exp.Literal)
    if not typed and not isinstance(found, plain):
        raise FailedQueryError(
            "SYNTAX_ERROR: line 1:1: an execution parameter must be one literal; a string needs its"
            " single quotes"
        )
    return value


def _unload(text: str) -> Statement:
    opening = text.index("(")
    closing = _closing(text, opening)
    found = _TARGET.fullmatch(text[closing + 1 :].strip().rstrip(";"))
    if found is None:
        raise RefusedCallError(
            "line 1:1: mismatched input 'UNLOAD'. Expecting: UNLOAD (query) TO 's3://…' WITH (…)",
            athena_code="MALFORMED_QUERY",
        )
    options = {name.lower(): value for name, value in _OPTION.findall(found[2])}
    query = text[opening + 1 : closing]
    _expression(query)
    return Statement(kind=Kind.UNLOAD, query=query, unload=_target(found[1], options))


def _target(location: str, options: dict[str, str]) -> Unload:
    if options.get("format", "").upper() != "PARQUET":
        raise RefusedCallError("UNLOAD here writes format = 'PARQUET' only")
    unknown = sorted(options.keys() - {"format", "compression"})
    if unknown:
        raise RefusedCallError(f"UNLOAD here does not know the property {unknown[0]}")
    return Unload(
        location=location.replace("''", "'").rstrip("/") + "/",
        compression=options.get("compression", "gzip").lower(),
    )


def _closing(text: str, opening: int) -> int:
    depth = 0
    # The tokenizer takes everything behind UNLOAD as one token, so it begins at the bracket.
    for token in _tokens(text[opening:]):
        if token.token_type == TokenType.L_PAREN:
            depth += 1
        elif token.token_type == TokenType.R_PAREN:
            depth -= 1
            if depth == 0:
                return opening + token.start
    raise RefusedCallError("line 1:1: mismatched input '<EOF>'", athena_code="MALFORMED_QUERY")
