"""`mongo`: look at one export where it is stored, and take it in hand when nobody else can.

Nothing that is printed names a person: no parameters, no subjects, no tokens.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from export_platform.commands.terminal import CommandError

if TYPE_CHECKING:
    from assets.life import ExportLife
    from resources.mongo.stores import MongoStores

app = typer.Typer(help="Look at a stored export, and take it in hand.", no_args_is_help=True)

Document = Mapping[str, Any]
Which = Annotated[str, typer.Argument(metavar="EXPORT", help="Its id.")]
Apply = Annotated[bool, typer.Option("--apply", help="Do it; without this nothing changes.")]

BY = "operator"
# So many are shown, the newest.
_DOWNLOADS = 20
_SHOWN = (
    "_id", "type", "typeVersion", "status", "phase", "origin", "campaign", "fingerprint", "attempt",
    "maxAttempts", "failures", "rescues", "sharers", "generation", "createdAt", "queuedAt",
    "notBefore", "dispatchedAt", "startedAt", "finishedAt", "expiresAt", "deletedAt", "purgedAt",
    "snapshotAt", "progress", "error", "revision",
)  # fmt: skip


@app.command()
def inspect(export: Which) -> None:
    """Print how an export is stored, as JSON, without parameters, people and tokens."""
    with _stores() as stores:
        document = _found(stores.exports.find, export)
        downloads = stores.downloads.of(export, limit=_DOWNLOADS)
    shown = {name: document[name] for name in _SHOWN if document.get(name) is not None}
    lease = document.get("lease") or {}
    shown["lease"] = {name: lease.get(name) for name in ("owner", "heartbeatAt", "until")}
    shown["audit"] = [(entry.get("action"), entry.get("at")) for entry in document["audit"]]
    shown["downloads"] = [(download.file, download.at) for download in downloads]
    typer.echo(json.dumps(shown, default=str, indent=2))


@app.command()
def explain(export: Which) -> None:
    """Say why an export is where it is, and what happens to it next."""
    from resources.clock import SystemClock  # noqa: PLC0415 - only here

    with _life() as life:
        document = _found(life.find, export)
        for line in reasons(document, life.find, SystemClock().now()):
            typer.echo(line)


@app.command()
def requeue(export: Which, apply: Apply = False) -> None:
    """Queue an ended export again, outside the places of its caller and campaign."""
    with _life() as life:
        _changed(life, export, "queue it again", apply, lambda: life.retry(export, by=BY))


@app.command()
def quarantine(export: Which, apply: Apply = False) -> None:
    """Fail a live export for good, whoever holds it; its worker stops at the next heartbeat."""
    with _life() as life:
        _changed(life, export, "fail it", apply, lambda: life.quarantine(export, by=BY))


def reasons(
    document: Document, find: Callable[[str], Document | None], now: datetime
) -> Iterator[str]:
    """Sentences that say why an export is where it is.

    Args:
        document: As it is stored.
        find: Looks for the export whose files another waits for.
        now: What its dates are compared with.
    """
    status, lease = document["status"], document.get("lease") or {}
    yield f"{document['_id']} is {status}, attempt {document['attempt']}."
    if document.get("deletedAt"):
        yield f"It was deleted at {document['deletedAt']}; housekeeping removes what is left."
    if document.get("left"):
        yield "Its own request was taken back; it goes on for others."
    if status == "queued":
        yield from _queued(document, now)
    elif status == "joined":
        yield from _joined(document, find, now)
    elif status in ("dispatched", "running", "delivering", "cancelling"):
        yield from _held(document, lease, now)
    elif status == "succeeded":
        yield f"Its files go at {document['expiresAt']}."
    elif status == "failed":
        error = document.get("error") or {}
        yield f"It failed with {error.get('code')}: {error.get('message')}. A person may retry it."


def _queued(document: Document, now: datetime) -> Iterator[str]:
    from assets.targets import TAKEN  # noqa: PLC0415 - only here

    due = document.get("notBefore")
    counted = f"{document['failures']} failures, {document['rescues']} dead workers"
    error = document.get("error") or {}
    if error.get("code") == TAKEN:
        yield "Another live export is being delivered to its target, which one may fill at a time."
    if due is not None and due > now:
        yield f"It waits until {due} before the next attempt ({counted} so far)."
    else:
        yield f"It is due since {due or document['queuedAt']} ({counted} so far) and nobody has"
        yield "claimed it: the sensor of requests does not look, or many more urgent ones wait."


def _joined(
    document: Document, find: Callable[[str], Document | None], now: datetime
) -> Iterator[str]:
    made = find(document["generation"])
    if made is None:
        yield f"It waits for the files of {document['generation']}, which is gone."
        return
    yield "It is identical to another live request and waits for the files of that one:"
    yield from reasons(made, find, now)


def _held(document: Document, lease: Document, now: datetime) -> Iterator[str]:
    until = lease.get("until")
    if until is None:
        yield "Nobody has a lease on it: housekeeping takes it back two minutes after a change."
        return
    yield f"{lease.get('owner')} has it until {until}, heard last at {lease.get('heartbeatAt')}."
    if until < now:
        yield "That is over: the worker is dead or frozen, and housekeeping takes the export back."
    elif document["status"] == "dispatched":
        yield "Its run has been asked for and has not begun: it is asked for again after 30 s."
    elif document["status"] == "cancelling":
        yield "Its worker was asked to stop and does so at its next heartbeat."
    else:
        done = document.get("progress") or {}
        yield f"Its worker has read {done.get('rowsRead')} of {done.get('rowsTotal')} rows."


@contextmanager
def _life() -> "Iterator[ExportLife]":
    from assets.life import ExportLife  # noqa: PLC0415 - pymongo takes 0.3 s

    with _stores() as stores:
        yield ExportLife(stores.exports)


@contextmanager
def _stores() -> "Iterator[MongoStores]":
    from resources.wiring import environment  # noqa: PLC0415 - pymongo takes 0.3 s

    try:
        stores = environment.mongo_stores(os.environ)
    except ValueError as error:
        raise CommandError(f"{error}; it says which database") from None
    try:
        yield stores
    finally:
        stores.close()


def _found(find: Callable[[str], Document | None], export: str) -> Document:
    document = find(export)
    if document is None:
        raise CommandError("there is no such export")
    return document


def _changed(
    life: "ExportLife",
    export: str,
    what: str,
    apply: bool,
    move: Callable[[], Document | None],
) -> None:
    from assets.life import IllegalMove  # noqa: PLC0415 - pymongo takes 0.3 s

    before = _found(life.find, export)["status"]
    if not apply:
        typer.echo(f"{export} is {before}; with --apply this would {what}, if it may.")
        return
    try:
        after = move()
    except IllegalMove as illegal:
        raise CommandError(f"an export that is {illegal.status} cannot be changed so") from None
    typer.echo(f"{export} was {before} and is {(after or {}).get('status')}.")
