"""The routes of Marketing Cloud that the platform calls (DOMAIN.md 8.1), and those of its tests.

Control, without a token:

    PUT /-/dataextensions   makes one, empty: {"key", "isSendable", "fields": [{"name", "type",
                            "length", "isPrimaryKey", "isNullable"}]}
    PUT /-/script           a list of `FAULTS`, one for each of the next batches, null for none
    POST /-/expire          ends every token
    GET /-/rows?key=        every row of a data extension
    GET /-/received?key=    row key to how often it was taken
    GET /-/deletions        the deletions of contacts
"""

import json
import logging
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from export_platform.local.services.marketing_cloud.rules import Extension
from export_platform.local.services.marketing_cloud.tables import Request, Tables

# What can go wrong with a batch: one row is not stored without a word; worked off twice; results in
# another order; one result too few; pending for ever; an error as a whole; 429 of both kinds.
FAULTS: Final = (
    "lose", "duplicate", "reorder", "short", "stuck", "fail", "throttled", "blocked",
)  # fmt: skip
MAX_ROWS: Final = 32_000
PAGE: Final = 50
RETRY_AFTER: Final = 5
SERVER_ZONE: Final = timezone(timedelta(hours=-6))
_FILTER: Final = re.compile(r"(\w+) eq '((?:[^']|'')*)'")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, body and more headers."""

    body: Any
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusedCallError(Exception):
    """The call is answered with an error of the service."""

    def __init__(self, status: HTTPStatus, code: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.answer = Answer(
            status=status,
            body={"errorcode": code, "message": message, "documentation": ""},
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: the parts of its path, its parameters and its body."""

    path: tuple[str, ...]
    query: Mapping[str, list[str]]
    body: bytes = field(repr=False)

    def parameter(self, name: str, default: str = "") -> str:
        """The first value of a parameter."""
        return self.query.get(name, [default])[0]

    def members(self) -> dict[str, Any]:
        """The JSON object of the body.

        Raises:
            RefusedCallError: It is none.
        """
        members = self.value()
        if not isinstance(members, dict):
            raise RefusedCallError(HTTPStatus.BAD_REQUEST, 10004, "the body is malformed")
        return members

    def value(self) -> Any:
        """The JSON value of the body.

        Raises:
            RefusedCallError: It is no JSON.
        """
        try:
            return json.loads(self.body or b"null")
        except ValueError:
            raise RefusedCallError(HTTPStatus.BAD_REQUEST, 10004, "the body is malformed") from None


Handler = Callable[[Call], Answer]


