"""The paths of one export side by side: what each makes of the same documents."""

import os
import random
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import bson
import pytest
from bson import ObjectId
from bson.codec_options import CodecOptions, DatetimeConversion

from assets.exports.catalog import CATALOG
from assets.loading import load
from assets.model.manifest import Accounting
from assets.model.parameters import parse
from assets.model.source import EntrySource
from assets.steps.encode.kinds import encoder
from assets.steps.native import twin
from assets.steps.native.kernel import NOT_INSTALLED, Kernel, compile_plan, native
from assets.steps.native.lines import Lines
from assets.steps.plan import Plan, plan, planned_fields
from assets.steps.read import EntryReader, accounts
from assets.steps.rows import Converter, Ledger, Sieve, rendering
from resources.mongo.batch import Batch
from tests.assets.workbench import (
    AFTER_THE_PACK,
    CAMPAIGN,
    EVERY_SCOPE,
    tiny_documents,
    workbench,
)

_OPTIONS: CodecOptions[Any] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)


def decoded(raw: bytes) -> dict[str, Any]:
    """A document as the reader sees it."""
    found: dict[str, Any] = bson.decode(raw, _OPTIONS)
    return found


@cache
def usual() -> tuple[bytes, ...]:
    """The entries of today's shape in the hand-written pack."""
    return tuple(raw for raw in tiny_documents()["entries"] if _version(raw) == 3)


def _version(raw: bytes) -> object:
    try:
        return decoded(raw).get("schemaVersion")
    except bson.errors.BSONError:
        return None


@cache
def names() -> tuple[str, ...]:
    """All that fields of the entries in the pack have."""
    return tuple(sorted({name for raw in usual() for name in decoded(raw)}))


