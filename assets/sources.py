"""External assets: the collections and tables that exports read, for lineage only."""

import re
from collections.abc import Iterable, Sequence

import dagster as dg

from assets.model.export_type import ExportType

# The prefixes of a column's source (DOMAIN.md 7.0) and the collections they stand for.
_COLLECTIONS = {
    "e": "entries",
    "c": "campaigns",
    "m": "markets",
    "u": "users",
    "p": "promoters",
    "s": "scoring",
}
_FIELD = re.compile(r"\b([ecmups])\.([A-Za-z_]\w*(?:\.\w+)*)")
_TABLE_COLUMN = re.compile(r"\b(\w+)\.(\w+)")

_STORES = {
    "mongo": ("mongodb", "Collection of the fan-registration database."),
    "athena": ("athena", "Table of the event lake."),
}


def build_sources(export_types: Iterable[ExportType]) -> list[dg.AssetSpec]:
    """One external asset for each source that any export names, sorted by key."""
    paths = sorted({path for export_type in export_types for path in export_type.upstream})
    return [_source(path) for path in paths]


def store_kind(path: tuple[str, ...]) -> str:
    """The kind, as Dagster's page shows it, of the store that a source lies in."""
    kind, _ = _STORES[path[0]]
    return kind


def _source(path: tuple[str, ...]) -> dg.AssetSpec:
    _, description = _STORES[path[0]]
    return dg.AssetSpec(
        key=dg.AssetKey(list(path)),
        group_name="sources",
        kinds={store_kind(path)},
        description=description,
    )


def column_dependencies(source: str, tables: Sequence[tuple[str, ...]]) -> list[dg.TableColumnDep]:
    """The fields that a column's source names, for Dagster's column lineage.

    Args:
        source: `e.contact.email`, `X: e.messages[waitlist].state is sent`, `A.sum(orders.tickets)`.
        tables: Asset keys of the tables that the export reads.
    """
    if source.startswith("A."):
        paths = {path[-1]: path for path in tables}
        found = _TABLE_COLUMN.findall(source.removeprefix("A."))
        return [_dependency(paths[table], name) for table, name in found if table in paths]
    return [
        _dependency(("mongo", _COLLECTIONS[prefix]), name)
        for prefix, name in _FIELD.findall(source)
    ]


def _dependency(path: tuple[str, ...], column: str) -> dg.TableColumnDep:
    return dg.TableColumnDep(asset_key=dg.AssetKey(list(path)), column_name=column)
