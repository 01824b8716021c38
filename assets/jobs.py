"""Jobs that people start by hand."""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from assets.factory import asset_key
from assets.model.export_type import ExportType, Scope


def build_jobs(export_types: Iterable[ExportType]) -> list[Any]:
    """One job a scope: every export of a campaign, of a day, of a privacy case.

    Any, because Dagster does not export the type of what `define_asset_job` returns.
    """
    by_scope: dict[Scope, list[dg.AssetKey]] = {}
    for export_type in export_types:
        by_scope.setdefault(export_type.scope, []).append(asset_key(export_type))
    return [
        dg.define_asset_job(
            name=f"all_exports_of_{scope}",
            selection=dg.AssetSelection.assets(*keys),
            description=f"Every export of the chosen {scope}.",
        )
        for scope, keys in sorted(by_scope.items())
    ]
