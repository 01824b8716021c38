"""What the door to the scoring files promises."""

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, ClassVar

import pytest

from resources.errors import AlreadyExists, Refused
from resources.scoring_files import (
    HEADER,
    InputFile,
    InternalScore,
    MalformedScore,
    Provider,
    Score,
    ScoringFiles,
    ScoringRun,
    VfScore,
    digest_of,
)

# Bucket ("scoring" or "vf-scoring"), key, body.
Place = Callable[[str, str, bytes], None]

KEY = "aurora-lights-2026"
RUN_ID = f"{KEY}-20260311T053000Z"
ENTRY = "66510000000000000000e001"
ACCOUNT = "0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10"
LINE = f"{ENTRY},0.931200,A,internal-2026.02,velocity|shared_device"
VF_LINE = {
    "accountId": ACCOUNT,
    "vfScore": 0.9,
    "tier": "GOLD",
    "personProb": 0.99,
    "attendProb": 0.8,
    "resaleProb": 0.01,
    "cluster": None,
    "reasons": ["shared_phone"],
    "status": "OK",
    "scoredAt": "2026-03-11T05:40:00Z",
}


BROKEN_LINES = (
    "",
    "not,enough",
    LINE + ",more",
    LINE.replace(ENTRY, "e1"),
    LINE.replace("0.931200", "high"),
    LINE.replace("0.931200", "1.1"),
    LINE.replace("0.931200", "-0.1"),
    LINE.replace("0.931200", "NaN"),
    LINE.replace("0.931200", ""),
    LINE.replace(",A,", ",,"),
    LINE.replace("velocity", '"velocity'),
    LINE.replace("velocity", "velo\x00city"),
)
BROKEN_VF_MEMBERS: tuple[dict[str, Any], ...] = (
    {"accountId": None},
    {"accountId": 7},
    {"vfScore": None},
    {"vfScore": "0.9"},
    {"vfScore": True},
    {"vfScore": 1.5},
    {"vfScore": float("nan")},
    {"status": "INSUFFICIENT_DATA"},
    {"tier": ["GOLD"]},
    {"personProb": -1},
    {"reasons": "velocity"},
    {"reasons": [1]},
    {"scoredAt": "yesterday"},
    {"scoredAt": "2026-03-11T05:40:00"},
)


def run_document(provider: str, **members: Any) -> dict[str, Any]:
    """Return a run as the `scoring` collection has it."""
    return {"kind": "run", "runId": RUN_ID, "provider": provider, **members}


def zipped(lines: Sequence[str]) -> bytes:
    """Return lines as a gzip file."""
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


def internal_objects(
    campaign: str, parts: Sequence[Sequence[str]], **manifest: Any
) -> dict[str, bytes]:
    """Return what our model leaves: files, then the manifest, then the flag."""
    prefix = f"output/v1/campaign_id={campaign}/run_id={RUN_ID}/"
    bodies = [zipped([",".join(HEADER), *part]) for part in parts]
    files = [
        {
            "name": f"scores-{number:05d}.csv.gz",
            "rows": len(part),
            "bytes": len(body),
            "sha256": sha256(body).hexdigest(),
        }
        for number, (part, body) in enumerate(zip(parts, bodies, strict=True))
    ]
    document = {"runId": RUN_ID, "rows": sum(len(part) for part in parts), "files": files}
    return {
        **{f"{prefix}{one['name']}": body for one, body in zip(files, bodies, strict=True)},
        f"{prefix}manifest.json": json.dumps({**document, **manifest}).encode(),
        f"{prefix}_SUCCESS": b"",
    }


def vf_objects(key: str, parts: Mapping[int, Sequence[str]]) -> dict[str, bytes]:
    """Return what the second provider leaves: its parts by number, then the flag."""
    prefix = f"verified-fan/{key}/2026-03-11/"
    return {
        **{
            f"{prefix}response_{RUN_ID}_{number:03d}.jsonl.gz": zipped(part)
            for number, part in parts.items()
        },
        f"{prefix}done_{RUN_ID}.flag": b"",
    }


