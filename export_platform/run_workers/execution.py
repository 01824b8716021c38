"""How a worker executes a run that Dagster has stored.

`dagster api execute_run` does the same in a new process. A worker finds the instance and the
definitions made: to open the one takes 0.2 s (the storage checks its own revisions).
"""

import gc
import importlib

import dagster as dg
from dagster._grpc.impl import core_execute_run
from dagster._utils.hosted_user_process import recon_job_from_origin
from dagster._utils.interrupts import capture_interrupts

from assets.steps.native import kernel
from export_platform.definitions import composed
from resources import aws, tracing
from resources.memory import bound_large_blocks

# What a run imports only when it is needed. Not pyarrow, which starts threads: a worker imports it
# with its first Parquet, 0.2 s.
_LATE = ("boto3", "botocore.httpsession", "pyathena", "phonenumbers", "babel.dates")

# Of the youngest objects, and how many collections of one generation before one of the next. By
# Python's own numbers (700) it looked five times a small export, for a fortieth of its time.
COLLECTED = (10_000, 10, 10)


def preload() -> dg.DagsterInstance:
    """Import everything that a run needs and make what all runs share; no connection stays open.

    What each worker made anew in its first run was a fifth of that run: the instance, and of every
    job its definition and the schema of its configuration.
    """
    preload_attempt()
    for job in composed().get_repository_def().get_all_jobs():
        job.run_config_schema  # noqa: B018 - it is made when it is asked for
    instance = dg.DagsterInstance.get()
    rehearse()
    keep()
    return instance


def rehearse() -> None:
    """Execute a run that makes nothing and that nobody sees.

    Dagster makes much of what it executes runs with when it first needs it. Each worker did so
    anew, in its first run: a fifth of that.
    """
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with dg.DagsterInstance.ephemeral() as nowhere:
        _nothing.execute_in_process(quiet, nowhere)


@dg.op
def _none(context: dg.OpExecutionContext) -> None:
    """What an export says of its file, of none."""
    context.log.info("nothing is made")
    source = dg.TableColumnDep(asset_key=dg.AssetKey("nowhere"), column_name="none")
    made = dg.AssetMaterialization(
        "nothing",
        metadata={
            "dagster/row_count": 0,
            "dagster/column_schema": dg.TableSchema([dg.TableColumn("none", tags={"is": "not"})]),
            "dagster/column_lineage": dg.TableColumnLineage({"none": [source]}),
            "files": dg.MetadataValue.table([dg.TableRecord({"none": 0})]),
            "filtered": {},
        },
    )
    context.log_event(made)


@dg.job
def _nothing() -> None:
    """A run of one step, as those of exports."""
    _none()


def preload_attempt() -> None:
    """Import everything that an attempt needs, without Dagster around it."""
    for name in _LATE:
        importlib.import_module(name)
    aws.preload()
    tracing.preload()
    kernel.preload()
    bound_large_blocks()


def keep() -> None:
    """Have what is there now for good, before the first fork.

    The garbage collector of a worker does not look at it, and its pages stay those of the parent.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED)


class RunExecution:
    """Executes runs one after another; made in the parent, used in a worker.

    Args:
        instance: Where the runs are stored; of its connections a worker inherits none.
    """

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance

    def __call__(self, run_id: str) -> None:
        """Execute the run of an id; one that is over, or was never stored, is left alone.

        Raises:
            KeyboardInterrupt, DagsterExecutionInterruptedError: It was interrupted.
            Exception: Dagster itself failed; what an export raises ends its run and not this.
        """
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or run.job_code_origin is None:
            return
        job = recon_job_from_origin(run.job_code_origin)
        with capture_interrupts():
            for _ in core_execute_run(job, run, self._instance, inject_env_vars=False):
                pass
