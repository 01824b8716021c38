"""Requests that come together: what holds for each alone holds for each of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from assets.admission import IN_TIME, Admission, Asking, Clash, Contended, Limits
from assets.crowd import Crowd
from assets.exports.catalog import CATALOG
from assets.life import ExportLife
from assets.model.parameters import parse
from resources.clock import Clock
from resources.errors import AlreadyExists, Unavailable
from resources.mongo.claims import ClaimStore, Holder
from resources.mongo.exports import ExportStore
from resources.mongo.stores import MongoStores
from tests.assets.workbench import AFTER_THE_PACK, CAMPAIGN
from tests.commands import Commands
from tests.fakes.claims import FakeClaimStore
from tests.fakes.clock import ManualClock
from tests.fakes.exports import FakeExportStore

FEW: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A crowd and where it goes in."""

    exports: ExportStore
    claims: ClaimStore
    clock: Clock

    def crowd(self, **limits: int) -> Crowd:
        """A crowd under these limits; the places are tried in a row."""
        numbers = iter(n * 0.618 % 1 for n in range(10_000))
        life = ExportLife(self.exports)
        admission = Admission(
            life, self.claims, Limits(**limits), clock=self.clock, random=lambda: next(numbers)
        )
        return Crowd(admission, life, self.claims, clock=self.clock)

    def held(self, *names: str) -> Mapping[str, str]:
        """Which of the claims somebody has, and which export that is."""
        return {name: one.holder.export for name, one in self.claims.held(names).items()}


@pytest.fixture
def clock() -> ManualClock:
    """The clock of this process, and of the fake database."""
    return ManualClock(AFTER_THE_PACK)


@pytest.fixture(params=["fake", "real"])
def door(request: pytest.FixtureRequest, clock: ManualClock) -> Door:
    """Over the fakes and over the real driver and server."""
    if request.param == "fake":
        exports = FakeExportStore(clock)
        return Door(exports=exports, claims=FakeClaimStore(clock, exports), clock=clock)
    mongo: MongoStores = request.getfixturevalue("mongo")
    return Door(exports=mongo.exports, claims=mongo.claims, clock=clock)


def asking(number: int, **more: Any) -> Asking:
    """A request that is like no other number's."""
    params = {"campaign_id": CAMPAIGN, "top_n": number + 1}
    request = parse(CATALOG["waitlist"], params, scopes=("pii:masked",))
    return Asking(request=request, origin="api", **{"subject": "svc:a", **more})


def kinds(answers: list[Any]) -> list[type]:
    """What came of each."""
    return [dict if isinstance(one, dict) else type(one) for one in answers]


def test_each_of_many_is_stored_with_its_claims_and_its_trail(door: Door) -> None:
    """What a run, the caps and the auditors need is there, as if each had come alone."""
    (alone,) = door.crowd().ask([asking(99)])

    together = door.crowd().ask([asking(n) for n in range(20)])

    assert isinstance(alone, dict)
    for one in together:
        assert isinstance(one, dict)
        assert one == door.exports.find(str(one["_id"]))
        assert one.keys() == alone.keys()
        assert (one["status"], one["revision"], one["attempt"]) == ("queued", 1, 0)
        assert one["createdAt"] == one["audit"][0]["at"]
        assert [entry["action"] for entry in one["audit"]] == ["created"]
        claims = (one["holds"] or {})["claims"]
        assert {*door.held(*claims).values()} == {one["_id"]}
        assert [claim.split(":")[0] for claim in claims] == ["live", "caller", "campaign"]


def test_of_those_who_want_the_same_one_is_stored_and_the_others_hold_nothing(door: Door) -> None:
    """Two hundred press one button: who shares a generation takes no place from anybody."""
    answers = door.crowd(caller=FEW, campaign=FEW).ask([asking(0) for _ in range(FEW + 2)])

    assert sorted(kinds(answers), key=str) == sorted([dict, *[Clash] * (FEW + 1)], key=str)
    whose = ("caller:svc:a", f"campaign:{CAMPAIGN}")
    places = [f"{one}#{number}" for one in whose for number in range(FEW)]
    assert len(door.held(*places)) == 2


