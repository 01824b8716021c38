"""Asking for an export: what is answered, what is stored, and what a repeated request does."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from resources.errors import AlreadyExists
from tests.api_bridge.bench import GOOD_BODY, Answer, Bench


def post(bench: Bench, body: object, key: str | None = None, **claims: object) -> Answer:
    """Ask for an export."""
    headers = [] if key is None else [("Idempotency-Key", key)]
    return bench.call("POST", "/v1/exports", body, token=bench.token(**claims), headers=headers)


def test_a_request_is_accepted_with_where_to_look_and_when(bench: Bench) -> None:
    """202 says that nothing is done yet; a client needs the place and the pace (API.md 1)."""
    answer = post(bench, GOOD_BODY)

    assert answer.status == 202
    assert answer.headers["Location"] == f"/v1/exports/{answer.body['id']}"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["ETag"] == '"1"'
    assert answer.body["status"] == "queued"
    assert answer.body["done"] is False
    assert answer.body["type"] == "guests.2"
    assert answer.body["created_at"] == "2026-03-14T10:00:00.000Z"
    assert answer.body["links"] == {
        "self": answer.headers["Location"],
        "cancel": f"{answer.headers['Location']}/cancel",
        "events": f"{answer.headers['Location']}/events",
    }


def test_the_document_holds_who_asked_and_the_canonical_request(bench: Bench) -> None:
    """The document is all that a run knows; the server sets origin and requester, never a body."""
    params = {"campaign_id": "aurora-lights", "top_n": 5.0, "markets": ["b", "a"]}

    answer = post(bench, {"type": "guests.2", "params": params})

    (document,) = bench.documents()
    assert document["_id"] == answer.body["id"]
    assert (document["origin"], document["status"]) == ("api", "queued")
    assert document["requestedBy"] == {"subject": "svc:promoter-tools", "client": "tools"}
    assert document["request"]["options"]["markets"] == ["a", "b"]
    assert document["request"]["options"]["top_n"] == 5
    assert isinstance(document["request"]["options"]["top_n"], int)
    assert "idempotency" not in document


def test_the_parameters_are_shown_with_every_default_filled_in(bench: Bench) -> None:
    """A caller sees what will be done, not what was left out (API.md 6)."""
    params = post(bench, GOOD_BODY).body["params"]

    assert params["campaign_id"] == "aurora-lights"
    assert (params["pii"], params["format"], params["dialect"]) == ("masked", "csv", "excel")
    assert params["with_plus_one"] is False


def test_columns_that_policy_withholds_are_named(bench: Bench) -> None:
    """Somebody who misses a column must see that it was a decision and not a fault."""
    answer = post(bench, GOOD_BODY, scope="exports:create:guests pii:masked")

    assert answer.body["columns_withheld"] == ["risk", "answer"]


def test_an_unknown_and_a_foreign_campaign_get_the_same_404(bench: Bench) -> None:
    """A difference would tell who else is a customer (S5)."""
    answers = [
        post(bench, {"type": "guests", "params": {"campaign_id": key}})
        for key in ("foreign-fest", "no-such-campaign")
    ]

    bodies = [answer.unnamed for answer in answers]
    assert [answer.status for answer in answers] == [404, 404]
    assert bodies[0] == bodies[1]
    assert answers[0].pointers == ["/params/campaign_id"]
    assert bench.documents() == []


def test_an_export_of_all_campaigns_needs_a_token_for_all(bench: Bench) -> None:
    """A daily summary holds figures of every tenant."""
    body = {"type": "door-count", "params": {"day": "2026-03-01"}}

    assert post(bench, body).status == 404
    assert post(bench, body, campaigns=["*"]).status == 202


def test_the_same_key_and_body_give_the_same_export_in_its_current_state(bench: Bench) -> None:
    """A client that lost the answer asks again; two files of one request would be a leak."""
    first = post(bench, GOOD_BODY, "key-1")
    bench.start(first.body["id"])

    # Another spelling of the same JSON value is the same payload.
    again = post(bench, b'{"params": {"campaign_id":"aurora-lights"},"type":"guests"}', "key-1")

    assert again.status == 202
    assert (again.body["id"], again.body["status"]) == (first.body["id"], "running")
    assert len(bench.documents()) == 1


def test_a_type_with_and_without_its_version_is_one_payload(bench: Bench) -> None:
    """Both name the same kind of export, so the second is a repetition and no other request."""
    first = post(bench, GOOD_BODY, "key-v")

    again = post(bench, {**GOOD_BODY, "type": "guests.2"}, "key-v")

    assert (again.status, again.body["id"]) == (202, first.body["id"])


def test_a_retry_with_another_token_is_the_same_payload(bench: Bench) -> None:
    """A token lives an hour; the next one may hold other scopes, and the request is as it was."""
    first = post(bench, GOOD_BODY, "key-t")

    again = post(bench, GOOD_BODY, "key-t", scope="exports:create:* pii:masked")

    assert (again.status, again.body["id"]) == (202, first.body["id"])


def test_a_repeated_request_whose_files_are_ready_is_a_200(bench: Bench) -> None:
    """200 lets a client skip polling (API.md 1)."""
    export_id = bench.finish(post(bench, GOOD_BODY, "key-2").body["id"])

    again = post(bench, GOOD_BODY, "key-2")

    assert (again.status, again.body["id"]) == (200, export_id)
    assert "Retry-After" not in again.headers


def test_the_same_key_with_another_body_is_refused(bench: Bench) -> None:
    """The client would otherwise get the file of another request without noticing."""
    post(bench, GOOD_BODY, "key-3")
    other = {"type": "guests", "params": {"campaign_id": "northern-sky"}}

    answer = post(bench, other, "key-3")

    assert (answer.status, answer.body["code"]) == (422, "idempotency-key-reused")
    assert len(bench.documents()) == 1


def test_a_key_whose_first_request_is_not_to_be_seen_yet_is_a_409(bench: Bench) -> None:
    """The key is taken and its export cannot be read: the answer would be somebody's guess."""
    taken = AlreadyExists("MONGO_DUPLICATE", "store an export")
    bench.stores.exports.asked.fail_next(taken, name="insert")

    answer = post(bench, GOOD_BODY, "key-4")

    assert (answer.status, answer.body["code"]) == (409, "idempotency-in-progress")
    assert (answer.body["retryable"], answer.headers["Retry-After"]) == (True, "1")
    assert bench.documents() == []
    assert post(bench, GOOD_BODY, "key-4").status == 202


