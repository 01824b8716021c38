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
# Partner services and files, by the prefix of a source.
_PARTNERS = {
    "CS": ("http", "codes"),
    "ES": ("http", "entries"),
    "SF": ("s3", "scores"),
}
_FIELD = re.compile(r"\b([ecmups]|CS|ES|SF)\.([A-Za-z_]\w*(?:\.\w+)*)")
_LAKE = re.compile(r"\bA\.(?=\w)")
_TABLE_COLUMN = re.compile(r"\b(\w+)\.(\w+)")

_STORES = {
    "mongo": ("mongodb", "Collection of the fan-registration database."),
    "athena": ("athena", "Table of the event lake."),
    "http": ("http", "What a partner service knows."),
    "s3": ("s3", "Files of a partner."),
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
    paths = {path[-1]: path for path in tables if path[0] == "athena"}
    lake = _LAKE.sub("", source) if _LAKE.search(source) else ""
    found = [(paths[t], name) for t, name in _TABLE_COLUMN.findall(lake) if t in paths]
    found += [(_place(prefix), name) for prefix, name in _FIELD.findall(source)]
    return [_dependency(path, name) for path, name in dict.fromkeys(found)]


def _place(prefix: str) -> tuple[str, ...]:
    """The asset key of what a prefix stands for."""
    return _PARTNERS.get(prefix) or ("mongo", _COLLECTIONS[prefix])


def _dependency(path: tuple[str, ...], column: str) -> dg.TableColumnDep:
    return dg.TableColumnDep(asset_key=dg.AssetKey(list(path)), column_name=column)
