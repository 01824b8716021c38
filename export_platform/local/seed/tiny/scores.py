"""What the two scoring providers left for Aurora Lights (DOMAIN.md 4.2 and 4.3).

Our model, run 050000Z of 11 March: 14 lines. Twelve entries have a score (1, 2, 4, 6, 9, 13, 14,
16, 45, 54, 55, 56), entry 9 twice (the later line counts), and one line is of an entry that nobody
knows. Entries 14 and 16 tie. A later run, of 12 March, was rejected: nobody accepted its absurd
scores. The second provider, run 053000Z: 10 lines in two files. Eight accounts of ours (of users 1,
2, 4, 6, 9, 13, 14 and 62, which is entry 20's after two merges), user 9 twice (the later counts),
and one that is nobody's; user 2 has no score for lack of data.
"""

import gzip
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from export_platform.local.seed.basis.dataset import Document, SeedObject
from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.tiny.event import Event
from export_platform.local.seed.tiny.shapes import AURORA, account, entry_id, scoring_id

INTERNAL_RUN: Final = "aurora-lights-2026-20260311T050000Z"
REJECTED_RUN: Final = "aurora-lights-2026-20260312T050000Z"
VF_RUN: Final = "aurora-lights-2026-20260311T053000Z"
INTERNAL_MODEL: Final = "internal-2026.02"
VF_MODEL: Final = "vf-2026.02"

_HEADER: Final = "entry_id,score,band,model_version,reasons"
_SCORED: Final = "2026-03-11T05:40:00Z"
UNKNOWN_ENTRY: Final = 0xF99  # 0xE000 + this is the id of no entry
UNKNOWN_ACCOUNT: Final = "00000000-0000-4000-8000-00000000dead"


class EntryScore(NamedTuple):
    """A line of our model; the score as it is printed, reasons in its order."""

    entry: int
    score: str
    band: str
    reasons: tuple[str, ...] = ()


class VfScore(NamedTuple):
    """A line of the second provider: probabilities of a person, of coming, of reselling."""

    account: str
    score: str | None
    tier: str
    person: str = "0.9900"
    attend: str = "0.8000"
    resale: str = "0.0100"
    cluster: str | None = None
    reasons: tuple[str, ...] = ()


INTERNAL_SCORES: Final[Sequence[EntryScore]] = (
    EntryScore(13, "0.02", "E", ("velocity", "shared_device")),
    EntryScore(1, "0.9312", "A"),
    EntryScore(2, "0.31", "D", ("velocity",)),
    EntryScore(9, "0.6", "C"),
    EntryScore(4, "0.55", "C"),
    EntryScore(6, "0.88", "A"),
    EntryScore(UNKNOWN_ENTRY, "0.5", "C"),
    EntryScore(16, "0.84", "B"),
    EntryScore(14, "0.84", "B"),
    EntryScore(45, "0.5", "C"),
    EntryScore(54, "0.87", "A"),
    EntryScore(55, "0", "E"),
    EntryScore(56, "1", "A"),
    EntryScore(9, "0.7", "B", ("rescored",)),
)

REJECTED_SCORES: Final[Sequence[EntryScore]] = (
    EntryScore(1, "0.01", "E", ("broken_model",)),
    EntryScore(13, "0.99", "A", ("broken_model",)),
)

VF_SCORES: Final[Sequence[Sequence[VfScore]]] = (
    (
        VfScore(account(13), "0.03", "NONE", "0.0200", "0.1000", "0.9000", "cl-7", ("velocity",)),
        VfScore(account(1), "0.95", "GOLD"),
        VfScore(account(2), None, "NONE"),
        VfScore(account(9), "0.5", "BRONZE"),
        VfScore(UNKNOWN_ACCOUNT, "0.5", "BRONZE"),
    ),
    (
        VfScore(account(4), "0.6", "SILVER"),
        VfScore(account(6), "0.9", "GOLD", cluster="cl-3", reasons=("shared_phone",)),
        VfScore(account(9), "0.72", "SILVER"),
        VfScore(account(14), "0.8", "SILVER", cluster="cl-3", reasons=("shared_phone",)),
        VfScore(account(62), "0.66", "SILVER"),
    ),
)

