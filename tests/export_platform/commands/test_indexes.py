"""`export-platform indexes`: the database of a deployment, before its first request."""

from collections.abc import Mapping

import pytest
from typer.testing import CliRunner

from export_platform.cli import main
from resources.mongo.connection import MongoConnection
from resources.wiring import environment


def test_the_promises_of_the_queue_are_there_after_it(
    stack: Mapping[str, str], database: MongoConnection
) -> None:
    """Without the unique index one Idempotency-Key could make two exports."""
    name = database.collection("exports").database.name
    env = {**stack, environment.MONGODB_DATABASE: name}

    results = [CliRunner().invoke(main, ["indexes"], env=env) for _ in range(2)]

    found = database.collection("exports").index_information()
    assert [result.exit_code for result in results] == [0, 0]
    assert found["ux_idempotency"]["unique"]
    assert {"ix_line", "ix_history"} <= set(found)


def test_without_a_database_it_says_which_variable_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An operator must not have to read code to learn a name."""
    monkeypatch.delenv(environment.MONGODB_URI, raising=False)

    result = CliRunner().invoke(main, ["indexes"])

    assert result.exit_code == 1
    assert environment.MONGODB_URI in result.output
