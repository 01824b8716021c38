"""The data dictionary: every kind of export, its columns and options, from the catalogue."""

from collections.abc import Iterator

from assets.model.export_type import Catalog, ExportType
from assets.model.parameters import schema

_PII = {
    "N": "not personal",
    "Q": "quasi-identifier",
    "I": "pseudonymous id",
    "D": "direct identifier",
    "R": "restricted",
    "S": "secret or sensitive",
}


def data_dictionary(catalog: Catalog) -> str:
    """The page that `make docs` writes."""
    lines = [
        "# Data dictionary",
        "",
        "Written by `make docs` from the declarations in `assets/exports`; do not edit.",
        "",
        f"Classes of personal data: {', '.join(f'{key} {text}' for key, text in _PII.items())}.",
    ]
    for export_type in catalog.values():
        lines.extend(_export(export_type))
    return "\n".join(lines) + "\n"


def _export(export_type: ExportType) -> Iterator[str]:
    yield from ("", f"## {export_type.versioned}", "", export_type.summary, "")
    yield f"- in the order of: {', '.join(export_type.sort)}"
    yield f"- reads: {', '.join('.'.join(path) for path in export_type.upstream)}"
    yield f"- kept for {export_type.retention_days} days; ask {export_type.owner}"
    yield from ("", "| column | format | class | source |", "|---|---|---|---|")
    for column in export_type.static_columns:
        note = f" - {column.description}" if column.description else ""
        cells = (column.name, column.format.kind, column.pii, f"`{_cell(column.source)}`{note}")
        yield f"| {' | '.join(cells)} |"
    for pattern in export_type.other_columns:
        yield f"| `{_cell(pattern)}` | | | by campaign or option |"
    yield from ("", "| option | default | meaning |", "|---|---|---|")
    for name, rules in schema(export_type)["properties"].items():
        yield f"| {name} | {_default(rules)} | {_cell(rules['description'])} |"


def _default(rules: dict[str, object]) -> str:
    default = rules.get("default", "")
    return ", ".join(default) if isinstance(default, list) else str(default)


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|")