PLANTS: Final[Sequence[tuple[str, str]]] = (
    ("score_unknown_entry", str(entry_id(UNKNOWN_ENTRY))),
    ("score_repeated_entry", str(entry_id(9))),
    ("score_unknown_account", UNKNOWN_ACCOUNT),
    ("score_repeated_account", account(9)),
    ("score_insufficient_data", account(2)),
    ("score_of_merged_account", account(62)),
    ("score_run_rejected", REJECTED_RUN),
)
"""Class of the ledger and the id it belongs to."""


def objects() -> Iterator[SeedObject]:
    """The files of the three runs: data first, then the manifest, then the flag."""
    for run, scores in ((INTERNAL_RUN, INTERNAL_SCORES), (REJECTED_RUN, REJECTED_SCORES)):
        yield from _internal_objects(run, scores)
    for number, part in enumerate(VF_SCORES):
        lines = "".join(f"{_vf_line(each)}\n" for each in part)
        name = f"response_{VF_RUN}_{number:03d}.jsonl.gz"
        yield SeedObject(bucket="vf-scoring", key=_VF_PREFIX + name, body=_zipped(lines))
    yield SeedObject(bucket="vf-scoring", key=f"{_VF_PREFIX}done_{VF_RUN}.flag", body=b"")


_VF_PREFIX: Final = "verified-fan/aurora-lights-2026/2026-03-11/"


def _prefix(run: str) -> str:
    return f"output/v1/campaign_id={AURORA}/run_id={run}/"


def _internal_objects(run: str, scores: Sequence[EntryScore]) -> Iterator[SeedObject]:
    body, manifest = _internal_body(scores), _manifest(run, scores)
    for name, content in (
        ("scores-00000.csv.gz", body),
        ("manifest.json", manifest),
        ("_SUCCESS", b""),
    ):
        yield SeedObject(bucket="scoring", key=_prefix(run) + name, body=content)


def _internal_body(scores: Sequence[EntryScore]) -> bytes:
    lines = [
        f"{entry_id(each.entry)},{each.score},{each.band},{INTERNAL_MODEL},{'|'.join(each.reasons)}"
        for each in scores
    ]
    return _zipped("".join(f"{line}\n" for line in (_HEADER, *lines)))


def _manifest(run: str, scores: Sequence[EntryScore]) -> bytes:
    """The provider's promise: rows without the header; bytes and digests of the stored files."""
    body = _internal_body(scores)
    digest = hashlib.sha256(body).hexdigest()
    file = {
        "name": "scores-00000.csv.gz",
        "rows": len(scores),
        "bytes": len(body),
        "sha256": digest,
    }
    promised = {
        "runId": run,
        "rows": len(scores),
        "sha256": hashlib.sha256(digest.encode()).hexdigest(),
        "files": [file],
    }
    return json.dumps(promised, indent=2).encode() + b"\n"


def _vf_line(each: VfScore) -> str:
    """One answer; without enough data there is neither a score nor a probability."""
    known = each.score is not None
    numbers = {
        "vfScore": each.score,
        "personProb": each.person if known else None,
        "attendProb": each.attend if known else None,
        "resaleProb": each.resale if known else None,
    }
    return json.dumps(
        {
            "accountId": each.account,
            **{name: float(value) if value else None for name, value in numbers.items()},
            "tier": each.tier,
            "cluster": each.cluster,
            "reasons": list(each.reasons),
            "status": "OK" if known else "INSUFFICIENT_DATA",
            "scoredAt": _SCORED,
        }
    )


def _zipped(text: str) -> bytes:
    """Gzip without a time and a name, so that equal text gives equal bytes (DOMAIN.md 4.1)."""
    sink = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=sink, mtime=0) as zipped:
        zipped.write(text.encode())
    return sink.getvalue()


