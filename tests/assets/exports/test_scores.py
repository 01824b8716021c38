"""`scores`: one row an entry, the right score in it, and every other score accounted for."""

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from bson import ObjectId

from assets.exports.scores import SCORES, band_of
from assets.exports.shared.scored import SCORED
from assets.model.column import Pii
from assets.model.failure import ExportFailed
from tests.assets.examples import CAMPAIGN_ID, KEY, SNAPSHOT, campaign
from tests.assets.exports.sheets import Sheet, entry, sheet
from tests.fakes.scoring_files import FakeScoringFiles

OURS, THEIRS = f"{KEY}-20260311T053000Z", f"{KEY}-20260311T060000Z"
OUTPUT = f"output/v1/campaign_id={CAMPAIGN_ID}/run_id={OURS}/"
RESPONSE = f"verified-fan/{KEY}/2026-03-11/"
Line = tuple[Any, ...]


def hexed(number: int) -> str:
    """The id of an entry."""
    return f"{number:024x}"


def internal(*lines: Line) -> dict[str, bytes]:
    """The files of our model: entry number, score, band and reasons of each line."""
    rows = [f"{hexed(n)},{score},{band},m-1,{'|'.join(why)}" for n, score, band, *why in lines]
    text = "\r\n".join(["entry_id,score,band,model_version,reasons", *rows, ""])
    body = gzip.compress(text.encode(), mtime=0)
    promised = {
        "name": "scores-00000.csv.gz",
        "rows": len(rows),
        "bytes": len(body),
        "sha256": sha256(body).hexdigest(),
    }
    manifest = {"rows": len(rows), "files": [promised]}
    return {
        f"{OUTPUT}scores-00000.csv.gz": body,
        f"{OUTPUT}manifest.json": json.dumps(manifest).encode(),
        f"{OUTPUT}_SUCCESS": b"",
    }


def account(number: int) -> str:
    """The account of a user."""
    return f"00000000-0000-4000-8000-{number:012d}"


def vf(*lines: Line, broken: Sequence[str] = ()) -> dict[str, bytes]:
    """The response of the second provider: user number, score, and other members of each line."""
    said = [
        json.dumps(
            {
                "accountId": account(number).upper(),
                "vfScore": score,
                "tier": "GOLD",
                "personProb": 0.98765,
                "attendProb": 0.5,
                "resaleProb": None,
                "reasons": [],
                "status": "OK" if score is not None else "INSUFFICIENT_DATA",
                "scoredAt": "2026-03-11T06:30:00Z",
                **(rest[0] if rest else {}),
            }
        )
        for number, score, *rest in lines
    ]
    body = gzip.compress("\n".join([*said, *broken, ""]).encode(), mtime=0)
    return {
        f"{RESPONSE}response_{THEIRS}_001.jsonl.gz": body,
        f"{RESPONSE}done_{THEIRS}.flag": b"",
    }


def run(provider: str = "internal", **fields: Any) -> dict[str, Any]:
    """The document of a run."""
    return {
        "_id": ObjectId(),
        "kind": "run",
        "campaignId": CAMPAIGN_ID,
        "runId": OURS if provider == "internal" else THEIRS,
        "provider": provider,
        "modelVersion": f"{provider}-2",
        "status": "imported",
        "thresholds": {"A": 0.9, "B": 0.55, "C": 0},
        "createdAt": datetime(2026, 3, 11, 6, tzinfo=UTC),
        **fields,
    }


def override(number: int, band: str, **fields: Any) -> dict[str, Any]:
    """A person's decision."""
    return {
        "_id": ObjectId(),
        "kind": "override",
        "campaignId": CAMPAIGN_ID,
        "entryId": ObjectId(hexed(number)),
        "toBand": band,
        "reason": "ticket 5531",
        "by": "staff:jd",
        "at": SNAPSHOT - timedelta(days=1),
        **fields,
    }


def fan(number: int, *, user: int | None = None, **fields: Any) -> dict[str, Any]:
    """An entry of a user with its own number, or of another one."""
    return entry(number, userId=ObjectId(f"{user or number:024x}"), **fields)


def users(numbers: Iterable[int], **merged: Any) -> list[dict[str, Any]]:
    """Their accounts."""
    return [{"_id": ObjectId(f"{n:024x}"), "accountId": account(n), **merged} for n in numbers]


def scored(
    *entries: dict[str, Any],
    ours: Sequence[Line] | None = None,
    theirs: Sequence[Line] | None = None,
    overrides: Sequence[dict[str, Any]] = (),
    people: Sequence[Mapping[str, Any]] | None = None,
    **params: Any,
) -> Sheet:
    """The file of these entries after the runs that are given."""
    runs = [run()] if ours is not None else []
    runs += [run("vf")] if theirs is not None else []
    files = FakeScoringFiles(
        internal=internal(*ours) if ours is not None else None,
        vf=vf(*theirs) if theirs is not None else None,
    )
    return sheet(
        "scores",
        entries,
        users=users(range(1, 10)) if people is None else people,
        scoring=[*runs, *overrides],
        files=files,
        **params,
    )


