"""The sensor that takes exports from dead workers and deletes expired files."""

import random

import dagster as dg

from assets.factory import Platform
from assets.life import Document, ExportLife
from resources.mongo.stores import MongoStores
from resources.object_store import ObjectStore
from sensors.each import on_each, paged

# Expired exports of one tick: each deletes a handful of objects.
MOST_EXPIRED = 100


def build_housekeeping_sensor() -> dg.SensorDefinition:
    """Reap abandoned exports and delete the files of expired ones."""
    spread = random.SystemRandom().random

    @dg.sensor(
        name="housekeeping",
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Takes exports from dead workers; deletes expired files.",
    )
    def housekeeping(
        context: dg.SensorEvaluationContext,
        mongo: dg.ResourceParam[MongoStores],
        object_store: dg.ResourceParam[ObjectStore],
        platform: dg.ResourceParam[Platform],
    ) -> dg.SkipReason:
        life = ExportLife(mongo.exports, timing=platform.timing)
        rescued = on_each(
            context,
            paged(life.abandoned, life.unleased),
            lambda document: life.rescue(document, spread()) is not None,
        )
        expired = on_each(
            context,
            life.expired(MOST_EXPIRED),
            lambda document: purge(life, object_store, document) is not None,
        )
        return dg.SkipReason(f"rescued {rescued}, expired {expired}")

    return housekeeping


def purge(life: ExportLife, object_store: ObjectStore, document: Document) -> Document | None:
    """Delete the objects of an expired export, then say so (DESIGN.md 3, rule 10)."""
    manifest_key = document["result"]["manifestKey"]
    object_store.remove(manifest_key.rsplit("/", 1)[0] + "/")
    return life.expire(document["_id"])