@cache
def _users() -> Mapping[ObjectId, Mapping[str, Any]]:
    return {user["_id"]: user for user in map(decoded, tiny_documents()["users"])}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a path made."""

    records: bytes
    accounting: Accounting | None
    raised: str = ""


class Both:
    """One export in Python as it states every rule, by its twin in one piece, and in C.

    Attributes:
        twin: The kernel in Python.
        apart: The same, which knows what fields there are and decodes lists by themselves.

    Args:
        name: Which kind.
        prepared: What it has looked up before the first row.
        params: Of the request.
    """

    def __init__(self, name: str = "entries", /, prepared: object = None, **params: Any) -> None:
        kind = CATALOG[name]
        # Some kinds have one form only, and say so themselves.
        form = {} if "pii" in kind.fixed({}) else {"pii": "full"}
        asked = {"campaign_id": CAMPAIGN, "reason": "test", **form, **params}
        request = parse(kind, asked, scopes=EVERY_SCOPE)
        facts = load(kind, request, AFTER_THE_PACK, workbench().doors.mongo)
        self.plan: Plan = plan(kind, replace(facts, prepared=prepared))
        source = kind.rows
        assert isinstance(source, EntrySource)
        self.source = source
        self.users = dict(_users())
        self.twin = self.compiled(twin)
        self.apart = self.compiled(twin, names())
        extension = native()
        self._in_c = None if extension is None else self.compiled(extension)

    @property
    def kernel(self) -> Kernel:
        """The kernel in C; without it the test that asks for it is skipped."""
        if self._in_c is None:
            assert "CI" not in os.environ, NOT_INSTALLED
            pytest.skip(NOT_INSTALLED)
        return self._in_c

    @kernel.setter
    def kernel(self, other: Kernel) -> None:
        self._in_c = other

    def compiled(self, runner: Any, fields: tuple[str, ...] | None = None) -> Kernel:
        """A kernel of a runner, for entries of which these fields are read, or all."""
        return compile_plan(
            self.plan,
            verdict=self.source.verdict(self.plan.facts),
            rendering=rendering(self.plan, Ledger()),
            converter=self._converter(Ledger()),
            fields=fields,
            runner=runner,
        )

    def _converter(self, ledger: Ledger) -> Converter:
        style = rendering(self.plan, ledger)
        return Converter(self.plan.columns, rendering=style, key=b"the test's key")

    def made(self, batch: Sequence[bytes], *, native: bool) -> Outcome:
        """The records of a batch and its accounting, in C or as Python states the rules."""
        return self.made_by(self.kernel if native else None, batch)

    def made_by(self, kernel: Kernel | None, batch: Sequence[bytes]) -> Outcome:
        """The same by a kernel, or by none."""
        ledger, facts = Ledger(), self.plan.facts
        reader = EntryReader(
            source=self.source,
            facts=facts,
            scan=lambda _: iter(()),
            users=self._found,
            ledger=ledger,
        )
        pending: list[Sequence[bytes]] = [Batch.of(batch) if kernel else list(batch)]
        reader = replace(reader, scan=lambda _: iter([pending.pop()] if pending else []))
        if kernel:
            later = self.source.arrange is not None and not kernel.partly
            reader = replace(reader, made=self._lines(kernel).made, sorted_later=later)
        sieve = Sieve(
            verdict=self.source.verdict(facts),
            notes=self.source.notes,
            converter=self._converter(ledger),
            ledger=ledger,
            arrange=self.source.arrange,
            packed=kernel is not None and not kernel.partly,
        )
        writer = encoder(planned_fields(self.plan.columns), facts.request.output)
        try:
            rows = [cells for _, cells in sieve.records(reader.rows())]
            records = writer.add(writer.piece(rows))
        except Exception as error:  # noqa: BLE001 - both must fail alike
            return Outcome(records=b"", accounting=None, raised=type(error).__name__)
        return Outcome(records=records, accounting=ledger.close(len(batch)))

    def differing(self, batch: Sequence[bytes]) -> list[bytes]:
        """The documents of a batch that the paths do not make the same of."""
        stated = self.made_by(None, batch)
        kernels = [one for one in (self._in_c, self.twin, self.apart) if one is not None]
        same = all(self.made_by(one, batch) == stated for one in kernels)
        if len(batch) == 1:
            return [] if same else list(batch)
        if same and not stated.raised:  # what raises hides those behind it
            return []
        middle = len(batch) // 2
        found = self.differing(batch[:middle]) + self.differing(batch[middle:])
        return found if found or same else list(batch)  # one is made otherwise behind another

    def usual(self, batch: Sequence[bytes], kernel: Kernel | None = None) -> int:
        """How many documents a kernel judges by itself; that in C if none is named."""
        made = self._lines(kernel or self.kernel).made(batch, Ledger())
        return len(batch) - sum(isinstance(one, int) for one in made.rows)

    def _lines(self, kernel: Kernel) -> Lines:
        return Lines(kernel, lambda ids: accounts(ids, self._found))

    def _found(self, ids: Iterable[ObjectId]) -> Mapping[ObjectId, Mapping[str, Any]]:
        return {one: self.users[one] for one in ids if one in self.users}

    def nobody(self) -> tuple[int, tuple[bytes, ...]]:
        """What the kernel is told where there is no account."""
        return 0, (b"",) * len(self.kernel.cells)


def mangled(raw: bytes, draw: random.Random) -> bytes:
    """A document with some of its bytes changed, cut out, put in or made another length."""
    body = bytearray(raw)
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        if body:
            _mangle(body, draw.randrange(len(body)), draw)
    if draw.random() < 0.7 and len(body) >= 4:  # a right length lets the walk go on
        body[:4] = struct.pack("<i", len(body))
        body[-1] = 0
    return bytes(body)


def _mangle(body: bytearray, at: int, draw: random.Random) -> None:
    match draw.randrange(6):
        case 0:
            body[at] = draw.randrange(256)
        case 1:
            body[at] ^= 1 << draw.randrange(8)
        case 2:
            del body[at : at + draw.randrange(1, 9)]
        case 3:
            body[at:at] = draw.randbytes(draw.randrange(1, 9))
        case 4:
            body[at : at + 4] = struct.pack("<i", draw.choice((-1, 0, 1, 4, 5, 2**31 - 1)))
        case _:
            del body[at:]


def replaced(document: Mapping[str, Any], path: str, value: object) -> dict[str, Any] | None:
    """A copy with another value at a path; None where the path leads nowhere."""
    copy = decoded(bson.encode(document))
    *parents, last = path.split(".")
    node: Any = copy
    for name in parents:
        node = node[int(name)] if isinstance(node, list) else node.get(name)
        if not isinstance(node, dict | list) or (isinstance(node, list) and not node):
            return None
    if isinstance(node, list):
        node[int(last)] = value
    else:
        node[last] = value
    return copy


def places(document: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """The path of everything in a document, blocks and lists included."""
    for name, value in document.items():
        yield f"{before}{name}"
        if isinstance(value, dict):
            yield from places(value, f"{before}{name}.")
        if isinstance(value, list):
            inner = {str(place): item for place, item in enumerate(value)}
            yield from places(inner, f"{before}{name}.")