def told(made: Sheet, *names: str) -> list[tuple[str, ...]]:
    """Number of the entry and some cells of each row."""
    return [(str(int(row["entry_id"], 16)), *(row[name] for name in names)) for row in made.rows]


def test_each_entry_is_a_row_best_score_first_and_those_without_last() -> None:
    """Reviewers read from both ends; ties must not change places between two files."""
    made = scored(
        *(fan(n) for n in range(1, 6)),
        ours=[(3, "0.5", "C"), (2, "0.9", "A"), (5, "0.5", "C"), (1, "0.25", "E")],
    )

    assert ["2", "3", "5", "1", "4"] == [number for (number,) in told(made)]
    assert ["0.900000", "0.500000", "0.500000", "0.250000", ""] == made.column("score")
    assert ["N", "N", "N", "N", "Y"] == made.column("missing")
    assert {OURS, ""} == set(made.column("run_id"))
    assert {"m-1", ""} == set(made.column("model_version"))
    assert "2026-03-11T06:00:00Z" == made.column("scored_at_utc")[0]


def test_without_a_score_the_band_is_the_lowest_that_the_campaign_accepts() -> None:
    """Not to be known must neither shut a fan out nor put one first."""
    careful = replace(campaign(), accept_bands=("A", "C", "B"))

    assert [("1", "C", "C", "Y")] == told(
        scored(fan(1), ours=[], of=careful), "band", "effective_band", "missing"
    )
    assert ["E"] == scored(fan(1)).column("band")


def test_a_manual_decision_beats_the_file_while_it_is_in_force() -> None:
    """An expired decision is no decision (DOMAIN.md 2.6)."""
    made = scored(
        fan(1),
        fan(2),
        ours=[(1, "0.9", "D"), (2, "0.8", "D")],
        overrides=[override(1, "B"), override(2, "A", expiresAt=SNAPSHOT - timedelta(hours=1))],
    )
    names = ("band", "override_band", "override_by", "override_reason", "effective_band")

    assert [
        ("1", "D", "B", "staff:jd", "ticket 5531", "B"),
        ("2", "D", "", "", "", "D"),
    ] == told(made, *names)


def test_scores_of_the_second_provider_reach_the_entry_by_its_account() -> None:
    """It knows accounts only; its ids come in capitals here (DOMAIN.md 4.3)."""
    made = scored(fan(1), fan(2), theirs=[(2, 0.91234), (1, 0.55)])
    names = ("score", "band", "vf_score", "vf_tier", "person_prob", "resale_prob", "missing")

    assert [
        ("2", "0.912340", "A", "0.9123", "GOLD", "0.9876", "", "N"),
        ("1", "0.550000", "B", "0.5500", "GOLD", "0.9876", "", "N"),
    ] == told(made, *names)
    assert {THEIRS} == set(made.column("run_id"))
    assert {"vf-2"} == set(made.column("model_version"))
    assert {"2026-03-11T06:30:00Z"} == set(made.column("scored_at_utc"))


def test_our_model_comes_first_and_the_second_provider_stands_in() -> None:
    """Both opinions stand beside each other; one of them makes the band."""
    made = scored(
        fan(1),
        fan(2),
        fan(3),
        ours=[(1, "0.2", "D", "velocity")],
        theirs=[(1, 0.95, {"reasons": ["device", "velocity"]}), (2, 0.95), (3, None)],
    )
    names = ("score", "band", "vf_score", "reasons", "missing", "run_id")

    assert [
        ("2", "0.950000", "A", "0.9500", "", "N", THEIRS),
        ("1", "0.200000", "D", "0.9500", "device|velocity", "N", OURS),
        ("3", "", "E", "", "", "Y", ""),
    ] == told(made, *names)


def test_of_what_a_file_says_twice_the_later_line_counts() -> None:
    """The second provider repeats accounts, and says so (DOMAIN.md 4.3)."""
    ours = [(1, "0.1", "E"), (1, "0.7", "B"), (2, "0.5", "C")]

    assert [("1", "0.700000"), ("2", "0.500000")] == told(
        scored(fan(1), fan(2), ours=ours), "score"
    )
    theirs = [(1, 0.9), (2, 0.5), (1, 0.1), (2, None)]
    assert [("1", "0.100000"), ("2", "")] == told(scored(fan(1), fan(2), theirs=theirs), "score")


def test_every_entry_of_a_merged_account_gets_its_score() -> None:
    """After a merge one account has two entries, and both are drawn from."""
    merged = [*users([1]), *users([2], mergedInto=ObjectId(hexed(1)))]
    made = scored(fan(1), fan(2), theirs=[(1, 0.9)], people=merged)

    assert [("1", "0.9000"), ("2", "0.9000")] == told(made, "vf_score")


