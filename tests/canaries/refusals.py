"""Requests that the bridge must refuse, each with canaries in what was sent."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from tests.api_bridge.bench import Answer, Client
from tests.canaries.places import CLAIMS, HEADERS, TOKEN_HEADERS, canary, row

Headers = tuple[tuple[str, str], ...]
_FIRST_ERROR: Final = 400
# What the server below us refuses before it is a request, and `Host`, are sent on their own.
_SENT_ALONG: Final = tuple(
    (name, f"{canary(f'header {name}')} {canary(f'header {name}')}")
    for name in HEADERS
    if name not in ("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Prefer")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One request that must fail.

    Attributes:
        name: What is wrong with it.
        method: Its method.
        path: Its path.
        body: Its body; bytes are sent as they are.
        headers: Headers beside those with canaries that every refusal sends.
        token: Makes the token; None for a good one with canaries in the claims nobody reads.
        host: Another host.
    """

    name: str
    method: str = "GET"
    path: str = "/v1/exports"
    body: object = None
    headers: Headers = ()
    token: Callable[[Client], str | None] | None = None
    host: str | None = None

    def force(self, client: Client, campaign: str) -> Answer:
        """Send it; the answer, which is an error.

        Raises:
            AssertionError: It was accepted, so no failure was forced.
        """
        token = good_token(client, campaign) if self.token is None else self.token(client)
        answer = client.call(
            self.method,
            self.path,
            self.body,
            token=token,
            headers=[*_SENT_ALONG, *self.headers],
            host=self.host,
        )
        assert answer.status >= _FIRST_ERROR, f"{self.name} was accepted with {answer.status}"
        return answer


def good_token(client: Client, campaign: str) -> str:
    """A token that may do everything; what the bridge does not read holds canaries."""
    told = {name: canary(f"claim {name}") for name in ("jti", "email", "name")}
    return client.token(campaigns=[campaign], **told)


def refusals(campaign: str, export_id: str) -> Iterator[Refusal]:
    """All of them; the export is one that failed."""
    yield from _tokens()
    yield from _bodies(campaign)
    yield from _targets(export_id)


def _tokens() -> Iterator[Refusal]:
    for name in CLAIMS:
        if name in ("jti", "email", "name"):
            continue  # nobody reads these: they are in every good token
        said = canary(f"claim {name}")
        value: object = said if name in ("iss", "aud") else {"not": "text", "but": said}
        yield _refused_token(f"claim {name}", partial(_with_claims, {name: value}))
    for name in TOKEN_HEADERS:
        yield _refused_token(f"token header {name}", partial(_with_header, name))
    claims = {f"claim {name}": canary(f"claim {name}") for name in CLAIMS}
    yield _refused_token("expired", lambda c: c.token(**claims, exp=1_700_000_000))
    yield _refused_token("from tomorrow", lambda c: c.token(**claims, iat=4_000_000_000))
    yield _refused_token("too long-lived", lambda c: c.token(**claims, exp=4_000_000_000))
    yield _refused_token("too large", lambda c: c.token(**claims, filler="x" * 9_000))
    yield _refused_token("spoiled signature", lambda c: c.token(**claims)[:-8] + "AAAAAAAA")
    yield _refused_token(
        "no payload", lambda c: ".".join([*c.token(**claims).split(".")[:1], "", ""])
    )
    yield _refused_token("no token at all", lambda _: canary("header Authorization"))
    yield Refusal(
        name="another scheme",
        token=lambda _: None,
        headers=(("Authorization", f"Basic {canary('header Authorization')}"),),
    )
    yield Refusal(name="no token", token=lambda _: None)
    yield Refusal(name="without scopes", token=lambda c: c.token(scope="", **claims))
    yield Refusal(
        name="two tokens", headers=(("Authorization", f"Bearer {canary('header Authorization')}"),)
    )


def _with_claims(claims: Mapping[str, Any], client: Client) -> str:
    return client.token(**claims)


def _with_header(name: str, client: Client) -> str:
    header = {"typ": "at+jwt", name: canary(f"token header {name}")}
    return client.issuer.sign(header, client.issuer.claims())


def _refused_token(name: str, token: Callable[[Client], str]) -> Refusal:
    return Refusal(name=f"token: {name}", token=token)


