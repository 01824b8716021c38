"""The code location of the full stack that is killed: the platform's own, with orders an export.

`python -m tests.faults --full-stack-kills` names it to Dagster in place of the platform's. It
composes the same definitions. Around an attempt it makes the folder of that one export the one in
which crash points look for orders, so that an order for a worker hits the export it is meant for.
"""

import os
from contextlib import suppress
from functools import cache, wraps
from pathlib import Path
from typing import Any

import dagster as dg

from assets.attempt import Attempt
from export_platform.definitions import composed
from resources.crash_points import FOLDER
from tests.waiting import eventually

# Guards that code server and workers leave out, separated by commas; those of `tests.faults.work`.
WITHOUT = "FAULTS_WITHOUT"
# The harness lays the folder of an export down once it knows its id; if the bridge dies under its
# request, that is after it is back.
ORDERS_SECONDS = 60.0


@dg.definitions
def defs() -> dg.Definitions:
    """The platform's definitions, in a process whose attempts obey orders of their own."""
    _prepared()
    return composed()


@cache
def _prepared() -> None:
    """Once a process: in the code server, and in each worker at its first run."""
    shared = Path(os.environ[FOLDER])
    run = Attempt.run

    @wraps(run)
    def ordered(self: Attempt, export_id: str, attempt: int, **more: Any) -> Any:
        os.environ[FOLDER] = str(_await_orders(orders_of(shared, export_id)))
        return run(self, export_id, attempt, **more)

    Attempt.run = ordered  # type: ignore[method-assign]
    if without := os.environ.get(WITHOUT):
        from tests.faults.work import GUARDS  # noqa: PLC0415 - a second of imports, for controls

        for guard in without.split(","):
            GUARDS[guard]()


def orders_of(shared: Path, export_id: str) -> Path:
    """The folder of the orders for the workers of an export.

    Args:
        shared: The folder of the orders for everybody else.
        export_id: Which export.
    """
    return shared.parent / "exports" / export_id


def _await_orders(folder: Path) -> Path:
    with suppress(AssertionError):
        eventually(folder.is_dir, ORDERS_SECONDS)
    return folder
