"""The one builder of export assets: every kind in the catalogue becomes an asset here.

An export that does not fit this builder needs a docstring of its own that says why.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dagster as dg
from pydantic import Field

from assets.attempt import Attempt, Build, Done, NotOurs, reduced
from assets.checks import MOST_ROWS_CHECKED, check_results, check_specs
from assets.failures import as_failure
from assets.heartbeat import Cancelled
from assets.life import ExportLife, LeaseLost
from assets.model.export_type import Catalog, ExportType
from assets.model.failure import ExportFailed
from assets.model.lanes import USUALLY_AT_ONCE
from assets.model.lifecycle import Status, Timing
from assets.model.manifest import Manifest
from assets.model.parameters import Forbidden, InvalidRequest, parse, scope_parameter
from assets.partitions import PARTITIONS
from assets.reading import Doors
from assets.sources import column_dependencies, store_kind
from assets.steps.manifest import Finding, content_digest, verify
from resources.athena import AthenaDoor
from resources.clock import Clock
from resources.codes_service import CodesService
from resources.entries_service import EntriesService
from resources.errors import DoorError
from resources.marketing_cloud import MarketingCloud
from resources.mongo.stores import MongoStores
from resources.object_store import ObjectStore
from resources.scoring_files import ScoringFiles

# Tags of a run that works for a request of the queue.
EXPORT_TAG = "export/id"
ATTEMPT_TAG = "export/attempt"
LANE_TAG = "export/lane"
# The name that API.md 3 gives it, by which a trace leads to its runs.
TRACE_TAG = "traceparent"
MAX_RUNTIME_TAG = "dagster/max_runtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What one deployment decides for all its exports.

    Attributes:
        timing: The clocks of leases and retries.
        build: Which code runs.
        secret: Key for pseudonyms in `hashed` files.
        scopes: What a materialisation from the Dagster page may show.
        as_of: The snapshot of every export, over made-up data; None for the database's clock.
        at_once: How many exports may be out of the queue at the same time. All others wait where
            they can be put in order, cancelled and counted: in the queue.
    """

    timing: Timing
    build: Build
    secret: bytes = field(repr=False)
    scopes: tuple[str, ...] = ("pii:masked",)
    as_of: datetime | None = None
    at_once: int = USUALLY_AT_ONCE


class ExportConfig(dg.Config):
    """Parameters of a materialisation that a person starts; as `params` of the HTTP API."""

    params: dict[str, Any] = Field(default_factory=dict)


def asset_key(export_type: ExportType) -> dg.AssetKey:
    """`exports/<name>`."""
    return dg.AssetKey(["exports", export_type.name])


