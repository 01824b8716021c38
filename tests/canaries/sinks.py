"""Everything that keeps what it is told, and what of it holds a canary."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.privacy.canaries import Canary
from tests.privacy.search import search

_SQLITE: Final = b"SQLite format 3\0"
NOTES: Final = 40
# A presigned link is a bearer secret (RELIABILITY.md S12): no log may hold one.
SIGNATURE: Final = "X-Amz-Signature"


@dataclass(slots=True)
class Sinks:
    """What was kept, by where.

    Attributes:
        kept: The contents of each sink.
    """

    kept: dict[str, list[bytes | str]] = field(default_factory=lambda: defaultdict(list))

    def keep(self, sink: str, *contents: bytes | str) -> None:
        """Add to a sink."""
        self.kept[sink].extend(contents)

    def keep_document(self, sink: str, document: Any) -> None:
        """Add a document as text, so that its letters are what they are."""
        self.keep(sink, json.dumps(document, default=str, ensure_ascii=False))

    def hits(self, canaries: tuple[Canary, ...]) -> list[str]:
        """Each canary with the sink and the form it was found in; never its value."""
        found = {
            f"{hit.canary.path} as {hit.form} in {sink}"
            for sink, contents in self.kept.items()
            for content in contents
            for hit in search(content, canaries)
        }
        signed = {
            f"a signed link in {sink}"
            for sink, contents in self.kept.items()
            for content in contents
            if SIGNATURE
            in (content if isinstance(content, str) else content.decode(errors="replace"))
        }
        return sorted(found | signed)


def of_folder(folder: Path) -> Iterator[tuple[str, bytes | str]]:
    """Name and contents of every file; of a database its rows, as a text may lie on two pages."""
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        name = path.relative_to(folder).as_posix()
        with path.open("rb") as opened:
            start = opened.read(len(_SQLITE))
        if start == _SQLITE:
            yield name, "\n".join(_rows(path))
        elif not name.endswith(("-wal", "-shm")):
            yield name, path.read_bytes()


def _rows(path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        tables = database.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (table,) in tables:
            for row in database.execute(f'select * from "{table}"'):  # noqa: S608 - its own names
                yield " ".join(_text(value) for value in row)


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def line(places: Sequence[str], failures: int, hits: Sequence[str]) -> str:
    """The one line that is promised."""
    return f"canaries={len(places)} failures={failures} hits={len(hits)}"
