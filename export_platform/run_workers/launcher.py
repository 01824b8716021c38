"""What Dagster calls to have a run executed, named in `dagster.yaml`."""

import http.client
from collections.abc import Mapping, Sequence
from typing import Any, Self
from urllib.parse import urlencode

import dagster as dg
from dagster._config import UserConfigSchema
from dagster._core.errors import DagsterLaunchFailedError
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from export_platform.run_workers.pool import State
from resources.crash_points import CrashPoint, passing

_LOOPBACK = "127.0.0.1"
# The parent of the workers answers in a millisecond, and forks in thirty.
_SECONDS = 5.0

_HEALTH: Mapping[str, WorkerStatus] = {
    State.WAITING: WorkerStatus.RUNNING,
    State.RUNNING: WorkerStatus.RUNNING,
    State.ENDED: WorkerStatus.SUCCESS,
    State.DIED: WorkerStatus.FAILED,
}


class WarmRunLauncher(RunLauncher[dg.DagsterInstance], ConfigurableClass):
    """Hands runs to the run workers on this machine.

    Args:
        port: Of the run workers, on 127.0.0.1.
        tag_concurrency_limits: How many runs with a tag are executed at the same time, in the words
            of Dagster's queued coordinator: `key`, perhaps `value`, and `limit`; and perhaps
            `niceness`, how far they stand back for other processes. A run is in the lane of the
            first that fits it.
        inst_data: As Dagster gives it.
    """

    def __init__(
        self,
        port: int,
        tag_concurrency_limits: Sequence[Mapping[str, Any]] = (),
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        self._port = port
        self._limits = tag_concurrency_limits
        self._inst_data = inst_data
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """As Dagster gave it."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """What `dagster.yaml` may say."""
        limit = {
            "key": str,
            "value": dg.Field(str, is_required=False),
            "limit": int,
            "niceness": dg.Field(int, default_value=0),
        }
        return {
            "port": dg.IntSource,
            "tag_concurrency_limits": dg.Field([limit], default_value=[]),
        }

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> Self:
        """As `dagster.yaml` says."""
        return cls(
            inst_data=inst_data,
            port=config_value["port"],
            tag_concurrency_limits=config_value["tag_concurrency_limits"],
        )

    def launch_run(self, context: LaunchRunContext) -> None:
        """Have a run executed.

        Raises:
            DagsterLaunchFailedError: The run workers do not answer.
        """
        passing(CrashPoint.K06)
        run = context.dagster_run
        if self._ask("POST", f"{run.run_id}{self._lane(run.tags)}") is None:
            raise DagsterLaunchFailedError("the run workers do not answer; start them again")
        passing(CrashPoint.K07)

    def terminate(self, run_id: str) -> bool:
        """End a run; False when there is nothing to end."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return self._ask("DELETE", run_id) not in {None, State.UNKNOWN}

    @property
    def supports_check_run_worker_health(self) -> bool:
        """It does: a run whose worker died is marked failed within a round of the monitoring."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """How the worker of a run is."""
        state = self._ask("GET", run.run_id)
        if state is None:  # not asked, so not known: the run may well go on
            return CheckRunHealthResult(WorkerStatus.RUNNING, "the run workers do not answer")
        return CheckRunHealthResult(_HEALTH.get(state, WorkerStatus.NOT_FOUND), state)

    def _lane(self, tags: Mapping[str, str]) -> str:
        """The query that says which lane a run with these tags is in; empty for none."""
        for limit in self._limits:
            key, value = limit["key"], limit.get("value")
            if key in tags and value in (None, tags[key]):
                name = key if value is None else f"{key}={value}"
                niceness = limit.get("niceness", 0)
                lane = {"lane": name, "most": limit["limit"], "niceness": niceness}
                return f"?{urlencode(lane)}"
        return ""

    def _ask(self, method: str, run_id: str) -> str | None:
        """The answer of the run workers, None when there is none."""
        connection = http.client.HTTPConnection(_LOOPBACK, self._port, timeout=_SECONDS)
        try:
            connection.request(method, f"/runs/{run_id}")
            return connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
