"""The code location with what Dagster does by default, to be measured beside ours.

Its sensor looks once every 30 s and does not wait for work, and each step is a process.
"""

import dagster as dg

from export_platform.definitions import composed
from sensors import requests

# As `minimum_interval_seconds` is when nobody says it.
USUAL_INTERVAL_SECONDS = 30


@dg.definitions
def defs() -> dg.Definitions:
    """The same exports, asked for and run in the usual way."""
    requests.LISTENERS = requests.LISTENERS[:1]
    requests.WAIT_SECONDS = 0.0
    requests.INTERVAL_SECONDS = USUAL_INTERVAL_SECONDS
    ours = composed()
    return dg.Definitions(
        assets=ours.assets,
        jobs=ours.jobs,
        sensors=ours.sensors,
        resources=ours.resources,
        executor=dg.multiprocess_executor,
    )
