"""Query operators sent everywhere to a bridge over a real driver, which is listened to.

Good requests show what the bridge itself says to the database: which operators at which places. An
operator at another place afterwards, with a caller's words in it, came from a caller, and so did a
text of theirs that would be read as an expression (RELIABILITY.md S8).
"""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlencode

from fastapi import FastAPI
from pymongo import monitoring
from starlette.types import ASGIApp

from api_bridge.__main__ import server_config
from api_bridge.app import Doors, create_app
from api_bridge.settings import Settings
from resources.clock import SystemClock
from resources.mongo.connection import MongoConnection
from resources.mongo.stores import MongoStores
from resources.wiring import environment
from tests.api_bridge.bench import CAMPAIGNS, Client, serving
from tests.api_bridge.tokens import AUDIENCE, ISSUER, Issuer
from tests.api_bridge.toys import TOYS
from tests.fakes.object_store import FakeObjectStore
from tests.fuzz.attack import Attacker
from tests.fuzz.bridge import Attacked
from tests.fuzz.corpora import JSON_BODY, MEMBERS, PARAMS, QUERY
from tests.fuzz.exchange import Case
from tests.fuzz.judge import Tally
from tests.fuzz.values import MARKER

# Without `$$NOW`, which the bridge says itself at many places.
OPERATORS = (
    "$gt", "$gte", "$lt", "$lte", "$ne", "$eq", "$in", "$nin", "$exists", "$type", "$regex",
    "$where", "$expr", "$jsonSchema", "$mod", "$text", "$all", "$elemMatch", "$size", "$not",
    "$and", "$or", "$nor", "$function", "$accumulator", "$literal", "$comment", "$set", "$rename",
    "$out", "$merge", "$lookup", "$unionWith", "$$ROOT", "$$CLUSTER_TIME", "$_id", "$graphLookup",
    "$replaceWith",
)  # fmt: skip
# Below these a query takes a text for a text; in an expression only `$literal` does.
LITERALLY = frozenset({"$eq", "$in"})
EXPRESSIONS = frozenset({"$expr", "update", "pipeline"})
# So many callers send at once what is to come together, and so often at most until it does.
CALLERS, TRIES = 8, 10
# A payload that is refused because there are many exports already is not tried.
MANY = 2_000
# Nobody works off this queue: a bridge that is under attack for longer than its two minutes would
# rightly say that it is not ready.
UNWORKED = 86_400
CREATE, ESTIMATE = b"/v1/exports", b"/v1/exports/estimate"
# What the driver adds to every command of its own accord.
DRIVERS_OWN = frozenset({"$db", "$clusterTime", "$readPreference"})
# The last part of a place whose operand holds a caller's words; stands before a text that the
# database would read as an expression.
THEIRS, EXPRESSION = "(theirs)", "="
Place = tuple[str, ...]


class Recorder(monitoring.CommandListener):
    """Keeps the places of every operator and every dotted name that goes to the database.

    Attributes:
        seen: The places.
    """

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self.seen: set[Place] = set()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """A command is about to be sent."""
        said = {name: one for name, one in event.command.items() if name not in DRIVERS_OWN}
        self.seen |= set(places(said, (event.command_name,)))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """What comes back says nothing about what was asked."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nor does this."""


def places(node: Any, here: Place) -> Iterator[Place]:
    """Where the operators of a command stand, and the texts that would be read as expressions."""
    if isinstance(node, Mapping):
        for name, child in node.items():
            if name.startswith("$") or MARKER in name or "\0" in name:
                yield (*here, name)
                if MARKER in f"{name}{child}":
                    yield (*here, name, THEIRS)
            yield from places(child, (*here, name))
    elif isinstance(node, list | tuple):
        for child in node:
            yield from places(child, (*here, "[]"))
    elif isinstance(node, str) and node.startswith("$") and not _literal(set(here)):
        yield (*here, EXPRESSION, node)


def _literal(above: set[str]) -> bool:
    return "$literal" in above or bool(LITERALLY & above and not EXPRESSIONS & above)


@contextmanager
def real_bridge(
    stack: Mapping[str, str],
    folder: Path,
    *,
    wrap: Callable[[FastAPI], ASGIApp] = lambda app: app,
) -> Iterator[tuple[Attacked, Recorder]]:
    """A bridge over the driver and a database of its own, until the block ends."""
    recorder = Recorder()
    monitoring.register(recorder)  # for the clients that are made from now on
    connection = MongoConnection(
        uri=stack[environment.MONGODB_URI], database=f"fuzz_{uuid.uuid4().hex}"
    )
    stores = MongoStores(connection)
    stores.ensure_indexes()
    _seed(connection)
    issuer = Issuer(clock=SystemClock())
    (folder / "operators.json").write_bytes(issuer.jwks())
    settings = Settings(
        issuer=ISSUER,
        audience=AUDIENCE,
        jwks=str(folder / "operators.json"),
        live_per_caller=MANY,
        live_per_campaign=MANY,
        queue_age_seconds=UNWORKED,
        sensor_age_seconds=UNWORKED,
    )
    doors = Doors(stores=stores, objects=FakeObjectStore(), clock=SystemClock())
    app = create_app(settings, doors, TOYS)
    with serving(server_config(wrap(app), host="127.0.0.1", port=0)) as port:
        client = Client(port=port, issuer=issuer)
        yield Attacked(port=port, issuer=issuer, renew=lambda: _made(client)), recorder


