"""One job a scope: what people start by hand, and what the queue's runs are runs of.

Assets of one job have one set of partitions, so exports of campaigns and of days cannot share one.
"""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from assets.factory import asset_key
from assets.model.export_type import ExportType, Scope


def job_name(scope: Scope) -> str:
    """The job of the exports of a scope."""
    return f"all_exports_of_{scope}"


def build_jobs(export_types: Iterable[ExportType]) -> list[Any]:
    """One job a scope: every export of a campaign, of a day, of a privacy case.

    Any, because Dagster does not export the type of what `define_asset_job` returns.
    """
    by_scope: dict[Scope, list[dg.AssetKey]] = {}
    for export_type in export_types:
        by_scope.setdefault(export_type.scope, []).append(asset_key(export_type))
    return [
        dg.define_asset_job(
            name=job_name(scope),
            selection=dg.AssetSelection.assets(*keys),
            description=f"Every export of the chosen {scope}.",
        )
        for scope, keys in sorted(by_scope.items())
    ]
