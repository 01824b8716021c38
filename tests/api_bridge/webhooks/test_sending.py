"""What is sent of an export, to whom, how it is signed, and what becomes of what is not taken."""

import json
import logging
import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from api_bridge.webhooks.schedule import WAITS
from api_bridge.webhooks.sender import LEASE_SECONDS, MOST_OF_ONE, Sender
from resources.errors import Unavailable
from resources.webhook_receivers import Address, Receiver, WebhookReceivers
from tests.api_bridge.webhooks.conftest import BASE, Hooks, verified
from tests.conventions.repository import ROOT
from tests.receiver import Say, webhook_receiver


def told(hooks: Hooks) -> list[tuple[str, str]]:
    """Type and export of everything that arrived, in order."""
    bodies = [json.loads(one.body) for one in hooks.receiver.got]
    return [(body["type"], body["data"]["id"]) for body in bodies]


def test_the_end_of_an_export_is_sent_and_the_public_library_takes_it(hooks: Hooks) -> None:
    """Whoever uses any library of Standard Webhooks needs nothing of ours."""
    made = hooks.register()
    export_id = hooks.bench.finish(hooks.bench.create(reason="c4nary"))
    hooks.send_all()

    (got,) = hooks.receiver.got
    finished = hooks.bench.call("GET", f"/v1/exports/{export_id}").body["finished_at"]
    assert verified(made["secret"], got) == {
        "type": "export.succeeded",
        "timestamp": finished,
        "data": {"id": export_id, "status": "succeeded", "type": "guests.2"},
    }
    assert (got.path, got.headers["content-type"]) == ("/hooks?room=1", "application/json")
    assert len(got.body) < 20_000
    assert hooks.send_all() == 0


