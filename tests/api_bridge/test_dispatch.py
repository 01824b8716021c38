"""The short way to the routes: the same routes, and none that it could not serve as declared."""

import inspect
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute

from api_bridge.app import ROUTERS
from api_bridge.middleware.dispatch import DispatchMiddleware
from tests.api_bridge.bench import Bench


async def nowhere(*_: Any) -> None:
    """Answers nothing."""


def test_every_route_of_ours_has_it() -> None:
    """A route that takes the long way is four times as dear and nobody would notice."""
    routes = [route for router in ROUTERS for route in router.routes]
    ways = DispatchMiddleware(nowhere, routers=ROUTERS)._ways

    assert [way.route for way in ways] == [one for one in routes if isinstance(one, APIRoute)]
    assert all(
        [*way.parameters] == [*inspect.signature(way.route.endpoint).parameters] for way in ways
    )


async def _plain(request: Request) -> str:
    return request.method


async def _deep(found: Annotated[str, Depends(_plain)]) -> str:
    return found


async def a_query(limit: str) -> Response:
    """What stands behind the question mark; the framework would read it."""
    return Response(limit)


async def a_number(number: int) -> Response:
    """A number of the path; the framework would refuse what is none."""
    return Response(str(number))


async def a_chain(found: Annotated[str, Depends(_deep)]) -> Response:
    """What needs something else first."""
    return Response(found)


@pytest.mark.parametrize("called", [a_query, a_number, a_chain])
def test_what_it_cannot_give_is_refused_when_the_bridge_is_put_together(called: Any) -> None:
    """And not left out at a request."""
    router = APIRouter()
    router.add_api_route("/at/{number}", called, response_model=None)

    with pytest.raises(TypeError, match="nothing gives the parameter"):
        DispatchMiddleware(nowhere, routers=[router])


def test_a_path_or_method_that_leads_nowhere_is_answered_as_before(bench: Bench) -> None:
    """405 with the methods of all routes of the path, 404 for the rest: the long way says it."""
    refused = bench.call("PUT", "/v1/exports")

    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD, POST")
    assert bench.call("GET", "/v1/exports/a/b/c").status == 404
