"""Loaded by the process that forks the others: what each of them would take a second to make.

The run workers of the product are forked so, too. Nothing here starts a thread.
"""

from export_platform.run_workers.execution import keep, preload_attempt
from tests.faults.work import definitions, instance, issuer

preload_attempt()
for _name in ("requests", "housekeeping"):
    definitions().resolve_sensor_def(_name)
instance()
issuer()
keep()
