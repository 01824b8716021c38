"""The documents of scoring: both runs, and what people decided over them (DOMAIN.md 2.6)."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from export_platform.local.seed.basis.dataset import Document, ScoreBucket
from export_platform.local.seed.basis.identifiers import Kind, object_id
from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.sized import scores
from export_platform.local.seed.sized.draws import Floats, indexes
from export_platform.local.seed.sized.names import campaign_id
from export_platform.local.seed.sized.plan import Flags, Plan
from export_platform.local.seed.sized.recipe import Recipe
from export_platform.local.seed.sized.scores import Scored

_INTERNAL_RUN: Final = 1 << 41  # its place among the campaign's documents of scoring


def scoring(recipe: Recipe, plan: Plan, ledger: Ledger) -> Iterator[Document]:
    """The accepted run of the second provider, ours before it, and overrides: one in 2,000.

    A campaign without entries was never scored.
    """
    if not recipe.entries:
        return
    whole = scores.score(recipe, indexes(0, recipe.entries), plan)
    yield _vf_run(recipe, whole)
    yield _internal_run(recipe, whole)
    for number in np.flatnonzero(whole.overridden).tolist():
        entry = object_id(Kind.ENTRY, recipe.number, number, campaign=recipe.campaign)
        ledger.add("override", entry)
        yield {
            "_id": object_id(Kind.SCORING, recipe.number, number + 1, campaign=recipe.campaign),
            "schemaVersion": 3,
            "kind": "override",
            "campaignId": campaign_id(recipe),
            "entryId": entry,
            "fromBand": scores.band_of(float(whole.values[number])),
            "toBand": scores.OVERRIDE_BAND,
            "reason": "support ticket",
            "by": scores.OVERRIDE_BY,
            "at": scores.OVERRIDDEN,
            "createdAt": scores.OVERRIDDEN,
            "expiresAt": None,
        }


def _vf_run(recipe: Recipe, whole: Scored) -> Document:
    absent = whole.missing & ~whole.insufficient
    lines = (whole.asked & ~absent, whole.asked & whole.repeated, whole.unknown)
    folder = scores.vf_prefix(recipe)
    return {
        "_id": object_id(Kind.SCORING, recipe.number, 0, campaign=recipe.campaign),
        **_common(recipe, whole),
        "runId": scores.run_id(recipe),
        "provider": "vf",
        "modelVersion": scores.VF_MODEL,
        "status": "imported",
        "input": _folder(scores.VF_BUCKET, folder, whole.asked),
        "output": _folder(scores.VF_BUCKET, folder, *lines),
        "bandCounts": _band_counts(whole, whole.values),
        "missing": _count(whole.asked & absent),
        "acceptedAt": at("2026-03-11T06:05:00Z"),
        "acceptedBy": "staff:jd",
        "createdAt": at("2026-03-11T05:30:00Z"),
        "updatedAt": at("2026-03-11T06:05:00Z"),
    }


def _internal_run(recipe: Recipe, whole: Scored) -> Document:
    outbound = scores.internal_prefix(recipe)
    inbound = outbound.replace("output/", "input/", 1)
    lines = (whole.asked & ~whole.missing, whole.unknown)
    output = _folder(scores.INTERNAL_BUCKET, outbound, *lines)
    return {
        "_id": object_id(Kind.SCORING, recipe.number, _INTERNAL_RUN, campaign=recipe.campaign),
        **_common(recipe, whole),
        "runId": scores.internal_run_id(recipe),
        "provider": "internal",
        "modelVersion": scores.INTERNAL_MODEL,
        "status": "scored",
        "input": _folder(scores.INTERNAL_BUCKET, inbound, whole.asked),
        "output": output | {"manifestKey": f"{outbound}manifest.json"},
        "bandCounts": _band_counts(whole, whole.internal),
        "missing": _count(whole.asked & whole.missing),
        "createdAt": at("2026-03-11T05:00:00Z"),
        "updatedAt": at("2026-03-11T05:25:00Z"),
    }


def _common(recipe: Recipe, whole: Scored) -> Document:
    return {
        "schemaVersion": 3,
        "kind": "run",
        "campaignId": campaign_id(recipe),
        "thresholds": dict(scores.THRESHOLDS),
        "unknownEntries": _count(whole.unknown),
    }


def _folder(bucket: ScoreBucket, prefix: str, *lines: Flags) -> Document:
    return {"bucket": bucket, "prefix": prefix, "rows": sum(map(_count, lines))}


def _count(flags: Flags) -> int:
    return int(flags.sum())


def _band_counts(whole: Scored, values: Floats) -> Mapping[str, int]:
    """How many of those that were asked for and scored fell into each band."""
    scored = values[whole.asked & ~whole.missing]
    counts, above = {}, 0
    for band, least in scores.THRESHOLDS.items():
        reached = int((scored >= least).sum())
        counts[band], above = reached - above, reached
    return counts
