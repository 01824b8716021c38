"""Identical requests that share one generation, and how many exports there may be at once."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from api_bridge.protocol.wire import stored_as
from api_bridge.routes import exports
from assets.admission import IN_TIME, Limits
from assets.claims import GRACE
from assets.model.lanes import LARGE_ROWS
from resources.mongo.claims import Holder
from sensors.housekeeping import purge
from tests.api_bridge.bench import GOOD_BODY, Answer, Bench, running_bench, seated
from tests.api_bridge.toys import TOYS
from tests.waiting import eventually

FEW = 3


@pytest.fixture(scope="module")
def module_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bridge with the usual limits."""
    folder: Path = tmp_path_factory.mktemp("bridge")
    with running_bench(folder, TOYS) as bench:
        yield bench


@pytest.fixture(scope="module")
def tight_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bridge that lets few exports in."""
    folder: Path = tmp_path_factory.mktemp("tight")
    most: dict[str, Any] = {"live_per_caller": FEW, "live_per_campaign": FEW + 1}
    with running_bench(folder, TOYS, **most) as bench:
        yield bench


@pytest.fixture
def tight(tight_bench: Bench) -> Bench:
    """The same with nothing stored."""
    tight_bench.clear()
    return tight_bench


def post(bench: Bench, *, headers: Any = (), sub: str = "svc:a", **body: Any) -> Answer:
    """Ask for guests."""
    token = bench.token(sub=sub)
    sent = {**GOOD_BODY, **body}
    return bench.call("POST", "/v1/exports", sent, token=token, headers=headers)


def params(top: int, campaign: str = "aurora-lights") -> dict[str, Any]:
    """Parameters of a request that is like no other."""
    return {"campaign_id": campaign, "top_n": top}


def get(bench: Bench, export_id: str) -> Any:
    """The resource of an export."""
    return bench.call("GET", f"/v1/exports/{export_id}").body


def settle(bench: Bench) -> None:
    """What the sensor does every few seconds."""
    for document in bench.life.joined(after=None, limit=1000):
        bench.life.settle(document)
    for document in bench.life.forsaken(100):
        bench.life.withdraw(document)


def test_many_identical_requests_at_once_make_one_generation_with_an_id_each(bench: Bench) -> None:
    """Two hundred people press the button on the day of the sale (DESIGN.md 3, rule 8)."""
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda n: post(bench, sub=f"svc:{n % 7}"), range(200)))

    assert {answer.status for answer in answers} == {202}
    ids = {answer.body["id"] for answer in answers}
    assert len(ids) == 200
    (made,) = [d["_id"] for d in bench.documents() if d["status"] == "queued"]
    assert [answer.body["coalesced"] for answer in answers].count(False) == 1
    assert get(bench, made)["shared_with"] == 199

    bench.finish(made)
    shown = [get(bench, export_id) for export_id in sorted(ids)[:3]]
    assert {one["status"] for one in shown} == {"succeeded"}
    assert len({one["result"]["manifest_sha256"] for one in shown}) == 1
    assert len(list(bench.objects.keys(""))) == 1


def test_without_the_claim_identical_requests_make_several(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: a claim that everybody is given brings the old burst back."""
    monkeypatch.setattr(bench.stores.claims, "take", lambda claims, _: len(claims))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: post(bench), range(8)))

    assert [d["status"] for d in bench.documents()].count("queued") > 1


def test_a_fresh_request_shares_with_nobody(bench: Bench) -> None:
    """Who must have the rows of this minute cannot take those of an hour ago."""
    for _ in range(3):
        assert post(bench, fresh=True).body["coalesced"] is False

    assert [d["status"] for d in bench.documents()] == ["queued"] * 3


