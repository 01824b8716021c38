"""On a healthy stack nothing is wrong; each thing that goes wrong is found, with what mends it."""

import socket
from collections.abc import Mapping
from datetime import timedelta
from importlib.metadata import PackageNotFoundError

import pytest

from api_bridge.webhooks.service import NAME
from assets.telling import Telling
from export_platform import settings
from export_platform.doctor import database as database_checks
from export_platform.doctor import outside, versions, webhooks
from export_platform.doctor.examination import behaviour, examine
from export_platform.doctor.finding import REMEDIES, Finding, failed
from resources.clock import SystemClock
from resources.errors import Refused, Unavailable
from resources.mongo.connection import MongoConnection, ServerFacts
from resources.mongo.stores import MongoStores
from resources.mongo.ticks import Failure
from resources.wiring import environment
from tests.conventions.repository import ROOT
from tests.fakes.clock import MORNING, ManualClock
from tests.fakes.object_store import FakeObjectStore

CLOSED_PORT = "127.0.0.1:9"
BAD_MONGODB = f"mongodb://{CLOSED_PORT}/?serverSelectionTimeoutMS=300"


@pytest.fixture
def env(stack: Mapping[str, str], mongo: MongoStores, database: MongoConnection) -> dict[str, str]:
    """The variables of a process of a healthy platform."""
    mongo.ensure_indexes()
    for name in (*database_checks.SENSORS, webhooks.SENDER):
        mongo.ticks.tick(name)
    name = database.collection("any").database.name
    return {**stack, environment.MONGODB_DATABASE: name, environment.AWS_REGION: "us-east-1"}


def wrong(findings: list[Finding]) -> dict[str, Finding]:
    """What is wrong, by what was looked at."""
    return {one.subject: one for one in findings if not one.good}


def test_nothing_is_wrong_with_a_healthy_stack(env: dict[str, str]) -> None:
    """Everything is looked at once, and writing is tried where it is asked for."""
    findings = examine(env, SystemClock(), read=settings.settings, write=True)

    assert {} == wrong(findings)
    assert {
        "settings",
        "packages",
        "MongoDB",
        "version of MongoDB",
        "replica set of MongoDB",
        "clock",
        "permissions on MongoDB",
        "indexes of MongoDB",
        "sensors",
        "what sensors do",
        "webhooks",
        "webhook endpoints",
        "way out of webhooks",
        "bucket of the exports",
        "buckets of scores",
        "Athena",
        "codes service",
        "entries service",
        "Marketing Cloud",
    } == {one.subject for one in findings}


def test_what_does_not_let_us_in_is_found_and_the_rest_is_looked_at(env: dict[str, str]) -> None:
    """One wrong value is one finding: the code of the door, and what mends it."""
    values = {
        environment.EXPORTS_BUCKET: ("no-such-bucket", "bucket of the exports", "S3_MISSING"),
        environment.SCORING_BUCKET: ("no-such-scores", "buckets of scores", "S3_MISSING"),
        environment.CODES_SERVICE_TOKEN: ("wrong codes", "codes service", "CODES_FORBIDDEN"),
        environment.ENTRIES_SERVICE_TOKEN: ("wrong ids", "entries service", "ENTRIES_FORBIDDEN"),
        environment.SFMC_CLIENT_SECRET: ("wrong secret", "Marketing Cloud", "SFMC_FORBIDDEN"),
    }
    differing = {name: value for name, (value, _, _) in values.items()}
    found = wrong(examine({**env, **differing}, SystemClock(), read=settings.settings))

    assert {subject for _, subject, _ in values.values()} == set(found)
    for value, subject, code in values.values():
        assert found[subject].says.startswith(code)
        assert found[subject].remedy == REMEDIES[code.partition("_")[2]]
        assert value not in found[subject].says


