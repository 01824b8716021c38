"""A MongoDB-wire server that answers the few commands of the bridge from memory.

    python -m benchmarks.load.database --campaigns 500

Prints its port when it can be reached. The embedded server of the stack stores 295 documents a
second, each on the disk; this one shows what the bridge can do where the database is no bound. What
it does not know is answered with an error, so that a benchmark never measures a wrong answer.

Nobody makes the exports, but they end: else each caller would have hundreds, and every next request
would look for one of the few places that are left to it.
"""

import argparse
import asyncio
import gc
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import bson
from bson import Int64
from bson.raw_bson import RawBSONDocument

from benchmarks.replay import wire
from benchmarks.replay.entries import beside
from benchmarks.replay.queries import Unsupported, matches
from benchmarks.replay.wire import Broken, Command
from resources.clock import SystemClock

Document = dict[str, Any]
Found = Document | RawBSONDocument

CLOCK: Final = SystemClock()
LOOPBACK: Final = "127.0.0.1"
DATABASE: Final = "fanreg"
EXPORTS, CLAIMS = "exports", "export_claims"
# Exports that live together: 200 requests a second, if each export takes 50 seconds.
LIVE: Final = 10_000
# error_codes.yml of MongoDB.
_BAD_VALUE, _NO_COMMAND, _DUPLICATE = 2, 59, 11_000


@dataclass(slots=True)
class _Refused(Exception):
    code: int
    text: str


def campaign_key(number: int) -> str:
    """The key of one of the campaigns."""
    return f"campaign-{number}"


@dataclass(slots=True)
class Memory:
    """Answers commands.

    Attributes:
        campaigns: How many keys the one campaign of the recipe has; what belongs to it is shared.
        live: So many exports live together; with one more the first of them ends.
    """

    campaigns: int
    live: int = LIVE
    _exports: dict[str, bytes] = field(default_factory=dict)
    _states: dict[str, Document] = field(default_factory=dict)
    _claims: dict[str, Document] = field(default_factory=dict)
    # Those that have not ended, with what they hold.
    _begun: deque[tuple[str, Sequence[str]]] = field(default_factory=deque)
    _by_key: dict[str, Document] = field(default_factory=dict)
    _others: Mapping[str, list[Document]] = field(default_factory=beside)

    def __post_init__(self) -> None:
        """Give the campaign its keys."""
        (campaign,) = self._others["campaigns"]
        keys = map(campaign_key, range(self.campaigns))
        self._by_key = {key: campaign | {"key": key} for key in keys}

    def answer(self, command: Command) -> bytes:
        """The message that answers a command; nothing where none is awaited."""
        try:
            document = self._answered(command.body) | {"ok": 1.0}
        except (_Refused, Unsupported) as error:
            code = error.code if isinstance(error, _Refused) else _BAD_VALUE
            document = {"ok": 0.0, "errmsg": str(error), "code": code}
        return wire.reply(command, document) if command.answered else b""

    def _answered(self, body: Document) -> Document:
        name = next(iter(body))
        known: Mapping[str, Callable[[Document], Document]] = {
            "find": self._found,
            "findAndModify": self._stored,
            "update": self._upserted,
            "delete": self._freed,
            "hello": _hello,
            "ismaster": _hello,
            "isMaster": _hello,
            "createIndexes": lambda _: {},
            "ping": lambda _: {},
            "endSessions": lambda _: {},
        }
        if name not in known:
            raise _Refused(_NO_COMMAND, f"{name} is not known here")
        return known[name](body)

    def _found(self, body: Document) -> Document:
        name, query = body["find"], body["filter"]
        documents: Sequence[Found]
        if name == EXPORTS and "projection" in body:
            documents = [self._states[one] for one in query["_id"]["$in"] if one in self._states]
        elif name == EXPORTS:
            ids = query["_id"].get("$in") or [query["_id"]["$eq"]]
            documents = [RawBSONDocument(self._exports[one]) for one in ids if one in self._exports]
        elif name == CLAIMS:
            documents = [self._claims[one] for one in query["_id"]["$in"] if one in self._claims]
        elif name == "campaigns":
            campaign = self._by_key.get(query["key"]["$eq"])
            documents = [] if campaign is None else [campaign]
        else:
            documents = [one for one in self._others[name] if matches(one, query)]
        namespace = f"{body['$db']}.{name}"
        return {"cursor": {"firstBatch": documents, "id": Int64(0), "ns": namespace}}

    def _stored(self, body: Document) -> Document:
        """The upsert that stores an export: an `_id` that is there is a duplicate."""
        key = body["query"]["_id"]["$eq"]
        if not body.get("upsert") or body["findAndModify"] != EXPORTS:
            raise _Refused(_BAD_VALUE, "nothing but an upsert of an export")
        if key in self._exports:
            raise _Refused(_DUPLICATE, "E11000 duplicate key")
        stored = self._born(key, body["update"])
        said = {"n": 1, "updatedExisting": False, "upserted": key}
        return {"lastErrorObject": said, "value": stored if body.get("new") else None}

    def _born(self, key: str, update: Sequence[Document]) -> Document:
        (step,) = update
        stored = {"_id": key, **made(step["$replaceWith"])}
        self._exports[key] = bson.encode(stored)
        holds = stored.get("holds") or {}
        token = {"token": holds["token"]} if holds else {}
        self._states[key] = {"_id": key, "status": stored["status"], "holds": token}
        self._begun.append((key, holds.get("claims", ())))
        if len(self._begun) > self.live:
            self._end(*self._begun.popleft())
        return stored

    def _freed(self, body: Document) -> Document:
        """The deletion by which the bridge gives claims back."""
        if body["delete"] != CLAIMS:
            raise _Refused(_BAD_VALUE, "nothing but claims is deleted")
        (one,) = body["deletes"]
        given = [
            name
            for name in one["q"]["_id"]["$in"]
            if self._claims.get(name, {}).get("token") == one["q"]["token"]["$eq"]
        ]
        for name in given:
            del self._claims[name]
        return {"n": len(given)}

    def _end(self, key: str, claims: Sequence[str]) -> None:
        """End an export and free its places, as housekeeping does."""
        self._states[key]["status"] = "succeeded"
        for claim in claims:
            if self._claims.get(claim, {}).get("export") == key:
                del self._claims[claim]

    def _upserted(self, body: Document) -> Document:
        """The upserts by which the bridge takes claims and stores exports.

        One that is there is a duplicate; where they are ordered, none behind it is made.
        """
        name, updates = body["update"], body["updates"]
        if name not in (CLAIMS, EXPORTS) or not all(one.get("upsert") for one in updates):
            raise _Refused(_BAD_VALUE, "nothing but upserts of claims and exports")
        there = self._claims if name == CLAIMS else self._exports
        made_now: list[Document] = []
        clashes: list[Document] = []
        for index, one in enumerate(updates):
            key = one["q"]["_id"]["$eq"]
            if key in there:
                clash = {"index": index, "code": _DUPLICATE, "errmsg": "E11000 duplicate key"}
                clashes.append(clash)
                if body.get("ordered", True):
                    break
                continue
            if name == EXPORTS:
                self._born(key, one["u"])
            else:
                (step,) = one["u"]
                self._claims[key] = {"_id": key, **made(step["$set"])}
            made_now.append({"index": index, "_id": key})
        said: Document = {"n": len(made_now), "nModified": 0, "upserted": made_now}
        return said | ({"writeErrors": clashes} if clashes else {})


