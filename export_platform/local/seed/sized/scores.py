"""The score of each entry: what the documents, the runs and the files of the providers agree on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from export_platform.local.seed.basis.dataset import ScoreBucket
from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.sized.draws import Draws, Floats, Indexes
from export_platform.local.seed.sized.names import campaign_id
from export_platform.local.seed.sized.plan import (
    DELETED,
    ERASED,
    LIVE,
    NON_CURRENT,
    TODAY,
    Flags,
    Plan,
)
from export_platform.local.seed.sized.recipe import Recipe

INTERNAL_BUCKET: Final[ScoreBucket] = "scoring"
VF_BUCKET: Final[ScoreBucket] = "vf-scoring"
VF_MODEL: Final = "vf-2026.02"
INTERNAL_MODEL: Final = "internal-2026.02"
SCORED: Final = at("2026-03-11T05:40:00Z")
OVERRIDDEN: Final = at("2026-03-11T09:00:00Z")
OVERRIDE_BAND: Final = "B"
OVERRIDE_BY: Final = "staff:jd"
THRESHOLDS: Final[Mapping[str, float]] = {"A": 0.85, "B": 0.7, "C": 0.5, "D": 0.3, "E": 0.0}

_OVERRIDES: Final = 0.0005
_UNKNOWN: Final = 0.0002
_NASTY_OVERRIDES: Final = 0.02  # 20 and more in its 1,667 entries without an anomaly


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Columns of scores.

    Attributes:
        values: Of the second provider, which the entry carries: from 0 to 1, four digits.
        internal: Of our own model, near it.
        missing: The providers gave none: 0.7 %.
        insufficient: Of those, the second provider answered 30 % with a null.
        repeated: The second provider answered twice: 0.5 %.
        unknown: Beside this entry's score stands one of an entry that nobody knows.
        overridden: A person decided otherwise: one in 2,000.
        asked: The entry was sent to be scored.
    """

    values: Floats
    internal: Floats
    missing: Flags
    insufficient: Flags
    repeated: Flags
    unknown: Flags
    overridden: Flags
    asked: Flags


def score(recipe: Recipe, index: Indexes, plan: Plan) -> Scored:
    """93 % Beta(8, 1.6), 7 % and the bots Beta(1.5, 6); `plan` is of the same entries."""
    draws = Draws(recipe.seed)
    bad = draws.chance("risk.bad", index, 0.01) | plan.bot
    good_score = draws.quantile("risk.score", index, "beta_good")
    bad_score = draws.quantile("risk.score", index, "beta_bad")
    values: Floats = np.round(np.where(bad, bad_score, good_score), 4).astype(np.float64)
    missing = draws.chance("risk.missing", index, recipe.share(0.007, nasty=0.03))
    plain = (plan.version == TODAY) & (plan.anomaly < 0)
    share = recipe.share(_OVERRIDES, nasty=_NASTY_OVERRIDES)
    unknown = recipe.share(_UNKNOWN, nasty=0.01)
    return Scored(
        values=values,
        internal=np.round(values * 0.9 + draws.uniform("risk.internal", index) * 0.1, 6),
        missing=missing,
        insufficient=missing & draws.chance("risk.null", index, 0.3),
        repeated=draws.chance("risk.repeated", index, 0.005) & ~missing,
        unknown=draws.chance("risk.unknown", index, unknown),
        overridden=draws.chance("override", index, share) & plain & (plan.fate == LIVE) & ~missing,
        asked=(plan.version == TODAY) & ~np.isin(plan.fate, (ERASED, DELETED, NON_CURRENT)),
    )


def band_of(score: float) -> str:
    """The band of a score."""
    return next(band for band, least in THRESHOLDS.items() if score >= least)


def reasons(score: float) -> list[str]:
    """Why a score is low; nothing for the others."""
    return ["velocity"] if score < THRESHOLDS["D"] else []


def run_id(recipe: Recipe) -> str:
    """The accepted run, of the second provider."""
    return f"{recipe.key}-20260311T053000Z"


def internal_run_id(recipe: Recipe) -> str:
    """The run of our own model, half an hour before."""
    return f"{recipe.key}-20260311T050000Z"


def vf_prefix(recipe: Recipe) -> str:
    """The folder of the second provider."""
    return f"verified-fan/{recipe.key}/2026-03-11/"


def internal_prefix(recipe: Recipe) -> str:
    """The folder of our model's output."""
    return f"output/v1/campaign_id={campaign_id(recipe)}/run_id={internal_run_id(recipe)}/"
