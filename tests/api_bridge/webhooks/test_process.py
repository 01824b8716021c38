"""The process that sends, as an operator starts it, on the real database; and killed."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from api_bridge.webhooks.endpoints import Endpoints, Wanted
from assets.exports.catalog import CATALOG
from assets.life import ExportLife
from assets.model.parameters import parse
from resources.clock import SystemClock
from resources.mongo.connection import MongoConnection
from resources.mongo.stores import MongoStores
from resources.wiring.environment import MONGODB_DATABASE, MONGODB_URI
from tests.api_bridge.webhooks.conftest import verified
from tests.conventions.repository import ROOT
from tests.receiver import Say, webhook_receiver
from tests.waiting import eventually

HURRIED, USUAL = "tests.api_bridge.webhooks.hurried", "api_bridge.webhooks"


@contextmanager
def process(
    module: str, variables: Mapping[str, str], log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """A running process; it is told to end when the block does."""
    with log.open("ab") as out:
        running = subprocess.Popen(
            [sys.executable, "-m", module],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables},
            stdout=out,
            stderr=out,
        )
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(30)


@pytest.fixture
def variables(stack: Mapping[str, str], database: MongoConnection) -> Mapping[str, str]:
    """Where the database of this test is; loopback may be called."""
    name = database.collection("any").database.name
    return {
        MONGODB_URI: stack[MONGODB_URI],
        MONGODB_DATABASE: name,
        "BRIDGE_WEBHOOKS_LOOPBACK": "true",
    }


def test_a_sender_that_is_killed_is_followed_by_one_that_sends_it_again(
    mongo: MongoStores, variables: Mapping[str, str], tmp_path: Path
) -> None:
    """Killed while the receiver had it and nobody had written so: the same webhook comes again.

    Before that the export had ended while no sender ran, so its news waited in its document.
    """
    log, hold = tmp_path / "log", threading.Event()
    with webhook_receiver() as receiver:
        endpoints = Endpoints(store=mongo.endpoints, clock=SystemClock(), most=2)
        made = endpoints.register(Wanted(url=receiver.url), owner="me", campaigns=["*"])
        life = ExportLife(mongo.exports)
        request = parse(CATALOG["waitlist"], {"campaign_id": "a-b-c"}, scopes=("pii:masked",))
        export_id = life.create(request, origin="api", subject="me")["_id"]
        life.cancel(export_id, by="me")
        receiver.answers.append(Say(hold=hold))

        with process(HURRIED, variables, log) as killed:
            eventually(lambda: receiver.got)
            killed.kill()
            killed.wait(10)
        hold.set()
        assert life.untold(after=None, limit=9) == []
        with process(USUAL, variables, log) as following:
            eventually(lambda: len(receiver.got) > 1)
            (told,) = mongo.deliveries.page({}, limit=9)
            eventually(lambda: mongo.deliveries.counts(told["createdAt"]) == {"delivered": 1})
        assert following.returncode == 0

        first, second = receiver.got
        secret = made["secrets"][0]["value"]
        assert first.headers["webhook-id"] == second.headers["webhook-id"] == told["message"]
        assert verified(secret, first) == verified(secret, second)
        assert verified(secret, first)["data"]["id"] == export_id
        after = mongo.deliveries.find(told["_id"])
        assert after is not None
        assert (after["status"], after["attempts"], len(after["tries"])) == ("delivered", 2, 1)
        assert "webhooks" in mongo.ticks.last()
    said = log.read_text(encoding="utf-8")
    assert "Traceback" not in said
    assert "hooks?room" not in said


@pytest.mark.parametrize(
    "wrong",
    [{MONGODB_URI: ""}, {"BRIDGE_WEBHOOKS_LOOPBACK": "1"}, {"WEBHOOKS_PROXY": "proxy:1"}],
)
def test_a_wrong_variable_is_named(wrong: Mapping[str, str], tmp_path: Path) -> None:
    """At the start, not at the first webhook."""
    good = {MONGODB_URI: "mongodb://127.0.0.1:9/", MONGODB_DATABASE: "x"}
    with process(USUAL, {**good, **wrong}, tmp_path / "log") as ended:
        assert ended.wait(30) == 2

    assert next(iter(wrong)) in (tmp_path / "log").read_text(encoding="utf-8")
