"""The launcher of the full stack that is killed: the platform's own, in a daemon that passes K05.

That point stands in Dagster: its daemon says to its own tests when it has reserved the ids of runs,
and here that is passed on.
"""

from typing import Any

import dagster._daemon.sensor as daemon

from export_platform.run_workers.launcher import WarmRunLauncher
from resources.crash_points import CrashPoint, passing


class Launcher(WarmRunLauncher):
    """Hands runs to the run workers; made once a process, before the first of them."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        vars(daemon)["check_for_debug_crash"] = _passed


def _passed(_: object, name: str) -> None:
    if name == "RUN_IDS_RESERVED":
        passing(CrashPoint.K05)
