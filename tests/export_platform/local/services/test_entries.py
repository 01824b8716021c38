"""The entries service itself: pages of erased entries, and cursors that end."""

import io
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from export_platform.local.services.entries.app import CURSOR_LIFE, Entries
from export_platform.local.services.entries.register import Register
from tests.fakes.clock import ManualClock

CAMPAIGN = "66500000000000000000c001"
ERASED = [ObjectId(f"{number:024x}") for number in range(1, 6)]

Ask = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]


class KnownRegister(Register):
    """A register whose erased entries are written down."""

    def erased_users(self, since: datetime) -> list[ObjectId]:
        """Nobody."""
        return []

    def erased_entries(
        self,
        campaign: ObjectId,
        since: datetime,
        users: Sequence[ObjectId],
        after: ObjectId | None,
        limit: int,
    ) -> list[ObjectId]:
        """The ones above, after a position."""
        return [one for one in ERASED if after is None or one > after][:limit]


@pytest.fixture
def ask(tmp_path: Path, clock: ManualClock) -> Ask:
    """Asks the service, with pages of two, who was erased."""
    register = KnownRegister("mongodb://127.0.0.1:1", "none", tmp_path)
    api = Entries(register, clock.now, page=2).api({"t": frozenset({"entries:read"})})

    def asked(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        started: list[str] = []
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/v1/entries:erasedSince",
            "HTTP_AUTHORIZATION": "Bearer t",
            "wsgi.input": io.BytesIO(json.dumps(body).encode()),
        }
        answer = b"".join(api(environ, lambda status, _: started.append(status)))
        return int(started[0][:3]), json.loads(answer)

    return asked


FIRST = {"campaignId": CAMPAIGN, "since": "2026-03-14T00:00:00Z"}


def test_pages_follow_each_other_to_the_end(ask: Ask) -> None:
    """The last page has no cursor; one that never ended would be read for ever."""
    found: list[str] = []
    body = FIRST
    sizes = []
    while True:
        status, answer = ask(body)
        assert status == 200
        found += answer["entryIds"]
        sizes.append(len(answer["entryIds"]))
        if "cursor" not in answer:
            break
        body = {**FIRST, "cursor": answer["cursor"]}

    assert [str(one) for one in ERASED] == found
    assert [2, 2, 1] == sizes


def test_a_cursor_ends_after_ten_minutes(ask: Ask, clock: ManualClock) -> None:
    """As the real one does: the door must live with it (DOMAIN.md 5.2)."""
    _, answer = ask(FIRST)
    clock.advance((CURSOR_LIFE + timedelta(seconds=1)).total_seconds())

    status, _ = ask({**FIRST, "cursor": answer["cursor"]})

    assert status == 410


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**FIRST, "cursor": "made up"}, 410),
        ({**FIRST, "campaignId": "aurora"}, 400),
        ({**FIRST, "campaignId": {"$ne": None}}, 400),
        ({**FIRST, "since": "yesterday"}, 400),
        ({}, 400),
    ],
)
def test_a_wrong_question_is_refused(ask: Ask, body: dict[str, Any], status: int) -> None:
    """A stand-in that answers everything hides the mistakes of its callers."""
    assert status == ask(body)[0]
