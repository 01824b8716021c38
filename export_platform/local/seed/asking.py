"""A request for each kind of export that a seeded pack can answer: for the demo and for tests."""

from collections.abc import Mapping
from typing import Any, Final

from assets.model.export_type import ExportType, Scope
from assets.model.parameters import scope_parameter
from export_platform.local.seed.basis.instants import AS_OF

# The promoter that a campaign's opt-ins are asked for; sized packs number theirs.
_PROMOTERS: Final = {"aurora-lights-2026": "northlake"}
# The addresses of made-up fans (RFC 2606): as with most providers, what follows a plus is left out.
_PLUS_DOMAINS: Final = ("example.com", "example.net", "example.org")
# User 1 of the hand-written pack; of the sized packs nobody, who is answered with empty files.
_ACCOUNT: Final = "0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10"


def sample_params(export_type: ExportType, campaign: str) -> dict[str, Any]:
    """The parameters of a request, as a caller sends them.

    Args:
        export_type: The kind.
        campaign: The campaign's key; not used where the export is of a day or a case.
    """
    about = {
        Scope.CAMPAIGN: campaign,
        Scope.DAY: f"{AS_OF:%Y-%m-%d}",
        Scope.PRIVACY_CASE: "case-0001",
    }
    return {
        scope_parameter(export_type.scope): about[export_type.scope],
        "reason": "made-up data",
        **_more(export_type.name, campaign),
    }


def _more(name: str, campaign: str) -> Mapping[str, Any]:
    """What a kind of export cannot do without."""
    match name:
        case "duplicate-clusters":
            return {"plus_domains": list(_PLUS_DOMAINS)}
        case "promoter-email-opt-ins":
            return {"promoter": _PROMOTERS.get(campaign, f"{campaign}-promoter-1")}
        case "reminder-email":
            return {"reminder_kind": "onsale_tomorrow"}
        case "subject-access":
            return {"account_id": _ACCOUNT}
        case _:
            return {}
