"""External assets: the collections and tables that exports read, for lineage only."""

from collections.abc import Iterable

import dagster as dg

from assets.model.export_type import ExportType

_STORES = {
    "mongo": ("mongodb", "Collection of the fan-registration database."),
    "athena": ("athena", "Table of the event lake."),
}


def build_sources(export_types: Iterable[ExportType]) -> list[dg.AssetSpec]:
    """One external asset for each source that any export names, sorted by key."""
    paths = sorted({path for export_type in export_types for path in export_type.upstream})
    return [_source(path) for path in paths]


def _source(path: tuple[str, ...]) -> dg.AssetSpec:
    kind, description = _STORES[path[0]]
    return dg.AssetSpec(
        key=dg.AssetKey(list(path)),
        group_name="sources",
        kinds={kind},
        description=description,
    )
