"""Who may do what on which export: one table of scopes, one of tenancy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product

import pytest

from api_bridge.webhooks.news import News, stored_id
from tests.api_bridge.bench import GOOD_PARAMS, Answer, Bench
from tests.api_bridge.manifests import whole_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route that a token is needed for.

    Attributes:
        method: The HTTP method.
        path: The path, with the place of the export's id.
        scopes: Any of these opens it.
        allowed: The status of a caller who may.
        state: Brings the export into a state in which the route works; the id that the path is of.
        foreign: The claims of somebody to whom it is not there.
        body: What is sent.
    """

    method: str
    path: str
    scopes: frozenset[str]
    allowed: int
    state: Callable[[Bench, str], str] = lambda _, export_id: export_id
    foreign: Mapping[str, object] = field(default_factory=lambda: {"campaigns": ["northern-sky"]})
    body: Mapping[str, object] | None = None


def _finish(bench: Bench, export_id: str) -> str:
    return bench.finish(export_id)


def _fail(bench: Bench, export_id: str) -> str:
    return bench.fail(export_id)


def _document(bench: Bench, export_id: str) -> str:
    return bench.finish(export_id, manifest=whole_manifest(export_id))


def _endpoint(bench: Bench, export_id: str) -> str:
    """An endpoint that was told of the export."""
    made = str(bench.call("POST", "/v1/webhook-endpoints", HOOK).body["id"])
    bench.fail(export_id)
    news = News(
        life=bench.life, endpoints=bench.stores.endpoints, deliveries=bench.stores.deliveries
    )
    news.hand_on()
    (told,) = bench.stores.deliveries.page({"endpoint": made}, limit=9)
    bench.stores.deliveries.kept.keep(
        {**told, "_id": stored_id(TOLD, made), "message": TOLD, "endpoint": made}
    )
    return made


TOLD = "evt_000000000000000000000000-0"
HOOK = {"url": "https://hooks.example.com/exports"}
OTHER = {"sub": "svc:other"}
ASKED = {"type": "guests", "params": {**GOOD_PARAMS, "pii": "none"}}

READ = frozenset({"exports:read", "exports:admin"})
CREATE = frozenset({"exports:create:guests", "exports:create:*", "exports:admin"})
ROUTES = {
    "create": Route(method="POST", path="/v1/exports", scopes=CREATE, allowed=202, body=ASKED),
    "estimate": Route(
        method="POST", path="/v1/exports/estimate", scopes=CREATE, allowed=200, body=ASKED
    ),
    "list": Route(method="GET", path="/v1/exports", scopes=READ, allowed=200),
    "get": Route(method="GET", path="/v1/exports/{id}", scopes=READ, allowed=200),
    "events": Route(
        method="GET", path="/v1/exports/{id}/events", scopes=READ, allowed=200, state=_finish
    ),
    "cancel": Route(
        method="POST",
        path="/v1/exports/{id}/cancel",
        scopes=frozenset({"exports:cancel", "exports:admin"}),
        allowed=202,
    ),
    "retry": Route(
        method="POST", path="/v1/exports/{id}/retry", scopes=CREATE, allowed=202, state=_fail
    ),
    "delete": Route(
        method="DELETE",
        path="/v1/exports/{id}",
        scopes=frozenset({"exports:cancel", "exports:admin"}),
        allowed=204,
        state=_finish,
    ),
    "file": Route(
        method="GET",
        path="/v1/exports/{id}/files/1",
        scopes=frozenset({"exports:download", "exports:admin"}),
        allowed=303,
        state=_finish,
    ),
    "manifest": Route(
        method="GET", path="/v1/exports/{id}/manifest", scopes=READ, allowed=200, state=_finish
    ),
    "errors": Route(
        method="GET", path="/v1/exports/{id}/errors", scopes=READ, allowed=200, state=_fail
    ),
    "lineage": Route(
        method="GET", path="/v1/exports/{id}/lineage", scopes=READ, allowed=200, state=_document
    ),
    "limits": Route(method="GET", path="/v1/limits", scopes=READ, allowed=200),
    "types": Route(method="GET", path="/v1/export-types", scopes=READ, allowed=200),
    "type": Route(method="GET", path="/v1/export-types/guests", scopes=READ, allowed=200),
    "register": Route(
        method="POST", path="/v1/webhook-endpoints", scopes=READ, allowed=201, body=HOOK
    ),
    "endpoints": Route(method="GET", path="/v1/webhook-endpoints", scopes=READ, allowed=200),
    **{
        name: Route(
            method=method,
            path=f"/v1/webhook-endpoints/{{id}}{path}",
            scopes=READ,
            allowed=allowed,
            state=_endpoint,
            foreign=OTHER,
        )
        for name, method, path, allowed in (
            ("endpoint", "GET", "", 200),
            ("told no more", "DELETE", "", 204),
            ("rotate", "POST", "/secret", 200),
            ("enable", "POST", "/enable", 200),
            ("deliveries", "GET", "/deliveries", 200),
            ("replay", "POST", f"/deliveries/{TOLD}/replay", 202),
        )
    },
}
SCOPES = (
    "",
    "exports:read",
    "exports:create:guests",
    "exports:create:other",
    "exports:create:*",
    "exports:create",
    "exports:create:gues",
    "exports:download",
    "exports:cancel",
    "exports:admin",
    "exports:*",
    "EXPORTS:READ",
    "exports",
    "pii:full",
)
WITH_ID = [name for name, route in ROUTES.items() if "{id}" in route.path]


