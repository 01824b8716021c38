"""The body of `POST /v1/exports` and its Idempotency-Key."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api_bridge.protocol.problems import Code, ProblemError, invalid
from api_bridge.protocol.strict_json import MalformedJson, parse_json
from assets.model.export_type import Catalog, ExportType
from assets.model.parameters import Problem, schema
from assets.model.request import canonical_json

# Visible ASCII: what is left of a header value once nobody can disagree on it. API.md 3: 255.
_KEY = re.compile(r"[!-~]{1,255}")
_JSON_TYPE = re.compile(r"application/json *(; *charset=\"?utf-8\"?)?", re.IGNORECASE)
_MEMBERS = frozenset({"type", "params", "fresh", "max_age"})
# A month: the files of no kind are kept for longer.
MOST_AGE_SECONDS = 31 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What was asked for, before the parameters are checked.

    Attributes:
        export_type: The kind of export.
        params: The parameters as sent.
        fresh: Whether it must not share the files of an identical request that is live.
        max_age: Seconds since the snapshot of files that would do; None: only new ones do.
        payload: Digest of the versioned type and the parameters. They are as sent: with the
            defaults and scopes of the moment, a later retry would be another payload.
    """

    export_type: ExportType
    params: Mapping[str, Any]
    fresh: bool
    max_age: int | None
    payload: str


def known_names(catalog: Catalog) -> frozenset[str]:
    """Every member name of ours that a body may hold; error pointers repeat no other."""
    options = (schema(export_type)["properties"] for export_type in catalog.values())
    return _MEMBERS.union(*options)


def parse_submission(
    raw: bytes, content_type: Sequence[str], catalog: Catalog, known: frozenset[str]
) -> Submission:
    """Read the body.

    Args:
        raw: The bytes.
        content_type: Every Content-Type header.
        catalog: The kinds of export there are.
        known: `known_names(catalog)`, computed once.

    Raises:
        ProblemError: 400 or 415, naming the place and the remedy.
    """
    body = json_object(raw, content_type, known)
    problems = [
        Problem(pointer="", detail=f"lacks the member {name}")
        for name in ("type", "params")
        if name not in body
    ]
    if body.keys() - _MEMBERS:
        detail = f"has a member that is not known; allowed are: {', '.join(sorted(_MEMBERS))}"
        problems.append(Problem(pointer="", detail=detail))
    problems += _sharing_problems(body)
    if problems:
        raise invalid(problems)
    export_type = find_type(body["type"], catalog)
    sent = {"type": export_type.versioned, "params": body["params"]}
    fresh, max_age = body.get("fresh", False), body.get("max_age")
    sent |= {"fresh": True} if fresh else {}
    sent |= {} if max_age is None else {"max_age": max_age}
    return Submission(
        export_type=export_type,
        params=body["params"],
        fresh=fresh,
        max_age=max_age,
        payload=f"sha256:{hashlib.sha256(canonical_json(sent)).hexdigest()}",
    )


def _sharing_problems(body: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with the members that say whose files would do."""
    fresh = body.get("fresh", False)
    if not isinstance(fresh, bool):
        yield Problem(pointer="/fresh", detail="must be true or false")
    if "max_age" not in body:
        return
    max_age = body["max_age"]
    if type(max_age) is not int or not 0 <= max_age <= MOST_AGE_SECONDS:
        remedy = f"must be a whole number of seconds from 0 to {MOST_AGE_SECONDS}"
        yield Problem(pointer="/max_age", detail=remedy)
    elif fresh is True:
        yield Problem(pointer="/max_age", detail="must be left out where fresh is true")


def find_type(name: object, catalog: Catalog) -> ExportType:
    """Return the kind of export with this id, plain or with its version.

    Raises:
        ProblemError: 400 that lists the ids there are.
    """
    found = type_named(name, catalog)
    if found is None:
        raise invalid([Problem(pointer="/type", detail=types_there_are(catalog))])
    return found


def type_named(name: object, catalog: Catalog) -> ExportType | None:
    """The kind of export with this id, plain or with its version."""
    named = (one for one in catalog.values() if name in (one.name, one.versioned))
    return next(named, None)


def types_there_are(catalog: Catalog) -> str:
    """The remedy for an id that nothing has; the ids are no secret."""
    return f"must be one of: {', '.join(one.versioned for one in catalog.values())}"


def idempotency(key: Sequence[str], caller: str, route: str, payload: str) -> dict[str, str] | None:
    """What is stored of an Idempotency-Key: it belongs to one caller and one route (API.md 3).

    Args:
        key: Every Idempotency-Key header; none is fine.
        caller: Who asks.
        route: Which route.
        payload: Digest of the body.

    Raises:
        ProblemError: 400 when the key is malformed.
    """
    if not key:
        return None
    if len(key) > 1 or not _KEY.fullmatch(key[0]):
        remedy = "must be one header of 1 to 255 visible ASCII characters; a UUID is best"
        raise ProblemError(
            Code.INVALID_IDEMPOTENCY_KEY,
            f"The Idempotency-Key {remedy}.",
            errors=[Problem(pointer="/header/Idempotency-Key", detail=remedy)],
        )
    digest = hashlib.sha256(canonical_json([caller, route, key[0]])).hexdigest()
    return {"digest": f"sha256:{digest}", "payload": payload}


def json_object(raw: bytes, content_type: Sequence[str], known: frozenset[str]) -> dict[str, Any]:
    """Read a body that is one object.

    Args:
        raw: The bytes.
        content_type: Every Content-Type header.
        known: Names that an error pointer may repeat.

    Raises:
        ProblemError: 400 or 415, naming the place and the remedy.
    """
    if len(content_type) != 1 or not _JSON_TYPE.fullmatch(content_type[0].strip()):
        remedy = "must be application/json"
        raise ProblemError(
            Code.UNSUPPORTED_MEDIA_TYPE,
            f"The Content-Type {remedy}.",
            errors=[Problem(pointer="/header/Content-Type", detail=remedy)],
        )
    try:
        body = parse_json(raw, known=known, fold_whole=True)
    except MalformedJson as malformed:
        raise ProblemError(
            Code.MALFORMED_BODY,
            "Change what `errors` names and send it again.",
            errors=[malformed.problem],
        ) from None
    if not isinstance(body, dict):
        raise invalid([Problem(pointer="", detail="must be an object")])
    return body
