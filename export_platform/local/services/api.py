"""What the stand-ins have in common: routes, bearer tokens with scopes, JSON in and out.

Failures are `application/problem+json`; `X-Request-Id` is echoed (DOMAIN.md 5.3).
"""

import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, as a handler sees it.

    Attributes:
        path: What the groups of the route's pattern matched.
        query: Parameters; each may be given several times.
        scopes: What the token may do.
        environ: The WSGI variables.
    """

    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    scopes: frozenset[str]
    environ: Mapping[str, Any] = field(repr=False)

    def body(self) -> dict[str, Any]:
        """The JSON object that was sent.

        Raises:
            RefusedCallError: It is none.
        """
        try:
            members = json.loads(self.environ["wsgi.input"].read() or b"{}")
        except ValueError:
            members = None
        if not isinstance(members, dict):
            raise RefusedCallError(HTTPStatus.BAD_REQUEST, "the body is not a JSON object")
        return members

    def need(self, scope: str) -> None:
        """Refuse a token without the scope.

        Raises:
            RefusedCallError: It has not.
        """
        if scope not in self.scopes:
            raise RefusedCallError(HTTPStatus.FORBIDDEN, f"the token lacks the scope {scope}")


Handler = Callable[[Call], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A pattern over "METHOD /path", what answers it, and the scope it needs; None: no token."""

    pattern: re.Pattern[str]
    handler: Handler
    scope: str | None


class RefusedCallError(Exception):
    """The call is answered with a status other than 200."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Api:
    """The WSGI application.

    Args:
        routes: In the order in which they are tried.
        tokens: Bearer token to its scopes.
    """

    def __init__(self, routes: Sequence[Route], tokens: Mapping[str, frozenset[str]]) -> None:
        self._routes = tuple(routes)
        self._tokens = dict(tokens)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers one request (PEP 3333)."""
        try:
            status, kind, members = HTTPStatus.OK, "application/json", self._answer(environ)
        except RefusedCallError as refusal:
            status, kind = refusal.status, "application/problem+json"
            members = {"status": int(status), "title": status.phrase, "detail": refusal.detail}
        except Exception:  # noqa: BLE001 - logged, and answered as a service would
            _LOG.exception("a call failed")
            status, kind = HTTPStatus.INTERNAL_SERVER_ERROR, "application/problem+json"
            members = {"status": int(status), "title": status.phrase}
        body = json.dumps(members).encode()
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        request_id = environ.get("HTTP_X_REQUEST_ID")
        echoed = [("X-Request-Id", request_id)] if request_id else []
        start_response(f"{int(status)} {status.phrase}", [*headers, *echoed])
        return [body]

    def _answer(self, environ: dict[str, Any]) -> Any:
        asked = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        for route in self._routes:
            found = route.pattern.fullmatch(asked)
            if found is not None:
                call = Call(
                    path=found.groupdict(),
                    query=parse_qs(environ.get("QUERY_STRING", "")),
                    scopes=frozenset() if route.scope is None else self._scopes(environ),
                    environ=environ,
                )
                if route.scope is not None:
                    call.need(route.scope)
                return route.handler(call)
        raise RefusedCallError(HTTPStatus.NOT_FOUND, "there is no such route")

    def _scopes(self, environ: Mapping[str, Any]) -> frozenset[str]:
        token = str(environ.get("HTTP_AUTHORIZATION", "")).removeprefix("Bearer ")
        if token not in self._tokens:
            raise RefusedCallError(HTTPStatus.UNAUTHORIZED, "the token is not known")
        return self._tokens[token]


def route(pattern: str, handler: Handler, *, scope: str | None) -> Route:
    """A route; `{name}` in the pattern matches one part of the path."""
    escaped = re.escape(pattern).replace(r"\ ", " ")
    named = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", escaped)
    return Route(pattern=re.compile(named), handler=handler, scope=scope)


def tokens_of(variable: str) -> dict[str, frozenset[str]]:
    """The tokens that a variable lists as JSON: token to a list of scopes.

    A variable and not an argument, since arguments are shown to every user of the machine.
    """
    listed = json.loads(os.environ[variable])
    return {token: frozenset(scopes) for token, scopes in listed.items()}
