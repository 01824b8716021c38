"""Jobs: one a kind of export, and one a scope that a person starts by hand.

Assets of one job have one set of partitions, so exports of campaigns and of days cannot share one.
"""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from assets.factory import asset_key
from assets.model.export_type import ExportType, Scope


def job_name(export_type: ExportType) -> str:
    """The job of one kind of export, whose runs the queue's are.

    Of a larger job Dagster would cut the one asset out for every run: in the code server, in the
    daemon and in the worker.
    """
    return f"export_{export_type.name.replace('-', '_')}"


def build_jobs(export_types: Iterable[ExportType]) -> list[Any]:
    """Every kind alone; every export of a campaign, of a day, of a privacy case.

    Any, because Dagster does not export the type of what `define_asset_job` returns.
    """
    kinds = sorted(export_types, key=lambda export_type: export_type.name)
    by_scope: dict[Scope, list[dg.AssetKey]] = {}
    for export_type in kinds:
        by_scope.setdefault(export_type.scope, []).append(asset_key(export_type))
    return [
        *(
            _job(job_name(kind), f"The export {kind.name} alone.", [asset_key(kind)])
            for kind in kinds
        ),
        *(
            _job(f"all_exports_of_{scope}", f"Every export of the chosen {scope}.", keys)
            for scope, keys in sorted(by_scope.items())
        ),
    ]


def _job(name: str, description: str, keys: Iterable[dg.AssetKey]) -> Any:
    selection = dg.AssetSelection.assets(*keys)
    return dg.define_asset_job(name=name, selection=selection, description=description)
