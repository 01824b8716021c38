"""The sensor that takes exports from dead workers and deletes expired files."""

import random

import dagster as dg

from assets.admission import release
from assets.factory import Platform
from assets.life import Document, ExportLife
from assets.model.export_type import Catalog
from assets.model.request import ExportRequest
from assets.steps.address import attempt_of, attempts_of, export_of, export_prefix
from resources.mongo.stores import MongoStores
from resources.object_store import ObjectStore
from sensors.each import Each, paged

NAME = "housekeeping"
# Dagster looks every 5 s which sensors are due, so a tick comes after 10 to 15 s. A dead worker's
# lease of 60 s and a back-off of up to 5 s beside it, the next attempt begins within 85 s.
INTERVAL_SECONDS = 10
# Expired exports of one tick: each deletes a handful of objects.
MOST_EXPIRED = 100


def build_housekeeping_sensor(catalog: Catalog) -> dg.SensorDefinition:
    """Reap abandoned exports and delete the files of expired ones."""
    spread = random.SystemRandom().random

    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Takes exports from dead workers; deletes expired files.",
    )
    def housekeeping(
        context: dg.SensorEvaluationContext,
        mongo: dg.ResourceParam[MongoStores],
        object_store: dg.ResourceParam[ObjectStore],
        platform: dg.ResourceParam[Platform],
    ) -> dg.SkipReason:
        mongo.ticks.tick(NAME)
        life = ExportLife(mongo.exports, timing=platform.timing)
        each = Each(context, mongo.ticks, NAME)
        rescued = each(
            paged(life.abandoned, life.unleased),
            lambda document: life.rescue(document, spread()) is not None,
        )
        expired = each(
            life.expired(MOST_EXPIRED),
            lambda document: (
                purge(life, object_store, document) is not None and forgotten(mongo, document)
            ),
        )
        cleared = each(
            life.dead(MOST_EXPIRED),
            lambda document: (
                clear(life, object_store, catalog, document) and forgotten(mongo, document)
            ),
        )
        return dg.SkipReason(f"rescued {rescued}, expired {expired}, cleared {cleared}")

    return housekeeping


def forgotten(mongo: MongoStores, document: Document) -> bool:
    """Forget what an ended export had claimed; true, so that it can stand after a condition."""
    release(mongo.claims, document)
    return True


def clear(
    life: ExportLife, object_store: ObjectStore, catalog: Catalog, document: Document
) -> bool:
    """Delete what the attempts of a failed or cancelled export left; later attempts stay."""
    request = ExportRequest.from_document(document["request"])
    prefix = export_prefix(request, catalog[request.type].scope, document["_id"])
    left = {attempt_of(key) for key in object_store.keys(prefix, unfinished=True)}
    others = attempts_of(life.keys_of_others(document))
    for attempt, number in left:
        if number <= document["attempt"] and attempt not in others:
            object_store.remove(attempt)
    return life.purged(document) is not None


def purge(life: ExportLife, object_store: ObjectStore, document: Document) -> Document | None:
    """Delete the objects of an expired export, then say so (DESIGN.md 3, rule 10)."""
    told = document["result"]
    if document.get("generation"):
        # Another export made the files and may be making new ones by now: only what is named.
        gone = attempts_of([told["manifestKey"], *(entry["key"] for entry in told["files"])])
    else:
        # All that lies there: a worker that was killed between its commit and its sweep left what
        # the attempts before it had left, and no result names that.
        gone = attempts_of(object_store.keys(export_of(told["manifestKey"]), unfinished=True))
    for prefix in sorted(gone - attempts_of(life.keys_of_others(document))):
        object_store.remove(prefix)
    return life.expire(document["_id"])
