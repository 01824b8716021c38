"""Every row of docs/api.md, asked of everything that is real: bridge, database, bucket, workers."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPMessage
from typing import Any, Final

import requests

from tests.api_bridge.bench import Answer
from tests.api_bridge.schemas import check
from tests.api_bridge.test_signing import is_ours
from tests.api_bridge.webhooks.conftest import verified
from tests.conventions.repository import ROOT
from tests.e2e.platform import PATIENCE_SECONDS, Platform
from tests.receiver import WebhookReceiver, webhook_receiver
from tests.waiting import eventually

Row = tuple[str, str]
CAMPAIGN: Final = "aurora-lights-2026"
EXPORTS: Final = "/v1/exports"
EXPORT: Final = "/v1/exports/{export_id}"
ENDPOINTS: Final = "/v1/webhook-endpoints"
ENDPOINT: Final = "/v1/webhook-endpoints/{endpoint_id}"
DESCRIPTION: Final = "/openapi.json"
KEYS: Final = "/.well-known/export-signing-keys"
# A platform that is not ready has lost its database or its sensors: that is test_health.py.
ELSEWHERE: Final[Mapping[Row, set[int]]] = {("GET", "/readyz"): {503}}


def promised() -> dict[Row, set[int]]:
    """Each row of the page for callers with the statuses that its last column names; else 200."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z]+) (/\S+)` \|.*?\| (.*) \|$", text, re.MULTILINE)
    told = {
        (verb, path): set(map(int, re.findall(r"\b[2-5]\d\d\b", said))) for verb, path, said in rows
    }
    return {row: (statuses or {200}) - ELSEWHERE.get(row, set()) for row, statuses in told.items()}


