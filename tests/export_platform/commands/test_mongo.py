"""`export-platform mongo`: one export where it is stored."""

import json
from collections.abc import Callable, Mapping

import pytest
from typer.testing import CliRunner, Result

from assets.exports.catalog import CATALOG
from assets.life import Document, ExportLife
from assets.model.lifecycle import Status
from assets.model.parameters import parse
from assets.targets import TAKEN
from export_platform.cli import main
from resources.mongo.connection import MongoConnection
from resources.mongo.downloads import Download
from resources.mongo.stores import MongoStores
from resources.wiring import environment

Run = Callable[..., Result]
SECRETS = ("svc:someone", "aurora-lights", "token")


@pytest.fixture
def life(mongo: MongoStores) -> ExportLife:
    """The moves over a database of its own."""
    return ExportLife(mongo.exports)


@pytest.fixture
def run(stack: Mapping[str, str], database: MongoConnection) -> Run:
    """The command line over the same database."""
    name = database.collection("exports").database.name
    env = {**stack, environment.MONGODB_DATABASE: name}
    return lambda *words: CliRunner().invoke(main, ["mongo", *words], env=env)


def create(life: ExportLife, status: Status = Status.QUEUED, generation: str | None = None) -> str:
    """An export, by id."""
    request = parse(CATALOG["waitlist"], {"campaign_id": "aurora-lights"}, scopes=("pii:masked",))
    made: Document = life.create(
        request, origin="api", subject="svc:someone", status=status, generation=generation
    )
    return str(made["_id"])


def test_it_says_why_an_export_is_where_it_is(life: ExportLife, run: Run) -> None:
    """Whoever is woken must not have to read a document of ninety fields."""
    first = create(life)
    second = create(life, Status.JOINED, first)
    told = [run("explain", first).output]
    life.dispatch(first, by="daemon:1")
    told.append(run("explain", second).output)
    life.start(first, 1, owner="host:7", run_id="r")
    told.append(run("explain", first).output)
    life.cancel(first, by="svc:someone")
    told.append(run("explain", first).output)
    life.quarantine(first, by="o")
    told.append(run("explain", first).output)

    assert "the sensor of requests does not look" in told[0]
    assert "waits for the files of that one" in told[1]
    assert "has not begun" in told[1]
    assert "host:7 has it until" in told[2]
    assert "does so at its next heartbeat" in told[3]
    assert "QUARANTINED" in told[4]
    assert not [secret for secret in SECRETS if secret in "".join(told)]


def test_it_says_that_an_export_waits_for_another(life: ExportLife, run: Run) -> None:
    """A target that another one fills is neither a failure nor a sensor that sleeps."""
    export = create(life)
    life.dispatch(export)
    started = life.start(export, 1, owner="host:7", run_id="r")
    assert started is not None
    error = {"code": TAKEN, "message": "taken", "retryable": True}
    life.postpone(export, started["lease"]["token"], error=error)

    told = run("explain", export).output

    assert "which one may fill at a time" in told
    assert "(0 failures, 0 dead workers so far)" in told


def test_it_shows_the_document_without_people_and_tokens(
    life: ExportLife, run: Run, mongo: MongoStores
) -> None:
    """A terminal is copied into tickets."""
    export = create(life)
    life.dispatch(export)
    document = life.find(export)
    assert document is not None

    mongo.downloads.add(export, Download(file=7, actor="svc:someone", ip="192.0.2.7"))

    shown = run("inspect", export).output

    assert '"dispatched"' in shown
    assert [file for file, _ in json.loads(shown)["downloads"]] == [7]
    assert "192.0.2.7" not in shown
    assert "svc:someone" not in shown
    assert document["lease"]["token"] not in shown


def test_nothing_changes_without_apply(life: ExportLife, run: Run) -> None:
    """A command that is tried out must be harmless."""
    export = create(life)

    dry = run("quarantine", export)
    before = life.find(export)
    done = run("quarantine", export, "--apply")
    failed = life.find(export)
    queued = run("requeue", export, "--apply")

    assert [before and before["status"], failed and failed["status"]] == ["queued", "failed"]
    assert ([dry.exit_code, done.exit_code, queued.exit_code], "--apply" in dry.output) == (
        [0, 0, 0],
        True,
    )
    assert "was failed and is queued" in queued.output


def test_what_may_not_be_is_refused_in_a_line(life: ExportLife, run: Run) -> None:
    """The table of moves holds for operators too."""
    refused, unknown = run("requeue", create(life), "--apply"), run("explain", "exp_none")

    assert [refused.exit_code, unknown.exit_code] == [1, 1]
    assert "queued cannot be changed so" in refused.output
    assert "no such export" in unknown.output
