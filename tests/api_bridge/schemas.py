"""Holding an answer of the bridge to its schema (api_bridge/protocol/answers.py)."""

import re
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from api_bridge.protocol.answers import ANSWERS, PROBLEM, names, schema
from tests.api_bridge.bench import Answer

EMPTY: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.SEE_OTHER, HTTPStatus.NOT_MODIFIED)
# Answers in another form than JSON, whose own tests read them.
TEXTS: Final[Mapping[tuple[str, str], str]] = {
    ("/v1/exports/{export_id}/events", "get"): "text/event-stream; charset=utf-8",
    ("/metrics", "get"): "text/plain; version=0.0.4; charset=utf-8",
}


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


def _found(forms: Mapping[tuple[str, str], str], method: str, path: str) -> list[str]:
    return [
        form
        for (template, verb), form in forms.items()
        if verb == method.lower() and _pattern(template).fullmatch(path)
    ]


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)))
