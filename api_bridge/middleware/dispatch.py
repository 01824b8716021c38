"""The short way from the middleware to the function of a route.

The framework describes the routes, and on its own way finds each twice, opens two stacks for what
could have to be closed, and asks for bodies, queries and models that ours do not have: a quarter
of what a look at an export cost. What fits no route here, or no method, goes that way still.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, get_type_hints

from fastapi import APIRouter
from fastapi.params import Depends
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

_Given = Callable[[Request], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One route: what leads to it, and how its function is called.

    Attributes:
        route: As it was declared.
        methods: Its methods.
        path: Its path; the groups are parameters.
        parameters: What gives each parameter of the function, in their order.
        answer: The function; one that would block runs in a thread.
    """

    route: APIRoute
    methods: Collection[str]
    path: re.Pattern[str]
    parameters: Mapping[str, _Given]
    answer: Callable[..., Awaitable[Response]]

    @classmethod
    def to(cls, route: APIRoute) -> Self:
        """Read the declaration.

        Raises:
            TypeError: A parameter is neither the request, nor a dependency of it alone, nor a text
                of the path.
        """
        called = route.endpoint
        hints = get_type_hints(called, include_extras=True)
        is_coroutine = inspect.iscoroutinefunction(called)
        return cls(
            route=route,
            methods=route.methods or (),
            path=route.path_regex,
            parameters={
                name: _given(route, name, hints[name])
                for name in inspect.signature(called).parameters
            },
            answer=called if is_coroutine else partial(run_in_threadpool, called),
        )


class DispatchMiddleware:
    """Calls the function that a path and a method lead to.

    Args:
        app: Answers what leads to none.
        routers: Hold the routes, in the order in which they are tried.

    Raises:
        TypeError: A route wants what this way does not have.
    """

    def __init__(self, app: ASGIApp, *, routers: Iterable[APIRouter]) -> None:
        self._app = app
        routes = (route for router in routers for route in router.routes)
        self._ways = [_Way.to(route) for route in routes if isinstance(route, APIRoute)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        way = self._found(scope) if scope["type"] == "http" else None
        if way is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = way.route
        request = Request(scope, receive, send)
        given = {name: await give(request) for name, give in way.parameters.items()}
        response = await way.answer(**given)
        await response(scope, receive, send)

    def _found(self, scope: Scope) -> _Way | None:
        path, method = scope["path"], scope["method"]
        for way in self._ways:
            if method in way.methods and (found := way.path.match(path)) is not None:
                scope["path_params"] = found.groupdict()
                return way
        return None


def _given(route: APIRoute, name: str, hint: Any) -> _Given:
    if hint is Request:
        return _request
    for said in getattr(hint, "__metadata__", ()):
        if isinstance(said, Depends) and said.dependency is not None:
            wants = [*inspect.signature(said.dependency).parameters]
            if wants == ["request"] and inspect.iscoroutinefunction(said.dependency):
                return said.dependency
    if hint is str and name in route.param_convertors:
        return partial(_of_path, name)
    raise TypeError(f"{route.path}: nothing gives the parameter {name}")


async def _request(request: Request) -> object:
    return request


async def _of_path(name: str, request: Request) -> object:
    return request.path_params[name]
