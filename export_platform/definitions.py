"""The Dagster code location: composed once, from the catalogue and the doors."""

import os
from collections.abc import Mapping
from functools import cache

import dagster as dg

from assets.exports.catalog import CATALOG
from assets.factory import build_export_asset
from assets.jobs import build_jobs
from assets.model.export_type import Catalog
from assets.sources import build_sources
from export_platform.executor import in_the_run
from export_platform.settings import settings
from resources.clock import SystemClock
from resources.wiring.configured import configured_doors
from sensors.catalogue import build_catalogue_sensor
from sensors.housekeeping import build_housekeeping_sensor
from sensors.outcomes import build_outcomes_sensor
from sensors.requests import build_requests_sensors


def build_definitions(*, catalog: Catalog, doors: Mapping[str, object]) -> dg.Definitions:
    """Compose the code location.

    Args:
        catalog: The kinds of export.
        doors: Resources by name: `mongo`, `athena`, `object_store`, `codes`, `entries_service`,
            `scoring`, `marketing_cloud`, `clock`, `platform`.
    """
    export_types = tuple(catalog.values())
    jobs = build_jobs(export_types)
    return dg.Definitions(
        assets=[
            *build_sources(export_types),
            *(build_export_asset(export_type, catalog=catalog) for export_type in export_types),
        ],
        jobs=jobs,
        sensors=[
            *build_requests_sensors(catalog, jobs),
            build_catalogue_sensor(),
            build_outcomes_sensor(),
            build_housekeeping_sensor(catalog),
        ],
        resources=doors,
        executor=in_the_run,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The code location of this deployment, built when Dagster loads it."""
    return composed()


@cache
def composed() -> dg.Definitions:
    """The definitions; made once a process, because Dagster asks again for every run (0.6 s)."""
    doors = {
        **configured_doors(),
        "clock": SystemClock(),
        "platform": settings(os.environ).platform(),
    }
    return build_definitions(catalog=CATALOG, doors=doors)
