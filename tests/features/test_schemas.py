"""The schemas that the scenarios hold every answer to: sound, closed, used, and up to date."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator

from api_bridge.app import ROUTERS
from api_bridge.protocol.answers import ANSWERS, PROBLEM, names, schema
from api_bridge.protocol.problems import Code, ProblemError, problem_response
from api_bridge.protocol.provenance import errors_resource, lineage_resource
from api_bridge.protocol.wire import SHOWN, Surroundings, export_resource, export_type_resource
from assets.exports.catalog import CATALOG
from assets.model.column import Pii
from assets.model.delivery import Destination
from assets.model.export_type import Scope
from assets.model.ledger import DeliveryState
from assets.model.lifecycle import Event
from assets.model.manifest import (
    MANIFEST_VERSION,
    Accounting,
    ColumnEntry,
    FileEntry,
    Manifest,
)
from assets.model.output import Compression, Dialect, Kind, PhoneStyle, TextGuard
from assets.model.policy import PiiMode
from assets.model.webhook import DeliveryStatus, EndpointStatus
from tests.api_bridge.schemas import TEXTS, wrong
from tests.assets.workbench import workbench

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
AROUND = Surroundings(catalog=CATALOG, now=NOW)
# Objects whose members are named by data: counts by reason, files by section, options by kind.
MAPS = {"filtered", "rejected", "beside", "unfit", "notes", "companions", "options", "detail"}
OPEN = MAPS | {"params", "params_schema", "stated", "campaigns"}


def objects(part: object, name: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object that a schema describes, with the name of the member that holds it."""
    if isinstance(part, list):
        for one in part:
            yield from objects(one, name)
    if not isinstance(part, dict):
        return
    if part.get("type") == "object":
        yield name, part
    for key, value in part.items():
        inside = name if key in {"items", "anyOf", "properties"} else key
        yield from objects(value, inside)