def _made(client: Client) -> list[str]:
    """A few more exports, one of them at its end; those from before stay."""
    made = [
        client.call("POST", "/v1/exports", {**JSON_BODY, "fresh": True}).body["id"]
        for _ in range(6)
    ]
    client.call("POST", f"/v1/exports/{made[0]}/cancel")
    return made


def _seed(connection: MongoConnection) -> None:
    for key in CAMPAIGNS:
        campaign = connection.collection("campaigns").insert_one({"key": key, "deletedAt": None})
        market = {"campaignId": campaign.inserted_id, "key": "a", "name": "A"}
        connection.collection("markets").insert_one(market)


def attack(bridge: Attacked, recorder: Recorder, tally: Tally, *, apart: int = 1) -> int:
    """Send every payload, or one out of so many; how many were sent."""
    attacker = Attacker(bridge, tally)
    export_id = _usual(attacker)
    _usual_together(bridge, recorder, tally)
    known = frozenset(recorder.seen)
    some = [*payloads(export_id), *by_token(attacker, export_id)][::apart]
    for case in some:
        attacker.send(case)
        for place in (one for one in recorder.seen - known if _came_with(case, one, known)):
            tally.fault("operators", f"{'.'.join(place)} by {case!r:.300}")
        recorder.seen &= known
    attacker.close()
    # What headers and tokens say is kept with an export, and one command stores many of them.
    kept = [case for case in some if case.headers]
    _send_together(bridge, kept, tally)
    for place in recorder.seen - known:
        if any(_came_with(case, place, known) for case in kept):
            tally.fault("operators", f"{'.'.join(place)} by one of many that came together")
    return len(some) + len(kept)


def _send_together(bridge: Attacked, cases: Sequence[Case], tally: Tally) -> None:
    """Send cases by several callers at once, so that the bridge answers many of them together."""

    def by_one(number: int) -> Tally:
        own = Tally()
        attacker = Attacker(bridge, own)
        attacker.send_all(cases[number::CALLERS])
        attacker.close()
        return own

    with ThreadPoolExecutor(CALLERS) as pool:
        for found in pool.map(by_one, range(CALLERS)):
            tally.add(found)


def _usual_together(bridge: Attacked, recorder: Recorder, tally: Tally) -> None:
    """Ask for exports as they should be asked for, until several were stored by one command."""
    for _ in range(TRIES):
        asked = [_posted({**JSON_BODY, "fresh": True}, key=uuid.uuid4().hex) for _ in range(40)]
        _send_together(bridge, asked, tally)
        if any(place[0] == "update" and "$replaceWith" in place for place in recorder.seen):
            return
    raise RuntimeError("no requests came together")


def _came_with(case: Case, place: Place, known: frozenset[Place]) -> bool:
    """Whether what stands at a place that is not the bridge's own came with a case."""
    if place[-1] == THEIRS:
        return place[:-1] not in known
    headers = b"".join(value for _, value in case.headers)
    sent = (unquote_to_bytes(case.target) + headers + case.body).decode("utf-8", "replace")
    return EXPRESSION in place and place[-1] in (sent + case.marker)


def _usual(attacker: Attacker) -> str:
    """Ask for everything as it should be asked; the id of an export that stays."""
    every = {**PARAMS, "reason": "as usual", "markets": ["a"], "top_n": 1, "tier": "gold",
             "since": "2026-01-01T00:00:00Z", "with_plus_one": True}  # fmt: skip
    made = [_created(attacker, params, key) for key, params in (("a", PARAMS), ("b", every))]
    attacker.send(_posted({**JSON_BODY, "params": PARAMS}, key="a"))
    attacker.send(_posted({**JSON_BODY, "fresh": True}))
    attacker.send(_got("/v1/limits"))
    for chosen in product((False, True), repeat=len(_FILTERS)):
        query = {n: v for (n, v), taken in zip(_FILTERS.items(), chosen, strict=True) if taken}
        attacker.send(_got(f"/v1/exports?{urlencode(query)}"))
    attacker.send(_got("/v1/exports", credential="foreign"))
    for verb in ("cancel", "retry"):
        attacker.send(Case(origin="usual", method="POST", target=_path(made[1], verb)))
    for tail in ("", "files/1", "manifest", "errors", "lineage", "events"):
        attacker.send(Case(origin="usual", target=_path(made[0], tail)))
    # Whoever waits is looked after in the background, with a query of its own.
    held = attacker.send(Case(origin="usual", target=_path(made[0]))).header("etag")
    waiting = ((b"If-None-Match", held.encode()), (b"Prefer", b"wait=1"))
    attacker.send(Case(origin="usual", target=_path(made[0]), headers=waiting, waits=1.0))
    for params in (PARAMS, every):
        attacker.send(_posted({**JSON_BODY, "params": params}, target=ESTIMATE))
    ended = _created(attacker, PARAMS, "c")
    attacker.send(Case(origin="usual", method="POST", target=_path(ended, "cancel")))
    attacker.send(Case(origin="usual", method="DELETE", target=_path(ended)))
    attacker.send(_got("/readyz"))
    page = json.loads(attacker.send(_got("/v1/exports?page_size=1")).body)["next_page_token"]
    attacker.send(_got(f"/v1/exports?page_size=1&page_token={page}"))
    return made[0]


