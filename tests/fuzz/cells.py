"""Who may do what: one table of roles, actions and kinds of export, every cell of it asked.

The table says what the scopes mean (API.md 7); it shares nothing with the code that decides.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assets.exports.catalog import CATALOG
from export_platform.local.seed.asking import sample_params
from tests.api_bridge.bench import Bench
from tests.fuzz.judge import UNAUTHORIZED, Tally

FORBIDDEN, NOT_FOUND = 403, 404
CAMPAIGN = "aurora-lights"
# A cell is about verbs and kinds; which columns a caller may see is decided apart from it.
COLUMNS = "pii:masked pii:full scores:read answers:sensitive codes:reveal"

SCOPES: Mapping[str, str] = {
    "nobody": "",
    "reader": "exports:read",
    "requester of entries": "exports:read exports:create:entries",
    "producer": "exports:create:*",
    "downloader": "exports:read exports:download",
    "operator": "exports:read exports:cancel",
    "administrator": "exports:admin",
}
ALL = frozenset(CATALOG)
ENTRIES = frozenset({"entries"})
_READING = {"describe": ALL, "watch": ALL, "manifest": ALL}
_ASKING = {"create": ALL, "retry": ALL}
# Role, action: the kinds of export; what is not named here is forbidden.
POLICY: Mapping[str, Mapping[str, frozenset[str]]] = {
    "nobody": {},
    "reader": _READING,
    "requester of entries": {**_READING, "create": ENTRIES, "retry": ENTRIES},
    "producer": _ASKING,
    "downloader": {**_READING, "download": ALL},
    "operator": {**_READING, "cancel": ALL},
    "administrator": {**_READING, **_ASKING, "download": ALL, "cancel": ALL},
}
# Method, path below the export, and the state in which the action is possible.
ACTIONS: Mapping[str, tuple[str, str, str]] = {
    "create": ("POST", "", ""),
    "describe": ("GET", "", ""),
    "watch": ("GET", "", "queued"),
    "cancel": ("POST", "/cancel", "queued"),
    "retry": ("POST", "/retry", "failed"),
    "manifest": ("GET", "/manifest", "succeeded"),
    "download": ("GET", "/files/1", "succeeded"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of the table."""

    role: str
    action: str
    kind: str

    @property
    def allowed(self) -> bool:
        """What the table says."""
        return self.kind in POLICY[self.role].get(self.action, ())


def cells() -> Iterator[Cell]:
    """Every cell."""
    for role in SCOPES:
        for action in ACTIONS:
            for kind in sorted(CATALOG):
                yield Cell(role=role, action=action, kind=kind)


def attack(bench: Bench, tally: Tally, asked: Iterable[Cell]) -> None:
    """Ask cells; one that is answered otherwise than the table says is a fault."""
    bench.clear()
    states = _states(bench)
    tokens = {
        role: bench.token(scope=f"{scopes} {COLUMNS}".strip(), campaigns=["*"])
        for role, scopes in SCOPES.items()
    }
    for cell in asked:
        tally.cases += 1
        if _allowed(bench, cell, states, tokens[cell.role]) != cell.allowed:
            tally.fault("cells", f"{cell}")


def _states(bench: Bench) -> Mapping[str, Mapping[str, Any]]:
    """An export in each state, as the store holds it."""
    body = {"type": "entries", "params": {"campaign_id": CAMPAIGN, "pii": "none"}, "fresh": True}
    ids = [str(bench.call("POST", "/v1/exports", body).body["id"]) for _ in range(3)]
    bench.fail(ids[1])
    bench.finish(ids[2])
    states = ("queued", "failed", "succeeded")
    return {state: bench.document(one) for state, one in zip(states, ids, strict=True)}


def _allowed(bench: Bench, cell: Cell, states: Mapping[str, Any], token: str) -> bool:
    """Whether the bridge let it happen; a reason other than the scopes is none against it."""
    method, tail, state = ACTIONS[cell.action]
    kept = bench.stores.exports.kept
    if state:
        export_type = CATALOG[cell.kind]
        named = {"type": cell.kind, "typeVersion": export_type.version}
        kept.keep({**states[state], **named})
    body, path = _asked(cell, states[state]["_id"] if state else "")
    answer = bench.call(method, path + tail, body, token=token)
    if cell.action == "create" and "Location" in answer.headers:
        kept.drop(answer.body["id"])
    if answer.status in (UNAUTHORIZED, NOT_FOUND):
        return False
    return answer.status != FORBIDDEN or answer.body["code"] != "insufficient-scope"


def _asked(cell: Cell, export_id: str) -> tuple[Any, str]:
    """Body and path."""
    if cell.action == "create":
        params = sample_params(CATALOG[cell.kind], CAMPAIGN)
        return {"type": cell.kind, "params": params, "fresh": True}, "/v1/exports"
    if cell.action == "describe":
        return None, f"/v1/export-types/{cell.kind}"
    return None, f"/v1/exports/{export_id}"