def test_what_a_crash_left_claimed_is_free_after_its_grace(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bridge that dies between claim and insert must not lock a request out for ever."""
    monkeypatch.setattr("assets.admission.PAUSES", (0.0, 0.0))
    with monkeypatch.context() as dying:
        dying.setattr(bench.stores.exports, "insert", lambda *_, **__: 1 / 0)
        assert post(bench).status == 500
    assert bench.documents() == []

    early = post(bench)
    bench.clock.advance(GRACE + 1)
    late = post(bench)

    assert (early.status, early.body["code"], early.body["retryable"]) == (503, "overloaded", True)
    assert (late.status, late.body["coalesced"]) == (202, False)


def test_who_was_frozen_between_claim_and_insert_gives_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the grace somebody else may have the claim: storing now would double the export."""
    claims = bench.stores.claims
    take = claims.take

    def frozen(names: Sequence[str], holder: Holder) -> int:
        bench.clock.advance(IN_TIME + 1)
        return take(names, holder)

    monkeypatch.setattr(claims, "take", frozen)

    assert post(bench).status == 503
    assert bench.documents() == []
    monkeypatch.undo()
    assert post(bench).status == 202


def test_taking_one_request_back_stops_none_of_the_others(bench: Bench) -> None:
    """The first who asked goes home; the others still want their file."""
    first, second, third = (post(bench).body["id"] for _ in range(3))
    token = bench.start(first)

    gone = bench.call("POST", f"/v1/exports/{first}/cancel")
    also = bench.call("POST", f"/v1/exports/{second}/cancel")

    assert (gone.status, gone.body["status"], gone.body["done"]) == (202, "cancelled", True)
    assert (also.status, also.body["status"]) == (202, "cancelled")
    assert bench.call("POST", f"/v1/exports/{first}/cancel").status == 202
    assert bench.life.beat(first, token, {})["status"] == "running"
    assert get(bench, third)["status"] == "running"
    assert get(bench, third)["shared_with"] == 0


def test_the_last_one_who_goes_stops_the_generation(bench: Bench) -> None:
    """A file that nobody waits for must not keep a worker busy."""
    first, second = (post(bench).body["id"] for _ in range(2))
    bench.start(first)

    bench.call("POST", f"/v1/exports/{first}/cancel")
    assert bench.document(first)["status"] == "running"
    bench.call("POST", f"/v1/exports/{second}/cancel")

    assert bench.document(first)["status"] == "cancelling"
    assert bench.document(second)["status"] == "cancelled"


def test_one_that_left_gets_no_file_and_the_others_keep_theirs(bench: Bench) -> None:
    """A cancelled request has no result, before and after the generation has ended."""
    first, second = (post(bench).body["id"] for _ in range(2))
    bench.call("POST", f"/v1/exports/{first}/cancel")
    bench.finish(first)
    before = get(bench, first)
    settle(bench)

    for shown in (before, get(bench, first)):
        assert (shown["status"], shown["result"]) == ("cancelled", None)
        assert "manifest" not in shown["links"]
    assert bench.document(first)["status"] == "cancelled"
    assert get(bench, second)["result"]["rows"] == 3
    file = bench.call("GET", f"/v1/exports/{second}/files/1")
    assert file.status == 303
    assert len(bench.stores.downloads.of(second, limit=9)) == 1
    assert bench.life.keys_of_others(bench.document(first))


@pytest.mark.parametrize("end", ["finish", "fail"])
def test_a_joined_request_ends_as_its_generation_and_can_be_retried_alone(
    bench: Bench, end: str
) -> None:
    """After the end each request is a document of its own, with its own audit trail."""
    first, second = (post(bench).body["id"] for _ in range(2))
    getattr(bench, end)(first)
    live, ends = get(bench, second), {"finish": "succeeded", "fail": "failed"}[end]
    settle(bench)

    assert live["status"] == get(bench, second)["status"] == ends
    assert bench.document(second)["status"] == ends
    assert bench.document(second)["audit"][-1]["action"] == ends
    retried = bench.call("POST", f"/v1/exports/{second}/retry")
    assert retried.status == (202 if end == "fail" else 409)
    if end == "fail":
        assert bench.document(second)["status"] == "queued"
        assert bench.document(first)["status"] == "failed"


def test_what_is_being_cancelled_or_has_ended_is_never_joined(bench: Bench) -> None:
    """The newcomer would be cancelled by somebody else's wish (DESIGN.md 3, rule 8)."""
    first = post(bench).body["id"]
    bench.start(first)
    bench.call("POST", f"/v1/exports/{first}/cancel")

    second = post(bench).body
    bench.fail(second["id"])
    third = post(bench).body

    assert [second["coalesced"], third["coalesced"]] == [False, False]
    assert bench.document(third["id"])["status"] == "queued"


def test_a_run_that_an_operator_ends_is_cancelled_for_everybody(bench: Bench) -> None:
    """Who stops the run in the Dagster page means the run, whoever waits for it."""
    first, second = (post(bench).body["id"] for _ in range(2))

    bench.life.halt(first, by="dagster")
    settle(bench)

    assert [bench.document(one)["status"] for one in (first, second)] == ["cancelled"] * 2


def test_a_repeated_key_does_not_count_as_one_more(bench: Bench) -> None:
    """A client that asks again has one request, whoever's files it waits for."""
    first = post(bench).body["id"]
    key = [("Idempotency-Key", "k")]
    twice = {post(bench, headers=key).body["id"] for _ in range(2)}

    assert len(twice) == 1
    assert get(bench, first)["shared_with"] == 1


def test_a_joined_request_is_listed_with_what_it_shows(bench: Bench) -> None:
    """A filter on the status must not find what is shown with another one."""
    first, second = (post(bench).body["id"] for _ in range(2))
    bench.start(first)

    found = {
        status: [e["id"] for e in bench.call("GET", f"/v1/exports?status={status}").body["exports"]]
        for status in ("running", "queued")
    }

    assert found == {"running": [second, first], "queued": []}


def test_the_validator_of_a_joined_request_follows_its_generation(bench: Bench) -> None:
    """A 304 for a request whose generation went on would freeze a progress bar."""
    first, second = (post(bench).body["id"] for _ in range(2))
    before = bench.call("GET", f"/v1/exports/{second}").headers["ETag"]
    bench.start(first)

    headers = [("If-None-Match", before)]
    after = bench.call("GET", f"/v1/exports/{second}", headers=headers)

    assert (after.status, after.body["status"]) == (200, "running")


def tidy(bench: Bench) -> None:
    """What housekeeping does."""
    for document in bench.life.expired(100):
        purge(bench.life, bench.objects, document)


@pytest.mark.parametrize("who", [0, 1])
def test_who_deletes_the_files_takes_them_from_nobody_else(bench: Bench, who: int) -> None:
    """The others have asked for them too, and they go when the last one is done with them."""
    ids = [post(bench).body["id"] for _ in range(3)]
    bench.finish(ids[0])
    gone, kept = ids[who], [one for one in ids if one != ids[who]]

    assert bench.call("DELETE", f"/v1/exports/{gone}").status == 204
    tidy(bench)
    settle(bench)

    assert bench.call("GET", f"/v1/exports/{gone}").status == 410
    assert {get(bench, one)["status"] for one in kept} == {"succeeded"}
    assert bench.call("GET", f"/v1/exports/{kept[0]}/manifest").status == 200
    for one in kept:
        assert list(bench.objects.keys(""))
        bench.clock.advance(1)
        assert bench.call("DELETE", f"/v1/exports/{one}").status == 204
        bench.clock.advance(1)
        tidy(bench)
    assert list(bench.objects.keys("")) == []


def test_who_left_may_delete_and_the_others_still_get_their_files(bench: Bench) -> None:
    """It is shown as cancelled, so it has ended, although a worker is at it."""
    first, second = (post(bench).body["id"] for _ in range(2))
    bench.call("POST", f"/v1/exports/{first}/cancel")

    assert bench.call("DELETE", f"/v1/exports/{first}").status == 204
    assert bench.call("GET", f"/v1/exports/{first}").status == 410
    assert bench.life.delete(first, by="svc:a") is not None  # repeatable, as every delete
    bench.finish(first)
    settle(bench)
    tidy(bench)

    assert bench.document(first)["status"] == "cancelled"
    assert get(bench, second)["status"] == "succeeded"
    assert bench.call("GET", f"/v1/exports/{second}/manifest").status == 200


def test_what_has_ended_with_its_generation_is_retried_at_once(bench: Bench) -> None:
    """It is shown as failed before the sensor has come by: the button must work then too."""
    first, second = (post(bench).body["id"] for _ in range(2))
    bench.fail(first)

    retried = bench.call("POST", f"/v1/exports/{second}/retry")

    assert (retried.status, retried.body["status"], retried.body["coalesced"]) == (
        202,
        "queued",
        False,
    )
    assert bench.document(first)["status"] == "failed"


def test_who_waits_for_a_joined_request_is_told_when_its_generation_goes_on(bench: Bench) -> None:
    """Its own document does not change while another one's worker is at it."""
    first, second = (post(bench).body["id"] for _ in range(2))
    tag = bench.call("GET", f"/v1/exports/{second}").headers["ETag"]
    headers = [("If-None-Match", tag), ("Prefer", "wait=8")]
    path = f"/v1/exports/{second}"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(bench.call, "GET", path, headers=headers)
        eventually(lambda: seated(bench) == 1)
        assert not waiting.done()
        bench.start(first)
        answer = waiting.result()

    assert (answer.status, answer.body["status"]) == (200, "running")


def test_the_places_of_a_caller_are_never_oversold(tight: Bench) -> None:
    """Twenty requests at one instant for three places: three get in (API.md 4, race-free)."""

    def ask(n: int) -> Answer:
        return post(tight, params=params(n + 1, ("aurora-lights", "northern-sky")[n % 2]))

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(20)))

    statuses = [answer.status for answer in answers]
    assert (statuses.count(202), statuses.count(429)) == (FEW, 20 - FEW)
    refused = next(answer for answer in answers if answer.status == 429)
    assert (refused.body["code"], refused.body["limit"]) == ("too-many-exports", "caller")
    assert (refused.body["most"], refused.body["retryable"]) == (FEW, True)
    assert int(refused.headers["Retry-After"]) >= 1
    assert "svc:a" not in refused.raw.decode()