def build_export_asset(export_type: ExportType, *, catalog: Catalog) -> dg.AssetsDefinition:
    """The partitioned asset of one kind of export."""
    key = asset_key(export_type)

    @dg.asset(
        key=key,
        description=export_type.summary,
        partitions_def=PARTITIONS[export_type.scope],
        deps=[dg.AssetKey(list(path)) for path in export_type.upstream],
        group_name=export_type.destination.value,
        kinds=_kinds(export_type),
        owners=[export_type.owner],
        tags={"version": str(export_type.version), "scope": export_type.scope.value},
        code_version=str(export_type.version),
        metadata={"dagster/column_schema": _declared_schema(export_type)},
        check_specs=check_specs(key),
    )
    def export(  # noqa: PLR0917 - Dagster passes resources by the names of parameters
        context: dg.AssetExecutionContext,
        config: ExportConfig,
        mongo: dg.ResourceParam[MongoStores],
        athena: dg.ResourceParam[AthenaDoor],
        object_store: dg.ResourceParam[ObjectStore],
        codes: dg.ResourceParam[CodesService],
        entries_service: dg.ResourceParam[EntriesService],
        scoring: dg.ResourceParam[ScoringFiles],
        marketing_cloud: dg.ResourceParam[MarketingCloud],
        clock: dg.ResourceParam[Clock],
        platform: dg.ResourceParam[Platform],
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        life = ExportLife(mongo.exports, timing=platform.timing, as_of=platform.as_of)
        doors = Doors(
            mongo=mongo,
            athena=athena,
            objects=object_store,
            codes=codes,
            entries_service=entries_service,
            scoring=scoring,
            marketing_cloud=marketing_cloud,
            secret=platform.secret,
        )
        worker = Attempt(
            life,
            doors,
            catalog,
            build=platform.build,
            clock=clock,
            jitter=random.SystemRandom().random,
        )
        export_id, number = _queued(context.run) or _made_here(
            export_type, {**config.params, **_scope(export_type, context)}, life, platform
        )
        done = _run(context, worker, export_id, number, _terminated(context, clock))
        findings = _findings(done, object_store)
        # Metadata of the result would stand in Dagster's log twice: of the step's output, too.
        context.add_asset_metadata(
            {**_metadata(done), "dagster/column_lineage": _lineage(export_type, done)}
        )
        yield dg.MaterializeResult(data_version=dg.DataVersion(content_digest(done.manifest)))
        yield from check_results(export_type, key, done.manifest, findings)

    return export


def _run(
    context: dg.AssetExecutionContext,
    worker: Attempt,
    export_id: str,
    number: int,
    terminated: Callable[[], bool],
) -> Done:
    """One attempt, and what becomes of it in Dagster."""
    context.log.info("export %s, attempt %s", export_id, number)
    try:
        return worker.run(
            export_id, number, run_id=context.run.run_id, stopped_by_person=terminated
        )
    except ExportFailed as failed:
        raise as_failure(failed, export_id=export_id) from None
    except (Cancelled, NotOurs) as ended:
        # The run then shows as cancelled, not as failed (DESIGN.md 3, rule 9).
        context.instance.report_run_canceling(context.run)
        code = "CANCELLED" if isinstance(ended, Cancelled) else "NOT_OURS"
        said = ExportFailed(code, "this attempt was not to finish")
        raise as_failure(said, export_id=export_id) from None
    except LeaseLost:
        said = ExportFailed("LEASE_LOST", "another worker has the export; nothing was published")
        raise as_failure(said, export_id=export_id) from None
    except Exception as error:  # noqa: BLE001 - Dagster keeps what it is given for ever
        raise as_failure(reduced(error), export_id=export_id) from None


def _findings(done: Done, object_store: ObjectStore) -> list[Finding]:
    """What does not hold of a published export, read back once more."""
    try:
        return verify(
            done.manifest,
            lambda entry: object_store.read(entry.key),
            most_rows=MOST_ROWS_CHECKED,
        )
    except DoorError as error:
        # It is published and was confirmed before that, so the check fails and not the run.
        return [Finding(subject="files", problem=f"{error.code}: could not {error.attempted}")]


def _queued(run: dg.DagsterRun) -> tuple[str, int] | None:
    """The export of the queue that this run works for, and which attempt of it."""
    tags = run.tags
    return (tags[EXPORT_TAG], int(tags[ATTEMPT_TAG])) if EXPORT_TAG in tags else None


def _scope(export_type: ExportType, context: dg.AssetExecutionContext) -> dict[str, str]:
    return {scope_parameter(export_type.scope): context.partition_key}


def _made_here(
    export_type: ExportType, params: Mapping[str, Any], life: ExportLife, platform: Platform
) -> tuple[str, int]:
    """An export that this run makes for itself, as a person or a backfill asked for it."""
    try:
        request = parse(export_type, params, scopes=platform.scopes)
    except InvalidRequest as invalid:
        said = "; ".join(f"params{p.pointer} {p.detail}" for p in invalid.problems)
        raise as_failure(ExportFailed("INVALID_PARAMETERS", said), export_id="") from None
    except Forbidden as forbidden:
        said = f"needs the scopes {', '.join(sorted(set(forbidden.columns.values())))}"
        raise as_failure(ExportFailed("INSUFFICIENT_SCOPE", said), export_id="") from None
    try:
        created = life.create(
            request, origin="dagster", subject="dagster", status=Status.DISPATCHED
        )
    except DoorError as error:
        raise as_failure(reduced(error), export_id="") from None
    return created["_id"], created["attempt"]


def _terminated(context: dg.AssetExecutionContext, clock: Clock) -> Callable[[], bool]:
    """Tells whether a person ended the run in the Dagster page, rather than a deployment.

    Dagster's own end of a run that took too long looks the same but for its age.
    """
    most = float(context.run.tags.get(MAX_RUNTIME_TAG, "inf"))

    def terminated() -> bool:
        record = context.instance.get_run_record_by_id(context.run.run_id)
        if record is None:
            return False
        stopping = (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED)
        age = clock.now().timestamp() - (record.start_time or record.create_timestamp.timestamp())
        return record.dagster_run.status in stopping and age < most

    return terminated


def _kinds(export_type: ExportType) -> set[str]:
    return {*map(store_kind, export_type.upstream), export_type.destination.value, "csv"}


def _declared_schema(export_type: ExportType) -> dg.TableSchema:
    """The columns that do not depend on a campaign."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.format.kind.value,
                description=column.description or column.source,
                tags={"pii": column.pii.value},
            )
            for column in export_type.static_columns
        ]
    )


def _metadata(done: Done) -> Mapping[str, Any]:
    """What the Dagster page shows of a materialisation: counts, digests and ids only."""
    manifest = done.manifest
    accounting = manifest.accounting
    return {
        "dagster/row_count": manifest.rows,
        "dagster/column_schema": _written_schema(manifest),
        "rows": manifest.rows,
        "bytes": manifest.size,
        "sha256": _sha256(manifest),
        "export": manifest.export_id,
        "attempt": manifest.attempt,
        "origin": done.document["origin"],
        "snapshot_at": manifest.snapshot_at,
        "expires_at": manifest.expires_at or "",
        "manifest": done.document["result"]["manifestKey"],
        "manifest_sha256": done.document["result"]["manifestSha256"],
        "rows_read": accounting.read,
        "rows_filtered": dict(accounting.filtered),
        "rows_rejected": dict(accounting.rejected),
        "files": dg.MetadataValue.table(list(_file_records(manifest))),
    }


def _sha256(manifest: Manifest) -> str:
    """The digest of the one file, as a person computes it; of all their digests if several."""
    files = manifest.files
    return files[0].sha256 if len(files) == 1 else content_digest(manifest)


def _written_schema(manifest: Manifest) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type,
                description=column.source,
                tags={"pii": column.pii, "transform": column.transform},
            )
            for column in manifest.columns
        ]
    )


def _lineage(export_type: ExportType, done: Done) -> dg.TableColumnLineage:
    """From which fields each column of the files comes, by the declarations."""
    return dg.TableColumnLineage(
        deps_by_column={
            f"{section}.{column.name}" if section else column.name: column_dependencies(
                column.source, export_type.upstream
            )
            for section, columns in {"": done.manifest.columns, **done.manifest.companions}.items()
            for column in columns
        }
    )


def _file_records(manifest: Manifest) -> Iterator[dg.TableRecord]:
    for entry in manifest.files:
        yield dg.TableRecord(
            {"name": entry.name, "rows": entry.rows, "bytes": entry.bytes, "sha256": entry.sha256}
        )
