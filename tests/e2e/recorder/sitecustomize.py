"""Notes what a process asks MongoDB, where this folder is on `PYTHONPATH`: Python imports it first.

A line of JSON for each question of another shape, in a file a process; values stay out of it.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pymongo import monitoring

FOLDER = "ASKED_OF_MONGODB"
_LOGICAL = ("$and", "$or", "$nor")
# What these are given says how they may be answered, and nothing about anybody.
_TELLING = ("$type", "$exists")
_COMPARED = ("$eq", "$lt", "$lte", "$gt", "$gte")


def masked(query: Any) -> Any:
    """A query without its values: names, operators and types."""
    if isinstance(query, Mapping):
        return {name: _operand(name, value) for name, value in query.items()}
    return "?"


def _operand(name: str, value: Any) -> Any:
    if name in _LOGICAL:
        return [masked(one) for one in value]
    if name == "$expr":
        return list(_compared(value))
    return value if name in _TELLING else masked(value)


def _compared(expression: Any) -> Iterator[dict[str, Any]]:
    """The fields that an expression compares with something, each of which must hold."""
    for name, operands in expression.items() if isinstance(expression, Mapping) else ():
        if name == "$and":
            for one in operands:
                yield from _compared(one)
        elif name in _COMPARED and isinstance(operands[0], str):
            yield {operands[0].removeprefix("$"): {name: "?"}}


def questions(command: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What a command looks for, each with its order."""
    name = next(iter(command))
    if name == "find":
        yield _question(command["filter"], command.get("sort"))
    elif name == "findAndModify":
        yield _question(command["query"], command.get("sort"))
    elif name == "update":
        yield from (_question(one["q"]) for one in command["updates"])
    elif name == "delete":
        yield from (_question(one["q"]) for one in command["deletes"])
    elif name in {"aggregate", "count", "distinct"}:
        stages = command.get("pipeline") or [{}]
        yield _question(stages[0].get("$match") or command.get("query") or {})


def _question(query: Mapping[str, Any], sort: Mapping[str, int] | None = None) -> dict[str, Any]:
    return {"filter": masked(query), "sort": list((sort or {}).items())}


class Recorder(monitoring.CommandListener):
    """Writes each shape once a process; a forked one has a file of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._written = set[tuple[int, str]]()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """It is asked."""
        collection = event.command.get(event.command_name)
        for found in questions(event.command):
            line = json.dumps({"collection": collection, **found})
            if (key := (os.getpid(), line)) not in self._written:
                self._written.add(key)
                with (self._folder / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
                    file.write(f"{line}\n")

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """It was noted."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """It was noted."""


if FOLDER in os.environ:
    monitoring.register(Recorder(Path(os.environ[FOLDER])))
