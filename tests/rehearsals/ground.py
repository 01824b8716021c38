"""What the rehearsals share: a folder, exports that are asked for, what must be left of them."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from export_platform.commands.client import BridgeClient, Export
from export_platform.commands.watching import watch
from resources.clock import SystemClock
from resources.wiring import environment

# Leases ten times shorter than in production: a rehearsal takes minutes, not an hour.
VARIABLES = {"EXPORT_TIMING_FACTOR": "0.1", "EXPORT_RUNS_AT_ONCE": "4"}
CAMPAIGN = "aurora-lights-2026"
BY_LOCALE = ("waitlist", "entries", "selected-fans")
KINDS = (*BY_LOCALE, "market-demand", "registration-timeline", "boost-leaderboard")
PATIENCE_SECONDS = 300.0

Note = Callable[[str], None]


def asked(client: BridgeClient, kind: str, locale: str | None = None) -> Export:
    """An export of the campaign, of one locale where a kind can be asked for one."""
    params = {"locales": [locale]} if locale is not None and kind in BY_LOCALE else {}
    return client.create(kind, {"campaign_id": CAMPAIGN, **params})


def ended(client: BridgeClient, exports: list[Export]) -> list[Export]:
    """Exports once all of them have ended."""
    return watch(client, exports, SystemClock(), seconds=PATIENCE_SECONDS)


def unnamed(env: Mapping[str, str], names: list[str]) -> int:
    """Objects of these exports that their documents do not name: an attempt too many."""
    stores, objects = environment.mongo_stores(env), environment.object_store(env)
    try:
        results = [(stores.exports.find(name) or {})["result"] for name in names]
        named = {one["manifestKey"] for one in results if one}
        named |= {file["key"] for one in results if one for file in one["files"]}
        of_theirs = {key.rsplit("/", 2)[0] for key in named}
        found = {key for key in objects.keys("exports/") if key.rsplit("/", 2)[0] in of_theirs}
        return len(found - named)
    finally:
        stores.close()
        objects.close()


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder on a short path, since that of a socket is at most 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="lost"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