def test_a_variable_that_is_missing_is_named(env: dict[str, str]) -> None:
    """An operator must not have to read code to learn a name."""
    values = {
        environment.MONGODB_URI: "MongoDB",
        environment.EXPORTS_BUCKET: "bucket of the exports",
        environment.VF_SCORING_BUCKET: "buckets of scores",
        environment.ATHENA_STAGING: "Athena",
        environment.CODES_SERVICE_URL: "codes service",
        environment.ENTRIES_SERVICE_URL: "entries service",
        environment.SFMC_ACCOUNT_ID: "Marketing Cloud",
    }
    found = wrong(
        examine({**env, **dict.fromkeys(values, "")}, SystemClock(), read=settings.settings)
    )

    assert set(values.values()) == set(found)
    assert all(variable in found[subject].says for variable, subject in values.items())


def test_a_database_that_does_not_answer_is_found_without_its_address(env: dict[str, str]) -> None:
    """A connection string holds a password."""
    found = wrong(
        database_checks.look({**env, environment.MONGODB_URI: BAD_MONGODB}, SystemClock())
    )

    assert {"MongoDB"} == set(found)
    assert found["MongoDB"].says.startswith("MONGO_UNREACHABLE")
    assert CLOSED_PORT not in str(found)


def test_an_athena_that_is_not_there_is_found(env: dict[str, str]) -> None:
    """Its endpoint is asked for a 1, through the workgroup and the bucket of results."""
    elsewhere = {**env, environment.ATHENA_STAGING: "s3://no-such-bucket/staging/"}

    assert "Athena" in wrong(outside.look(elsewhere, SystemClock(), write=False))


def test_an_index_that_is_missing_or_other_than_declared_is_named(
    env: dict[str, str], database: MongoConnection
) -> None:
    """Without the unique one, two requests with one key could make two exports."""
    exports = database.collection("exports")
    exports.drop_index("ux_idempotency")
    exports.drop_index("ix_purge")
    exports.create_index([("expiresAt", -1)], name="ix_purge")

    found = wrong(database_checks.look(env, SystemClock()))["indexes of MongoDB"]

    assert "exports.ux_idempotency" in found.says
    assert "exports.ix_purge" in found.says
    assert "ix_line" not in found.says
    assert "export-platform indexes" in found.remedy


def test_a_clock_that_is_off_is_found_whichever_it_is() -> None:
    """Leases are by the database's clock; tokens and signatures by this machine's."""
    facts = ServerFacts(version="8.0.32", replica_set="rs", now=MORNING)
    near, far = timedelta(seconds=19), timedelta(minutes=10)

    def judged(by: timedelta) -> bool:
        return database_checks.clocks(facts, MORNING + by, MORNING + by).good

    assert [judged(near), judged(-near), judged(far), judged(-far)] == [True, True, False, False]
    slow = database_checks.clocks(facts, MORNING - far, MORNING + far)
    assert slow.good  # an answer that took long says nothing of the clock


def test_the_clock_of_the_real_database_is_compared(env: dict[str, str]) -> None:
    """A machine of another year is told to set its clock."""
    assert "clock" in wrong(database_checks.look(env, ManualClock()))


@pytest.mark.parametrize(
    ("ages", "silent"),
    [
        ({"requests": 5, "housekeeping": 20}, ""),
        ({"requests": 121, "housekeeping": 20}, "requests"),
        ({"requests": 5}, "housekeeping"),
        ({}, "requests, housekeeping"),
    ],
)
def test_a_sensor_that_does_not_look_is_named(ages: dict[str, int], silent: str) -> None:
    """Nothing is started, or dead workers are not noticed, and the bridge goes on accepting."""
    ticks = {name: MORNING - timedelta(seconds=age) for name, age in ages.items()}
    found = database_checks.sensors(ticks, MORNING)

    assert found.good == (not silent)
    assert found.good or found.says.endswith(f": {silent}")


