"""What is asked for, so that no column of a kind goes unseen."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from assets.exports.catalog import CATALOG
from assets.model.export_type import ExportType
from export_platform.local.seed.asking import sample_params
from tests.assets.workbench import CAMPAIGN
from tests.privacy.rules import MODES

Params = Mapping[str, Any]

# Options that show more than the usual ones. A kind that is not here is asked for as it is.
_MORE: Final[Mapping[str, tuple[Params, ...]]] = {
    "entries": (
        {
            "include_withdrawn": True,
            "include_duplicates": True,
            "include_retired": True,
            "include_unknown": True,
            "exclude_flags": [],
        },
    ),
    "codes": (
        {"reveal": True, "include_unassigned": True, "all_seq": True},
        {"reveal": True, "layout": "host_upload"},
        {"layout": "esp"},
    ),
    "survey-answers": (
        {"shape": "long"},
        {"shape": "long", "include_free_text": True},
        {"shape": "wide", "include_free_text": True},
    ),
    "ad-audience": ({"platform": "google"}, {"platform": "meta"}),
    "scoring-input": ({"provider": "internal"}, {"provider": "vf"}),
    "promoter-email-opt-ins": ({}, {"hash_only": True}, {"mode": "delta"}),
    "subject-access": ({}, {"include_scores": True}),
    "suppression": (
        {"since": "2026-01-01", "target": "sfmc"},
        {"since": "2026-01-01", "target": "promoter"},
    ),
}


def variants(kind: ExportType) -> tuple[Params, ...]:
    """A kind with each of its options that count here."""
    return _MORE.get(kind.name, ({},))


def cases() -> Iterator[tuple[str, Params]]:
    """Every kind of the catalogue with each of its variants."""
    return ((name, more) for name, kind in CATALOG.items() for more in variants(kind))


def named(case: tuple[str, Params]) -> str:
    """How pytest shows a case."""
    name, more = case
    said = (f"{o}={v}" if isinstance(v, str) else o for o, v in more.items() if v not in (None, []))
    return "-".join([name, *said])


def modes(kind: ExportType, more: Params) -> tuple[str, ...]:
    """The modes that a kind can have, the most open first."""
    insisted = _fixed(kind, more).get("pii")
    return MODES if insisted is None else (insisted,)


def params(kind: ExportType, more: Params, *, mode: str, form: str = "csv") -> dict[str, Any]:
    """Parameters for a file of this form, where the kind leaves that open, that stays here."""
    fixed = _fixed(kind, more)
    asked = {**sample_params(kind, CAMPAIGN), **more, "pii": mode}
    if form != "csv" and not {"format", "dialect"} & fixed.keys():
        asked["format"] = form
    return {**asked, "deliver": []} if kind.deliveries else asked


def _fixed(kind: ExportType, more: Params) -> Mapping[str, str]:
    return kind.fixed(
        {option.name: more.get(option.name, option.default) for option in kind.options}
    )
