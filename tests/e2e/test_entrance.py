"""Whoever may reach Dagster's page over real sockets, and every rule that keeps others out."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from export_platform.local.processes import free_port
from tests.conventions.repository import ROOT
from tests.e2e.entrance import (
    OPERATOR,
    PAGE,
    READ_ONLY,
    VIEWER,
    Answer,
    Entrance,
    entrance,
    identity_service,
    listens,
    recording,
    trusting,
)
from tests.e2e.platform import Platform
from tests.waiting import eventually

FOREIGN = "https://evil.example"
# Changes what cannot be seen, so that it can be tried on a platform that others use.
MUTATION = "mutation { setNuxSeen }"
_TERMINATED = "... on TerminateRunsResult { terminateRunResults { __typename } }"
CHANGES = (
    f'mutation {{ terminateRuns(runIds: ["b7"]) {{ {_TERMINATED} }} }}',
    'mutation { deletePipelineRun(runId: "b7") { __typename } }',
    "mutation { setAutoMaterializePaused(paused: false) }",
    'mutation { reloadRepositoryLocation(repositoryLocationName: "exports") { __typename } }',
    'mutation { wipeAssets(assetPartitionRanges: []) { __typename } }',
)  # fmt: skip
REFUSED = ("UnauthorizedError", "Unauthorized", "permission")


@pytest.fixture(scope="module")
def identity() -> Iterator[str]:
    """An identity service."""
    with identity_service() as address:
        yield address


@pytest.fixture(scope="module")
def read_only(platform: Platform) -> Iterator[str]:
    """A second webserver over the same Dagster, which cannot change anything; its address."""
    raw = Path(f"/proc/{platform.pids()['webserver']}/environ").read_bytes()
    env = dict(one.split("=", 1) for one in raw.decode().split("\0") if "=" in one)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, Path(sys.executable).parent / "dagster-webserver", "--read-only",
         "--host", "127.0.0.1", "--port", str(port), "--workspace", ROOT / "workspace.yaml"],
        env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        eventually(lambda: listens(port))
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def upstream(platform: Platform) -> str:
    """The webserver of operators."""
    return platform.dagster_url.removeprefix("http://")


@pytest.fixture(scope="module")
def door(upstream: str, read_only: str, identity: str) -> Iterator[Entrance]:
    """The entrance as it is in production."""
    with entrance(upstream, read_only, identity) as found:
        yield found


def posted(door: Entrance, query: str = MUTATION, **more: str | None) -> Answer:
    """GraphQL as the page sends it, but for what is said otherwise."""
    name = str(more.get("name") or PAGE)
    given: dict[str, str | None] = {"origin": door.origin(name), **more}
    body = json.dumps({"query": query})
    return door.ask("POST", "/graphql", body=body, **given)  # type: ignore[arg-type]


def worked(answer: Answer) -> bool:
    """Whether Dagster did what it was told."""
    said = answer.body.decode(errors="replace")
    return answer.status == 200 and '"data"' in said and not any(one in said for one in REFUSED)


def upgraded(door: Entrance, origin: str | None) -> bool:
    """Whether a websocket was opened."""
    answer = door.ask(
        "GET",
        "/graphql",
        origin=origin,
        Upgrade="websocket",
        Connection="Upgrade",
        Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
        Sec_WebSocket_Version="13",
        Sec_WebSocket_Protocol="graphql-ws",
    )
    return answer.status == 101


def told(door: Entrance, query: str, *, name: str, cookie: str) -> str:
    """What Dagster says to GraphQL over a websocket; a failure tells what nginx said last."""
    context = trusting()
    # The client reads in one thread and writes in another. The tickets that TLS 1.3 sends after
    # the handshake make the one spoil the other: 7 of 3,600 connections ended before an answer,
    # with TLS 1.2 none did (python/cpython#143756).
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        with connect(
            f"wss://{name}:{door.port}/graphql",
            sock=door.connect(),
            ssl=context,
            origin=Origin(door.origin(name)),
            subprotocols=[Subprotocol("graphql-ws")],
            additional_headers={"Cookie": cookie},
            open_timeout=30,
        ) as socket:
            socket.send(json.dumps({"type": "connection_init"}))
            payload = {"query": query}
            socket.send(json.dumps({"id": "1", "type": "start", "payload": payload}))
            said = ""
            while '"id": "1"' not in said and '"id":"1"' not in said:
                said = str(socket.recv(timeout=30))
            return said
    except Exception as failure:
        failure.add_note(door.log.read_text(encoding="utf-8")[-2_000:])
        raise


def by_get(door: Entrance, path: str = "/graphql") -> Answer:
    """A link in a mail, clicked by somebody who is signed in."""
    return door.ask("GET", f"{path}?query=mutation%20%7B%20setNuxSeen%20%7D")


# Each is something that must not get through; it says whether it did.
ATTACKS: dict[str, Callable[[Entrance], bool]] = {
    "a mutation by GET": lambda d: worked(by_get(d)),
    "a query by GET from our page": lambda d: worked(
        d.ask("GET", "/graphql?query=%7Bversion%7D", origin=d.origin())
    ),
    "another spelling of its address": lambda d: any(
        worked(by_get(d, path)) for path in ("//graphql", "/graphql/", "/./graphql", "/%67raphql")
    ),
    "a query in the address of a POST": lambda d: worked(
        d.ask("POST", "/graphql?query=%7Bversion%7D", origin=d.origin(), Content_Type="text/plain")
    ),
    "a foreign Origin": lambda d: worked(posted(d, origin=FOREIGN)),
    "no Origin": lambda d: worked(posted(d, origin=None)),
    "an opaque Origin": lambda d: worked(posted(d, origin="null")),
    "an Origin that begins as ours": lambda d: worked(posted(d, origin=f"{d.origin()}.evil")),
    "the Origin of the other page": lambda d: worked(posted(d, origin=d.origin(READ_ONLY))),
    "a websocket from elsewhere": lambda d: upgraded(d, FOREIGN),
    "a websocket from nowhere": lambda d: upgraded(d, None),
    "a foreign Host": lambda d: d.ask("GET", "/server_info", name="evil.example").status == 200,
    "a foreign Host with its Origin": lambda d: worked(
        posted(d, name="evil.example", origin=d.origin("evil.example"))
    ),
    "a page that is shown elsewhere": lambda d: d.ask("GET", "/server_info", origin=FOREIGN).status
    == 200,
    "nobody": lambda d: worked(posted(d, cookie=None)),
    "nobody who looks": lambda d: d.ask("GET", "/server_info", cookie=None).status == 200,
    "an unknown session": lambda d: worked(posted(d, cookie="session=mallory")),
    "a viewer among operators": lambda d: worked(posted(d, cookie=VIEWER)),
    "a report of a machine": lambda d: d.ask(
        "POST", "/report_asset_materialization/a", origin=d.origin(), body="{}"
    ).status
    < 400,
    "a notebook": lambda d: d.ask("GET", "/notebook?path=x").status not in (404, 405),
    "a debug file for a viewer": lambda d: d.ask(
        "GET", "/download_debug/b7", name=READ_ONLY, cookie=VIEWER
    ).status
    != 404,
    "a change by a viewer": lambda d: worked(
        posted(d, CHANGES[1], name=READ_ONLY, cookie=VIEWER)
    ),
}  # fmt: skip


def test_an_operator_works_with_the_page(door: Entrance) -> None:
    """What nobody can use is taken away by the first who needs it."""
    page = door.ask("GET", "/")
    script = next(one for one in page.body.decode().split('"') if one.endswith(".js"))

    assert (200, 200) == (page.status, door.ask("GET", script).status)
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert worked(posted(door))
    assert upgraded(door, door.origin())
    # Dagster speaks there, and knows nothing but subscriptions.
    assert "subscription" in told(door, "{ version }", name=PAGE, cookie=OPERATOR)


def test_a_viewer_looks_and_changes_nothing(door: Entrance) -> None:
    """Over HTTP and over a websocket: Dagster's own refusal stands behind the second name (M7)."""
    assert door.ask("GET", "/", name=READ_ONLY, cookie=VIEWER).status == 200
    assert worked(posted(door, "{ version }", name=READ_ONLY, cookie=VIEWER))
    for change in CHANGES:
        answer = posted(door, change, name=READ_ONLY, cookie=VIEWER)
        assert not worked(answer), (change, answer.body)
        said = told(door, change, name=READ_ONLY, cookie=VIEWER)
        assert '"error"' in said and '"data"' not in said, (change, said)  # noqa: PT018