def prepared(bench: Bench, route: Route) -> str:
    """An export of hidden data in the state that the route needs; the id for its path."""
    return route.state(bench, bench.create(pii="none"))


def stored(bench: Bench) -> list[object]:
    """All that a route could change."""
    kept = (bench.stores.endpoints.kept, bench.stores.deliveries.kept)
    return [bench.documents(), *(list(one.seen()) for one in kept)]


def ask(bench: Bench, route: Route, export_id: str, **claims: object) -> Answer:
    """Call the route."""
    path = route.path.format(id=export_id)
    return bench.call(route.method, path, route.body, token=bench.token(**claims))


@pytest.mark.parametrize(("name", "scope"), list(product(ROUTES, SCOPES)))
def test_a_route_opens_for_its_scopes_and_for_no_other(bench: Bench, name: str, scope: str) -> None:
    """Default deny: every cell of routes times scopes is asked, from one table (S4)."""
    route = ROUTES[name]
    export_id = prepared(bench, route)
    before = stored(bench)

    answer = ask(bench, route, export_id, scope=scope)

    if scope in route.scopes:
        assert answer.status == route.allowed
    else:
        assert answer.status == 403
        assert set(answer.body["required_scopes"]) <= route.scopes
        assert "insufficient_scope" in answer.headers["WWW-Authenticate"]
        assert stored(bench) == before


@pytest.mark.parametrize("name", ROUTES)
def test_every_route_needs_a_token(bench: Bench, name: str) -> None:
    """The table above says nothing about callers without any token."""
    answer = bench.call(ROUTES[name].method, ROUTES[name].path.format(id="x"), token=None)

    assert answer.status == 401


@pytest.mark.parametrize("name", WITH_ID)
def test_a_foreign_and_an_unknown_export_get_the_same_404(bench: Bench, name: str) -> None:
    """The one leak that matters most: whose exports exist (BOLA, S5)."""
    route = ROUTES[name]
    foreign = prepared(bench, route)
    before = stored(bench)
    strange = (
        "exp_000000000000000000000000",
        foreign.upper(),
        f"{foreign}%20",
        f"%20{foreign}",
        f"{foreign}%00",
        f"{foreign}%0A",
        foreign.partition("_")[2],
        f'["{foreign}"]'.replace('"', "%22"),
        "%7B%22$ne%22:1%7D",
        "..%2F..%2Fhealthz",
    )

    answers = [ask(bench, route, one, **route.foreign) for one in (foreign, *strange)]
    answers += [ask(bench, route, one) for one in strange]

    bodies = [answer.unnamed for answer in answers]
    assert {answer.status for answer in answers} == {404}
    assert all(body == bodies[0] for body in bodies)
    assert stored(bench) == before
    # The control: its own tenant gets it.
    assert ask(bench, route, foreign).status == route.allowed