def test_a_key_belongs_to_its_caller(bench: Bench) -> None:
    """Two clients that both count from 1 must not share exports (API.md 3)."""
    ids = {post(bench, GOOD_BODY, "1", sub=subject).body["id"] for subject in ("svc:a", "svc:b")}

    assert len(ids) == 2


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "caf\xe9", "a\tb"])
def test_a_malformed_key_is_refused(bench: Bench, key: str) -> None:
    """A key that two readers may read differently makes two exports or none."""
    answer = post(bench, GOOD_BODY, key)

    assert (answer.status, answer.body["code"]) == (400, "invalid-idempotency-key")
    assert answer.pointers == ["/header/Idempotency-Key"]
    assert bench.documents() == []


def test_two_keys_in_one_request_are_refused(bench: Bench) -> None:
    """Which of the two counts would be the proxy's choice."""
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]

    assert bench.call("POST", "/v1/exports", GOOD_BODY, headers=headers).status == 400


def test_many_identical_requests_at_once_make_one_export(bench: Bench) -> None:
    """The unique digest decides, not a look before the leap (RELIABILITY.md 4.3, burst)."""
    token = bench.token()

    def ask(_: int) -> Answer:
        headers = [("Idempotency-Key", "burst")]
        return bench.call("POST", "/v1/exports", GOOD_BODY, token=token, headers=headers)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(200)))

    assert {answer.status for answer in answers} == {202}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert len(bench.documents()) == 1


def test_without_a_key_every_request_is_its_own_export(bench: Bench) -> None:
    """The control of the test above: without a key nothing joins them."""
    assert post(bench, GOOD_BODY).body["id"] != post(bench, GOOD_BODY).body["id"]