class ScoringContract:
    """The suite; a subclass gives the fixtures.

    ``door``: both buckets. ``place``: puts an object there. ``campaign`` and ``key``: id and key of
    a campaign that no other test uses.
    """

    doors: ClassVar = (ScoringFiles,)

    def test_our_models_scores_are_read_as_they_are_written(
        self, door: ScoringFiles, place: Place, campaign: str, key: str
    ) -> None:
        """Six digits are six digits; a float would make 0.9312 into 0.93119999."""
        other = f"{ENTRY[:-1]}2"
        _place(place, "scoring", internal_objects(campaign, [[LINE], [f"{other},0,E,m,"]]))

        assert [
            InternalScore(
                entry_id=ENTRY,
                score=Decimal("0.931200"),
                band="A",
                model_version="internal-2026.02",
                reasons=("velocity", "shared_device"),
            ),
            InternalScore(
                entry_id=other, score=Decimal(0), band="E", model_version="m", reasons=()
            ),
        ] == _read(door, campaign, key, "internal")

    def test_the_other_providers_scores_are_read_in_the_order_of_its_files(
        self, door: ScoringFiles, place: Place, campaign: str, key: str
    ) -> None:
        """An account may come again and the last line wins, so the order is the meaning."""
        again = {**VF_LINE, "vfScore": 0.5, "status": "OK"}
        nothing = {
            "accountId": ACCOUNT,
            "vfScore": None,
            "status": "INSUFFICIENT_DATA",
            "tier": "NONE",
        }
        parts = {1: [_json(again)], 0: [_json(VF_LINE)], 2: [_json(nothing), ""]}
        _place(place, "vf-scoring", vf_objects(key, parts))

        scores = _read(door, campaign, key, "vf")

        assert [Decimal("0.9"), Decimal("0.5"), None] == [
            one.vf_score for one in scores if isinstance(one, VfScore)
        ]
        assert scores[0] == VfScore(
            account_id=ACCOUNT,
            vf_score=Decimal("0.9"),
            tier="GOLD",
            person_prob=Decimal("0.99"),
            attend_prob=Decimal("0.8"),
            resale_prob=Decimal("0.01"),
            cluster=None,
            reasons=("shared_phone",),
            status="OK",
            scored_at=datetime(2026, 3, 11, 5, 40, tzinfo=UTC),
        )

    @pytest.mark.parametrize("provider", list(Provider))
    def test_a_run_without_its_flag_is_not_read(
        self, door: ScoringFiles, place: Place, campaign: str, key: str, provider: Provider
    ) -> None:
        """Half of the scores would make the other half of the fans unscored."""
        bucket, objects = _of(provider, campaign, key)
        for name in [name for name in objects if name.endswith(("_SUCCESS", ".flag"))]:
            del objects[name]
        _place(place, bucket, objects)

        with pytest.raises(Refused, match="SCORES_NOT_READY"):
            _read(door, campaign, key, provider)
        assert not door.is_ready(_run(provider, campaign, key))

    @pytest.mark.parametrize(
        "case",
        [
            ({"rows": 2}, "SCORES_MANIFEST"),
            ({"runId": f"{KEY}-20260312T053000Z"}, "SCORES_MANIFEST"),
            ({"files": []}, "SCORES_MANIFEST"),
            ({"files": [{"name": "../x", "rows": 1, "bytes": 1, "sha256": ""}]}, "SCORES_MANIFEST"),
            ({"files": "all"}, "SCORES_MANIFEST"),
            ({"rows": 2, "files": [{"rows": 2}]}, "SCORES_MISMATCH"),
            ({"files": [{"sha256": "00" * 32}]}, "SCORES_MISMATCH"),
            ({"files": [{"bytes": 1}]}, "SCORES_MISMATCH"),
        ],
    )
    def test_a_manifest_that_does_not_add_up_is_refused(
        self,
        door: ScoringFiles,
        place: Place,
        campaign: str,
        key: str,
        case: tuple[dict[str, Any], str],
    ) -> None:
        """A file that was cut or swapped on its way changes who gets a ticket."""
        manifest, code = case
        objects = internal_objects(campaign, [[LINE]])
        named = next(name for name in objects if name.endswith("manifest.json"))
        document = json.loads(objects[named])
        changes = manifest.get("files")
        if isinstance(changes, list) and changes and "name" not in changes[0]:
            manifest = {**manifest, "files": [{**document["files"][0], **changes[0]}]}
        objects[named] = json.dumps({**document, **manifest}).encode()
        _place(place, "scoring", objects)

        with pytest.raises(Refused, match=code):
            _read(door, campaign, key, "internal")

    def test_a_lost_part_is_noticed(
        self, door: ScoringFiles, place: Place, campaign: str, key: str
    ) -> None:
        """The second provider has no manifest: a gap in the numbers is all there is to see."""
        _place(place, "vf-scoring", vf_objects(key, {0: [_json(VF_LINE)], 2: [_json(VF_LINE)]}))

        with pytest.raises(Refused, match="SCORES_MISSING"):
            _read(door, campaign, key, "vf")

    def test_a_line_that_is_no_score_is_counted_where_it_stands(
        self, door: ScoringFiles, place: Place, campaign: str, key: str
    ) -> None:
        """Never a silent null, and never its text: it may hold somebody's address."""
        lines = [one for broken in BROKEN_LINES for one in (LINE, broken)]
        _place(place, "scoring", internal_objects(campaign, [[LINE], lines]))

        scores = _read(door, campaign, key, "internal")

        # Line 1 is the header, line 2 a score, line 3 the first broken one.
        expected = [
            MalformedScore(file=2, line=3 + 2 * number) for number in range(len(BROKEN_LINES))
        ]
        assert expected == [one for one in scores if isinstance(one, MalformedScore)]
        assert 1 + len(lines) == len(scores)

    def test_a_line_of_the_other_provider_that_is_no_score_is_counted(
        self, door: ScoringFiles, place: Place, campaign: str, key: str
    ) -> None:
        """A score that is absent without a word would pass for a low one."""
        broken = [json.dumps({**VF_LINE, **changed}) for changed in BROKEN_VF_MEMBERS]
        lines = [_json(VF_LINE), *broken, "[]", "{", _json(VF_LINE)]
        _place(place, "vf-scoring", vf_objects(key, {0: lines}))

        scores = _read(door, campaign, key, "vf")

        found = [one.line for one in scores if isinstance(one, MalformedScore)]
        assert list(range(2, len(lines))) == found
        assert len(lines) == len(scores)

    @pytest.mark.parametrize("provider", list(Provider))
    def test_a_damaged_file_is_refused(
        self, door: ScoringFiles, place: Place, campaign: str, key: str, provider: Provider
    ) -> None:
        """A download that was cut short must not pass for a short file."""
        bucket, objects = _of(provider, campaign, key)
        objects = {
            name: body[:-9] if name.endswith(".gz") else body for name, body in objects.items()
        }
        _place(place, bucket, objects)

        with pytest.raises(Refused, match=r"SCORES_CORRUPT|SCORES_MISMATCH"):
            _read(door, campaign, key, provider)

    @pytest.mark.parametrize(
        "document",
        [
            run_document("internal", runId="../../x"),
            run_document("internal", runId=None),
            run_document("another"),
            {},
        ],
    )
    def test_a_document_that_names_no_run_is_refused(
        self, door: ScoringFiles, campaign: str, key: str, document: dict[str, Any]
    ) -> None:
        """A run id becomes part of a key; a damaged one must not lead to another campaign."""
        with pytest.raises(Refused, match="SCORES_RUN"):
            list(door.scores(key, campaign, document))

    def test_an_input_is_complete_when_its_manifest_says_so(
        self, door: ScoringFiles, campaign: str, key: str
    ) -> None:
        """The model starts at the manifest: one before its data is never valid."""
        run = _run("internal", campaign, key)
        body = b"PAR1"
        part = InputFile(
            name="part-00000.parquet", rows=3, bytes=len(body), sha256=sha256(body).hexdigest()
        )
        with pytest.raises(Refused, match="SCORES_INPUT_MISSING"):
            door.commit_input(run, [part])

        with door.upload(run, 0) as upload:
            upload.write(body)
        manifest_key = door.commit_input(run, [part])

        store = door.store(Provider.INTERNAL)
        manifest = json.loads(b"".join(store.read(manifest_key)))
        assert manifest_key == f"input/v1/campaign_id={campaign}/run_id={RUN_ID}/manifest.json"
        assert (3, digest_of([part]), RUN_ID) == (
            manifest["rows"],
            manifest["sha256"],
            manifest["runId"],
        )
        assert "part-00000.parquet" == manifest["files"][0]["name"]

    @pytest.mark.parametrize("provider", list(Provider))
    def test_an_input_is_never_overwritten(
        self, door: ScoringFiles, campaign: str, key: str, provider: Provider
    ) -> None:
        """A re-run has a run id of its own: what was scored must stay what was asked."""
        run = _run(provider, campaign, key)
        with door.upload(run, 0) as upload:
            upload.write(b"first")

        again = door.upload(run, 0)
        again.__enter__()
        again.write(b"second")
        with pytest.raises(AlreadyExists):
            again.__exit__(None, None, None)

        keys = list(door.store(provider).keys(_input(provider, campaign, key)))
        assert [b"first"] == [b"".join(door.store(provider).read(one)) for one in keys]

    def test_the_other_provider_takes_one_file_by_the_name_of_the_run(
        self, door: ScoringFiles, campaign: str, key: str
    ) -> None:
        """It knows no manifest: the one object appears whole, and is its own."""
        run = _run("vf", campaign, key)
        with door.upload(run, 0) as upload:
            upload.write(b"x")
        part = InputFile(
            name=f"request_{RUN_ID}.jsonl.gz", rows=1, bytes=1, sha256=sha256(b"x").hexdigest()
        )

        assert f"verified-fan/{key}/2026-03-11/{part.name}" == door.commit_input(run, [part])
        with pytest.raises(ValueError, match="one request file"):
            door.upload(run, 1)

    def test_a_closed_door_opens_again(
        self, door: ScoringFiles, place: Place, campaign: str, key: str
    ) -> None:
        """A resource that is torn down twice, or used once more, must not break a run."""
        _place(place, "scoring", internal_objects(campaign, [[LINE]]))
        door.close()
        door.close()

        assert 1 == len(_read(door, campaign, key, "internal"))


def _read(door: ScoringFiles, campaign: str, key: str, provider: str) -> list[Score]:
    batches = door.scores(key, campaign, run_document(provider))
    return [score for batch in batches for score in batch]


def _run(provider: str, campaign: str, key: str) -> ScoringRun:
    return ScoringRun(
        provider=Provider(provider),
        campaign_id=campaign,
        campaign_key=key,
        run_id=RUN_ID,
        day=date(2026, 3, 11),
    )


def _of(provider: str, campaign: str, key: str) -> tuple[str, dict[str, bytes]]:
    if provider == "internal":
        return "scoring", internal_objects(campaign, [[LINE]])
    return "vf-scoring", vf_objects(key, {0: [_json(VF_LINE)]})


def _input(provider: str, campaign: str, key: str) -> str:
    if provider == "internal":
        return f"input/v1/campaign_id={campaign}/"
    return f"verified-fan/{key}/"


def _json(value: object) -> str:
    return json.dumps(value)


def _place(place: Place, bucket: str, objects: Mapping[str, bytes]) -> None:
    for name, body in objects.items():
        place(bucket, name, body)
