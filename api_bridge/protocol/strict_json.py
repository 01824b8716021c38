"""JSON from strangers: refused before anything else sees it, or plain values.

The standard parser alone accepts what breaks later: duplicate keys (the last wins), NaN, 1e999
(infinity, which no answer can hold), NUL and lone surrogates (BSON cannot hold them), and nesting
deep enough to exhaust the stack (RELIABILITY.md M9, M10). Every refusal names the place and the
remedy; the place never repeats a name that the caller made up.
"""

import json
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from assets.model.parameters import Problem

MAX_DEPTH = 16
MAX_NODES = 2_000
# The largest whole number that every JSON reader holds exactly (RFC 8259 section 6).
MAX_NUMBER = 2**53 - 1

_BRACKETS = re.compile(rb"[\[\]{}]")
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_DIGITS = len(str(MAX_NUMBER)) + 1


class MalformedJson(Exception):
    """The bytes are not JSON that we accept; `problem` says where and what to change."""

    def __init__(self, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.problem = Problem(pointer=pointer, detail=detail)


@dataclass(frozen=True, slots=True)
class _Flaw:
    """Stands where a value cannot be accepted, until the walk knows the place."""

    remedy: str


_TOO_LARGE = _Flaw(f"must be a number between -{MAX_NUMBER} and {MAX_NUMBER}")
_NO_NUMBER = _Flaw("must be a finite number; NaN and infinity are not JSON")
_TWICE = _Flaw("has a member twice; send each once")


def parse_json(raw: bytes, *, known: frozenset[str] = frozenset(), fold_whole: bool = False) -> Any:
    """Parse strictly.

    Args:
        raw: The bytes; the caller has bounded their number.
        known: Member names that an error pointer may repeat, because they are ours.
        fold_whole: Read 5.0 as 5: JSON Schema calls both an integer, so that what is stored and
            hashed must not differ either.

    Raises:
        MalformedJson: Not UTF-8, not JSON, too deep, too many values, or a value that we refuse.
    """
    _check_depth(raw)
    try:
        value = json.loads(
            raw.decode("utf-8", "strict"),
            parse_int=_whole,
            parse_float=_folded if fold_whole else _fraction,
            parse_constant=lambda _: _NO_NUMBER,
            object_pairs_hook=_members,
        )
    except UnicodeDecodeError:
        raise MalformedJson("must be UTF-8 without errors") from None
    except ValueError:
        raise MalformedJson("must be one JSON value (RFC 8259) without a byte order mark") from None
    _check_values(value, known)
    return value


def _check_depth(raw: bytes) -> None:
    # Escapes stand only inside strings: without them every quote opens or closes one, so the even
    # pieces are what lies outside. Linear, and no recursion whatever the nesting.
    outside = b"".join(_ESCAPE.sub(b"", raw).split(b'"')[::2])
    depth = 0
    for found in _BRACKETS.finditer(outside):
        depth += 1 if found.group() in b"[{" else -1
        if depth > MAX_DEPTH:
            raise MalformedJson(f"must not be nested more than {MAX_DEPTH} levels deep")


def _whole(text: str) -> int | _Flaw:
    # Asked before int(), which is slow for long digits and refuses more than 4,300 of them.
    if len(text) > _DIGITS or abs(int(text)) > MAX_NUMBER:
        return _TOO_LARGE
    return int(text)


def _fraction(text: str) -> float | _Flaw:
    number = float(text)
    if not math.isfinite(number):
        return _NO_NUMBER
    return _TOO_LARGE if abs(number) > MAX_NUMBER else number


def _folded(text: str) -> float | int | _Flaw:
    number = _fraction(text)
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Flaw:
    members = dict(pairs)
    return members if len(members) == len(pairs) else _TWICE


def _check_values(value: Any, known: frozenset[str]) -> None:
    nodes = 0
    waiting: list[tuple[str, Any, bool]] = [("", value, True)]
    while waiting:
        pointer, node, nameable = waiting.pop()
        nodes += 1
        if nodes > MAX_NODES:
            raise MalformedJson(f"must not hold more than {MAX_NODES} values")
        if isinstance(node, _Flaw):
            raise MalformedJson(node.remedy, pointer)
        if isinstance(node, str):
            _check_text(node, pointer)
        waiting.extend(_children(pointer, node, known, nameable))


def _children(
    pointer: str, node: Any, known: frozenset[str], nameable: bool
) -> Iterator[tuple[str, Any, bool]]:
    """What is inside a node, each with its place as far as we may name it."""
    if isinstance(node, list):
        for position, child in enumerate(node):
            yield (f"{pointer}/{position}" if nameable else pointer), child, nameable
    elif isinstance(node, dict):
        for name, child in node.items():
            _check_text(name, pointer)
            ours = nameable and name in known
            yield (f"{pointer}/{name}" if ours else pointer), child, ours


def _check_text(text: str, pointer: str) -> None:
    # Cc: NUL and its kin, also line ends, which `$` in a pattern would let pass. Cs: surrogates.
    # What is printable holds neither: nearly all texts are, and that is asked in no time.
    if text.isprintable():
        return
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        raise MalformedJson("must not hold control characters or lone surrogates", pointer)
