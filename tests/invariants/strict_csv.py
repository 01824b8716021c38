"""A reader of RFC 4180 that takes nothing else: written from the grammar, not from our writer."""

from collections.abc import Iterator
from typing import Final

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_NEEDS_QUOTES: Final = frozenset(',"\r\n')


class NotStrict(Exception):
    """Bytes that the grammar does not have."""


def records(body: bytes, *, quote_all: bool = False) -> Iterator[list[str]]:
    """The records of a file, the header first.

    Args:
        body: The whole file.
        quote_all: Whether every cell must be quoted; else only those that need it may be.

    Raises:
        NotStrict: A bare quote or line end, text after a quote, a record without an end or of
            another width, bytes that are not UTF-8.
    """
    try:
        text = body.removeprefix(_BYTE_ORDER_MARK).decode("utf-8")
    except UnicodeDecodeError:
        raise NotStrict("not UTF-8") from None
    at, width = 0, 0
    while at < len(text):
        record, at = _record(text, at, quote_all=quote_all)
        width = width or len(record)
        if len(record) != width:
            raise NotStrict(f"a record of {len(record)} cells among those of {width}")
        yield record


def _record(text: str, at: int, *, quote_all: bool) -> tuple[list[str], int]:
    cells: list[str] = []
    while True:
        cell, at = _cell(text, at, quote_all=quote_all)
        cells.append(cell)
        if text[at : at + 2] == "\r\n":
            return cells, at + 2
        if text[at : at + 1] != ",":
            raise NotStrict("a cell ends neither with a comma nor with CR LF")
        at += 1


def _cell(text: str, at: int, *, quote_all: bool) -> tuple[str, int]:
    if text[at : at + 1] == '"':
        return _quoted(text, at + 1, quote_all=quote_all)
    end = at
    while end < len(text) and text[end] not in _NEEDS_QUOTES:
        end += 1
    if quote_all:
        raise NotStrict("a cell without quotes")
    return text[at:end], end


def _quoted(text: str, at: int, *, quote_all: bool) -> tuple[str, int]:
    parts: list[str] = []
    while True:
        end = text.find('"', at)
        if end < 0:
            raise NotStrict("a quote without its end")
        parts.append(text[at:end])
        if text[end + 1 : end + 2] != '"':
            cell = "".join(parts)
            if not quote_all and cell and not _NEEDS_QUOTES & set(cell) and not _edges(cell):
                raise NotStrict("quotes around a cell that needs none")
            return cell, end + 1
        parts.append('"')
        at = end + 2


def _edges(cell: str) -> bool:
    """Spaces are data, and some writers quote them at the edges."""
    return cell != cell.strip()