def test_without_claims_the_places_are_oversold(
    tight: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: a place that everybody is given bounds nobody."""
    monkeypatch.setattr(tight.stores.claims, "take", lambda claims, _: len(claims))

    answers = [post(tight, params=params(n + 1)) for n in range(FEW + 2)]

    assert [answer.status for answer in answers] == [202] * (FEW + 2)


def test_a_campaign_has_a_cap_of_its_own(tight: Bench) -> None:
    """Ten callers of one campaign must not starve every other campaign."""
    answers = [post(tight, sub=f"svc:{n}", params=params(n + 1)) for n in range(FEW + 2)]
    other = post(tight, sub="svc:0", params=params(1, "northern-sky"))

    assert [answer.status for answer in answers] == [202] * (FEW + 1) + [429]
    assert answers[-1].body["limit"] == "campaign"
    assert other.status == 202


@pytest.mark.parametrize("end", ["finish", "fail", "cancel"])
def test_an_end_gives_the_place_back(tight: Bench, end: str) -> None:
    """A place that leaks locks a caller out for ever."""
    ids = [post(tight, params=params(n + 1)).body["id"] for n in range(FEW)]
    assert post(tight, params=params(9)).status == 429

    if end == "cancel":
        tight.call("POST", f"/v1/exports/{ids[0]}/cancel")
    else:
        getattr(tight, end)(ids[0])

    assert post(tight, params=params(9)).status == 202
    assert post(tight, params=params(10)).status == 429


def test_a_retry_needs_a_place_and_a_joined_request_does_not(tight: Bench) -> None:
    """A thousand retries at once are a thousand exports; a thousand readers of one file are one."""
    failed = tight.fail(post(tight, params=params(1)).body["id"])
    for n in range(FEW):
        post(tight, params=params(n + 2))

    refused = tight.call("POST", f"/v1/exports/{failed}/retry", token=tight.token(sub="svc:a"))
    joined = post(tight, params=params(2))

    assert (refused.status, refused.body["code"]) == (429, "too-many-exports")
    assert (joined.status, joined.body["coalesced"]) == (202, True)


def test_a_retry_leaves_no_place_of_its_life_before(tight: Bench) -> None:
    """An export that is tried ten times must not fill ten places."""
    token = tight.token(sub="svc:a")
    export_id = post(tight, params=params(1)).body["id"]
    for _ in range(FEW + 1):
        tight.fail(export_id)
        retried = tight.call("POST", f"/v1/exports/{export_id}/retry", token=token)
        assert retried.status == 202

    others = [post(tight, params=params(n + 2)).status for n in range(FEW)]

    assert others == [202] * (FEW - 1) + [429]


def test_only_one_of_two_retries_takes_a_place(tight: Bench) -> None:
    """A button that is pressed twice must not cost two places."""
    token = tight.token(sub="svc:a")
    failed = tight.fail(post(tight, params=params(1)).body["id"])
    path = f"/v1/exports/{failed}/retry"
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: tight.call("POST", path, token=token), range(2)))

    assert sorted(answer.status for answer in answers) == [202, 409]
    assert tight.call("GET", "/v1/limits", token=token).body["caller"]["used"] == 1


def test_the_limits_are_published_with_their_use(tight: Bench) -> None:
    """A client that knows the bound need not find it by being refused (API.md 1)."""
    post(tight, params=params(1))

    answer = tight.call("GET", "/v1/limits", token=tight.token(sub="svc:a"))

    assert answer.status == 200
    assert answer.body["caller"] == {"limit": FEW, "used": 1, "remaining": FEW - 1}
    used = {name: one["used"] for name, one in answer.body["campaigns"].items()}
    assert used == {"aurora-lights": 1, "northern-sky": 0}
    queue = answer.body["queue"]
    assert (queue["at_once"], queue["large_at_once"], queue["large_rows"]) == (16, 3, LARGE_ROWS)
    assert tight.call("GET", "/v1/limits", token=None).status == 401


@pytest.mark.parametrize("fresh", [1, "true", None])
def test_fresh_is_a_boolean(bench: Bench, fresh: object) -> None:
    """Text that looks like a truth would be taken for one."""
    answer = post(bench, fresh=fresh)

    assert (answer.status, answer.pointers) == (400, ["/fresh"])


def test_files_that_are_new_enough_are_the_answer_at_once(bench: Bench) -> None:
    """Whoever needs the rows of this hour need not wait for the same file again (API.md 1)."""
    made = bench.finish(post(bench).body["id"], retention=86_400)

    ready = post(bench, sub="svc:b", max_age=3600)

    assert (ready.status, ready.body["status"], ready.body["done"]) == (200, "succeeded", True)
    assert ready.body["id"] != made
    assert ready.body["coalesced"]
    assert ready.body["requested_by"] == "svc:b"
    first = get(bench, made)
    for name in ("snapshot_time", "expires_at"):
        assert ready.body[name] == first[name]
    assert ready.body["result"]["manifest_sha256"] == first["result"]["manifest_sha256"]
    (stored,) = [one for one in bench.documents() if one["_id"] == ready.body["id"]]
    assert [one["action"] for one in stored["audit"]] == ["created", "succeeded"]
    assert stored["outbox"]["open"], "a program that is told of ends is told of this one"


def test_it_takes_no_place_and_outlives_the_request_that_made_it(bench: Bench) -> None:
    """Its files stay until nobody's export names them."""
    made = bench.finish(post(bench).body["id"], retention=86_400)
    ready = post(bench, max_age=3600).body["id"]

    assert bench.call("GET", "/v1/limits").body["caller"]["used"] == 0
    assert bench.call("DELETE", f"/v1/exports/{made}").status == 204
    tidy(bench)

    assert bench.call("GET", f"/v1/exports/{ready}/manifest").status == 200
    # Nobody can tell any more who has what a deleted export has made.
    assert post(bench, max_age=3600).status == 202


@pytest.mark.parametrize(
    "unlike",
    [
        pytest.param({"max_age": 0}, id="older"),
        pytest.param({"max_age": 3600, "params": params(7)}, id="of another request"),
        pytest.param({}, id="not asked for"),
        pytest.param({"fresh": True}, id="new ones are asked for"),
    ],
)
def test_other_files_are_not_taken(bench: Bench, unlike: dict[str, Any]) -> None:
    """Without the word of the caller an export is made of what there is now."""
    bench.finish(post(bench).body["id"], retention=86_400)

    assert post(bench, **unlike).status == 202


def test_files_that_go_soon_are_not_taken(bench: Bench) -> None:
    """They would be gone before the caller came for them."""
    bench.finish(post(bench).body["id"], retention=599)

    assert post(bench, max_age=3600).status == 202


def test_one_that_was_taken_back_gives_nothing(bench: Bench) -> None:
    """It is cancelled for whoever asked, and its files go."""
    first, second = post(bench).body["id"], post(bench).body["id"]
    bench.call("POST", f"/v1/exports/{first}/cancel")
    bench.finish(first, retention=86_400)

    assert post(bench, max_age=3600).status == 202
    assert get(bench, second)["status"] == "succeeded"


def test_the_same_key_gives_the_same_export_of_ready_files(bench: Bench) -> None:
    """A retry after a lost answer is no second request."""
    bench.finish(post(bench).body["id"], retention=86_400)
    key = [("Idempotency-Key", "once")]

    answers = [post(bench, headers=key, max_age=3600) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert len({answer.body["id"] for answer in answers}) == 1
    assert post(bench, headers=key, max_age=3601).status == 422


@pytest.mark.parametrize("age", [-1, 31 * 86_400 + 1, 1.5, "60", True, None])
def test_an_age_is_a_number_of_seconds(bench: Bench, age: object) -> None:
    """What a caller means by anything else is not guessed."""
    answer = post(bench, max_age=age)

    assert (answer.status, answer.pointers) == (400, ["/max_age"])
    assert post(bench, max_age=60, fresh=True).pointers == ["/max_age"]


@pytest.mark.parametrize("most", [0, 10_001])
def test_a_limit_that_nobody_or_no_query_could_keep_is_refused_at_the_start(most: int) -> None:
    """A million places made a query that the driver could not send, and each request a 500."""
    with pytest.raises(ValueError, match="from 1 to 10,000"):
        Limits(caller=most)
    with pytest.raises(ValueError, match="from 1 to 10,000"):
        Limits(campaign=most)


def _listed(bench: Bench, status: str) -> list[str]:
    """Ids of the exports in a state, over pages of one."""
    ids: list[str] = []
    path = f"/v1/exports?page_size=1&status={status}"
    while path:
        body = bench.call("GET", path).body
        ids += [export["id"] for export in body["exports"]]
        assert all(export["status"] == status for export in body["exports"])
        token = body["next_page_token"]
        path = f"/v1/exports?page_size=1&status={status}&page_token={token}" if token else ""
    return ids


def test_one_that_left_is_listed_among_the_cancelled_from_the_first_moment(bench: Bench) -> None:
    """The list must say what the export itself says, whatever its document holds."""
    made = []
    for number in range(3):
        first, second = (post(bench, params=params(1 + number)).body["id"] for _ in range(2))
        bench.clock.advance(1)
        bench.call("POST", f"/v1/exports/{first}/cancel")
        alone = post(bench, params=params(50 + number)).body["id"]
        bench.call("POST", f"/v1/exports/{alone}/cancel")
        bench.clock.advance(1)
        made += [first, alone]
        bench.start(first)
    before = _listed(bench, "cancelled")
    for first in made[::2]:
        assert bench.document(first)["status"] == "running"
        assert get(bench, first)["status"] == "cancelled"
    assert second in _listed(bench, "running")
    assert not set(_listed(bench, "running")) & set(made)

    for first in made[::2]:
        bench.life.halt(first, by="an operator")
        bench.life.cancelled(first, bench.document(first)["lease"]["token"])
    settle(bench)

    assert made[::-1] == before
    assert set(made) <= set(_listed(bench, "cancelled"))


def test_a_list_by_stored_states_misses_one_that_left(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: what the document says."""
    monkeypatch.setattr(exports, "stored_as", lambda shown: stored_as(shown)[:1])
    first, _ = (post(bench).body["id"] for _ in range(2))
    bench.call("POST", f"/v1/exports/{first}/cancel")

    assert get(bench, first)["status"] == "cancelled"
    assert _listed(bench, "cancelled") == []
