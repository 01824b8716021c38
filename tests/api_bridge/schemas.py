"""JSON Schema 2020-12 of everything that the bridge answers, and which answer has which."""

import json
import re
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.api_bridge.bench import Answer

FOLDER: Final = Path(__file__).parent / "schemas"
# Method and path to schema; each must fit the whole path without its query.
ANSWERS: Final = (
    ("POST", r"/v1/exports", "export"),
    ("GET", r"/v1/exports", "exports"),
    ("POST", r"/v1/exports/estimate", "estimate"),
    ("GET", r"/v1/exports/[^/]+", "export"),
    ("POST", r"/v1/exports/[^/]+/(cancel|retry)", "export"),
    ("GET", r"/v1/exports/[^/]+/manifest", "manifest"),
    ("GET", r"/v1/exports/[^/]+/errors", "errors"),
    ("GET", r"/v1/exports/[^/]+/lineage", "lineage"),
    ("GET", r"/v1/export-types", "export-types"),
    ("GET", r"/v1/export-types/[^/]+", "export-type"),
    ("POST", r"/v1/webhook-endpoints", "webhook-endpoint"),
    ("GET", r"/v1/webhook-endpoints", "webhook-endpoints"),
    ("GET", r"/v1/webhook-endpoints/[^/]+", "webhook-endpoint"),
    ("POST", r"/v1/webhook-endpoints/[^/]+/(secret|enable)", "webhook-endpoint"),
    ("GET", r"/v1/webhook-endpoints/[^/]+/deliveries", "webhook-deliveries"),
    ("POST", r"/v1/webhook-endpoints/[^/]+/deliveries/[^/]+/replay", "webhook-delivery"),
    ("GET", r"/v1/limits", "limits"),
    ("GET", r"/healthz", "health"),
    ("GET", r"/\.well-known/export-signing-keys", "signing-keys"),
    ("GET", r"/readyz", "readiness"),
)
EMPTY: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.SEE_OTHER, HTTPStatus.NOT_MODIFIED)
# Answers in another form than JSON, whose own tests read them.
TEXTS: Final = (
    ("GET", r"/v1/exports/[^/]+/events", "text/event-stream; charset=utf-8"),
    ("GET", r"/metrics", "text/plain; version=0.0.4; charset=utf-8"),
)
PROBLEM: Final = "problem"


def names() -> list[str]:
    """Every schema that there is."""
    return sorted(file.stem for file in FOLDER.glob("*.json"))


def schema(name: str) -> dict[str, Any]:
    """A schema as it is written."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


@cache
def validator(name: str) -> Any:
    """A validator that finds the other schemas by their file names."""
    every = [(f"{one}.json", Resource.from_contents(schema(one))) for one in names()]
    registry: Any = Registry().with_resources(every)
    return Draft202012Validator(schema(name), registry=registry)


def wrong(name: str, value: object) -> list[str]:
    """Where a value does not fit a schema, and how."""
    return [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(value)]


def check(method: str, path: str, answer: Answer) -> None:
    """Hold an answer of the bridge to the schema of its route and status."""
    if answer.status in EMPTY:
        assert answer.raw == b""
        return
    if answer.status >= HTTPStatus.BAD_REQUEST:
        assert answer.headers["Content-Type"] == "application/problem+json"
        _fits(PROBLEM, answer)
        assert answer.body["status"] == answer.status
        return
    plain = path.partition("?")[0]
    for text in _found(TEXTS, method, plain):
        assert answer.headers["Content-Type"] == text
        return
    assert answer.headers["Content-Type"] == "application/json"
    (name,) = _found(ANSWERS, method, plain)
    _fits(name, answer)


def _fits(name: str, answer: Answer) -> None:
    found = wrong(name, answer.body)
    assert found == [], f"{name}: {found}"


def _found(rows: tuple[tuple[str, str, str], ...], method: str, path: str) -> list[str]:
    return [form for verb, pattern, form in rows if verb == method and re.fullmatch(pattern, path)]