@dataclass(slots=True, kw_only=True)
class Caller:
    """Asks, holds every answer to its schema, and remembers what was answered.

    Attributes:
        base_url: The bridge.
        token: Of the caller.
        seen: The statuses of each row.
    """

    base_url: str
    token: str
    seen: dict[Row, set[int]] = field(default_factory=lambda: defaultdict(set))

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: str = "",
        at: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request to a row; `at` fills its path."""
        answered = requests.request(
            method,
            f"{self.base_url}{path.format(**(at or {}))}{query}",
            data=None if body is None else json.dumps(body),
            headers={
                "Authorization": f"Bearer {self.token}",
                **({"Content-Type": "application/json"} if body is not None else {}),
                **(headers or {}),
            },
            timeout=PATIENCE_SECONDS,
            allow_redirects=False,
        )
        told = HTTPMessage()
        for name, value in answered.headers.items():
            told[name] = value
        answer = Answer(status=answered.status_code, headers=told, raw=answered.content)
        if path != DESCRIPTION:  # which does not describe itself
            check(method, path, answer)
        self.seen[method, path].add(answer.status)
        return answer


def wish(**changes: object) -> dict[str, Any]:
    """A small export, of its own."""
    return {"type": "waitlist", "params": {"campaign_id": CAMPAIGN, "top_n": 3}, **changes}


def test_every_row_is_kept_by_what_is_real(platform: Platform) -> None:
    """The bench of tests/api_bridge has fakes behind the bridge; a row may hold there alone."""
    token = platform.token(subject="svc:rows")
    caller = Caller(base_url=platform.base_url, token=token)
    with webhook_receiver() as receiver:
        endpoint = _registered(caller, receiver)
        export_id = _asked_and_followed(caller)
        _read(caller, export_id)
        _told(caller, endpoint, receiver, export_id)
    _moved(caller, platform)
    _the_rest(caller)

    rows = promised()
    assert len(rows) == 28
    assert set(caller.seen) == set(rows)
    assert {row: rows[row] - caller.seen[row] for row in rows if rows[row] - caller.seen[row]} == {}


def _registered(caller: Caller, receiver: WebhookReceiver) -> dict[str, Any]:
    made = caller.ask("POST", ENDPOINTS, {"url": receiver.url, "mine": True})
    listed = caller.ask("GET", ENDPOINTS).body["endpoints"]
    changed = caller.ask("POST", f"{ENDPOINT}/secret", at={"endpoint_id": made.body["id"]})
    shown = caller.ask("GET", ENDPOINT, at={"endpoint_id": made.body["id"]})

    assert [one["id"] for one in listed] == [made.body["id"]]
    assert changed.body["secret"] != made.body["secret"]
    assert shown.body["secret"] is None
    return dict(changed.body)


def _asked_and_followed(caller: Caller) -> str:
    """One request with a key, sent twice: before the files are there and after."""
    estimate = caller.ask("POST", f"{EXPORTS}/estimate", wish())
    key = {"Idempotency-Key": "every-row"}
    asked = caller.ask("POST", EXPORTS, wish(fresh=True), headers=key)
    export_id = str(asked.body["id"])
    followed = list(_events(caller.ask("GET", f"{EXPORT}/events", at={"export_id": export_id})))
    again = caller.ask("POST", EXPORTS, wish(fresh=True), headers=key)

    assert estimate.body["rows_at_most"] > 0
    assert asked.headers["Location"] == f"{EXPORTS}/{export_id}"
    assert int(asked.headers["Retry-After"]) >= 1
    assert followed[-1]["event"] == "done"
    done = json.loads(followed[-1]["data"])
    assert (done["id"], done["status"]) == (export_id, "succeeded")
    assert (again.status, again.body["id"]) == (200, export_id)
    return export_id


def _events(answer: Answer) -> Iterator[dict[str, str]]:
    """The events of a stream that has ended."""
    for block in answer.raw.decode().split("\n\n"):
        lines = [line.partition(": ") for line in block.splitlines() if not line.startswith(":")]
        if any(name == "event" for name, _, _ in lines):
            yield {name: value for name, _, value in lines}


def _read(caller: Caller, export_id: str) -> None:
    mine = {"export_id": export_id}

    def looked_at_twice() -> Answer | None:
        """The end, if it was not told to the webhook, a revision of its own, between two looks."""
        first = caller.ask("GET", EXPORT, at=mine)
        held = {"If-None-Match": first.headers["ETag"]}
        return first if caller.ask("GET", EXPORT, headers=held, at=mine).status == 304 else None

    shown = eventually(looked_at_twice)
    newest = caller.ask("GET", EXPORTS, query="?mine=true&type=waitlist&page_size=1").body
    manifest = caller.ask("GET", f"{EXPORT}/manifest", at=mine)
    click = caller.ask(
        "GET", f"{EXPORT}/files/{{number}}", at={"export_id": export_id, "number": "1"}
    )
    file = requests.get(click.headers["Location"], timeout=PATIENCE_SECONDS)
    rejected = caller.ask("GET", f"{EXPORT}/errors", at=mine)
    lineage = caller.ask("GET", f"{EXPORT}/lineage", at=mine)
    keys = caller.ask("GET", KEYS).body

    (listed,) = shown.body["result"]["files"]
    assert [one["id"] for one in newest["exports"]] == [export_id]
    assert is_ours(manifest.raw, manifest.headers["Export-Signature"], keys)
    assert not is_ours(manifest.raw + b" ", manifest.headers["Export-Signature"], keys)
    assert hashlib.sha256(file.content).hexdigest() == listed["sha256"]
    assert click.headers["Cache-Control"] == "no-store"
    assert rejected.body["export_id"] == lineage.body["export_id"] == export_id


def _told(
    caller: Caller, endpoint: Mapping[str, Any], receiver: WebhookReceiver, export_id: str
) -> None:
    """The end was sent by itself, and is sent once more under the same id."""
    mine = {"endpoint_id": str(endpoint["id"])}

    def log() -> Any:
        listed = caller.ask("GET", f"{ENDPOINT}/deliveries", at=mine).body["deliveries"]
        return [one for one in listed if one["status"] == "delivered"]

    (delivery,) = eventually(log)
    replayed = {**mine, "delivery_id": str(delivery["id"])}
    caller.ask("POST", f"{ENDPOINT}/deliveries/{{delivery_id}}/replay", at=replayed)
    eventually(lambda: len(receiver.got) == 2)
    enabled = caller.ask("POST", f"{ENDPOINT}/enable", at=mine)
    caller.ask("DELETE", ENDPOINT, at=mine)

    first, second = receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert verified(endpoint["secret"], second)["data"]["id"] == export_id
    assert enabled.body["status"] == "enabled"
    assert caller.ask("GET", ENDPOINT, at=mine).status == 404


def _moved(caller: Caller, platform: Platform) -> None:
    """Taken back, tried again, taken back and deleted, before it has ended and afterwards.

    An export is made in a second: on a busy machine it would end between two of these requests.
    """
    with platform.unlaunched():
        export_id = str(caller.ask("POST", EXPORTS, wish(fresh=True)).body["id"])
        mine = {"export_id": export_id}
        early = caller.ask("DELETE", EXPORT, at=mine)
        cancelled = caller.ask("POST", f"{EXPORT}/cancel", at=mine)
        again = caller.ask("POST", f"{EXPORT}/retry", at=mine)
        caller.ask("POST", f"{EXPORT}/cancel", at=mine)
    caller.ask("DELETE", EXPORT, at=mine)
    late = caller.ask("DELETE", EXPORT, at=mine)

    assert (early.status, early.body["code"]) == (409, "not-terminal")
    assert (cancelled.status, cancelled.body["status"]) == (202, "cancelled")
    assert (again.status, again.body["id"], again.body["status"]) == (202, export_id, "queued")
    assert late.status == 410
    assert caller.ask("GET", EXPORT, at=mine).status == 410


def _the_rest(caller: Caller) -> None:
    kinds = caller.ask("GET", "/v1/export-types").body["export_types"]
    one = caller.ask("GET", "/v1/export-types/{type_id}", at={"type_id": "waitlist"}).body
    limits = caller.ask("GET", "/v1/limits").body
    described = caller.ask("GET", DESCRIPTION).body
    for path in ("/healthz", "/readyz", "/metrics"):
        caller.ask("GET", path)

    assert one in kinds
    assert limits["caller"]["used"] == 0
    assert {path for _, path in promised()} == {*described["paths"], DESCRIPTION}