def _run(number: int, run: str, provider: str, model: str, **fields: object) -> Document:
    document: Document = {
        "_id": scoring_id(number),
        "schemaVersion": 3,
        "kind": "run",
        "campaignId": AURORA,
        "runId": run,
        "provider": provider,
        "modelVersion": model,
        "status": "imported",
        "thresholds": {"A": 0.85, "B": 0.7, "C": 0.5, "D": 0.3, "E": 0},
        "missing": 0,
        "unknownEntries": 0,
    }
    return document | fields


def _internal_files(run: str, asked: int, scores: Sequence[EntryScore]) -> Document:
    promised = json.loads(_manifest(run, scores))
    prefix = _prefix(run)
    return {
        "input": {
            "bucket": "scoring",
            "prefix": prefix.replace("output/", "input/"),
            "rows": asked,
        },
        "output": {
            "bucket": "scoring",
            "prefix": prefix,
            "manifestKey": f"{prefix}manifest.json",
            "rows": promised["rows"],
            "sha256": promised["sha256"],
        },
    }


# 55 live entries, 48 of them with an account.
_LIVE, _WITH_ACCOUNT = 55, 48

RUNS: Final[Sequence[Document]] = (
    _run(
        1,
        VF_RUN,
        "vf",
        VF_MODEL,
        input={"bucket": "vf-scoring", "prefix": _VF_PREFIX, "rows": _WITH_ACCOUNT},
        output={"bucket": "vf-scoring", "prefix": _VF_PREFIX, "rows": 10},
        missing=_WITH_ACCOUNT - 8,
        unknownEntries=1,
        acceptedAt=at("2026-03-11T06:05:00Z"),
        acceptedBy="staff:jd",
        createdAt=at("2026-03-11T05:30:00Z"),
        updatedAt=at("2026-03-11T06:05:00Z"),
    ),
    _run(
        4,
        INTERNAL_RUN,
        "internal",
        INTERNAL_MODEL,
        **_internal_files(INTERNAL_RUN, _LIVE, INTERNAL_SCORES),
        bandCounts={"A": 4, "B": 3, "C": 2, "D": 1, "E": 2},
        missing=_LIVE - 12,
        unknownEntries=1,
        acceptedAt=at("2026-03-11T05:50:00Z"),
        acceptedBy="staff:jd",
        createdAt=at("2026-03-11T05:00:00Z"),
        updatedAt=at("2026-03-11T05:50:00Z"),
    ),
    _run(
        5,
        REJECTED_RUN,
        "internal",
        "internal-2026.03-rc1",
        **_internal_files(REJECTED_RUN, _LIVE, REJECTED_SCORES),
        status="rejected",
        missing=_LIVE - 2,
        createdAt=at("2026-03-12T05:00:00Z"),
        updatedAt=at("2026-03-12T06:00:00Z"),
    ),
)


def _internal_event(each: EntryScore) -> Event:
    instant = at(_SCORED)
    row: dict[str, object] = {
        "run_id": INTERNAL_RUN,
        "entry_id": str(entry_id(each.entry)),
        "score": float(each.score),
        "band": each.band,
        "model_version": INTERNAL_MODEL,
        "reasons": list(each.reasons),
        "scored_at": instant,
    }
    return Event(table="entry_scores", day=instant.date(), row=row)


def _vf_event(each: VfScore) -> Event:
    instant, known = at(_SCORED), each.score is not None
    row: dict[str, object] = {
        "run_id": VF_RUN,
        "account_id": each.account,
        "vf_score": float(Decimal(each.score)) if each.score is not None else None,
        "vf_tier": each.tier,
        "is_person_prob": float(each.person) if known else None,
        "attend_prob": float(each.attend) if known else None,
        "resale_prob": float(each.resale) if known else None,
        "device_cluster": each.cluster,
        "reasons": list(each.reasons),
        "scored_at": instant,
    }
    return Event(table="vf_scores", day=instant.date(), row=row)


EVENTS: Final[Sequence[Event]] = (
    *(_internal_event(each) for each in INTERNAL_SCORES),
    *(_vf_event(each) for part in VF_SCORES for each in part),
)
"""The accepted runs as Athena shows them (DOMAIN.md 3, `fan_scoring`)."""