@pytest.mark.parametrize(("age", "says"), [(5, "outcomes failed at 3 (KeyError)"), (121, "")])
def test_a_sensor_that_fails_at_exports_is_named(age: int, says: str) -> None:
    """It looks in time, and nothing comes of it."""
    failures = {"outcomes": Failure(MORNING - timedelta(seconds=age), 3, "KeyError")}
    found = database_checks.failing(failures, MORNING)

    assert found.good == (not says)
    assert found.good or found.says == says


def test_sensors_that_never_looked_are_found_in_the_real_database(
    env: dict[str, str], database: MongoConnection
) -> None:
    """A platform whose daemon was forgotten."""
    database.collection("ticks").delete_many({})

    assert {"sensors", "webhooks"} == set(wrong(database_checks.look(env, SystemClock())))


def stands(*, due: float | None = None, disabled: int = 0) -> Telling:
    """How the telling of others stands, with something due for so many seconds."""
    return Telling(
        endpoints={"enabled": 3, "disabled": disabled},
        deliveries={},
        oldest=None,
        due=None if due is None else MORNING - timedelta(seconds=due),
    )


@pytest.mark.parametrize(
    ("silent", "due", "says"),
    [
        (5, None, ""),
        (5, -60, ""),  # the next try of one whose receiver was down
        (5, 299, ""),
        (5, 301, "301 s ago"),
        (121, None, "120 s, or ever"),
        (None, None, "120 s, or ever"),
    ],
)
def test_webhooks_that_nobody_sends_are_found(
    silent: float | None, due: float | None, says: str
) -> None:
    """The process that sends may be dead, or behind; what is dead tells nothing."""
    ticks = {} if silent is None else {webhooks.SENDER: MORNING - timedelta(seconds=silent)}
    looked = webhooks.sender(stands(due=due), ticks, MORNING)

    assert looked.good == (not says)
    assert looked.good or looked.says.endswith(says)
    assert looked.good or looked.remedy


def test_endpoints_that_are_told_nothing_are_counted() -> None:
    """Somebody waits for news and gets none."""
    assert webhooks.endpoints(stands()).good
    assert webhooks.endpoints(stands(disabled=2)).says.startswith("2 disabled")


def test_the_doctors_bounds_are_those_of_the_alerts() -> None:
    """Whoever is woken must not be told that nothing is wrong."""
    rules = (ROOT / "terraform/monitoring/rules.yaml").read_text("utf-8")

    assert webhooks.SENDER == NAME
    assert f"exports_webhook_overdue_seconds) > {webhooks.MOST_SECONDS_OVERDUE:.0f}" in rules
    assert f"exports_sensor_age_seconds) > {webhooks.MOST_SECONDS_SILENT:.0f}" in rules


def test_a_delivery_that_waits_is_seen_in_the_real_database(
    env: dict[str, str], mongo: MongoStores, database: MongoConnection
) -> None:
    """By the database's own clock, whoever stored it."""
    mongo.deliveries.add({"_id": "evt_1:whe_1", "endpoint": "whe_1", "status": "waiting"})
    assert "webhooks" not in wrong(database_checks.look(env, SystemClock()))

    late = {"$set": {"dueAt": MORNING - timedelta(days=365)}}
    database.collection("webhook_deliveries").update_one({"_id": "evt_1:whe_1"}, late)
    assert "webhooks" in wrong(database_checks.look(env, SystemClock()))


def way_out(env: Mapping[str, str], *, local: bool = False) -> Finding:
    """What is found of the way out of webhooks."""
    [said] = webhooks.way_out(env, ManualClock(), local=local)
    return said


