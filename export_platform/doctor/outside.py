"""S3, Athena and the services: whether they answer to this process, and let it do its work."""

import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing
from datetime import datetime
from typing import Any

from export_platform.doctor.finding import Finding, good, looking_at, unset
from resources.athena import AthenaDoor
from resources.clock import Clock
from resources.errors import AlreadyExists, Refused, Unavailable
from resources.object_store import ObjectStore
from resources.scoring_files import Provider, ScoringFiles
from resources.wiring import environment

# An id that no campaign, entry or data extension has: a service that knows nothing of it has
# looked, so it was reached, and took our token.
NOBODY = "0" * 24
EXPORTS, SCORING = "bucket of the exports", "buckets of scores"

Making = Callable[[Mapping[str, str]], Any]
Asking = Callable[[Any], None]


def look(env: Mapping[str, str], clock: Clock, *, write: bool) -> list[Finding]:
    """Everything outside but the database.

    Args:
        env: The variables of this process.
        clock: Of this machine.
        write: Also make and delete an object, as a run does.
    """
    now = clock.now()
    return [
        *_asked(EXPORTS, env, environment.object_store, _listed),
        *(_asked(EXPORTS, env, environment.object_store, writes_once) if write else []),
        *_asked(SCORING, env, environment.scoring_files, _scores_listed),
        *_asked("Athena", env, environment.athena, _queried),
        *_asked("codes service", env, environment.codes_service, _codes_read),
        *_asked("entries service", env, environment.entries_service, _entries_counted(now)),
        *_asked("Marketing Cloud", env, environment.marketing_cloud, _extension_sought),
    ]


def _asked(subject: str, env: Mapping[str, str], make: Making, ask: Asking) -> list[Finding]:
    """One door, opened for one question."""
    findings: list[Finding] = []
    try:
        opened: AbstractContextManager[Any] = closing(make(env))
    except ValueError as error:
        return [unset(subject, error)]
    with opened as door, looking_at(subject, findings):
        ask(door)
        findings.append(good(subject, "answers, and takes who we are"))
    return findings


def _listed(store: ObjectStore) -> None:
    next(store.keys("exports/"), None)


def _scores_listed(scoring: ScoringFiles) -> None:
    for provider in Provider:
        next(scoring.store(provider).keys("input/"), None)


def _queried(athena: AthenaDoor) -> None:
    found = athena.select("SELECT 1 AS one", (), token=uuid.uuid4().hex)
    if list(found.batches()) != [[(1,)]]:
        raise Unavailable("ATHENA_REFUSED", "give back the 1 that it was asked for")


def _codes_read(codes: Any) -> None:
    _sought(lambda: codes.configs(NOBODY))


def _entries_counted(now: datetime) -> Asking:
    return lambda entries: _sought(lambda: entries.counts(NOBODY, now))


def _extension_sought(marketing_cloud: Any) -> None:
    _sought(lambda: marketing_cloud.describe("export-doctor"))


def _sought(ask: Callable[[], object]) -> None:
    """Ask for what is not there; to hear just that is what was hoped for."""
    try:
        ask()
    except Refused as error:
        if not error.code.endswith("_MISSING"):
            raise


def writes_once(store: ObjectStore) -> None:
    """Make an object, read it, see that it cannot be made again, and delete it.

    Raises:
        DoorError: One of them is not allowed, or the store replaced the object.
    """
    folder = f"exports/doctor/{uuid.uuid4().hex}/"
    try:
        store.put(f"{folder}probe", b"probe", media_type="text/plain")
        _replaced(store, f"{folder}probe")
        read = b"".join(store.read(f"{folder}probe"))
    finally:
        store.remove(folder)
    if read != b"probe":
        raise Refused("S3_REPLACED", "keep what an object was made with")


def _replaced(store: ObjectStore, key: str) -> None:
    try:
        store.put(key, b"other", media_type="text/plain")
    except AlreadyExists:
        return
    raise Refused("S3_REPLACED", "refuse a second object of the same key")