@pytest.mark.parametrize(
    ("params", "scope", "needs", "columns"),
    [
        ({}, "exports:create:guests", ["pii:masked"], ["account_id", "city", "email"]),
        (
            {"pii": "full", "reason": "audit"},
            "exports:create:guests pii:masked",
            ["pii:full"],
            ["email"],
        ),
        ({"pii": "hashed"}, "exports:create:*", ["pii:masked"], ["account_id", "email"]),
    ],
)
def test_columns_beyond_the_scopes_are_denied_by_name(
    bench: Bench, params: dict[str, str], scope: str, needs: list[str], columns: list[str]
) -> None:
    """The 403 must tell what to ask for, or people ask for everything (API.md 4)."""
    body = {"type": "guests", "params": {"campaign_id": "aurora-lights"} | params}

    answer = post(bench, body, scope=scope)

    assert (answer.status, answer.body["code"]) == (403, "insufficient-scope")
    assert answer.body["required_scopes"] == needs
    assert answer.body["denied_columns"] == columns
    assert bench.documents() == []


def test_full_personal_data_needs_a_reason(bench: Bench) -> None:
    """The audit trail says who saw everything; without the reason it does not say why."""
    params = {"campaign_id": "aurora-lights", "pii": "full"}

    answer = post(bench, {"type": "guests", "params": params})

    assert (answer.status, answer.pointers) == (400, ["/params/reason"])


def test_a_lenient_request_withholds_what_the_token_may_not_see(bench: Bench) -> None:
    """RFC 7240: a caller who would rather have less than nothing says so, and is told what."""
    body = {"type": "guests", "params": {"campaign_id": "aurora-lights"}}
    headers = [("Prefer", "respond-async"), ("Prefer", 'wait=soon, Handling="lenient"')]
    token = bench.token(scope="exports:create:guests")

    strict = bench.call("POST", "/v1/exports", body, token=token)
    lenient = bench.call("POST", "/v1/exports", body, token=token, headers=headers)

    assert strict.status == 403
    assert lenient.status == 202
    assert lenient.headers["Preference-Applied"] == "handling=lenient, respond-async"
    assert {"email", "city", "account_id"} < set(lenient.body["columns_withheld"])
    assert set(strict.body["denied_columns"]) <= set(lenient.body["columns_withheld"])


@pytest.mark.parametrize("prefer", ["handling=strict", "lenient", "handling=", "", "x;y=z,=,;;"])
def test_any_other_preference_changes_nothing(bench: Bench, prefer: str) -> None:
    """A preference that is not known is ignored, never half understood (RFC 7240 2)."""
    token = bench.token(scope="exports:create:guests")

    answer = bench.call("POST", "/v1/exports", GOOD_BODY, token=token, headers=[("Prefer", prefer)])

    assert answer.status == 403
    assert "Preference-Applied" not in answer.headers


def test_what_a_campaign_cannot_have_is_refused_when_it_is_asked_for(bench: Bench) -> None:
    """DOMAIN.md 5.1: 422 with a code to act on, not an export that fails a minute later."""
    body = {"type": "badges", "params": {"campaign_id": "northern-sky"}}

    answer = post(bench, body, scope="exports:create:* pii:masked")

    assert answer.status == 422
    assert answer.body["code"] == "not-exportable"
    assert answer.body["business_code"] == "NO_BADGES"
    assert answer.body["detail"] == "The campaign has no badges; order some first."
    assert bench.documents() == []


def test_markets_of_another_campaign_are_refused_when_they_are_asked_for(bench: Bench) -> None:
    """A market that the campaign lacks would give an empty file that looks like an answer."""
    params = {"campaign_id": "aurora-lights", "markets": ["of_another"]}

    answer = post(bench, {"type": "guests", "params": params})

    assert (answer.status, answer.body["business_code"]) == (422, "UNKNOWN_MARKET")
    assert b"of_another" not in answer.raw


def test_what_is_remembered_of_a_campaign_refuses_nobody(bench: Bench) -> None:
    """A market that was made a second ago can be asked for, though the campaign was just read."""
    first = bench.call("POST", "/v1/exports", GOOD_BODY)
    body = {**GOOD_BODY, "params": {**GOOD_BODY["params"], "markets": ["c"]}}
    before = bench.call("POST", "/v1/exports", body)
    market = {"_id": "m", "campaignId": "aurora-lights", "key": "c", "name": "C"}
    bench.stores.markets.kept.keep(market)
    after = bench.call("POST", "/v1/exports", body)
    bench.stores.markets.kept.drop("m")

    assert [first.status, before.status, after.status] == [202, 422, 202]
    assert before.body["business_code"] == "UNKNOWN_MARKET"
