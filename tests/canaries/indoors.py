"""Failures without processes: the bridge on a port, the flow over fakes, Dagster with its files."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import dagster as dg
import pytest
from botocore.exceptions import ClientError
from pymongo.errors import DuplicateKeyError, OperationFailure

from resources import tracing
from resources.errors import Refused, Unavailable
from tests.assets.workbench import CAMPAIGN
from tests.canaries.places import canary, row
from tests.canaries.refusals import good_token, refusals
from tests.canaries.sinks import Sinks, of_folder
from tests.collector import told_by_environment
from tests.export_platform.production.test_instances import written
from tests.fakes.athena import Answer
from tests.privacy.bench import House, logged, opened
from tests.privacy.rules import EVERY_SCOPE

# Where a failure begins: the fake, and what it was asked.
DOORS: Final = (
    ("entries", "count"),
    ("entries", "page"),
    ("objects", "upload"),
    ("objects", "put"),
    ("campaigns", "by_key"),
)
# A run of Dagster takes half a second; this and the nine errors have no common factor.
RUN_OF_DAGSTER: Final = 10
ASKED: Final[Mapping[str, Any]] = {"campaign_id": CAMPAIGN, "pii": "full", "reason": "a test"}


def errors() -> Iterator[Exception]:
    """What drivers, services and our own mistakes raise: each quotes a person and a secret."""
    said = row("driver's error")
    for known in (Refused("S3_FORBIDDEN", "store a file"), Unavailable("MONGO_DOWN", "read")):
        known.__cause__ = RuntimeError(row("cause of an error"))
        known.add_note(row("note of an error"))
        yield known
    yield RuntimeError(f"cannot read {row('our own bug')}")
    yield KeyError(row("our own bug"))
    yield UnicodeDecodeError("utf-8", said.encode(), 0, 1, said)
    yield OSError(28, "No space left on device", canary("our own bug"))
    yield DuplicateKeyError(said, 11_000, {"keyValue": {"email": said}, "errmsg": said})
    yield OperationFailure(said, 121, {"errInfo": said})
    yield ClientError({"Error": {"Code": "AccessDenied", "Message": row("S3 answer")}}, "PutObject")


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """A platform over planted data whose Dagster keeps files, as `dagster.yaml` says."""
    files = ("run_storage", "schedule_storage", "event_log_storage", "compute_logs")
    kept = {name: setting for name, setting in written("local").items() if name in files}
    (folder / "dagster.yaml").write_text(json.dumps(kept), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, opened(_no_lake, folder) as found:
        patch.setenv("DAGSTER_HOME", str(folder))
        dagster = dg.DagsterInstance.from_config(str(folder))
        with dagster:
            dagster.add_dynamic_partitions("campaigns", [CAMPAIGN])
            yield replace(found, dagster=dagster)


def forced(found: House, folder: Path, sinks: Sinks, *, runs: int | None = None) -> int:
    """Force the failures and keep what they left behind; how many there were.

    Args:
        found: The platform.
        folder: Of its Dagster.
        sinks: Where to keep it.
        runs: How many of the exports; None for all.
    """
    with logged() as log, traced(sinks):
        count = _runs(found, sinks, runs)
        documents = [document for document, _ in found.bench.mongo.exports.kept.seen()]
        failed = next(one["_id"] for one in documents if one["status"] == "failed")
        for refusal in refusals(CAMPAIGN, failed):
            answer = refusal.force(found.client, CAMPAIGN)
            sinks.keep("answers", answer.raw, bytes(answer.headers))
            count += 1
        count += _bridge_failures(found, failed, sinks)
        sinks.keep("metrics", found.client.call("GET", "/metrics", token=None).raw)
    sinks.keep("log", log.getvalue())
    for name, content in of_folder(folder):
        if name != "jwks.json":
            sinks.keep("compute logs" if "compute_logs" in name else "Dagster's storage", content)
    for document, _ in found.bench.mongo.exports.kept.seen():
        sinks.keep_document("MongoDB", document)
    return count


def _runs(found: House, sinks: Sinks, most: int | None) -> int:
    """An export for each door and error, every tenth of them by a run of Dagster."""
    every = [(door, error) for door in DOORS for error in errors()][:most]
    for number, (door, error) in enumerate(every):
        by_dagster = number % RUN_OF_DAGSTER == 0
        fake = getattr(found.bench.mongo, door[0], None) or getattr(found.bench, door[0])
        before = len(fake.asked.named(door[1]))
        fake.asked.fail_next(error, name=door[1])
        asked = {**ASKED, "max_rejects": number}  # another export than the one that waits
        shown = found.export("entries", asked, EVERY_SCOPE, by_dagster=by_dagster)
        assert len(fake.asked.named(door[1])) > before, f"{door} was not asked"
        assert shown.status != "succeeded", f"{door} survived {type(error).__name__}"
        for where, content in shown.around.items():
            # Of an error only what is printed: a context that `from None` hides is not.
            if where != "error" and not where.startswith("object "):
                sinks.keep(where, content)
    return len(every)


def _bridge_failures(found: House, export_id: str, sinks: Sinks) -> int:
    """What the bridge answers when its own doors fail."""
    count, exports = 0, found.bench.mongo.exports.asked
    for number, error in enumerate(errors(), start=100):
        # Another export each: the claims of one that perhaps was stored are kept for a while.
        body = {"type": "entries", "params": {**ASKED, "max_rejects": number}}
        for name, method, path, sent in (
            ("insert", "POST", "/v1/exports", body),
            ("candidates", "GET", f"/v1/exports/{export_id}", None),
        ):
            before = len(exports.named(name))
            exports.fail_next(error, name=name)
            token = good_token(found.client, CAMPAIGN)
            answer = found.client.call(method, path, sent, token=token)
            assert len(exports.named(name)) > before, f"{name} was not asked"
            assert answer.status >= 500, answer.raw
            sinks.keep("answers", answer.raw, bytes(answer.headers))
            count += 1
    return count


@contextmanager
def traced(sinks: Sinks) -> Iterator[None]:
    """Keep what is sent to a collector of traces, which the environment names meanwhile."""
    with pytest.MonkeyPatch.context() as patch, told_by_environment(patch) as collector:
        yield
        tracing.close()
    sinks.keep("traces", *collector.bodies)


def _no_lake(_: str, __: tuple[str, ...]) -> Answer:
    return Answer(columns=(), rows=())
