"""The code location as a whole: what it holds, that it loads, and that it makes exports."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from assets.attempt import Build
from assets.checks import FILES, ROWS, SCHEMA
from assets.exports.catalog import CATALOG
from assets.factory import Platform
from assets.model.export_type import Scope
from assets.model.lifecycle import Timing
from export_platform import definitions
from export_platform.definitions import build_definitions
from resources.clock import SystemClock
from resources.errors import Refused, Unavailable
from resources.wiring.configured import configured_doors
from tests.assets.workbench import CAMPAIGN, Workbench, workbench
from tests.export_platform.snapshot import code_location, described
from tests.fakes.athena import Answer, FakeAthena
from tests.fakes.object_store import FakeObjectStore

CANARY = "c4nary@fan.example"
TOKEN = "c4nary-token"
KINDS = sorted(CATALOG)
CODES = FakeAthena(
    lambda sql, _: (
        Answer(columns=(("codes", "bigint"),), rows=((1,),))
        if "SELECT count(*)" in sql
        else Answer(
            columns=tuple(
                (column.name.removesuffix("_utc"), "varchar")
                for column in CATALOG["code-redemptions"].static_columns
            ),
            rows=((None,) * len(CATALOG["code-redemptions"].static_columns),),
        )
    )
)


def platform() -> Platform:
    """What the tests' deployment decides."""
    return Platform(
        timing=Timing(),
        build=Build(version="1.2.3", git_sha="0" * 40),
        secret=TOKEN.encode(),
        scopes=("pii:full", "pii:masked", "scores:read"),
    )


def over(bench: Workbench) -> dg.Definitions:
    """The code location over fakes."""
    doors = bench.resources(platform(), clock=SystemClock())
    return build_definitions(catalog=CATALOG, doors=doors)


@contextmanager
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster in memory that knows the campaign."""
    with dg.DagsterInstance.ephemeral() as made:
        made.add_dynamic_partitions("campaigns", [CAMPAIGN])
        yield made


def materialised(
    bench: Workbench,
    made: dg.DagsterInstance,
    kind: str,
    *,
    tags: Mapping[str, str] | None = None,
    **params: Any,
) -> dg.ExecuteInProcessResult:
    """One partition made as a person in the Dagster page makes it."""
    key = dg.AssetKey(["exports", kind])
    job = over(bench).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        asset_selection=[key],
        partition_key=CAMPAIGN,
        instance=made,
        raise_on_error=False,
        tags=dict(tags or {}),
        run_config={"ops": {key.to_python_identifier(): {"config": {"params": params}}}},
    )


def events(made: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> str:
    """Everything that Dagster keeps of a run."""
    return "\n".join(entry.to_json() for entry in made.all_logs(result.run_id))


def test_the_code_location_holds_what_the_goldens_say(request: pytest.FixtureRequest) -> None:
    """A key, a dependency or a check that changes by accident breaks history and lineage."""
    holds = described(code_location())

    if request.config.getoption("--write-goldens"):
        for file, text in holds.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    assert {file: file.read_text(encoding="utf-8") for file in holds} == holds


def test_every_source_is_an_external_asset_of_its_store() -> None:
    """Lineage begins at a collection or a table, and nobody can materialise one by mistake."""
    specs = {spec.key: spec for spec in code_location().resolve_all_asset_specs()}
    sources = {key: spec for key, spec in specs.items() if key.path[0] != "exports"}
    named = {dg.AssetKey(list(path)) for kind in CATALOG.values() for path in kind.upstream}
    kinds = {"mongo": {"mongodb"}, "athena": {"athena"}, "http": {"http"}, "s3": {"s3"}}

    assert set(sources) == named
    assert all(spec.group_name == "sources" for spec in sources.values())
    assert all(spec.kinds == kinds[key.path[0]] for key, spec in sources.items())


@pytest.mark.parametrize("deployment", ["local", "nonprod", "prod"])
def test_the_code_location_loads_for_every_deployment(
    deployment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It must load without a database, a bucket or a network: Dagster loads it often."""
    monkeypatch.setenv("EXPORT_DEPLOYMENT", deployment)
    monkeypatch.setenv("EXPORT_HASH_SECRET", TOKEN)

    loaded = definitions.defs()

    assert described(code_location()) == described(loaded)
    dg.Definitions.validate_loadable(loaded)
    assert TOKEN not in repr(loaded) + repr(loaded.resources)