def test_the_function_in_the_documentation_verifies_and_refuses(hooks: Hooks) -> None:
    """It is copied by people who test it with nothing else."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(import base64, hashlib.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own documentation
    check = names["is_from_the_bridge"]
    made = hooks.register()
    hooks.end_one()
    hooks.send_all()
    (got,) = hooks.receiver.got

    assert check(made["secret"], got.headers, got.body)
    assert not check(made["secret"], got.headers, got.body + b" ")
    assert not check("whsec_" + "A" * 43 + "=", got.headers, got.body)
    assert not check(made["secret"], {**got.headers, "webhook-timestamp": "1"}, got.body)
    assert not check(made["secret"], {**got.headers, "webhook-id": "evt_x"}, got.body)
    assert not check(made["secret"], got.headers, got.body, tolerance=-1)


def test_every_end_is_told_once_whatever_it_is(hooks: Hooks) -> None:
    """A tool that waits for one of four would wait for ever for the others."""
    hooks.register()
    failed, cancelled = hooks.end_one(), hooks.bench.create()
    hooks.bench.call("POST", f"/v1/exports/{cancelled}/cancel")
    expired = hooks.bench.finish(hooks.bench.create(), retention=60)
    hooks.bench.clock.advance(120)
    hooks.bench.life.expire(expired)
    hooks.send_all()

    assert sorted(told(hooks)) == sorted(
        [
            ("export.failed", failed),
            ("export.cancelled", cancelled),
            ("export.succeeded", expired),
            ("export.expired", expired),
        ]
    )


def test_each_request_that_shares_a_generation_is_told_of_its_own_id(hooks: Hooks) -> None:
    """Its caller knows no other."""
    hooks.register()
    first, second = hooks.bench.create(), hooks.bench.create()
    hooks.bench.finish(first)
    hooks.bench.life.settle(hooks.bench.document(second))
    hooks.send_all()

    assert hooks.bench.document(second)["generation"] == first
    assert sorted(told(hooks)) == sorted(("export.succeeded", one) for one in (first, second))


def test_rows_that_were_not_taken_are_told_beside_the_end(hooks: Hooks) -> None:
    """Both have an id of their own, or a receiver would take the second for a repetition."""
    made = hooks.register()
    export_id = hooks.bench.create()
    token = hooks.bench.start(export_id)
    error = {"code": "DELIVERY_REJECTED", "message": "m", "retryable": False, "attempt": 1}
    document = hooks.bench.life.find(export_id)
    assert document is not None
    hooks.bench.life.fail(document, token, error=error, jitter=0.0)
    hooks.send_all()

    bodies = [verified(made["secret"], got) for got in hooks.receiver.got]
    assert sorted(one["type"] for one in bodies) == ["delivery.rejected", "export.failed"]
    assert {one["data"]["status"] for one in bodies} == {"failed"}
    assert len({got.headers["webhook-id"] for got in hooks.receiver.got}) == 2


def test_who_hears_of_an_export_is_who_may_see_it_and_wants_to(hooks: Hooks) -> None:
    """An endpoint never hears more than its caller could read (S5)."""
    other = hooks.bench.token(sub="svc:other", campaigns=["northern-sky"])
    hears = {
        "all": hooks.register(),
        "foreign": hooks.register(token=other),
        "everywhere": hooks.register(token=hooks.bench.token(sub="svc:ops", campaigns=["*"])),
        "nowhere": hooks.register(token=hooks.bench.token(sub="svc:none", campaigns=[])),
        "mine": hooks.register(mine=True),
        "another's": hooks.register(
            mine=True, token=hooks.bench.token(sub="svc:third", campaigns=["aurora-lights"])
        ),
        "success": hooks.register(events=["export.succeeded"]),
    }
    hooks.end_one()
    body = {"type": "door-count", "params": {"day": "2026-03-01"}}
    every = hooks.bench.token(campaigns=["*"])
    of_all = hooks.bench.call("POST", "/v1/exports", body, token=every).body["id"]
    hooks.bench.call("POST", f"/v1/exports/{of_all}/cancel", token=every)
    hooks.news.hand_on()

    found = hooks.bench.stores.deliveries.page({}, limit=99)
    names = {made["id"]: name for name, made in hears.items()}
    assert sorted((names[one["endpoint"]], one["type"]) for one in found) == [
        ("all", "export.failed"),
        ("everywhere", "export.cancelled"),
        ("everywhere", "export.failed"),
        ("mine", "export.failed"),
    ]


def test_an_endpoint_hears_of_what_happens_after_it_was_made(hooks: Hooks) -> None:
    """Where no sender ran for a month, a new endpoint must not get that month."""
    hooks.end_one()
    hooks.bench.clock.advance(1)
    hooks.register()
    later = hooks.end_one()
    hooks.send_all()

    assert told(hooks) == [("export.failed", later)]
    assert hooks.bench.life.untold(after=None, limit=9) == []


def test_a_deleted_export_is_not_told_of_again(hooks: Hooks) -> None:
    """It is a 410 for everybody; that its files go is no news."""
    hooks.register()
    export_id = hooks.bench.finish(hooks.bench.create())
    hooks.bench.clock.advance(1)
    hooks.bench.call("DELETE", f"/v1/exports/{export_id}")
    hooks.bench.clock.advance(1)
    hooks.bench.life.expire(export_id)
    hooks.send_all()

    assert told(hooks) == [("export.succeeded", export_id)]


def test_while_a_secret_is_changed_both_sign(hooks: Hooks) -> None:
    """A receiver with either of them takes it; a day later the old one opens nothing."""
    made = hooks.register()
    changed = hooks.bench.call("POST", made["links"]["secret"]).body
    hooks.end_one()
    hooks.send_all()
    (got,) = hooks.receiver.got

    assert len(got.headers["webhook-signature"].split(" ")) == 2
    assert verified(made["secret"], got) == verified(changed["secret"], got)
    with pytest.raises(WebhookVerificationError):
        verified("whsec_" + "A" * 43 + "=", got)

    hooks.bench.clock.advance(timedelta(hours=24).total_seconds())
    hooks.end_one()
    hooks.send_all()
    late = hooks.receiver.got[1]
    at = hooks.bench.clock.now()
    expected = [
        Webhook(secret).sign(late.headers["webhook-id"], at, late.body.decode())
        for secret in (changed["secret"], made["secret"])
    ]
    assert late.headers["webhook-signature"] == expected[0] != expected[1]


def test_a_redirect_is_a_failure_and_leads_nowhere(hooks: Hooks) -> None:
    """What it leads to was never registered, and may be inside."""
    made = hooks.register()
    with webhook_receiver() as elsewhere:
        hooks.receiver.answers.append(Say(status=307, headers={"Location": elsewhere.url}))
        hooks.end_one()
        hooks.send_all()
        assert elsewhere.got == []

    (line,) = hooks.log(made["id"])
    assert (line["status"], [one["status"] for one in line["tries"]]) == ("waiting", [307])


def test_a_410_ends_it_at_once(hooks: Hooks, caplog: pytest.LogCaptureFixture) -> None:
    """The receiver says that it will never want any; what waits for it is not sent either."""
    made = hooks.register()
    first = hooks.end_one()
    hooks.bench.clock.advance(1)
    hooks.end_one()
    hooks.receiver.answers.append(Say(status=410))
    with caplog.at_level(logging.WARNING):
        hooks.send_all()

    assert told(hooks) == [("export.failed", first)]
    endpoint = hooks.endpoint(made["id"])
    assert (endpoint["status"], endpoint["disabled_reason"]) == ("disabled", "gone")
    assert [one["status"] for one in hooks.log(made["id"])] == ["failed", "failed"]
    assert hooks.log(made["id"])[0]["tries"][0]["code"] == "ENDPOINT_DISABLED"
    (line,) = [one for one in caplog.records if one.name == "api_bridge.webhooks"]
    assert json.loads(line.getMessage()) == {
        "event": "endpoint disabled", "endpoint": made["id"], "reason": "gone",
    }  # fmt: skip
    hooks.end_one()
    assert hooks.send_all() == 0
    replay = hooks.bench.call("POST", hooks.log(made["id"])[0]["links"]["replay"])
    assert (replay.status, replay.body["code"]) == (409, "endpoint-disabled")


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_that_asks_to_wait_is_waited_for(hooks: Hooks, status: int) -> None:
    """It knows best when it can; sooner would only make it worse."""
    hooks.register()
    hooks.receiver.answers.append(Say(status=status, headers={"Retry-After": "600"}))
    hooks.end_one()
    hooks.send_all()
    for wait, sent in ((599, 0), (2, 1)):
        hooks.bench.clock.advance(wait)
        assert hooks.send_all() == sent

    assert len(hooks.receiver.got) == 2


def test_what_is_not_taken_is_tried_for_three_days_and_then_the_endpoint_is_disabled(
    hooks: Hooks, caplog: pytest.LogCaptureFixture
) -> None:
    """A receiver may be down over a long weekend; one that never comes back costs no more."""
    made = hooks.register()
    hooks.receiver.answers.extend([Say(status=500)] * 11)
    hooks.end_one()
    begun = hooks.bench.clock.now()
    assert hooks.send_all() == 1
    with caplog.at_level(logging.WARNING):
        for wait in WAITS:
            assert hooks.endpoint(made["id"])["status"] == "enabled"
            hooks.bench.clock.advance(wait - 0.01)
            assert hooks.send_all() == 0
            hooks.bench.clock.advance(0.02)
            assert hooks.send_all() == 1

    assert len(hooks.receiver.got) == 10
    assert len({one.headers["webhook-id"] for one in hooks.receiver.got}) == 1
    assert len({one.body for one in hooks.receiver.got}) == 1
    assert len({one.headers["webhook-timestamp"] for one in hooks.receiver.got}) == 10
    passed = hooks.bench.clock.now() - begun
    assert timedelta(hours=75) < passed < timedelta(hours=77)
    endpoint = hooks.endpoint(made["id"])
    assert (endpoint["status"], endpoint["disabled_reason"]) == ("disabled", "failing")
    (line,) = hooks.log(made["id"])
    assert (line["status"], line["next_try_at"], len(line["tries"])) == ("failed", None, 10)
    assert "endpoint disabled" in caplog.text


def test_what_was_not_taken_is_sent_again_on_request(hooks: Hooks) -> None:
    """The receiver was mended; the same webhook comes, under the id that it may know."""
    made = hooks.register()
    hooks.receiver.answers.append(Say(status=410))
    hooks.end_one()
    hooks.send_all()
    hooks.bench.call("POST", f"{BASE}/{made['id']}/enable")
    (line,) = hooks.log(made["id"])
    answer = hooks.bench.call("POST", line["links"]["replay"])
    hooks.send_all()
    hooks.bench.call("POST", line["links"]["replay"])
    hooks.send_all()

    assert (answer.status, answer.body["status"]) == (202, "waiting")
    first, *others = hooks.receiver.got
    assert [one.headers["webhook-id"] for one in others] == [first.headers["webhook-id"]] * 2
    assert verified(made["secret"], others[1]) == json.loads(first.body)
    (line,) = hooks.log(made["id"])
    assert line["status"] == "delivered"
    assert [one["status"] for one in line["tries"]] == [410, 204, 204]


def test_news_that_were_handed_on_in_part_are_handed_on_once(hooks: Hooks) -> None:
    """A crash after the deliveries were made and before the export forgot: nothing twice."""
    hooks.register()
    hooks.register()
    export_id = hooks.end_one()
    deliveries, exports = hooks.bench.stores.deliveries, hooks.bench.stores.exports
    for failing, name in ((deliveries, "add"), (exports, "change")):
        failing.asked.fail_next(Unavailable("MONGO_UNREACHABLE", "x"), name=name)
        with pytest.raises(Unavailable):
            hooks.news.hand_on()
        assert [one["_id"] for one in hooks.bench.life.untold(after=None, limit=9)] == [export_id]
    assert hooks.news.hand_on() == 0
    assert hooks.bench.life.untold(after=None, limit=9) == []

    assert hooks.send_all() == 2


def test_a_sender_that_dies_before_it_writes_down_leaves_it_to_the_next(hooks: Hooks) -> None:
    """Once or more, never not at all; the receiver knows it again by its id."""
    made = hooks.register()
    hooks.end_one()
    hooks.news.hand_on()
    claimed = hooks.sender.claim()
    assert claimed is not None
    hooks.bench.stores.deliveries.asked.fail_next(
        Unavailable("MONGO_UNREACHABLE", "x"), name="change"
    )
    with pytest.raises(Unavailable):
        hooks.sender.send(claimed)
    assert hooks.send_all() == 0  # it is held
    hooks.bench.clock.advance(LEASE_SECONDS + 1)
    assert hooks.send_all() == 1

    first, second = hooks.receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert (first.body, hooks.log(made["id"])[0]["status"]) == (second.body, "delivered")


def test_a_late_sender_does_not_undo_what_another_wrote(hooks: Hooks) -> None:
    """One was held up for longer than its lease: the delivery is the other's by now."""
    made = hooks.register()
    hooks.end_one()
    hooks.news.hand_on()
    late = hooks.sender.claim()
    hooks.bench.clock.advance(LEASE_SECONDS + 1)
    other = hooks.sender.claim()
    assert late is not None
    assert other is not None
    hooks.sender.send(other)
    hooks.receiver.answers.append(Say(status=410))
    hooks.sender.send(late)

    (line,) = hooks.log(made["id"])
    assert (line["status"], [one["status"] for one in line["tries"]]) == ("delivered", [204])
    assert len(hooks.receiver.got) == 2


