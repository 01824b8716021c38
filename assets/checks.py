"""Asset checks that every kind of export has, derived from its declaration.

They are part of the materialisation itself: a file that is wrong is never published, and the
checks show in the Dagster page what was proved about the one that was.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from assets.model.export_type import ExportType
from assets.model.manifest import Manifest
from assets.steps.manifest import Finding

ROWS = "rows_are_accounted_for"
FILES = "files_are_as_written"
SCHEMA = "columns_are_as_declared"

MOST_ROWS_CHECKED = 10_000
"""Of larger files no cells are read: the run kept its lane for as long as the export had taken.

The digests prove that they are what the encoder wrote, and `export-platform verify` reads them.
"""


def check_specs(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks of one export."""
    described = {
        ROWS: "Rows read are rows written, filtered or rejected, and an independent count agrees.",
        FILES: "Size and digests of every file, read back from the store; header and rows, too, of"
        f" those of at most {MOST_ROWS_CHECKED:,} rows.",
        SCHEMA: "The columns are those that the export declares, in its order.",
    }
    return [
        dg.AssetCheckSpec(name=name, asset=key, description=text, blocking=False)
        for name, text in described.items()
    ]


def check_results(
    export_type: ExportType, key: dg.AssetKey, manifest: Manifest, findings: Sequence[Finding]
) -> Iterator[dg.AssetCheckResult]:
    """What the checks found.

    Args:
        export_type: The declaration.
        key: The asset; Dagster finds out by two queries for each which asset is meant.
        manifest: What was published.
        findings: What `verify` found when it read the files back.
    """
    accounting = manifest.accounting
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=ROWS,
        passed=accounting.imbalance() is None,
        metadata={
            "read": accounting.read,
            "written": accounting.written,
            "filtered": dict(accounting.filtered),
            "rejected": dict(accounting.rejected),
        },
    )
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=FILES,
        passed=not findings,
        metadata={"findings": [f"{f.subject}: {f.problem}" for f in findings]},
    )
    undeclared = _out_of_order(export_type, manifest)
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=SCHEMA,
        passed=not undeclared,
        metadata={"columns": len(manifest.columns), "out_of_order": undeclared},
    )


def _out_of_order(export_type: ExportType, manifest: Manifest) -> list[str]:
    """Declared columns that the file shows in another order, or with another class."""
    declared = {column.name: column for column in export_type.static_columns}
    shown = [column for column in manifest.columns if column.name in declared]
    names = [column.name for column in shown]
    wrong = [
        column.name
        for column in shown
        if column.pii != declared[column.name].pii and not declared[column.name].pii_at_most
    ]
    expected = [name for name in declared if name in set(names)]
    return wrong if names == expected else wrong or names
