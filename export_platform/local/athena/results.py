"""A result as Athena stores it, a CSV with its own quoting, and how pages are read from it.

Every value is quoted, a quote is doubled, NULL is an empty field without quotes: `"a","",` is `a`,
the empty text and NULL. The first record is the header.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from export_platform.local.athena.failures import RefusedCallError

_FIELD = re.compile(rb'(?:"((?:[^"]|"")*)"|)(,|\n)')
_BLOCK = 1024 * 1024

Record = list[str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some records and where the next ones begin; None at the end."""

    records: list[Record]
    next_token: str | None


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str | None]]) -> int:
    """Writes a result; returns how many rows it has, without the header."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(_record(header))
        for row in rows:
            file.write(_record(row))
            count += 1
    return count


def read_page(path: Path, token: str | None, limit: int) -> Page:
    """Reads up to `limit` records; the header is the first record of the first page.

    Raises:
        RefusedCallError: The token is not one of ours.
    """
    offset = _offset(token)
    with path.open("rb") as file:
        file.seek(offset)
        size = path.stat().st_size
        records: list[Record] = []
        for record, length in _records(file):
            records.append(record)
            offset += length
            if len(records) == limit:
                break
    more = offset < size
    return Page(records=records, next_token=_token(offset) if more else None)


def _record(values: Sequence[str | None]) -> str:
    fields = ("" if v is None else '"' + v.replace('"', '""') + '"' for v in values)
    return f"{','.join(fields)}\n"


def _records(file: BinaryIO) -> Iterator[tuple[Record, int]]:
    buffer = b""
    while True:
        block = file.read(_BLOCK)
        if not block:
            return
        buffer += block
        start = 0
        while (found := _one(buffer, start)) is not None:
            record, end = found
            yield record, end - start
            start = end
        buffer = buffer[start:]


def _one(buffer: bytes, start: int) -> tuple[Record, int] | None:
    """One record from `start`; None when the buffer ends before it does."""
    record: Record = []
    while found := _FIELD.match(buffer, start):
        text = found[1]
        record.append(None if text is None else text.replace(b'""', b'"').decode())
        start = found.end()
        if found[2] == b"\n":
            return record, start
    return None


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(f"v1:{offset}".encode()).decode()


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        version, _, offset = base64.urlsafe_b64decode(token).decode().partition(":")
        if version == "v1":
            return int(offset)
    except ValueError:
        pass
    raise RefusedCallError("The NextToken is not valid")