_FILTERS = {
    "type": "guests.2",
    "status": "queued",
    "campaign": "aurora-lights",
    "mine": "true",
    "created_after": "2026-01-01T00:00:00Z",
    "created_before": "2126-01-01T00:00:00Z",
}


def _created(attacker: Attacker, params: Mapping[str, Any], key: str) -> str:
    reply = attacker.send(_posted({"type": "guests", "params": params}, key=key))
    return str(json.loads(reply.body)["id"])


def payloads(export_id: str) -> Iterator[Case]:
    """Operators as names and as values, in bodies, queries, paths and headers."""
    for operator in OPERATORS:
        for value in _nested(operator):
            yield _posted(value)
            for name, target in product((*MEMBERS, operator, "_id"), (CREATE, ESTIMATE)):
                yield _posted({**JSON_BODY, "params": {**PARAMS, name: value}}, target=target)
            yield _posted({**JSON_BODY, "type": value})
            yield _posted({**JSON_BODY, operator: value})
        for name in QUERY:
            yield _got(f"/v1/exports?{quote(f'{name}[{operator}]')}={MARKER}")
            yield _got(f"/v1/exports?{name}={quote(json.dumps({operator: MARKER}))}")
        for form in (operator, json.dumps({operator: MARKER}), f"[{operator}]={MARKER}"):
            yield _got(f"/v1/exports/{quote(form, safe='')}")
            yield _got(f"/v1/exports/{export_id}/files/{quote(form, safe='')}")
            yield Case(
                origin="operator",
                method="DELETE",
                target=f"/v1/exports/{quote(form, safe='')}".encode(),
                marker=MARKER,
            )
            yield from _headed(form, export_id)


def _nested(operator: str) -> Iterator[Any]:
    yield {operator: MARKER}
    yield [{operator: MARKER}]
    yield {"a": {operator: [MARKER]}}
    yield operator


def _headed(form: str, export_id: str) -> Iterator[Case]:
    """What is kept of headers goes into the audit trail, by an update that knows expressions."""
    for name in ("Idempotency-Key", "User-Agent", "X-Request-Id", "Prefer", "If-None-Match"):
        headers = ((name.encode(), form.encode()),)
        yield _posted({**JSON_BODY, "fresh": True}, headers=headers)
        yield Case(origin="operator", target=_path(export_id), headers=headers, marker=MARKER)


def by_token(attacker: Attacker, export_id: str) -> Iterator[Case]:
    """Callers who are called like an expression; the issuer may allow it, the database must not."""
    for operator in OPERATORS:
        token = attacker.bridge.issuer.token(sub=operator, client_id=operator)
        headers = ((b"Authorization", b"Bearer " + token.encode()),)
        for case in (
            _posted({**JSON_BODY, "fresh": True}, headers=headers),
            _got("/v1/exports?mine=true", headers=headers),
        ):
            yield replace(case, marker=operator)
        for verb in ("cancel", "retry"):
            target = _path(export_id, verb)
            yield Case(
                origin="operator", method="POST", target=target, headers=headers, marker=operator
            )


def _posted(
    value: Any, *, key: str | None = None, headers: Any = (), target: bytes = CREATE
) -> Case:
    more = ((b"Idempotency-Key", key.encode()),) if key is not None else ()
    return Case(
        origin="operator",
        method="POST",
        target=target,
        headers=(*headers, *more),
        body=json.dumps(value).encode(),
        marker=MARKER,
    )


def _got(target: str, *, credential: str = "all", headers: Any = ()) -> Case:
    return Case(
        origin="operator",
        target=target.encode(),
        credential=credential,
        headers=headers,
        marker=MARKER,
    )


def _path(export_id: str, tail: str = "") -> bytes:
    return f"/v1/exports/{export_id}{'/' if tail else ''}{tail}".encode()
