"""What the store of export documents promises."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import bson
import pytest
from bson.datetime_ms import DatetimeMS

from resources.errors import AlreadyExists, Refused
from resources.mongo.exports import Change, ExportStore, Match

LONG_AGO = datetime(1999, 12, 31, tzinfo=UTC)
QUEUED = Match(statuses=("queued",))
ANY = Match(statuses=("queued", "dispatched", "running"))


class ExportStoreContract:
    """The suite; a subclass gives the fixtures.

    ``store``: an empty store. ``passes``: lets so many seconds pass for the database. ``plant``:
    stores raw BSON behind the store's back.
    """

    doors: ClassVar = (ExportStore,)

    def test_an_inserted_export_is_born_now(self, store: ExportStore) -> None:
        """The order of the queue must not depend on the clock of whoever asked."""
        born = store.insert({"_id": "exp_1", "status": "queued", "createdAt": LONG_AGO})

        assert born["createdAt"] == born["updatedAt"] == born["queuedAt"]
        assert born["createdAt"].tzinfo is not None
        assert born["createdAt"] > LONG_AGO
        assert born["revision"] == 1
        assert store.find("exp_1") == born

    def test_an_inserted_export_can_start_its_audit(self, store: ExportStore) -> None:
        """The first line of the audit trail carries the database's time like every later one."""
        born = store.insert(
            {"_id": "exp_1", "status": "queued"}, push={"audit": {"actor": "me", "action": "$set"}}
        )

        assert born["audit"] == [{"actor": "me", "action": "$set", "at": born["createdAt"]}]

    def test_a_second_insert_of_an_id_changes_nothing(self, store: ExportStore) -> None:
        """A retried request must not wipe the export that is already running."""
        born = store.insert({"_id": "exp_1", "status": "queued", "type": "waitlist"})

        with pytest.raises(AlreadyExists):
            store.insert({"_id": "exp_1", "status": "failed"})

        assert store.find("exp_1") == born

    def test_an_idempotency_digest_is_taken_once(self, store: ExportStore) -> None:
        """Two identical requests at once make one export, whatever process they reach."""
        store.insert({"_id": "exp_1", "status": "queued", "idempotency": {"digest": "d"}})

        with pytest.raises(AlreadyExists):
            store.insert({"_id": "exp_2", "status": "queued", "idempotency": {"digest": "d"}})

        assert store.find("exp_2") is None
        found = store.first({"idempotency.digest": "d"})
        assert found is not None
        assert found["_id"] == "exp_1"

    def test_exports_that_come_together_are_stored_each_whatever_becomes_of_the_others(
        self, store: ExportStore
    ) -> None:
        """An id or a digest that is taken refuses one of them; the others are born as alone."""
        first = store.insert({"_id": "exp_1", "status": "queued", "idempotency": {"digest": "d"}})
        trail = {"audit": {"actor": "me", "action": "$set"}}

        stored = store.insert_all(
            [
                ({"_id": "exp_1", "status": "failed"}, None),
                ({"_id": "exp_2", "status": "queued", "createdAt": LONG_AGO}, trail),
                ({"_id": "exp_3", "status": "queued", "idempotency": {"digest": "d"}}, trail),
                ({"_id": "exp_4", "status": "$queued"}, None),
            ]
        )

        assert store.insert_all([]) == []
        assert stored[::2] == [None, None]
        assert (store.find("exp_1"), store.find("exp_3")) == (first, None)
        _, second, _, fourth = stored
        assert second is not None
        assert fourth is not None
        assert (second, fourth) == (store.find("exp_2"), store.find("exp_4"))
        assert (second["revision"], fourth["status"]) == (1, "$queued")
        assert second["createdAt"] == second["updatedAt"] == second["queuedAt"] > LONG_AGO
        assert second["audit"] == [{"actor": "me", "action": "$set", "at": second["createdAt"]}]

    def test_the_audit_trail_can_be_added_to_and_nothing_else(self, store: ExportStore) -> None:
        """A trail that a bug can rewrite proves nothing about who has had which file."""
        store.insert({"_id": "exp_1", "status": "queued"}, push={"audit": {"actor": "me"}})

        for change in (
            Change(set={"audit": []}),
            Change(set={"audit.0": {}}),
            Change(stamp=("audit",)),
            Change(increment={"audit.n": 1}),
        ):
            with pytest.raises(ValueError, match="only grows"):
                store.change("exp_1", ANY, change)

        found = store.find("exp_1")
        assert found is not None
        assert [entry["actor"] for entry in found["audit"]] == ["me"]

    def test_exports_without_a_digest_do_not_collide(self, store: ExportStore) -> None:
        """The unique index must not treat absent keys as equal ones."""
        store.insert({"_id": "exp_1", "status": "queued"})
        store.insert({"_id": "exp_2", "status": "queued", "idempotency": None})

        assert store.find("exp_2") is not None

    def test_a_value_that_bson_cannot_hold_is_refused(self, store: ExportStore) -> None:
        """A lone surrogate or a huge number is the caller's fault, not an outage."""
        for value in ("\ud800", 2**64, {1: 2}):
            with pytest.raises(Refused):
                store.insert({"_id": "exp_1", "status": "queued", "type": value})

        assert store.find("exp_1") is None

    def test_nothing_is_found_where_nothing_is(self, store: ExportStore) -> None:
        """Absence is an answer, not an error."""
        assert store.find("exp_1") is None
        assert store.first({"fingerprint": "x"}) is None
        assert store.change("exp_1", ANY, Change()) is None
        assert store.candidates(ANY, limit=5) == []
        assert store.page({}, before=None, limit=5) == []

    def test_a_change_writes_all_of_it_at_one_instant(self, store: ExportStore) -> None:
        """Status, lease, counters and audit must never be seen half changed."""
        store.insert({"_id": "exp_1", "status": "queued", "lease": None})

        after = store.change(
            "exp_1",
            QUEUED,
            Change(
                set={"status": "dispatched", "lease.token": "t"},
                increment={"attempt": 1, "progress.rowsRead": 7},
                stamp=("dispatchedAt", "lease.heartbeatAt"),
                delay={"lease.until": 1.5},
                push={"audit": {"actor": "sensor"}},
            ),
        )

        assert after is not None
        now = after["updatedAt"]
        assert after["status"] == "dispatched"
        assert after["lease"] == {
            "token": "t",
            "heartbeatAt": now,
            "until": now + timedelta(milliseconds=1500),
        }
        assert (after["attempt"], after["progress"]) == (1, {"rowsRead": 7})
        assert (after["dispatchedAt"], after["revision"]) == (now, 2)
        assert after["audit"] == [{"actor": "sensor", "at": now}]
        assert store.find("exp_1") == after

    def test_an_entry_is_left_out_where_it_is_not_wanted(self, store: ExportStore) -> None:
        """What was so before decides, not what the same change makes of it."""
        store.insert({"_id": "exp_1", "status": "queued", "outbox": None, "left": None})
        entry = {"outbox.events": {"id": "e"}}
        change = Change(set={"left.by": "me"}, push=entry, unless={"outbox.events": "left"})

        first = store.change("exp_1", ANY, change)
        again = store.change("exp_1", ANY, change)

        assert first is not None
        assert again is not None
        assert first["left"] == {"by": "me"}
        assert first["outbox"] == {"events": [{"id": "e", "at": first["updatedAt"]}]}
        assert again["outbox"] == first["outbox"]

    def test_the_lease_follows_the_database_clock(
        self, store: ExportStore, passes: Callable[[float], None]
    ) -> None:
        """Two workers whose clocks differ must still agree on who holds the lease."""
        born = store.insert({"_id": "exp_1", "status": "queued"})
        passes(0.3)

        after = store.change("exp_1", ANY, Change(delay={"lease.until": 60}))

        assert after is not None
        later = after["lease"]["until"] - born["createdAt"]  # type: ignore[index]
        assert timedelta(seconds=60.3) <= later < timedelta(seconds=65)

    def test_the_most_of_a_number_is_kept(self, store: ExportStore) -> None:
        """Another worker counts from nothing; what was counted before must not be forgotten."""
        store.insert({"_id": "exp_1", "status": "queued", "progress": {"highest": None}})
        seen = []
        for number in (3, 0, 5, 4):
            after = store.change("exp_1", ANY, Change(most={"progress.highest.rows": number}))
            assert after is not None
            seen.append(after["progress"]["highest"]["rows"])

        assert seen == [3, 3, 5, 5]

    def test_a_change_keeps_what_it_does_not_name(self, store: ExportStore) -> None:
        """A heartbeat must not lose the token beside the date that it renews."""
        store.insert({"_id": "exp_1", "status": "running", "lease": {"token": "t", "owner": "w"}})

        after = store.change("exp_1", ANY, Change(set={"lease.owner": "v", "phase": None}))

        assert after is not None
        assert after["lease"] == {"token": "t", "owner": "v"}
        assert after["phase"] is None

    def test_a_whole_object_is_replaced_when_it_is_named(self, store: ExportStore) -> None:
        """Releasing a lease leaves nothing of it behind."""
        store.insert({"_id": "exp_1", "status": "running", "lease": {"token": "t", "owner": "w"}})

        after = store.change("exp_1", ANY, Change(set={"lease": {"token": "u"}}))
        assert after is not None
        assert after["lease"] == {"token": "u"}

        freed = store.change("exp_1", ANY, Change(set={"lease": None}))
        assert freed is not None
        assert freed["lease"] is None

    def test_text_with_dollars_stays_text(self, store: ExportStore) -> None:
        """Whoever chooses a file name or a reason must not be able to write an expression."""
        hostile = {"reason": "$status", "$set": {"a": "$$NOW"}, "list": ["$type", {"$gt": ""}]}
        store.insert({"_id": "exp_1", "status": "queued", "request": hostile, "type": "$status"})

        after = store.change(
            "exp_1",
            Match(statuses=("queued",), equal={"type": "$status"}),
            Change(set={"error": hostile, "phase": "$type"}, push={"audit": hostile}),
        )

        assert after is not None
        assert after["request"] == after["error"] == hostile
        assert after["phase"] == "$type"
        assert {**hostile, "at": after["updatedAt"]} == after["audit"][0]

    def test_an_object_in_a_match_is_a_value(self, store: ExportStore) -> None:
        """A request body that slips into a query must not become an operator."""
        store.insert({"_id": "exp_1", "status": "queued", "fingerprint": "x"})

        assert store.first({"fingerprint": {"$gt": ""}}) is None
        assert store.first({"_id": {"$ne": ""}}) is None

    def test_a_wrong_token_changes_nothing(self, store: ExportStore) -> None:
        """The fence: a worker that lost its lease writes into the void."""
        born = store.insert({"_id": "exp_1", "status": "running", "lease": {"token": "new"}})

        stale = store.change("exp_1", Match(statuses=("running",), token="old"), Change())

        assert stale is None
        assert store.find("exp_1") == born

    def test_the_right_token_changes(self, store: ExportStore) -> None:
        """The control of the fence: it lets the holder through."""
        store.insert({"_id": "exp_1", "status": "running", "lease": {"token": "new"}})

        assert store.change("exp_1", Match(statuses=("running",), token="new"), Change())

    def test_a_wrong_status_changes_nothing(self, store: ExportStore) -> None:
        """A cancelled export cannot succeed afterwards."""
        born = store.insert({"_id": "exp_1", "status": "cancelled"})

        assert store.change("exp_1", ANY, Change(set={"status": "succeeded"})) is None
        assert store.find("exp_1") == born

    @pytest.mark.parametrize("document", [{"cancel": None}, {}])
    def test_null_and_absent_equal_none(
        self, store: ExportStore, document: dict[str, object]
    ) -> None:
        """Older documents lack fields that newer ones hold as null; both mean "not yet"."""
        store.insert({"_id": "exp_1", "status": "queued", **document})
        nothing = Match(statuses=("queued",), equal={"cancel": None, "dagster.runId": None})
        something = Match(statuses=("queued",), equal={"cancel": {"by": "me"}})

        assert store.change("exp_1", something, Change()) is None
        assert store.change("exp_1", nothing, Change()) is not None

    def test_older_is_about_dates_only(
        self, store: ExportStore, passes: Callable[[float], None]
    ) -> None:
        """Null, absent and numbers sort before every date; they are not overdue."""
        store.insert({"_id": "exp_1", "status": "queued", "lease": None, "startedAt": 5})
        passes(0.2)
        for path in ("lease.until", "startedAt", "finishedAt"):
            overdue = Match(statuses=("queued",), older={path: 0})
            assert store.change("exp_1", overdue, Change()) is None

        assert store.change("exp_1", Match(statuses=("queued",), older={"createdAt": 0}), Change())
        slow = Match(statuses=("queued",), older={"createdAt": 30})
        assert store.change("exp_1", slow, Change()) is None

    def test_a_lease_runs_out(self, store: ExportStore, passes: Callable[[float], None]) -> None:
        """What the reaper lives on: the same match fails before and holds after."""
        store.insert({"_id": "exp_1", "status": "running"})
        store.change("exp_1", ANY, Change(delay={"lease.until": 60}))
        lost = Match(statuses=("running",), older={"lease.until": 0})

        assert store.candidates(lost, limit=5) == []
        store.change("exp_1", ANY, Change(delay={"lease.until": 0.05}))
        passes(0.2)
        assert [one["_id"] for one in store.candidates(lost, limit=5)] == ["exp_1"]

    def test_due_is_everything_but_the_future(
        self, store: ExportStore, passes: Callable[[float], None]
    ) -> None:
        """A retry waits for its time; an export without one need not wait."""
        due = Match(statuses=("queued",), due=("notBefore",))
        store.insert({"_id": "exp_1", "status": "queued"})
        store.insert({"_id": "exp_2", "status": "queued", "notBefore": None})
        store.insert({"_id": "exp_3", "status": "queued"})
        store.change("exp_3", ANY, Change(delay={"notBefore": 60}))

        assert [one["_id"] for one in store.candidates(due, limit=5)] == ["exp_1", "exp_2"]
        store.change("exp_3", ANY, Change(delay={"notBefore": 0.05}))
        passes(0.2)
        assert len(store.candidates(due, limit=5)) == 3

    def test_candidates_come_by_turn(self, store: ExportStore) -> None:
        """Who asks for a hundred at once lets others pass; among equals the older id is first."""
        for number, minutes in enumerate((2, 1, 3, 2)):
            turn = LONG_AGO + timedelta(minutes=minutes)
            store.insert({"_id": f"exp_{number}", "status": "queued", "line": {"turn": turn}})
        store.insert({"_id": "exp_4", "status": "queued", "line": None})

        found = store.candidates(QUEUED, limit=4, by_turn=True)

        assert [one["_id"] for one in found] == ["exp_4", "exp_1", "exp_0", "exp_3"]

    def test_candidates_may_be_in_any_state(self, store: ExportStore) -> None:
        """What has happened is looked for by its mark, whatever became of the export since."""
        for number, status in enumerate(("queued", "failed", "expired")):
            store.insert({"_id": f"exp_{number}", "status": status, "outbox": {"open": number > 0}})
        marked = Match(statuses=None, equal={"outbox.open": True})

        assert [one["_id"] for one in store.candidates(marked, limit=9)] == ["exp_1", "exp_2"]

    def test_candidates_can_be_paged_by_id(self, store: ExportStore) -> None:
        """The reaper walks through all of them, however many it must leave alone."""
        for number in range(5):
            store.insert({"_id": f"exp_{number}", "status": "running"})

        first = store.candidates(ANY, limit=3)
        rest = store.candidates(ANY, after=first[-1]["_id"], limit=3)

        assert [one["_id"] for one in first + rest] == [f"exp_{number}" for number in range(5)]

    def test_a_document_that_cannot_be_decoded_is_flagged(
        self, store: ExportStore, plant: Callable[[bytes], None]
    ) -> None:
        """One poisoned document must not stop the reaper from seeing the others."""
        poison = _with_bad_date("exp_2", "queued")
        store.insert({"_id": "exp_1", "status": "queued"})
        store.insert({"_id": "exp_3", "status": "queued"})
        plant(poison)

        found = store.candidates(QUEUED, limit=5)

        assert [one["_id"] for one in found] == ["exp_1", "exp_2", "exp_3"]
        assert found[1] == {"_id": "exp_2", "undecodable": True}
        assert store.find("exp_2") == found[1]
        assert store.change("exp_2", QUEUED, Change(set={"status": "failed"})) == found[1]
        assert [one["_id"] for one in store.candidates(QUEUED, limit=5)] == ["exp_1", "exp_3"]

    def test_pages_give_every_export_once_newest_first(
        self, store: ExportStore, passes: Callable[[float], None]
    ) -> None:
        """A list that grows while somebody pages through it neither repeats nor skips."""
        for number in range(7):
            store.insert({"_id": f"exp_{number}", "status": "queued", "campaign": "a"})
            passes(0.005 if number % 2 else 0)
        store.insert({"_id": "exp_x", "status": "queued", "campaign": "b"})

        seen: list[str] = []
        before: tuple[datetime, str] | None = None
        while page := store.page({"campaign": "a"}, before=before, limit=3):
            seen += [one["_id"] for one in page]
            before = page[-1]["createdAt"], page[-1]["_id"]

        assert len(seen) == 7
        assert {f"exp_{number}" for number in range(7)} == set(seen)
        dates = [store.find(one)["createdAt"] for one in seen]  # type: ignore[index]
        assert sorted(dates, reverse=True) == dates

    def test_a_page_can_be_limited_to_some_campaigns_and_to_a_span(
        self, store: ExportStore, passes: Callable[[float], None]
    ) -> None:
        """A token for two campaigns lists those two; dates narrow it."""
        for number, campaign in enumerate("abcab"):
            store.insert({"_id": f"exp_{number}", "status": "queued", "campaign": campaign})
            passes(0.01)
        third = store.find("exp_2")
        assert third is not None

        mine = store.page({"campaign": ("a", "b")}, before=None, limit=9)
        late = store.page({}, created_after=third["createdAt"], before=None, limit=9)
        early = store.page({}, created_before=third["createdAt"], before=None, limit=9)

        assert [one["_id"] for one in mine] == ["exp_4", "exp_3", "exp_1", "exp_0"]
        assert [one["_id"] for one in late] == ["exp_4", "exp_3", "exp_2"]
        assert [one["_id"] for one in early] == ["exp_1", "exp_0"]

    def test_eight_claimers_claim_each_export_once(self, store: ExportStore) -> None:
        """The heart of the queue: no export runs twice, none is forgotten."""
        for number in range(200):
            store.insert({"_id": f"exp_{number:03}", "status": "queued"})

        def claim(worker: int) -> list[str]:
            mine: list[str] = []
            for number in range(200):
                # Each starts elsewhere, so that they meet at different documents.
                export_id = f"exp_{(number + worker * 25) % 200:03}"
                change = Change(set={"status": "dispatched", "lease.owner": str(worker)})
                if store.change(export_id, QUEUED, change) is not None:
                    mine.append(export_id)
            return mine

        with ThreadPoolExecutor(8) as pool:
            claimed = Counter(one for mine in pool.map(claim, range(8)) for one in mine)

        assert len(claimed) == 200
        assert set(claimed.values()) == {1}
        assert store.candidates(QUEUED, limit=1) == []

    def test_a_claim_without_the_expected_status_would_be_made_twice(
        self, store: ExportStore
    ) -> None:
        """Negative control: take the comparison away and the same race claims one export often."""
        store.insert({"_id": "exp_1", "status": "queued"})

        with ThreadPoolExecutor(8) as pool:
            won = list(
                pool.map(
                    lambda _: store.change("exp_1", ANY, Change(set={"status": "dispatched"})),
                    range(8),
                )
            )

        assert sum(one is not None for one in won) == 8

    @pytest.mark.parametrize(
        "change",
        [
            Change(set={"a": 1}, stamp=("a",)),
            Change(set={"a": {}, "a.b": 1}),
            Change(set={"revision": 9}),
            Change(set={"$a": 1}),
            Change(set={"a.": 1}),
        ],
    )
    def test_a_contradictory_change_is_an_error(self, store: ExportStore, change: Change) -> None:
        """A mistake of ours must be seen in the first test, not half written."""
        store.insert({"_id": "exp_1", "status": "queued"})

        with pytest.raises(ValueError, match="path"):
            store.change("exp_1", ANY, change)


def _with_bad_date(export_id: str, status: str) -> bytes:
    """A stored export whose date lies beyond year 9999."""
    born = datetime(2026, 3, 1, tzinfo=UTC)
    return bson.encode(
        {
            "_id": export_id,
            "status": status,
            "revision": 1,
            "createdAt": born,
            "expiresAt": DatetimeMS(10**17),
        }
    )