@pytest.mark.parametrize("campaigns", [[], ["northern-sky"], ["aurora-light"], ["aurora-lights-2"]])
def test_a_list_shows_the_callers_campaigns_only(bench: Bench, campaigns: list[str]) -> None:
    """A listing is where a forgotten filter shows everything at once."""
    bench.create()
    query = "?campaign=aurora-lights"

    for path in ("/v1/exports", f"/v1/exports{query}"):
        assert bench.call("GET", path, token=bench.token(campaigns=campaigns)).body["exports"] == []
        assert len(bench.call("GET", path).body["exports"]) == 1
        assert len(bench.call("GET", path, token=bench.token(campaigns=["*"])).body["exports"]) == 1


def test_admin_rights_do_not_cross_the_campaigns(bench: Bench) -> None:
    """`exports:admin` is about verbs; the tenant comes from `campaigns` alone."""
    export_id = bench.create()
    token = bench.token(scope="exports:admin", campaigns=["northern-sky"])

    assert bench.call("GET", f"/v1/exports/{export_id}", token=token).status == 404


def test_admin_rights_do_not_show_personal_data(bench: Bench) -> None:
    """Somebody who runs the platform need not read its people."""
    body = {"type": "guests", "params": {**GOOD_PARAMS, "pii": "masked"}}

    answer = bench.call("POST", "/v1/exports", body, token=bench.token(scope="exports:admin"))

    assert (answer.status, answer.body["required_scopes"]) == (403, ["pii:masked"])


def test_an_export_of_all_campaigns_is_seen_by_tokens_for_all(bench: Bench) -> None:
    """It belongs to no single tenant, so none of them may read it."""
    body = {"type": "door-count", "params": {"day": "2026-03-01"}}
    everywhere = bench.token(campaigns=["*"])
    export_id = bench.call("POST", "/v1/exports", body, token=everywhere).body["id"]

    assert bench.call("GET", f"/v1/exports/{export_id}").status == 404
    assert bench.call("GET", "/v1/exports").body["exports"] == []
    seen = bench.call("GET", f"/v1/exports/{export_id}", token=everywhere)
    assert seen.body["params"]["day"] == "2026-03-01"


def test_a_document_that_cannot_be_decoded_is_nobodys(bench: Bench) -> None:
    """It says no campaign, so it cannot be shown; and it must not break the list (M11)."""
    ids = []
    for _ in range(3):
        ids.append(bench.create())
        bench.clock.advance(1)
    bench.plant(ids[1], phase="bad")
    stored = bench.stores.exports.kept
    for _, raw in list(stored.seen()):
        stored.keep(raw.replace(b"bad\0", b"\xff\xfe\xfd\0"))

    assert bench.call("GET", f"/v1/exports/{ids[1]}").status == 404
    token = bench.token(campaigns=["*"])
    first = bench.call("GET", "/v1/exports?page_size=2", token=token)
    assert [one["id"] for one in first.body["exports"]] == [ids[2]]
    path = f"/v1/exports?page_size=2&page_token={first.body['next_page_token']}"
    second = bench.call("GET", path, token=token)
    assert [one["id"] for one in second.body["exports"]] == [ids[0]]


def test_a_foreign_export_takes_no_place_on_a_page(bench: Bench) -> None:
    """Gaps and tokens would tell how busy the others are, and a client would stop too early."""
    mine = bench.create()
    for _ in range(3):
        bench.create(campaign_id="northern-sky")

    token = bench.token(campaigns=["aurora-lights"])
    answer = bench.call("GET", "/v1/exports?page_size=1", token=token)

    assert [one["id"] for one in answer.body["exports"]] == [mine]
    assert answer.body["next_page_token"] is None