def _bodies(campaign: str) -> Iterator[Refusal]:
    params: Mapping[str, Any] = {"campaign_id": campaign, "reason": row("reason")}
    value = canary("parameter value")
    wrongs: Mapping[str, Mapping[str, Any]] = {
        "campaign": {"campaign_id": canary("campaign")},
        "campaign of another shape": {"campaign_id": row("campaign")},
        "markets": {"markets": [{"$ne": value}]},
        "locales": {"locales": value},
        "statuses": {"statuses": [value]},
        "columns": {"columns": [row("column")]},
        "unknown column": {"columns": [canary("column")]},
        "mode": {"pii": value},
        "dialect": {"dialect": value},
        "format": {"format": value},
        "compression": {"compression": value},
        "max_rejects": {"max_rejects": value},
        "flags": {"exclude_flags": [value]},
        "include_withdrawn": {"include_withdrawn": value},
        "destination": {"deliver": [value]},
        "reason of a wrong type": {"reason": {"$where": canary("reason")}},
        "reason too long": {"reason": canary("reason") * 40},
        "unknown parameter": {canary("parameter name"): 1},
        "operator": {"$where": row("parameter value")},
        "nested": {"markets": [[[[canary("parameter value")]]]]},
    }
    for name, wrong in wrongs.items():
        body = {"type": "entries", "params": {**params, **wrong}}
        yield Refusal(name=f"body: {name}", method="POST", body=body)
        if name in ("markets", "columns", "unknown parameter"):
            path = "/v1/exports/estimate"
            yield Refusal(name=f"estimate: {name}", method="POST", path=path, body=body)
    yield from _malformed_bodies(params)


def _malformed_bodies(params: Mapping[str, Any]) -> Iterator[Refusal]:
    said, member = canary("body that is no JSON"), canary("member")
    good = json.dumps({"type": "entries", "params": params})
    for name, raw in {
        "no JSON": said,
        "cut off": good[:-9] + said,
        "member twice": good[:-1] + f',"type":"{said}"}}',
        "unknown member": good[:-1] + f',"{member}":1}}',
        "unknown type": json.dumps({"type": canary("type"), "params": params}),
        "type of a wrong kind": json.dumps({"type": {"$gt": canary("type")}, "params": params}),
        "infinite": good[:-1] + f',"{member}":1e999}}',
        "surrogate": good[:-1] + f',"{member}":"\\ud800"}}',
        "control": good[:-1] + f',"{member}":"\\u0000"}}',
        "deep": "[" * 60 + f'"{said}"' + "]" * 60,
        "a list": f'["{said}"]',
        "too large": said * 5_000,
    }.items():
        yield Refusal(name=f"body: {name}", method="POST", body=raw.encode())
    wrong: Headers = (("Content-Type", f"text/{canary('header Content-Type')}"),)
    yield Refusal(name="content type", method="POST", body=good.encode(), headers=wrong)
    key: Headers = (("Idempotency-Key", f"\xe9 {canary('header Idempotency-Key')}" * 20),)
    yield Refusal(name="Idempotency-Key", method="POST", body=good.encode(), headers=key)
    unheard = json.dumps({"type": "entries", "params": {**params, "campaign_id": "nobodys-2026"}})
    prefer: Headers = (("Prefer", f"wait={canary('header Prefer')}"),)
    yield Refusal(name="foreign campaign", method="POST", body=unheard.encode(), headers=prefer)


def _targets(export_id: str) -> Iterator[Refusal]:
    said, name, value = canary("path"), canary("query name"), canary("query value")
    one = f"/v1/exports/{export_id}"
    tag: Headers = (("If-None-Match", f'"{canary("header If-None-Match")}'),)
    for title, path in {
        "unknown export": f"/v1/exports/{said}",
        "unknown type": f"/v1/export-types/{said}",
        "unknown route": f"/v1/{said}/{said}?{name}={value}",
        "file of a wrong number": f"{one}/files/{said}",
        "file of a failed one": f"{one}/files/1?{name}={value}",
        "manifest of a failed one": f"{one}/manifest",
        "lineage of nobody": f"/v1/exports/{said}/lineage",
        "events of nobody": f"/v1/exports/{said}/events",
        "unknown filter": f"/v1/exports?{name}={value}",
        "status": f"/v1/exports?status={value}",
        "type": f"/v1/exports?type={value}",
        "instant": f"/v1/exports?created_after={value}",
        "page size": f"/v1/exports?page_size={value}",
        "page token": f"/v1/exports?page_token={canary('page token')}",
        "filter twice": f"/v1/exports?status=failed&status={value}",
        "page": f"/page/{said}.js?{name}={value}",
        "climbing": f"/page/..%2f..%2f{said}",
    }.items():
        yield Refusal(name=f"target: {title}", path=path, headers=tag)
    yield Refusal(name="unknown method", method="PATCH", path=one, body={said: value})
    yield Refusal(name="cancel of nobody", method="POST", path=f"/v1/exports/{said}/cancel")
    yield Refusal(name="retry of nobody", method="POST", path=f"/v1/exports/{said}/retry")
    yield Refusal(name="cancel of a failed one", method="POST", path=f"{one}/cancel")
    yield Refusal(name="delete of nobody", method="DELETE", path=f"/v1/exports/{said}")
    yield Refusal(name="foreign host", host=f"{canary('host')}.example")
    yield Refusal(name="host of no shape", host=f"{canary('host')}/@{canary('host')}")