def test_the_egress_proxy_is_looked_for_where_there_is_one() -> None:
    """Without it no webhook leaves; with it each address is its to judge."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        port = proxy.getsockname()[1]
        assert way_out({environment.WEBHOOKS_PROXY: f"http://127.0.0.1:{port}"}).good
    gone = way_out({environment.WEBHOOKS_PROXY: f"http://127.0.0.1:{port}"})

    assert gone.says == "WEBHOOK_UNREACHABLE: could not connect to the egress proxy"
    assert gone.remedy == REMEDIES["UNREACHABLE"]
    assert way_out({}).good
    assert "WEBHOOKS_PROXY must be" in way_out({environment.WEBHOOKS_PROXY: "proxy:3128"}).says


def test_webhooks_to_our_own_loopback_are_for_this_machine_alone() -> None:
    """In a deployment a caller could have the sender call what listens beside it."""
    env = {environment.WEBHOOKS_LOOPBACK: "true"}

    assert way_out(env, local=True).good
    assert not way_out(env).good


def test_a_server_that_stands_alone_is_found() -> None:
    """What it acknowledged is lost with its disk."""
    facts = ServerFacts(version="8.0.32", replica_set=None, now=MORNING)

    assert not database_checks.replica_set(facts).good


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("8.2.3", True),
        ("8.2.2", False),
        ("8.0.32", True),
        ("8.0.31", False),
        ("7.0.43", True),
        ("7.0.42", False),
        ("6.0.99", False),
        ("8.1.5", False),
        ("8.3.0", True),
        ("9.0.0", True),
        ("8.2.3-rc1", False),
        ("stand-in", False),
    ],
)
def test_a_server_below_its_floor_is_found(version: str, expected: bool) -> None:
    """RELIABILITY.md 8: MongoBleed and what came after it."""
    found = versions.server(version)

    assert expected == found.good
    assert expected == (found.remedy == "")


def test_a_package_below_its_floor_or_missing_is_found() -> None:
    """The floors are those of pyproject.toml, where each has its reason."""
    installed = {"pymongo": "4.17.0", "pyjwt": "2.14"}

    def version(name: str) -> str:
        if name not in installed:
            raise PackageNotFoundError(name)
        return installed[name]

    declared = ["pymongo>=4.18.1", "pyjwt[crypto]>=2.13", "urllib3>=2.7", 'moto; extra == "local"']
    found = list(versions.packages(declared, version))

    assert ["pymongo is 4.17.0 and must be >=4.18.1", "urllib3 is not installed"] == [
        one.says for one in found
    ]
    assert [True] == [one.good for one in versions.packages(declared[1:2], version)]


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, True),
        ({settings.DEPLOYMENT: "production"}, False),
        ({settings.DEPLOYMENT: "prod"}, False),
        (
            {settings.DEPLOYMENT: "prod", settings.HASH_SECRET: "x", settings.GIT_SHA: "a" * 40},
            True,
        ),
        (
            {settings.DEPLOYMENT: "prod", settings.HASH_SECRET: "x", settings.GIT_SHA: "unknown"},
            False,
        ),
        (
            {settings.DEPLOYMENT: "prod", settings.HASH_SECRET: "x", settings.TIMING_FACTOR: "0.1"},
            False,
        ),
    ],
)
def test_settings_that_a_deployment_may_not_have_are_found(
    env: dict[str, str], expected: bool
) -> None:
    """What is for tests must not run in production, and manifests must name their commit."""
    assert expected == behaviour(env, settings.settings).good


class _Forgetful(FakeObjectStore):
    """A store that gives way to a second object, as one without conditional writes does."""

    def put(self, key: str, body: bytes, *, media_type: str):  # type: ignore[no-untyped-def]
        self.remove(f"{key.rpartition('/')[0]}/")
        return super().put(key, body, media_type=media_type)


def test_a_store_that_replaces_is_found() -> None:
    """Everything that keeps two workers apart rests on it (DESIGN.md 3, rule 4)."""
    with pytest.raises(Refused, match="S3_REPLACED"):
        outside.writes_once(_Forgetful())

    store = FakeObjectStore()
    outside.writes_once(store)
    assert [] == list(store.keys("exports/"))


@pytest.mark.parametrize("cause", sorted(REMEDIES))
def test_every_cause_has_something_to_do(cause: str) -> None:
    """A finding without a remedy is a riddle."""
    assert REMEDIES[cause] == failed("x", Unavailable(f"S3_{cause}", "list")).remedy
    assert failed("x", Refused("S3_ODD", "list")).remedy