def test_a_deleted_endpoint_is_told_no_more(hooks: Hooks) -> None:
    """Not even what was on its way."""
    made = hooks.register()
    hooks.end_one()
    hooks.news.hand_on()
    hooks.bench.call("DELETE", made["links"]["self"])
    hooks.send_all()

    assert hooks.receiver.got == []
    (found,) = hooks.bench.stores.deliveries.page({}, limit=9)
    assert (found["status"], found["tries"][0]["code"]) == ("failed", "ENDPOINT_DELETED")


def test_a_slow_receiver_holds_up_nobody_else(hooks: Hooks) -> None:
    """Two of eight places at most are one endpoint's."""
    hold = threading.Event()
    slow = hooks.register()
    for _ in range(MOST_OF_ONE + 2):
        hooks.end_one()
    hooks.bench.clock.advance(1)
    with webhook_receiver() as other:
        hooks.register(url=other.url)
        hooks.receiver.answers.extend([Say(hold=hold)] * MOST_OF_ONE)
        hooks.end_one()
        hooks.news.hand_on()
        claimed = [hooks.sender.claim() for _ in range(MOST_OF_ONE + 1)]
        assert [one and one["endpoint"] == slow["id"] for one in claimed] == [
            *[True] * MOST_OF_ONE, False,
        ]  # fmt: skip
        assert hooks.sender.claim() is None
        hold.set()
        for one in claimed:
            assert one is not None
            hooks.sender.send(one)
        assert hooks.send_all() == 3