def made(expression: Any) -> Any:
    """The value of an aggregation expression over a document that holds nothing."""
    if isinstance(expression, list):
        return [made(one) for one in expression]
    if isinstance(expression, dict):
        return _made_of(expression)
    if expression == "$$NOW":
        return CLOCK.now()
    # A path of an empty document leads nowhere.
    return None if isinstance(expression, str) and expression.startswith("$") else expression


def _made_of(expression: Document) -> Any:
    (name, operand), *others = expression.items() or [("", None)]
    if name in _OPERATORS and not others:
        return _OPERATORS[name](operand)
    if any(name.startswith("$") for name in expression):
        raise _Refused(_BAD_VALUE, f"{name} is not known here")
    return {name: made(one) for name, one in expression.items()}


def _merged(parts: list[Any]) -> Document:
    return {name: value for part in parts for name, value in (made(part) or {}).items()}


def _first_of(parts: list[Any]) -> Any:
    values = (made(part) for part in parts)
    return next((value for value in values if value is not None), None)


def _joined(parts: list[Any]) -> list[Any]:
    return [value for part in parts for value in made(part)]


_OPERATORS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "$literal": lambda value: value,
    "$mergeObjects": _merged,
    "$ifNull": _first_of,
    "$concatArrays": _joined,
}


def _hello(_: Document) -> Document:
    """The primary of a replica set: the driver sends sessions and numbers, as in production."""
    return {
        "isWritablePrimary": True,
        "ismaster": True,
        "helloOk": True,
        "setName": "memory",
        "setVersion": 1,
        "hosts": [f"{LOOPBACK}:1"],
        "me": f"{LOOPBACK}:1",
        "maxBsonObjectSize": 16 * 1024 * 1024,
        "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000,
        "localTime": CLOCK.now(),
        "logicalSessionTimeoutMinutes": 30,
        "minWireVersion": 0,
        "maxWireVersion": 25,
        "readOnly": False,
    }


async def serve(memory: Memory) -> None:
    """Listen on a free port, say which, and answer until the process ends."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                header = await reader.readexactly(wire.HEADER.size)
                content = await reader.readexactly(wire.HEADER.unpack(header)[0] - len(header))
                writer.write(memory.answer(wire.command(header, content)))
        except (asyncio.IncompleteReadError, ConnectionError, Broken):
            writer.close()

    server = await asyncio.start_server(speak, LOOPBACK, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main(arguments: Sequence[str]) -> int:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--campaigns", type=int, default=1)
    # What it holds stays; to look through 100,000 exports for garbage takes 0.2 s.
    gc.disable()
    asyncio.run(serve(Memory(campaigns=parser.parse_args(arguments).campaigns)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
