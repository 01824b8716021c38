"""Callers of some campaigns asking for exports of others, by chance: none may learn anything."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from tests.api_bridge.bench import Bench
from tests.fuzz.exchange import Case, Reply, Wire
from tests.fuzz.judge import Tally

CAMPAIGNS = tuple(f"campaign-{number:02}" for number in range(30))
TENANTS = 12
EXPORTS_A_CAMPAIGN = 2
NOWHERE = "exp_ffffffffffffffffffffffff"
NOT_FOUND = 404
ROUTES = (
    ("GET", ""),
    ("GET", "/manifest"),
    ("GET", "/files/1"),
    ("POST", "/cancel"),
    ("POST", "/retry"),
    ("DELETE", ""),
    ("GET", "/events"),
    ("GET", "/lineage"),
    ("GET", "/errors"),
)  # fmt: skip

# What may be asked of a webhook endpoint; it is its maker's, whatever campaigns others see.
OF_ENDPOINTS = (
    ("GET", ""),
    ("POST", "/secret"),
    ("POST", "/enable"),
    ("GET", "/deliveries"),
    ("POST", "/deliveries/evt_000000000000000000000000-0/replay"),
    ("DELETE", ""),
)
ENDPOINTS = "/v1/webhook-endpoints"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A caller and what is theirs."""

    campaigns: frozenset[str]
    token: str


def attack(bench: Bench, tally: Tally, pairs: int, seed: int) -> None:
    """Ask for so many random pairs of a caller and a foreign export, and for every list."""
    chance, wire = random.Random(seed), Wire(port=bench.port)  # noqa: S311 - the same pairs
    owners = planted(bench)
    tenants = [_tenant(bench, chance) for _ in range(TENANTS)]
    unknown = {route: _shown(wire, tenants[0], route, NOWHERE) for route in ROUTES}
    for _ in range(pairs):
        tenant, route = chance.choice(tenants), chance.choice(ROUTES)
        foreign = chance.choice([one for one in owners if owners[one] not in tenant.campaigns])
        tally.cases += 1
        status, said = _shown(wire, tenant, route, foreign)
        # The same words to the last letter as for an export that nobody has.
        if (status, said) != unknown[route] or status != NOT_FOUND:
            tally.fault("leaks", f"{route} of {owners[foreign]}")
    for tenant in tenants:
        _look(bench, tally, tenant, owners)
    _ask_of_endpoints(bench, wire, tally, tenants)
    wire.close()


def _ask_of_endpoints(bench: Bench, wire: Wire, tally: Tally, tenants: Sequence[Tenant]) -> None:
    """Every tenant asks everything of an endpoint that another program has made."""
    other = bench.token(sub="svc:other", campaigns=["*"])
    body = {"url": "https://hooks.example.com/"}
    made = str(bench.call("POST", ENDPOINTS, body, token=other).body["id"])
    unknown = f"we_{'f' * 24}"
    for tenant, route in product(tenants, OF_ENDPOINTS):
        tally.cases += 1
        foreign, nobodys = (
            _shown(wire, tenant, route, one, base=ENDPOINTS) for one in (made, unknown)
        )
        if foreign != nobodys or foreign[0] != NOT_FOUND:
            tally.fault("leaks", f"{route} of an endpoint")
    # The control: its maker has it still.
    if bench.call("GET", f"{ENDPOINTS}/{made}", token=other).status == NOT_FOUND:
        tally.fault("refused", "an endpoint of one's own")


def planted(bench: Bench) -> Mapping[str, str]:
    """Exports of every campaign, some of them finished; id to campaign."""
    bench.clear()
    patterns = [bench.create(), bench.finish(bench.create(top_n=1))]
    owners: dict[str, str] = {}
    for number, campaign in enumerate(CAMPAIGNS):
        for place in range(EXPORTS_A_CAMPAIGN):
            export_id = f"exp_{number:020}{place:04}"
            pattern = bench.document(patterns[place % len(patterns)])
            bench.stores.exports.kept.keep({**pattern, "_id": export_id, "campaign": campaign})
            owners[export_id] = campaign
    return owners


def _tenant(bench: Bench, chance: random.Random) -> Tenant:
    held = chance.sample(CAMPAIGNS, chance.randint(0, len(CAMPAIGNS) // 2))
    return Tenant(campaigns=frozenset(held), token=bench.token(campaigns=held))


def _shown(
    wire: Wire, tenant: Tenant, route: tuple[str, str], of: str, *, base: str = "/v1/exports"
) -> Any:
    """Status and body, without what differs from request to request."""
    method, tail = route
    target = f"{base}/{of}{tail}".encode()
    case = Case(origin="tenant", method=method, target=target, credential="tenant")
    reply = wire.exchange(case.sent(b"127.0.0.1", {"tenant": tenant.token}), method=method)
    return reply.status, _without_ids(reply)


def _without_ids(reply: Reply) -> Any:
    try:
        body = json.loads(reply.body)
    except ValueError:
        return reply.body
    return body | dict.fromkeys(("request_id", "instance")) if isinstance(body, dict) else body


def _look(bench: Bench, tally: Tally, tenant: Tenant, owners: Mapping[str, str]) -> None:
    """A list shows what is the caller's, all of it and nothing else."""
    listed = bench.call("GET", "/v1/exports?page_size=100", token=tenant.token).body["exports"]
    mine = [one for one, campaign in owners.items() if campaign in tenant.campaigns]
    tally.cases += 1
    if _foreign(listed, mine):
        tally.fault("leaks", "a list")
    # The control of the pairs: what is one's own is shown.
    if len(listed) != len(mine):
        tally.fault("refused", "a list of one's own")


def _foreign(listed: Sequence[Mapping[str, Any]], mine: Sequence[str]) -> bool:
    return any(one["id"] not in mine for one in listed)