def test_no_secret_is_in_the_repr_of_a_door_or_of_the_platform(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is printed by accident stays in logs for years."""
    monkeypatch.setenv("MONGODB_URI", f"mongodb://user:{TOKEN}@db.invalid")
    doors = replace(workbench().doors, secret=TOKEN.encode())

    assert TOKEN not in repr(platform()) + repr(doors) + repr(configured_doors())


# Those that read MongoDB alone; the rest is made by Dagster in `tests/e2e`, over real partners.
ALONE = [
    name
    for name in KINDS
    if CATALOG[name].scope is Scope.CAMPAIGN
    and {path[0] for path in CATALOG[name].upstream} == {"mongo"}
    and not CATALOG[name].fixed({o.name: o.default for o in CATALOG[name].options})
]


@pytest.mark.parametrize("kind", [*ALONE, "code-redemptions"])
def test_every_kind_is_made_in_dagster_with_its_proof(kind: str) -> None:
    """A person in the Dagster page sees rows, bytes and digest, and three checks that passed."""
    bench = workbench(athena=CODES)
    with instance() as made:
        result = materialised(bench, made, kind, pii="full", reason="a test")
        assert result.success
        (event,) = result.asset_materializations_for_node(f"exports__{kind.replace('-', '_')}")
        evaluations = {e.check_name: e.passed for e in result.get_asset_check_evaluations()}

    shown = {name: value.value for name, value in event.metadata.items()}
    document = bench.found(str(shown["export"]))
    assert dict.fromkeys((ROWS, FILES, SCHEMA), True) == evaluations
    assert ("dagster", "succeeded") == (shown["origin"], document["status"])
    assert (document["result"]["rows"], document["result"]["bytes"]) == (
        shown["rows"],
        shown["bytes"],
    )
    assert 64 == len(str(shown["sha256"]))
    assert CAMPAIGN == event.partition


def test_a_run_writes_the_events_that_its_page_needs_and_no_more() -> None:
    """Each is 2 to 4 ms of CPU and a row for ever; a log line for each batch would be thousands."""
    with instance() as made:
        result = materialised(workbench(), made, "waitlist")
        kept = [entry.dagster_event_type for entry in made.all_logs(result.run_id)]

    of_checks = [one for one in kept if one is dg.DagsterEventType.ASSET_CHECK_EVALUATION]
    assert len(of_checks) == 3
    assert kept.count(None) == 1  # our own: which export, which attempt
    assert len(kept) <= 22


def test_no_value_of_a_fan_is_in_what_dagster_keeps_of_a_success() -> None:
    """Dagster keeps its events for ever and shows them to anyone who reaches the page."""
    bench = workbench()
    with instance() as made:
        result = materialised(bench, made, "entries", pii="full", reason="a test")
        kept = events(made, result)

    assert result.success
    for value in ("Zoe.Muller", "example.com", "Müller", "+14155550132", TOKEN):
        assert value not in kept


@pytest.mark.parametrize(
    ("door", "call", "error", "code"),
    [
        ("objects", "put", ZeroDivisionError(CANARY), "INTERNAL"),
        ("objects", "put", Unavailable("S3_THROTTLED", "store an object"), "S3_THROTTLED"),
        ("objects", "upload", Refused("S3_DENIED", "store an object"), "S3_DENIED"),
        ("exports", "insert", Unavailable("MONGO_UNREACHABLE", "insert"), "MONGO_UNREACHABLE"),
        ("exports", "change", Unavailable("MONGO_UNREACHABLE", "change"), "MONGO_UNREACHABLE"),
        ("exports", "change", KeyError(CANARY), "INTERNAL"),
        ("campaigns", "by_key", ValueError(CANARY), "INTERNAL"),
    ],
)
def test_a_failure_shows_dagster_its_code_and_nothing_else(
    door: str, call: str, error: Exception, code: str
) -> None:
    """Texts of drivers and of our own bugs may quote rows; the type of an error never does."""
    error.__cause__ = RuntimeError(f"{CANARY} {TOKEN}")
    bench = workbench()
    asked = bench.objects.asked if door == "objects" else getattr(bench.mongo, door).asked
    asked.fail_next(error, name=call)
    with instance() as made:
        result = materialised(bench, made, "waitlist")
        kept = events(made, result)
        (failure,) = result.get_step_failure_events()

    assert not result.success
    assert "c4nary" not in kept
    assert code in kept  # so what was searched is what Dagster keeps
    assert failure.step_failure_data.user_failure_data is not None
    shown = failure.step_failure_data.user_failure_data
    assert (shown.description or "").startswith(f"{code}: ")
    assert {"code", "retryable", "export"} == set(shown.metadata)


class Vanishing(FakeObjectStore):
    """A store that answers twice, for the confirmation before publishing, and then no more."""

    def read(self, key: str) -> Iterator[bytes]:
        """Fail once everything is published."""
        if any(name.endswith("_manifest.json") for name in self.objects):
            raise Unavailable("S3_UNREACHABLE", "read an object")
        return super().read(key)


def test_a_published_export_that_cannot_be_read_again_fails_its_check_and_not_its_run() -> None:
    """The document says succeeded; a red run beside it would be started again by somebody."""
    bench = workbench(objects=Vanishing(part_bytes=4096))
    with instance() as made:
        result = materialised(bench, made, "waitlist")
        evaluations = {e.check_name: e.passed for e in result.get_asset_check_evaluations()}

    assert result.success
    assert {ROWS: True, FILES: False, SCHEMA: True} == evaluations


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({CANARY: 1}, "INVALID_PARAMETERS"),
        ({"pii": CANARY}, "INVALID_PARAMETERS"),
        ({"markets": {"$gt": CANARY}}, "INVALID_PARAMETERS"),
        ({"pii": "full"}, "INVALID_PARAMETERS"),
    ],
)
def test_parameters_that_do_not_fit_leave_no_document(params: dict[str, Any], code: str) -> None:
    """A person's slip in the page is told as the API tells it, and nothing is queued for it."""
    bench = workbench()
    with instance() as made:
        result = materialised(bench, made, "waitlist", **params)
        (failure,) = result.get_step_failure_events()

    said = failure.step_failure_data.user_failure_data
    assert said is not None
    assert (said.description or "").startswith(f"{code}: params")
    assert "c4nary" not in (said.description or "")
    assert [] == list(bench.mongo.exports.kept.seen())


def test_a_run_of_the_queue_works_for_the_export_that_its_tags_name() -> None:
    """It must not make a document of its own beside the one that somebody waits for."""
    bench = workbench()
    document = bench.dispatched("waitlist")
    tags = {"export/id": document["_id"], "export/attempt": "1"}
    with instance() as made:
        result = materialised(bench, made, "waitlist", tags=tags)

    assert result.success
    found = bench.found(document["_id"])
    assert ("succeeded", "api", result.run_id) == (
        found["status"],
        found["origin"],
        found["dagster"]["runId"],
    )
    assert 1 == len(list(bench.mongo.exports.kept.seen()))


def test_a_run_that_comes_too_late_changes_nothing() -> None:
    """Dagster may start a run after its export was cancelled."""
    bench = workbench()
    document = bench.dispatched("waitlist")
    bench.life.cancel(document["_id"], by="a person")
    before = bench.found(document["_id"])
    tags = {"export/id": document["_id"], "export/attempt": "1"}
    with instance() as made:
        result = materialised(bench, made, "waitlist", tags=tags)

    assert not result.success
    assert before == bench.found(document["_id"])
