"""The data dictionary: a page for each kind of export, written from the catalogue.

`make docs` writes it and a test compares it with the catalogue, so it is never out of date. The
example rows are those of the golden files: made-up fans, and the bytes that the export writes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from assets.model.column import Column, Format, Pii
from assets.model.export_type import Catalog, ExportType
from assets.model.parameters import schema
from assets.model.policy import PII_SCOPES, PiiMode, Policy, Transform, transform

# A few rows of each export, header first, by its name.
Examples = Mapping[str, Sequence[Sequence[str]]]

_PII: Final[Mapping[Pii, str]] = {
    Pii.NONE: "not personal",
    Pii.QUASI_IDENTIFIER: "quasi-identifier",
    Pii.PSEUDONYM: "pseudonymous id",
    Pii.DIRECT: "direct identifier",
    Pii.RESTRICTED: "restricted",
    Pii.SECRET: "secret or sensitive",
}
_WRITTEN: Final = "Written by `make docs` from the declarations in `assets/exports`; do not edit."


def data_dictionary(catalog: Catalog, examples: Examples) -> dict[str, str]:
    """The pages by file name, `README.md` being the list of them."""
    pages = {"README.md": "\n".join(_index(catalog)) + "\n"}
    for export_type in catalog.values():
        lines = _export(export_type, examples.get(export_type.name, ()))
        pages[f"{export_type.name}.md"] = "\n".join(lines) + "\n"
    return pages


def _index(catalog: Catalog) -> Iterator[str]:
    yield from ("# Data dictionary", "", _WRITTEN, "")
    classes = ", ".join(f"{key} {text}" for key, text in _PII.items())
    yield from (f"Classes of personal data: {classes}.", "")
    yield "| export | about | goes to | highest class | kept |"
    yield "|---|---|---|---|---|"
    for export_type in catalog.values():
        cells = (
            f"[{export_type.versioned}]({export_type.name}.md)",
            export_type.summary,
            ", ".join(dict.fromkeys(["s3", *(d.destination for d in export_type.deliveries)])),
            _highest(export_type),
            f"{export_type.retention_days} d",
        )
        yield _row(cells)


def _highest(export_type: ExportType) -> str:
    """The class of the files: the highest of their columns (DOMAIN.md 7.0)."""
    order = list(_PII)
    beside = (column for one in export_type.companions for column in one.static_columns)
    return max((column.pii for column in (*export_type.static_columns, *beside)), key=order.index)


def _export(export_type: ExportType, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield from (f"# {export_type.versioned}", "", _WRITTEN, "", export_type.summary, "")
    yield f"- in the order of: {', '.join(export_type.sort)}"
    yield f"- reads: {', '.join('.'.join(path) for path in export_type.upstream)}"
    if export_type.deliveries:
        named = ", ".join(str(delivery.destination) for delivery in export_type.deliveries)
        yield f"- delivered to: {named}"
    if export_type.companions:
        beside = ", ".join(f"`{companion.name}`" for companion in export_type.companions)
        yield f"- files beside the main ones: {beside}"
    if not export_type.downloadable:
        yield "- the files are for the delivery only; nobody downloads them"
    yield f"- kept for {export_type.retention_days} days; ask {export_type.owner}"
    yield from _columns(export_type)
    yield from _options(export_type)
    yield from _examples(rows)


def _columns(export_type: ExportType) -> Iterator[str]:
    yield from ("", "## Columns", "")
    yield from _table(export_type.static_columns)
    for pattern in export_type.other_columns:
        yield _row((f"`{pattern}`", *[""] * 6, "by campaign or option", ""))
    for companion in export_type.companions:
        if companion.static_columns:
            yield from ("", f"## Columns of `{companion.name}`", "")
            yield from _table(companion.static_columns)


def _table(columns: Sequence[Column]) -> Iterator[str]:
    yield "| column | type | class | full | masked | hashed | none | source | rule |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for column in columns:
        shown = (_shown(column, mode) for mode in PiiMode)
        cells = (column.title, _type(column.format), _class(column), *shown)
        yield _row((*cells, f"`{column.source}`", column.description))


def _shown(column: Column, mode: PiiMode) -> str:
    """What a mode does to a column, for somebody who has every scope."""
    done = transform(column, Policy(mode=mode, grants=PII_SCOPES))
    return "as is" if done is Transform.NONE else str(done)


def _class(column: Column) -> str:
    return f"{column.pii} {_PII[column.pii]}"


def _type(form: Format) -> str:
    """The formatter as DOMAIN.md 6.1 writes it: `txt(80)`, `dec(2)`."""
    size = form.length or form.digits
    return f"{form.kind}({size})" if size else str(form.kind)


def _options(export_type: ExportType) -> Iterator[str]:
    yield from ("", "## Parameters", "", "| parameter | default | meaning |", "|---|---|---|")
    for name, rules in schema(export_type)["properties"].items():
        yield _row((name, _default(rules), rules["description"]))


def _default(rules: Mapping[str, object]) -> str:
    default = rules.get("default", "")
    return ", ".join(default) if isinstance(default, list) else str(default)


def _examples(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    yield from ("", "## Example rows", "", "Made-up fans, with `pii=masked`.", "")
    header, *others = rows
    yield _row(header)
    yield "|" + "---|" * len(header)
    for row in others:
        yield _row(row)


def _row(cells: Sequence[object]) -> str:
    texts = (str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(texts)} |"