@pytest.mark.parametrize("name", names())
def test_a_schema_is_one(name: str) -> None:
    """A misspelt keyword is ignored by a validator, and checks nothing for ever."""
    known = schema(name)

    Draft202012Validator.check_schema(known)
    assert known["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert known["$id"] == f"{name}.json"


@pytest.mark.parametrize("name", names())
def test_a_schema_lets_nothing_else_through(name: str) -> None:
    """A member that nobody wrote down is how a token or an address gets out."""
    found = list(objects(schema(name)))

    assert {inside for inside, one in found if one["additionalProperties"] is not False} <= OPEN
    assert all(isinstance(one["additionalProperties"], bool | dict) for _, one in found)
    assert found


def test_every_schema_is_used_and_every_route_has_one() -> None:
    """A route without a schema answers what it likes; a schema without a route is out of date."""
    used = set(referred(*ANSWERS.values(), PROBLEM))
    routes = {
        (route.path, method.lower())
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema  # the page is no answer
        for method in route.methods or ()
    }

    assert used == set(names())
    assert set(ANSWERS) <= routes
    assert sorted(routes - set(ANSWERS) - set(TEXTS)) == [
        ("/v1/exports/{export_id}", "delete"),  # 204
        ("/v1/webhook-endpoints/{endpoint_id}", "delete"),  # 204
    ]


def referred(*known: str) -> Iterator[str]:
    """These schemas, and those that they refer to."""
    for name in known:
        yield name
        yield from referred(*re.findall(r'"\$ref": "([a-z-]+)\.json"', json.dumps(schema(name))))


def test_an_export_is_shown_as_its_schema_says() -> None:
    """The mapper lists its members one by one, and so does the schema: both must change."""
    bench = workbench()
    document = bench.asked("waitlist")
    shown = export_resource(document, AROUND)

    assert wrong("export", shown) == []
    assert set(shown) == set(schema("export")["properties"])
    assert set(shown) == set(schema("export")["required"])
    done = export_resource(bench.run("waitlist").document, AROUND)
    assert wrong("export", done) == []
    assert set(done["result"]) == set(schema("export-result")["properties"])


def test_rows_and_lineage_are_shown_as_their_schemas_say() -> None:
    """Both mappers list what they show, and so do the schemas."""
    done = workbench().run("waitlist")
    errors = errors_resource(done.document, CATALOG["waitlist"])
    lineage = lineage_resource(done.document, done.manifest, CATALOG["waitlist"])

    assert wrong("errors", errors) == wrong("lineage", lineage) == []
    assert set(errors) == _members(schema("errors"))
    assert set(lineage) == _members(schema("lineage"))


@pytest.mark.parametrize("name", CATALOG)
def test_a_kind_is_shown_as_its_schema_says(name: str) -> None:
    """Tools draw a form from this answer, for every kind."""
    shown = export_type_resource(CATALOG[name], None)

    assert wrong("export-type", shown) == []
    Draft202012Validator.check_schema(shown["params_schema"])


@pytest.mark.parametrize("code", Code)
def test_a_problem_is_shown_as_its_schema_says(code: Code) -> None:
    """Callers branch on these members, for every problem that there is."""
    response = problem_response(ProblemError(code, "What helps."), "r-1", uuid4().urn)

    assert wrong(PROBLEM, _json(response.body)) == []


def test_a_manifest_is_written_as_its_schema_says() -> None:
    """What verifies an export in ten years has the schema, and not our code."""
    written = _json(workbench().run("waitlist").manifest.to_bytes())
    known = schema("manifest")["properties"]

    assert wrong("manifest", written) == []
    assert known["manifestVersion"] == {"const": MANIFEST_VERSION}
    assert set(known) == {"manifestVersion", *(one.name for one in fields(Manifest))}
    assert _members(known["accounting"]) == {one.name for one in fields(Accounting)}
    assert _members(known["files"]["items"]) == {one.name for one in fields(FileEntry)}
    assert _members(schema("manifest-column")) == {one.name for one in fields(ColumnEntry)}


def test_closed_sets_are_those_of_the_code() -> None:
    """A state that the schema does not know is refused by callers who check."""
    export, kind = schema("export")["properties"], schema("export-type")["properties"]
    params, delivery = (
        export["params"]["properties"],
        schema("export-result")["properties"]["deliveries"]["items"]["properties"],
    )
    endpoint = schema("webhook-endpoint")["properties"]
    told = schema("webhook-delivery")["properties"]
    sets = [
        (export["status"], SHOWN),
        (params["format"], Kind),
        (params["dialect"], Dialect),
        (params["compression"], Compression),
        (params["text_guard"], TextGuard),
        (params["phone_style"], PhoneStyle),
        (params["pii"], PiiMode),
        (params["deliver"]["items"], set(Destination) - {Destination.S3}),
        (delivery["state"], DeliveryState),
        (kind["scope"], Scope),
        (endpoint["events"]["items"], Event),
        (endpoint["status"], EndpointStatus),
        (told["type"], Event),
        (told["status"], DeliveryStatus),
        (kind["columns"]["items"]["properties"]["pii"], Pii),
        (schema(PROBLEM)["properties"]["code"], Code),
    ]

    for known, members in sets:
        assert set(known["enum"]) == {str(one) for one in members}


@pytest.mark.parametrize(
    "change",
    [
        {"token": "x"},
        {"status": "exploded"},
        {"created_at": "yesterday"},
        {"links": {"self": "https://elsewhere.test/"}},
        {"result": {"rows": 1}},
    ],
)
def test_a_wrong_answer_does_not_fit(change: Mapping[str, Any]) -> None:
    """The negative control: a schema that lets everything through would make all this green."""
    shown = export_resource(workbench().asked("waitlist"), AROUND)

    assert wrong("export", shown) == []
    assert wrong("export", {**shown, **change}) != []
    assert wrong("export", {name: shown[name] for name in list(shown)[1:]}) != []


def _members(part: Mapping[str, Any]) -> set[str]:
    assert sorted(part["required"]) == sorted(part["properties"])
    return set(part["properties"])


def _json(raw: bytes | memoryview) -> Any:
    return json.loads(bytes(raw))