class Trusting(WebhookReceivers):
    """The negative control: a door that calls whatever a name says."""

    def _may_call(self, receiver: Receiver, address: Address) -> bool:
        return True


@pytest.mark.parametrize("door", [WebhookReceivers, Trusting])
def test_a_name_that_leads_inside_is_not_called(hooks: Hooks, door: type[WebhookReceivers]) -> None:
    """The name was public when it was registered; who calls asks again (S13)."""
    made = hooks.register(url="https://rebinding.example.com/")
    hooks.end_one()
    hooks.news.hand_on()
    called: list[object] = []

    def connect(place: tuple[str, int], _: float) -> Any:
        called.append(place)
        raise ConnectionRefusedError

    sender = Sender(
        endpoints=hooks.bench.stores.endpoints,
        deliveries=hooks.bench.stores.deliveries,
        receivers=door(
            clock=hooks.bench.clock, resolve=lambda *_: ["169.254.169.254"], connect=connect
        ),
        clock=hooks.bench.clock,
        random=lambda: 0.5,
    )
    claimed = sender.claim()
    assert claimed is not None
    sender.send(claimed)

    (line,) = hooks.log(made["id"])
    guarded = door is WebhookReceivers
    assert called == ([] if guarded else [("169.254.169.254", 443)])
    assert [one["code"] for one in line["tries"]] == [
        "WEBHOOK_FORBIDDEN" if guarded else "WEBHOOK_UNREACHABLE"
    ]