def test_scores_of_unknown_entries_are_counted_and_not_written() -> None:
    """A score file of another campaign must be seen before somebody draws by it."""
    made = scored(
        fan(1),
        fan(2, status="withdrawn"),
        ours=[(1, "0.9", "A"), (2, "0.8", "A"), (7, "0.7", "B"), (8, "0.7", "B")],
        theirs=[(1, 0.9), (9, 0.9)],
    )

    assert ["1"] == [number for (number,) in told(made)]
    assert 3 == made.accounting.notes["unknown_entry"]
    assert {"withdrawn": 1} == made.accounting.filtered


def test_a_line_that_is_no_score_is_counted() -> None:
    """Its fan is then without a score, and the file says that something was wrong."""
    files = FakeScoringFiles(vf=vf((1, 0.9), broken=["{", '{"accountId": 7}']))
    made = sheet("scores", [fan(1)], users=users([1]), scoring=[run("vf")], files=files)

    assert 2 == made.accounting.notes["malformed_score"]
    assert ["N"] == made.column("missing")


def test_the_latest_run_of_each_provider_counts_and_rejected_ones_do_not() -> None:
    """A run that was refused at its import, or that is not scored yet, is not the latest."""
    later = datetime(2026, 3, 12, tzinfo=UTC)
    other = [
        run(status=status, runId=f"{KEY}-20260312T0{n}0000Z", createdAt=later + timedelta(hours=n))
        for n, status in enumerate(("rejected", "exported", "requested", "scoring"))
    ]
    future = run(runId=f"{KEY}-20260401T000000Z", createdAt=SNAPSHOT + timedelta(days=1))
    files = FakeScoringFiles(internal=internal((1, "0.9", "A")))
    made = sheet("scores", [fan(1)], scoring=[run(), *other, future], files=files)

    assert [OURS] == made.column("run_id")


def test_a_named_run_stands_alone() -> None:
    """Who compares two runs must not see a third one between them."""
    made = scored(fan(1), ours=[(1, "0.9", "A")], theirs=[(1, 0.5)], run_id=THEIRS)

    assert [("1", "0.500000", THEIRS)] == told(made, "score", "run_id")
    only = scored(fan(1), ours=[(1, "0.9", "A")], theirs=[(1, 0.5)], provider="vf")
    assert [("1", "0.500000", THEIRS)] == told(only, "score", "run_id")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"run_id": f"{KEY}-20990101T000000Z"}, "UNKNOWN_SCORING_RUN"),
        ({"run_id": OURS, "provider": "vf"}, "OPTIONS_CONFLICT"),
    ],
)
def test_a_run_that_there_is_not_is_refused(params: dict[str, Any], code: str) -> None:
    """A file in which everybody is missing would look like a model that failed."""
    with pytest.raises(ExportFailed, match=code):
        scored(fan(1), ours=[(1, "0.9", "A")], **params)


def test_bands_are_chosen_after_decisions_and_changes_are_against_the_entry() -> None:
    """A reviewer looks at what the new run or a person would change."""
    entries = [
        fan(1, risk={"band": "A"}),
        fan(2, risk={"band": "A"}),
        fan(3, risk={"band": "B"}),
        fan(4),
    ]
    given: dict[str, Any] = {
        "ours": [(1, "0.9", "A"), (2, "0.8", "B"), (3, "0.7", "B")],
        "overrides": [override(3, "A")],
    }

    assert ["1", "3"] == [number for (number,) in told(scored(*entries, **given, bands=["A"]))]
    assert ["2", "3"] == [
        number for (number,) in told(scored(*entries, **given, only_changed=True))
    ]


@pytest.mark.parametrize(
    ("score", "band"), [("0.9", "A"), ("0.55", "B"), ("0.549999", "C"), ("0", "C"), ("1", "A")]
)
def test_a_score_reaches_a_threshold_that_it_equals(score: str, band: str) -> None:
    """0.55 as a double lies above 0.55: compared so, the fan on the line falls."""
    assert band == band_of(Decimal(score), {"A": 0.9, "B": 0.55, "C": 0})


def test_everything_about_a_score_is_restricted() -> None:
    """Who may see ids may not see why somebody was taken for a bot (DOMAIN.md 7.0)."""
    public = {"entry_id", "account_id", "run_id", "model_version", "scored_at_utc"}
    public |= {"current_status", "missing"}

    classes = {column.name: column.pii for column in SCORES.static_columns}
    assert public == {name for name, pii in classes.items() if pii is not Pii.RESTRICTED}


def test_scores_and_the_input_of_scoring_are_of_the_same_entries() -> None:
    """DOMAIN.md 11, point 9: rows of one are rows of the other, and `missing` is the difference."""
    entries = [
        fan(1),
        fan(2, status="rejected"),
        fan(3, status="duplicate"),
        fan(4, status="withdrawn"),
        fan(5, isCurrent=False),
        fan(6, deletedAt=SNAPSHOT),
        entry(7),
    ]
    made = scored(*entries, ours=[(1, "0.9", "A"), (3, "0.9", "A")])

    assert ["1", "2", "3", "7"] == sorted(number for (number,) in told(made))
    assert ["2", "7"] == sorted(n for n, missing in told(made, "missing") if missing == "Y")
    assert ["deleted", "erased", "not_current", "withdrawn"] == [reason for reason, _ in SCORED]
