"""What the bridge answers: the JSON Schema (2020-12) of each body, and which answer has which.

Declared once, in `schemas/`: the description shows them to callers, and the tests hold every answer
to them. No answer passes through here: bodies are written by the mappers and sent as they are
(docs/decisions/0022).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "schemas"
# Path and method to the schema of every 2xx answer in JSON.
ANSWERS: Final[Mapping[tuple[str, str], str]] = {
    ("/v1/exports", "post"): "export",
    ("/v1/exports", "get"): "exports",
    ("/v1/exports/estimate", "post"): "estimate",
    ("/v1/exports/{export_id}", "get"): "export",
    ("/v1/exports/{export_id}/cancel", "post"): "export",
    ("/v1/exports/{export_id}/retry", "post"): "export",
    ("/v1/exports/{export_id}/manifest", "get"): "manifest",
    ("/v1/exports/{export_id}/files/{number}", "get"): "file-link",
    ("/v1/exports/{export_id}/errors", "get"): "errors",
    ("/v1/exports/{export_id}/lineage", "get"): "lineage",
    ("/v1/export-types", "get"): "export-types",
    ("/v1/export-types/{type_id}", "get"): "export-type",
    ("/v1/webhook-endpoints", "post"): "webhook-endpoint",
    ("/v1/webhook-endpoints", "get"): "webhook-endpoints",
    ("/v1/webhook-endpoints/{endpoint_id}", "get"): "webhook-endpoint",
    ("/v1/webhook-endpoints/{endpoint_id}/secret", "post"): "webhook-endpoint",
    ("/v1/webhook-endpoints/{endpoint_id}/enable", "post"): "webhook-endpoint",
    ("/v1/webhook-endpoints/{endpoint_id}/deliveries", "get"): "webhook-deliveries",
    (
        "/v1/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}/replay",
        "post",
    ): "webhook-delivery",
    ("/v1/limits", "get"): "limits",
    ("/healthz", "get"): "health",
    ("/readyz", "get"): "readiness",
    ("/.well-known/export-signing-keys", "get"): "signing-keys",
}
PROBLEM: Final = "problem"

# What a schema says of itself and a component need not.
_OWN: Final = ("$schema", "$id", "title")


def names() -> list[str]:
    """Every schema that there is."""
    return sorted(file.stem for file in FOLDER.glob("*.json"))


def schema(name: str) -> dict[str, Any]:
    """A schema as it is written; it refers to another by the name of its file."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def reference(name: str) -> dict[str, str]:
    """What refers to a schema in the description."""
    return {"$ref": f"#/components/schemas/{_component(name)}"}


def components() -> dict[str, Any]:
    """Every schema as the description has it, by the name that a generated client gives it.

    Members may be added to an answer, so callers are not told that there are no others: a client
    that is strict would fail on a member that it does not need. The tests hold answers to the list.
    """
    return {_component(name): _described(schema(name)) for name in names()}


def _component(name: str) -> str:
    return "".join(word.title() for word in name.split("-"))


def _described(written: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without its own name, which a generator would take for that of its type."""
    opened = _opened({name: part for name, part in written.items() if name not in _OWN})
    return {"description": written["title"], **opened}


def _opened(part: Any) -> Any:
    if isinstance(part, list):
        return [_opened(one) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return reference(part["$ref"].removesuffix(".json"))
    return {
        name: _opened(one)
        for name, one in part.items()
        if (name, one) != ("additionalProperties", False)
    }