class MarketingCloudEndpoint:
    """The WSGI application.

    Args:
        tables: What it remembers.
        now: Its clock, aware.
        client: Id and secret that get a token.
        token_seconds: How long a token lives.
    """

    def __init__(
        self,
        tables: Tables,
        now: Callable[[], datetime],
        *,
        client: tuple[str, str],
        token_seconds: int,
    ) -> None:
        self._tables, self._now = tables, now
        self._client, self._token_seconds = client, token_seconds
        self._tokens: dict[str, datetime] = {}
        self._script: list[str | None] = []
        self._lock = threading.Lock()
        key = r"/data/v1/async/dataextensions/key:([^/]+)/rows"
        self._open: tuple[tuple[re.Pattern[str], Handler], ...] = _compiled(
            (r"POST /v2/token", self._grant),
            (r"PUT /-/dataextensions", self._declare),
            (r"PUT /-/script", self._take_script),
            (r"GET /-/rows", lambda call: self._told(self._tables.rows, call)),
            (r"GET /-/received", lambda call: self._told(self._tables.received, call)),
            (r"GET /-/deletions", lambda _: Answer(body=self._tables.deletions())),
            (r"POST /-/expire", self._expire),
        )
        self._guarded: tuple[tuple[re.Pattern[str], Handler], ...] = _compiled(
            (f"PUT {key}", lambda call: self._receive(call, replace=True)),
            (f"POST {key}", lambda call: self._receive(call, replace=False)),
            (r"GET /data/v1/async/([^/]+)/status", self._status),
            (r"GET /data/v1/async/([^/]+)/results", self._results),
            (r"GET /data/v1/customobjects", self._search),
            (r"GET /data/v1/customobjects/([^/]+)/fields", self._fields),
            (r"GET /data/v1/customobjectdata/key/([^/]+)/rowset", self._rowset),
            (r"POST /contacts/v1/contacts/actions/delete", self._delete),
        )

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers one request (PEP 3333)."""
        try:
            answer = self._answer(environ)
        except RefusedCallError as refusal:
            answer = refusal.answer
        except Exception:  # noqa: BLE001 - logged, and answered as a service would
            _LOG.exception("a call failed")
            answer = Answer(status=HTTPStatus.INTERNAL_SERVER_ERROR, body={"errorcode": 0})
        body = json.dumps(answer.body).encode()
        start_response(
            f"{int(answer.status)} {answer.status.phrase}",
            [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
                *answer.headers.items(),
            ],
        )
        return [body]

    def _answer(self, environ: Mapping[str, Any]) -> Answer:
        asked = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        query = parse_qs(environ.get("QUERY_STRING", ""))
        for routes, guarded in ((self._open, False), (self._guarded, True)):
            for pattern, handler in routes:
                found = pattern.fullmatch(asked)
                if found is None:
                    continue
                if guarded:
                    self._check_token(environ)
                path = tuple(unquote(part) for part in found.groups())
                body = environ["wsgi.input"].read()
                return handler(Call(path=path, query=query, body=body))
        raise RefusedCallError(HTTPStatus.NOT_FOUND, 404, "there is no such route")

    def _check_token(self, environ: Mapping[str, Any]) -> None:
        token = str(environ.get("HTTP_AUTHORIZATION", "")).removeprefix("Bearer ")
        with self._lock:
            until = self._tokens.get(token)
        if until is None or until <= self._now():
            raise RefusedCallError(HTTPStatus.UNAUTHORIZED, 0, "Not Authorized")

    def _grant(self, call: Call) -> Answer:
        asked = call.members()
        known = (asked.get("client_id"), asked.get("client_secret")) == self._client
        if asked.get("grant_type") != "client_credentials" or not known:
            raise RefusedCallError(HTTPStatus.UNAUTHORIZED, 0, "invalid_client")
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._tokens[token] = self._now() + timedelta(seconds=self._token_seconds)
        granted = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self._token_seconds,
            "scope": "data_extensions_read data_extensions_write list_and_subscribers_write",
        }
        return Answer(body=granted)

    def _expire(self, _call: Call) -> Answer:
        with self._lock:
            self._tokens.clear()
        return Answer(body={})

    def _declare(self, call: Call) -> Answer:
        try:
            extension = self._tables.declare(call.members())
        except ValueError as error:
            raise RefusedCallError(HTTPStatus.BAD_REQUEST, 10000, str(error)) from None
        return Answer(body={"id": extension.id})

    def _take_script(self, call: Call) -> Answer:
        script = call.value()
        if not isinstance(script, list) or not set(script) <= {None, *FAULTS}:
            raise RefusedCallError(HTTPStatus.BAD_REQUEST, 10000, f"a list of {FAULTS}")
        with self._lock:
            self._script = list(script)
        return Answer(body={"steps": len(script)})

    def _receive(self, call: Call, *, replace: bool) -> Answer:
        extension = self._extension(call.path[0])
        rows = call.members().get("items")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise RefusedCallError(HTTPStatus.BAD_REQUEST, 10004, "items is a list of objects")
        if not 1 <= len(rows) <= MAX_ROWS:
            raise RefusedCallError(HTTPStatus.BAD_REQUEST, 10000, f"1 to {MAX_ROWS} rows")
        with self._lock:
            fault = self._script.pop(0) if self._script else None
        _throttle(fault)
        request_id = self._tables.receive(extension, rows, replace=replace, fault=fault)
        return Answer(status=HTTPStatus.ACCEPTED, body={"requestId": request_id})

    def _status(self, call: Call) -> Answer:
        request = self._request(call)
        pending = request.due > self._now()
        ended = "Error" if request.failed else "Complete"
        state = "Pending" if pending else ended
        errors = request.failed or any(one["errorCode"] for one in request.results)
        told = {
            "callDateTime": _server_time(request.called),
            "pickupDateTime": _server_time(request.called),
            "completionDateTime": None if pending else _server_time(request.due),
            "hasErrors": errors and not pending,
            "requestStatus": state,
            "resultStatus": "Error" if errors and not pending else "OK",
            "requestId": request.id,
        }
        return Answer(body={"status": told, "requestId": request.id, "resultMessages": []})

    def _results(self, call: Call) -> Answer:
        request = self._request(call)
        page, size = _page(call, default=PAGE)
        results = [] if request.due > self._now() else request.results
        return Answer(
            body={
                "page": page,
                "pageSize": size,
                "count": len(results),
                "items": list(results[(page - 1) * size : page * size]),
                "requestId": request.id,
            }
        )

    def _search(self, call: Call) -> Answer:
        wanted = call.parameter("$search").casefold()
        found = [one for one in self._tables.extensions() if wanted in one.key.casefold()]
        items = [
            {"id": one.id, "key": one.key, "name": one.key, "isSendable": one.sendable}
            for one in found
        ]
        return Answer(body={"count": len(items), "page": 1, "pageSize": PAGE, "items": items})

    def _fields(self, call: Call) -> Answer:
        for extension in self._tables.extensions():
            if extension.id == call.path[0]:
                return Answer(body={"id": extension.id, "fields": list(extension.fields)})
        raise RefusedCallError(HTTPStatus.NOT_FOUND, 10000, "there is no such data extension")

    def _rowset(self, call: Call) -> Answer:
        extension = self._extension(call.path[0])
        page, size = _page(call, default=PAGE)
        start, condition = (page - 1) * size, call.parameter("$filter")
        if condition:
            rows = _filtered(self._tables.rows(extension), condition, extension)
            count, part = len(rows), rows[start : start + size]
        else:
            count, part = self._tables.page(extension, start, size)
        items = [_shown(extension, row) for row in part]
        return Answer(body={"count": count, "page": page, "pageSize": size, "items": items})

    def _delete(self, call: Call) -> Answer:
        asked = call.members()
        values = asked.get("values")
        if call.parameter("type") != "keys" or not isinstance(values, list) or not values:
            raise RefusedCallError(HTTPStatus.BAD_REQUEST, 10000, "values are contact keys")
        operation = self._tables.delete_contacts(map(str, values))
        begun = operation is not None
        body = {"operationInitiated": begun, "operationID": operation or 0, "resultMessages": []}
        return Answer(body=body)

    def _request(self, call: Call) -> Request:
        request = self._tables.request(call.path[0])
        if request is None:
            raise RefusedCallError(HTTPStatus.NOT_FOUND, 10000, "there is no such request")
        return request

    def _told(self, tell: Callable[[Extension], Any], call: Call) -> Answer:
        return Answer(body=tell(self._extension(call.parameter("key"))))

    def _extension(self, key: str) -> Extension:
        extension = self._tables.extension(key)
        if extension is None:
            raise RefusedCallError(HTTPStatus.NOT_FOUND, 10000, "there is no such data extension")
        return extension


def _compiled(*routes: tuple[str, Handler]) -> tuple[tuple[re.Pattern[str], Handler], ...]:
    return tuple((re.compile(pattern), handler) for pattern, handler in routes)


def _throttle(fault: str | None) -> None:
    """Refuse with one of the two kinds of 429, if that is the script."""
    status = HTTPStatus.TOO_MANY_REQUESTS
    if fault == "throttled":
        wait = str(RETRY_AFTER)
        raise RefusedCallError(status, 50100, "Rate limit exceeded", Retry_After=wait)
    if fault == "blocked":
        raise RefusedCallError(status, 50200, "Temporarily blocked")


def _filtered(
    rows: Iterable[dict[str, Any]], condition: str, extension: Extension
) -> list[dict[str, Any]]:
    """The rows whose field has a value."""
    found = _FILTER.fullmatch(condition)
    names = {str(one["name"]) for one in extension.fields}
    if found is None or found[1] not in names:
        raise RefusedCallError(HTTPStatus.BAD_REQUEST, 10005, "the filter is not understood")
    value = found[2].replace("''", "'")
    return [row for row in rows if str(row.get(found[1])) == value]


def _page(call: Call, *, default: int) -> tuple[int, int]:
    number, size = call.parameter("$page", "1"), call.parameter("$pagesize", str(default))
    if not (number.isdigit() and size.isdigit() and int(number) and int(size)):
        raise RefusedCallError(HTTPStatus.BAD_REQUEST, 10005, "a page is a number from 1")
    return int(number), min(int(size), 2_500)


def _shown(extension: Extension, row: Mapping[str, Any]) -> dict[str, Any]:
    names: Sequence[str] = extension.key_names
    keys = {name.lower(): row.get(name) for name in names}
    values = {name.lower(): value for name, value in row.items() if name not in names}
    return {"keys": keys, "values": values}


def _server_time(instant: datetime) -> str:
    """The servers' own time, without a zone: UTC-6 all the year (DOMAIN.md 8.1)."""
    return instant.astimezone(SERVER_ZONE).replace(tzinfo=None).isoformat(timespec="milliseconds")
