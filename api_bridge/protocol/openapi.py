"""The description at /openapi.json: what the framework derives, and what only we know.

Bodies and queries are parsed by our own strict parsers, so the framework does not see them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from api_bridge.protocol.answers import ANSWERS, PROBLEM, components, reference
from api_bridge.protocol.events import MEDIA_TYPE as EVENT_STREAM
from api_bridge.protocol.listing import PARAMETERS
from api_bridge.protocol.problems import MEDIA_TYPE
from api_bridge.protocol.submission import MOST_AGE_SECONDS
from api_bridge.protocol.webhooks import BASE as WEBHOOKS
from api_bridge.protocol.webhooks import PARAMETERS as OF_DELIVERIES
from api_bridge.protocol.webhooks import REGISTRATION
from assets.model.export_type import Catalog, ExportType
from assets.model.parameters import schema

_IDEMPOTENCY_KEY: Mapping[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A UUID of the caller's; the same key and body give the same export.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}

_IF_NONE_MATCH: Mapping[str, Any] = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of the state that the caller has; the same state is a 304.",
    "schema": {"type": "string"},
}
_LAST_EVENT_ID: Mapping[str, Any] = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The id of the last event; only what is different now is told.",
    "schema": {"type": "string"},
}


def _prefer(description: str) -> Mapping[str, Any]:
    return {
        "name": "Prefer",
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string"},
    }


# Header parameters, which the routes read themselves, by path and method.
_HEADERS: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]] = {
    ("/v1/exports", "post"): [
        _IDEMPOTENCY_KEY,
        _prefer(
            "handling=lenient withholds the columns that the scopes do not allow; wait=N, at most "
            "60, answers when the export has ended or so many seconds are over."
        ),
    ],
    ("/v1/exports/estimate", "post"): [
        _prefer("handling=lenient withholds the columns that the scopes do not allow."),
    ],
    ("/v1/exports/{export_id}", "get"): [
        _IF_NONE_MATCH,
        _prefer("wait=N, at most 60, with If-None-Match: the answer comes with the next change."),
    ],
    ("/v1/exports/{export_id}/events", "get"): [_LAST_EVENT_ID],
    ("/v1/exports/{export_id}/manifest", "get"): [_IF_NONE_MATCH],
}

_JSON = "application/json"
# Answers that a route gives beside its usual one, and the usual ones that have no body.
_OTHERS: Mapping[tuple[str, str], Mapping[str, Mapping[str, Any]]] = {
    ("/v1/exports", "post"): {
        "200": {
            "description": "It has ended: its files are there, or why there are none.",
            "content": {_JSON: {}},
        },
    },
    ("/v1/exports/{export_id}", "get"): {"304": {"description": "The state that the caller has."}},
    ("/v1/exports/{export_id}/events", "get"): {"204": {"description": "It has ended; no more."}},
    ("/v1/exports/{export_id}/manifest", "get"): {
        "304": {"description": "The manifest that the caller has."},
    },
    ("/v1/exports/{export_id}/files/{number}", "get"): {
        "200": {
            "description": "The link, where nothing but application/json is accepted.",
            "content": {_JSON: {}},
        },
        "303": {"description": "The link is in the Location header."},
    },
}

# Query parameters of what is listed in pages.
_LISTED: Mapping[str, Iterable[str]] = {
    "/v1/exports": PARAMETERS,
    f"{WEBHOOKS}/{{endpoint_id}}/deliveries": OF_DELIVERIES,
}
# What is answered in another form than JSON.
_TEXTS: Mapping[str, str] = {
    "/v1/exports/{export_id}/events": EVENT_STREAM,
    "/metrics": "text/plain",
}


def describe(generated: dict[str, Any], catalog: Catalog) -> dict[str, Any]:
    """Complete the generated description in place and return it."""
    for path, media_type in _TEXTS.items():
        answer = generated["paths"][path]["get"]["responses"]["200"]
        answer["content"] = {media_type: {"schema": {"type": "string"}}}
    for path, operations in generated["paths"].items():
        for method, operation in operations.items():
            _complete(operation, secured=path.startswith("/v1/"))
            headers = _HEADERS.get((path, method), ())
            operation["parameters"] = [*operation.get("parameters", ()), *headers]
            answers = operation["responses"] | _OTHERS.get((path, method), {})
            operation["responses"] = {
                status: _typed(answer, (path, method)) for status, answer in answers.items()
            }
    kinds = {_name(one): _kind(one) for one in catalog.values()}
    for path in ("/v1/exports", "/v1/exports/estimate"):
        generated["paths"][path]["post"]["requestBody"] = _body(kinds)
    registration = {"$ref": "#/components/schemas/WebhookEndpointRequest"}
    generated["paths"][WEBHOOKS]["post"]["requestBody"] = _json_body(registration)
    for path, names in _LISTED.items():
        generated["paths"][path]["get"]["parameters"] += [
            {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
            for name in names
        ]
    generated["components"] = {
        "schemas": {**components(), "WebhookEndpointRequest": REGISTRATION, **kinds},
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT (RS256)"}
        },
    }
    return generated


def _complete(operation: dict[str, Any], *, secured: bool) -> None:
    operation["responses"].pop("422", None)  # the framework's own shape, which nobody ever gets
    operation["responses"]["default"] = {
        "description": "A problem document.",
        "content": {MEDIA_TYPE: {"schema": reference(PROBLEM)}},
    }
    if secured:
        operation["security"] = [{"bearer": []}]


def _typed(answer: Mapping[str, Any], operation: tuple[str, str]) -> Mapping[str, Any]:
    """An answer with the schema of its JSON; one that has none is described nowhere."""
    if _JSON not in answer.get("content", {}):
        return answer
    return {**answer, "content": {_JSON: {"schema": reference(ANSWERS[operation])}}}


def _name(export_type: ExportType) -> str:
    """What a generated client calls the body that asks for a kind, such as `DailyLedgerRequest`."""
    return "".join(word.title() for word in export_type.name.split("-")) + "Request"


def _kind(export_type: ExportType) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["type", "params"],
        "properties": {
            "type": {"type": "string", "enum": [export_type.name, export_type.versioned]},
            "params": schema(export_type),
            "fresh": {
                "type": "boolean",
                "default": False,
                "description": "Make new files even if an identical request is live.",
            },
            "max_age": {
                "type": "integer",
                "minimum": 0,
                "maximum": MOST_AGE_SECONDS,
                "description": "Files of an identical request will do whose snapshot is not older "
                "than so many seconds; not together with `fresh`.",
            },
        },
    }


def _body(kinds: Iterable[str]) -> dict[str, Any]:
    return _json_body({"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in kinds]})


def _json_body(form: Mapping[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {_JSON: {"schema": form}}}
