"""Cases from the bridge's own description: every operation, as it should be used and spoiled.

What the description does not say (which exports there are) comes from the attacker.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from api_bridge.protocol.answers import ANSWERS
from tests.api_bridge.schemas import wrong
from tests.fuzz.attack import Attacker, drawn
from tests.fuzz.exchange import NO_ANSWER, Case, Reply
from tests.fuzz.judge import FIRST_ERROR
from tests.fuzz.values import MARKED, MARKER, fitting, spoiled

METHODS = ("get", "put", "post", "delete", "patch", "options", "head", "trace")
CREDENTIALS = st.sampled_from(["all"] * 7 + ["reader", "foreign", "nobody", ""])
UNKNOWN = "exp_000000000000000000000000"
# What a caller sends who knows the bridge, where the description only says that it is text.
KNOWN: dict[str, Sequence[str]] = {
    "number": ("1", "2", "0"),
    "type_id": ("guests", "guests.2", "door-count", "entries.1"),
    "type": ("guests", "guests.2", "entries"),
    "status": ("queued", "succeeded"),
    "campaign": ("aurora-lights", "foreign-fest"),
    "created_after": ("2026-01-01T00:00:00Z",),
    "created_before": ("2026-12-31T00:00:00Z",),
    "mine": ("true", "false"),
    "page_size": ("1", "100"),
    "Idempotency-Key": ("a", "b", "c"),
    "Prefer": ("wait=0", "wait=1", "handling=lenient", "respond-async"),
    "If-None-Match": ('"1"', "*", 'W/"2", "3"'),
    "Last-Event-ID": ("0", "1"),
    "campaign_id": ("aurora-lights", "northern-sky"),
    "url": ("https://hooks.example.com/exports", "https://hooks.example.com:8443/?a=b"),
}
JSON = "application/json"
WAIT_SECONDS = 2.0
# Controls would end the header, and the server below us refuses them; the corpora send them raw.
HEADER_TEXT = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A path with a method, and what it takes."""

    path: str
    method: str
    described: Mapping[str, Any]

    def parameters(self, where: str) -> Iterator[Mapping[str, Any]]:
        """The parameters of one place: path, query or header."""
        for one in self.described.get("parameters", ()):
            if one["in"] == where:
                yield one

    @property
    def body(self) -> Mapping[str, Any] | None:
        """The schema of the body, if there is one."""
        content = self.described.get("requestBody", {}).get("content", {})
        found: Mapping[str, Any] | None = content.get("application/json", {}).get("schema")
        return found


def operations(described: Mapping[str, Any]) -> list[Operation]:
    """Every operation of a description."""
    return [
        Operation(path=path, method=method.upper(), described=resolved(one, described))
        for path, methods in described["paths"].items()
        for method, one in methods.items()
        if method in METHODS
    ]


def resolved(node: Any, described: Mapping[str, Any]) -> Any:
    """A part of a description with what it refers to in place of the references."""
    if isinstance(node, list):
        return [resolved(one, described) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        found: Any = described
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return resolved(found, described)
    return {name: resolved(one, described) for name, one in node.items()}


def attack(attacker: Attacker, count: int, seed: int) -> None:
    """Send so many cases, the operations taking turns."""
    every = operations(attacker.described)
    for position, operation in enumerate(every):
        share = count // len(every) + (position < count % len(every))
        if share:
            strategy = cases(operation, lambda: attacker.ids)
            use = partial(_held_to, attacker, operation)
            drawn(strategy, share, seed * 1_000 + position, use)


def _held_to(attacker: Attacker, operation: Operation, case: Case) -> None:
    """Send a case; an answer that is no error is one that the operation describes."""
    reply = attacker.send(case)
    known = operation.described["responses"]
    is_its_own = case.method == operation.method and NO_ANSWER < reply.status < FIRST_ERROR
    if is_its_own and not _describes(known.get(str(reply.status)), operation, reply):
        attacker.tally.fault("undescribed", f"{reply.status} of {case!r:.300}")


def _describes(response: Mapping[str, Any] | None, operation: Operation, reply: Reply) -> bool:
    """Whether the media type is described, or that there is none, and each member of the body."""
    if response is None:
        return False
    media_type = reply.header("content-type").partition(";")[0]
    if media_type not in response.get("content", {"": None}):
        return False
    name = ANSWERS[operation.path, operation.method.lower()] if media_type == JSON else None
    return name is None or not wrong(name, json.loads(reply.body))


def cases(operation: Operation, ids: Callable[[], Sequence[str]]) -> SearchStrategy[Case]:
    """Cases of one operation; about half of the bodies are good."""
    body = operation.body
    bodies = st.just(b"")
    if body is not None:
        good = fitting(acquainted(body))
        bodies = (good | spoiled(good)).map(lambda value: json.dumps(value).encode())
    return _case(operation, bodies, ids)


@st.composite
def _case(
    draw: DrawFn,
    operation: Operation,
    bodies: SearchStrategy[bytes],
    ids: Callable[[], Sequence[str]],
) -> Case:
    target = operation.path
    for one in operation.parameters("path"):
        known = [str(position) for position in range(6)] if "id" in one["name"] else ()
        said = draw(_said(one, ids, known))
        target = target.replace(f"{{{one['name']}}}", quoted(said))
    query = [
        f"{quoted(one['name'])}={quoted(draw(_said(one, ids)))}"
        for one in operation.parameters("query")
        if draw(st.integers(0, 3)) == 0
    ]
    headers = [
        (one["name"].encode(), draw(_header(one)))
        for one in operation.parameters("header")
        if draw(st.booleans())
    ]
    method = draw(st.sampled_from([operation.method] * 18 + ["PATCH", "HEAD"]))
    return Case(
        origin="described",
        method=method,
        target=(target + ("?" + "&".join(query) if query else "")).encode(),
        headers=tuple(headers),
        body=draw(bodies),
        credential=draw(CREDENTIALS),
        marker=MARKER,
        waits=WAIT_SECONDS,
    )


def quoted(text: str) -> str:
    """Text in a path or query; lone surrogates as the bytes that a sloppy client makes of them."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


@st.composite
def _said(
    draw: DrawFn,
    parameter: Mapping[str, Any],
    ids: Callable[[], Sequence[str]],
    known: Sequence[str] = (),
) -> str:
    """What is said for a parameter: what there is, what fits its schema, or anything."""
    name, kind = parameter["name"], draw(st.integers(0, 3))
    if kind == 0:
        return draw(MARKED)
    if name in KNOWN:
        return draw(st.sampled_from(KNOWN[name]))
    if known:
        # Drawn by position: the ids change while the examples stay the same.
        there = [*ids(), UNKNOWN]
        return there[int(draw(st.sampled_from(known))) % len(there)]
    return str(draw(fitting(parameter.get("schema", {}))))


def _header(parameter: Mapping[str, Any]) -> SearchStrategy[bytes]:
    known = st.sampled_from(KNOWN.get(parameter["name"], ("x",)))
    marked = HEADER_TEXT.map(lambda text: f"{text}{MARKER}")
    return (known | marked).map(lambda text: text.encode("latin-1"))


def acquainted(schema: Any) -> Any:
    """A schema whose campaigns are those that there are: a made-up key is only ever unknown."""
    if not isinstance(schema, dict):
        return [acquainted(one) for one in schema] if isinstance(schema, list) else schema
    changed = {name: acquainted(one) for name, one in schema.items()}
    properties = changed.get("properties", {})
    for name in properties.keys() & KNOWN.keys() & {"campaign_id"}:
        properties[name] = {"enum": list(KNOWN[name])}
    return changed