def test_who_is_not_signed_in_is_led_to_where_one_signs_in(door: Entrance) -> None:
    """A person is led there; a program of the page gets a plain 401."""
    page = door.ask("GET", "/assets/exports/entries?view=events", cookie=None)

    assert (302, "/oauth2/start?rd=/assets/exports/entries?view=events") == (
        page.status,
        page.headers["location"].removeprefix(door.origin()),
    )
    assert posted(door, cookie=None).status == 401
    assert door.ask("GET", "/oauth2/start", cookie=None).status == 200


@pytest.mark.parametrize("name", ATTACKS)
def test_nobody_gets_through(door: Entrance, name: str) -> None:
    """RELIABILITY S24 and M7: without an entrance each of these works."""
    assert not ATTACKS[name](door)


def without(*rules: str, instead: str = "") -> Callable[[str], str]:
    """The configuration with these texts taken out; each must be in one of the two files."""

    def edit(text: str) -> str:
        for rule in rules:
            text = text.replace(rule, instead)
        return text

    return edit


_GRAPHQL = "    if ($graphql = 403) {\n        return 403;\n    }\n"
_BY_GET = "    if ($graphql = 405) {\n        return 405;\n    }\n"
_LOOKED_403 = "    if ($looked_at = 403) {\n        return 403;\n    }\n"
_LOOKED_405 = "    if ($looked_at = 405) {\n        return 405;\n    }\n"
_OURS = '"${PAGE_HOST} https://${PAGE_HOST}${PAGE_ORIGIN_PORT}" ours;'
_passing_all = without("proxy_pass http://$page/graphql;", instead="proxy_pass http://$page;")
# The rule that is taken out, and what then gets through.
CONTROLS: dict[str, tuple[Callable[[str], str], tuple[str, ...]]] = {
    "no GraphQL by GET": (
        lambda text: without(_BY_GET)(_passing_all(text)),
        ("a mutation by GET", "a query by GET from our page", "another spelling of its address"),
    ),
    "GraphQL from our page only": (
        without(_GRAPHQL),
        ("a foreign Origin", "no Origin", "an opaque Origin", "a websocket from elsewhere",
         "a websocket from nowhere", "the Origin of the other page"),
    ),
    "an Origin is compared as a whole": (
        without(_OURS, instead='"~^${PAGE_HOST} https://${PAGE_HOST}" ours;'),
        ("an Origin that begins as ours",),
    ),
    "no query in the address": (
        _passing_all,
        ("a query in the address of a POST",),
    ),
    "known names only": (
        without("server_name ${PAGE_HOST};", instead="server_name ${PAGE_HOST} evil.example;"),
        ("a foreign Host",),
    ),
    "a session": (
        without("auth_request /identity;"),
        ("nobody", "nobody who looks", "an unknown session", "a viewer among operators"),
    ),
    "operators only": (
        without("set $groups allowed_groups=operators;", instead='set $groups "";'),
        ("a viewer among operators",),
    ),
    "looking from our page only": (without(_LOOKED_403), ("a page that is shown elsewhere",)),
    "no reports of machines": (
        without("|report_asset_", _LOOKED_405),
        ("a report of a machine",),
    ),
    "no notebooks": (without("|notebook"), ("a notebook",)),
    "no debug files for viewers": (
        without("location /download_debug/ {\n            return 404;\n        }"),
        ("a debug file for a viewer",),
    ),
    "a webserver that changes nothing": (
        without("set $page read_only;", instead="set $page all;"),
        ("a change by a viewer",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTROLS)
def test_without_its_rule_an_attack_gets_through(
    upstream: str, read_only: str, identity: str, name: str
) -> None:
    """The control: what never gets through may be kept out by something else, or by a mistake."""
    edit, attacks = CONTROLS[name]
    with entrance(upstream, read_only, identity, edit=edit) as door:
        assert dict.fromkeys(attacks, True) == {one: ATTACKS[one](door) for one in attacks}


def test_every_attack_has_a_rule() -> None:
    """An attack that no rule is for would be kept out by luck."""
    covered = {attack for _, attacks in CONTROLS.values() for attack in attacks}

    assert {"a foreign Host with its Origin"} == set(ATTACKS) - covered  # two rules keep it out


def test_dagster_and_the_log_are_told_nothing_of_the_person(identity: str) -> None:
    """A session in somebody's log is a session for somebody else."""
    with recording() as dagster:
        address = f"127.0.0.1:{dagster.server_port}"
        with entrance(address, address, identity) as door:
            cookie = f"{OPERATOR}; other=c4nary"
            posted(door, cookie=cookie, Authorization="Bearer c4nary")
            door.ask("GET", "/runs?q=c4nary", cookie=cookie, Authorization="Bearer c4nary")
            said = eventually(lambda: door.log.read_text("utf-8").count("\n") >= 2) and (
                door.log.read_text("utf-8")
            )

    assert ["/graphql", "/runs?q=c4nary"] == [target for target, _ in dagster.asked]
    for _, headers in dagster.asked:
        assert not {"cookie", "authorization"} & headers.keys()
    assert "c4nary" not in said
    assert f"{PAGE} 200 POST /graphql id-of-operator" in said