def test_the_places_are_never_oversold_to_a_crowd(door: Door) -> None:
    """Ten at once for three places: three at most, and the others hold none of what they took."""
    crowd = door.crowd(caller=FEW, campaign=2 * FEW)
    askings = [asking(n) for n in range(10)]

    answers = crowd.ask(askings) + crowd.ask(askings)

    stored = [one for one in answers if isinstance(one, dict)]
    assert 1 <= len(stored) <= FEW
    assert {*kinds(answers)} == {dict, Clash}
    held = door.held(*(one.shared for one in askings))
    assert sorted(held.values()) == sorted(one["_id"] for one in stored)


def test_a_fresh_one_of_a_crowd_shares_with_nobody(door: Door) -> None:
    """Who must have the rows of this minute cannot take those of an hour ago."""
    assert kinds(door.crowd().ask([asking(0, fresh=True)] * 3)) == [dict] * 3


def test_a_key_makes_one_export_of_a_crowd(door: Door) -> None:
    """The unique digest decides; who is refused holds nothing, and the others are not concerned."""
    key = {"digest": "sha256:1", "payload": "sha256:2"}
    answers = door.crowd().ask([asking(0, idempotency=key), asking(1, idempotency=key), asking(2)])

    assert kinds(answers) == [dict, AlreadyExists, dict]
    assert door.held(asking(1).shared) == {}


def test_a_crowd_that_was_frozen_stores_nothing(
    door: Door, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the grace somebody else may have the claims: storing now would double the exports."""
    take_each = door.claims.take_each

    def frozen(wanted: list[tuple[str, Holder]]) -> list[bool]:
        clock.advance(IN_TIME + 1)
        return take_each(wanted)

    monkeypatch.setattr(door.claims, "take_each", frozen)
    answers = door.crowd().ask([asking(0), asking(1)])

    assert kinds(answers) == [Contended, Contended]
    assert door.held(asking(0).shared, asking(1).shared) == {}
    assert door.exports.page({}, limit=1) == []


def test_what_the_database_did_not_confirm_keeps_its_claims(clock: ManualClock) -> None:
    """The exports may be in force; others must not be given what they hold."""
    exports = FakeExportStore(clock)
    door = Door(exports=exports, claims=FakeClaimStore(clock, exports), clock=clock)
    exports.asked.fail_next(Unavailable("MONGO_TIMEOUT", "insert"), name="insert")

    with pytest.raises(Unavailable):
        door.crowd().ask([asking(0), asking(1)])

    assert len(door.held(asking(0).shared, asking(1).shared)) == 2


def test_without_claims_a_crowd_is_let_in_again_and_again(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: a claim that everybody is given bounds nobody."""
    monkeypatch.setattr(door.claims, "take_each", lambda wanted: [True] * len(wanted))

    assert kinds(door.crowd(caller=1, campaign=1).ask([asking(0)] * 4)) == [dict] * 4


def test_a_crowd_needs_four_commands_or_five(
    heard: Commands, mongo: MongoStores, clock: ManualClock
) -> None:
    """A command costs the bridge 0.3 ms, so that 400 a second are not borne if each makes two."""
    door = Door(exports=mongo.exports, claims=mongo.claims, clock=clock)
    door.exports.find("exp_0")  # the client is there
    crowd, several, one = door.crowd(), [asking(n) for n in range(30)], [asking(30)]
    commands: list[list[str]] = []
    for askings in (several, one):
        heard.names.clear()
        assert kinds(crowd.ask(askings)) == [dict] * len(askings)
        commands.append([*heard.names])

    assert commands[0] in (
        ["update", "update", "update", "find"],
        ["update", "update", "update", "update", "find"],
    )
    assert commands[1] == ["update", "findAndModify"]
