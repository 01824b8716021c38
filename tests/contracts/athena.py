"""What the Athena door promises."""

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

import pytest

from resources.athena import AthenaDoor, Query, Unload
from resources.errors import Refused
from tests.fakes.athena import Answer

TYPES = """
SELECT 1 AS i, CAST(9007199254740993 AS bigint) AS b, CAST('12.50' AS decimal(12,2)) AS d,
       CAST(0.1 AS double) AS f, true AS t, 'a,"b"' AS s, '' AS e, CAST(NULL AS varchar) AS n,
       DATE '2026-03-01' AS day, TIMESTAMP '2026-03-01 10:00:00.123' AS at
"""
NUMBERS = "SELECT n FROM UNNEST(sequence(1, 2500)) AS t(n) ORDER BY n"
NONE = "SELECT 1 AS i, 'a' AS s WHERE 1 = 0"
ECHO = "SELECT ? AS first, ? AS second"

ANSWERS = {
    TYPES: Answer(
        columns=(
            ("i", "integer"),
            ("b", "bigint"),
            ("d", "decimal"),
            ("f", "double"),
            ("t", "boolean"),
            ("s", "varchar"),
            ("e", "varchar"),
            ("n", "varchar"),
            ("day", "date"),
            ("at", "timestamp"),
        ),
        rows=(
            (
                1,
                9007199254740993,
                Decimal("12.50"),
                0.1,
                True,
                'a,"b"',
                "",
                None,
                date(2026, 3, 1),
                datetime(2026, 3, 1, 10, 0, 0, 123000),  # noqa: DTZ001 - as Athena has it
            ),
        ),
    ),
    NUMBERS: Answer(columns=(("n", "bigint"),), rows=tuple((number,) for number in range(1, 2501))),
    NONE: Answer(columns=(("i", "integer"), ("s", "varchar"))),
}


class AthenaContract:
    """The suite; a subclass gives the fixtures.

    ``door``: Athena, knowing ``ANSWERS``. ``location``: an empty folder, and the keys that UNLOAD
    leaves there are real only where the door is.
    """

    doors: ClassVar = (AthenaDoor, Query, Unload)

    def test_every_type_becomes_its_python_value(self, door: AthenaDoor) -> None:
        """Money stays exact, a large number stays itself, NULL and "" stay apart."""
        query = door.select(TYPES, [], token="types")

        rows = [row for batch in query.batches() for row in batch]
        assert list(ANSWERS[TYPES].rows) == rows
        assert [type(one) for one in ANSWERS[TYPES].rows[0]] == [type(one) for one in rows[0]]
        assert dict(query.columns).keys() == dict(ANSWERS[TYPES].columns).keys()
        assert query.execution_id

    @pytest.mark.parametrize("size", [1, 999, 1000, 1001, 5000])
    def test_rows_come_in_order_in_lists_of_the_size_asked_for(
        self, door: AthenaDoor, size: int
    ) -> None:
        """Pages of the service and lists of the caller do not meet; no row falls between."""
        query = door.select(NUMBERS, [], token="numbers")

        batches = list(query.batches(size))

        assert [row[0] for batch in batches for row in batch] == list(range(1, 2501))
        assert {len(batch) for batch in batches[:-1]} <= {size}
        assert len(batches[-1]) <= size
        assert query.rows in {None, 2500}

    def test_rows_can_be_read_again(self, door: AthenaDoor) -> None:
        """A retried step reads the result of the same execution from its start."""
        query = door.select(NUMBERS, [], token="again")

        assert list(query.batches(1000)) == list(query.batches(1000))

    def test_an_empty_result_has_columns(self, door: AthenaDoor) -> None:
        """No rows is a result, and its header is still written."""
        query = door.select(NONE, [], token="none")

        assert [name for name, _ in query.columns] == ["i", "s"]
        assert list(query.batches()) == []
        assert query.rows in {None, 0}

    @pytest.mark.parametrize(
        "value", ["O'Brien", "'; DROP TABLE x; --", "''", "?", "42", "a\\'b", "$1", "ünï\u2028", ""]
    )
    def test_a_bound_value_stays_a_value(self, door: AthenaDoor, value: str) -> None:
        """A campaign key or a market name is never read as SQL, nor as a number."""
        query = door.select(ECHO, [value, "2"], token=f"echo {value}")

        assert list(query.batches()) == [[(value, "2")]]

    def test_the_same_token_finds_the_same_execution(self, door: AthenaDoor) -> None:
        """A run that crashed while it waited does not pay for its query twice."""
        first = door.select(NONE, [], token="same")
        again = door.select(NONE, [], token="same")
        other = door.select(NONE, [], token="other")

        assert first.execution_id == again.execution_id
        assert first.execution_id != other.execution_id

    def test_a_token_of_another_statement_is_refused(self, door: AthenaDoor) -> None:
        """Rather no rows than the rows of another question."""
        door.select(NONE, [], token="clash")

        with pytest.raises(Refused):
            door.select(NUMBERS, [], token="clash")

    @pytest.mark.parametrize("sql", ["SELEKT 1", "SELECT nothing FROM nowhere"])
    def test_a_wrong_statement_is_refused(self, door: AthenaDoor, sql: str) -> None:
        """A mistake in a template is not worth another try, and its text is not shown."""
        with pytest.raises(Refused) as refused:
            door.select(sql, [], token=sql)

        assert refused.value.code in {"ATHENA_REFUSED", "ATHENA_FAILED"}
        assert not {"SELEKT", "nothing", "nowhere"} & set(str(refused.value).split())

    def test_an_unloaded_result_names_its_files(self, door: AthenaDoor, location: str) -> None:
        """Athena's own list is the truth: a failed execution leaves files that are in none."""
        unloaded = door.unload(NUMBERS, [], token=location, location=location)

        _, _, folder = location.removeprefix("s3://").partition("/")
        assert unloaded.keys
        assert all(key.startswith(folder) for key in unloaded.keys)
        assert unloaded.rows in {None, 2500}

    def test_an_unloaded_result_is_read_whole_and_as_the_same_values(
        self, door: AthenaDoor
    ) -> None:
        """A large result is sorted by us; a row that is lost on the way would be in no file."""
        names = [name for name, _ in door.select(NUMBERS, [], token="unloaded names").columns]
        selected = door.select(NUMBERS, [], token="unloaded rows").batches()
        unloaded = door.unload(NUMBERS, [], token="unloaded own folder").batches(size=700)

        expected = [dict(zip(names, row, strict=True)) for batch in selected for row in batch]
        found = [row for batch in unloaded for row in batch]

        assert sorted(map(repr, expected)) == sorted(map(repr, found))

    def test_a_closed_door_opens_again(self, door: AthenaDoor) -> None:
        """A resource that is torn down twice, or used once more, must not break a run."""
        door.close()
        door.close()

        assert list(door.select(NONE, [], token="closed").batches()) == []


def answered(sql: str, parameters: tuple[str, ...]) -> Answer:
    """Return what the fake answers in this suite."""
    if sql == ECHO:
        columns = (("first", "varchar"), ("second", "varchar"))
        return Answer(columns=columns, rows=(parameters,))
    if sql not in ANSWERS:
        raise Refused("ATHENA_FAILED", "run a query")
    return ANSWERS[sql]
