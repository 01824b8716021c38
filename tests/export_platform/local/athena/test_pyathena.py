"""PyAthena 4, unchanged, against the endpoint."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyathena.cursor import DictCursor
from pyathena.error import DatabaseError, OperationalError

from tests.export_platform.local.athena.conftest import CAMPAIGN

TYPES = """
SELECT true AS a, CAST(5 AS tinyint) AS b, 7 AS c, CAST(8 AS bigint) AS d, 1e7 AS e,
  CAST(1.5 AS decimal(12,2)) AS f, 'x' AS g, '' AS h, CAST(NULL AS varchar) AS i,
  DATE '2024-02-29' AS j, TIMESTAMP '2024-02-29 01:02:03.456' AS k,
  from_iso8601_timestamp('2024-02-29T01:02:03Z') AS l, X'deadbeef' AS m,
  ARRAY['a', 'b'] AS n, MAP(ARRAY['k'], ARRAY['v']) AS o, 'q"x, y' AS p, 1 / 2 AS q
"""


def test_every_type_arrives_as_its_python_value(connection: Any) -> None:
    """A type that is named or written wrongly becomes text in a file, unnoticed."""
    with connection.cursor() as cursor:
        row = cursor.execute(TYPES).fetchone()

    assert row == (
        True,
        5,
        7,
        8,
        1e7,
        Decimal("1.50"),
        "x",
        "",
        None,
        date(2024, 2, 29),
        datetime(2024, 2, 29, 1, 2, 3, 456000),  # noqa: DTZ001 - Athena's timestamp has no zone
        datetime(2024, 2, 29, 1, 2, 3, tzinfo=UTC),
        b"\xde\xad\xbe\xef",
        ["a", "b"],
        {"k": "v"},
        'q"x, y',
        0,
    )


def test_rows_of_a_campaign_come_with_their_partition_keys(connection: Any) -> None:
    """The keys are columns, though they are in the path only."""
    sql = (
        "SELECT code_id, wave, assigned_at, campaign_id, dt, valid_from FROM codes_assigned"
        " WHERE campaign_id = ? AND dt >= DATE '2026-03-02' ORDER BY dt DESC, code_id"
    )
    with connection.cursor(DictCursor) as cursor:
        rows = cursor.execute(sql, [f"'{CAMPAIGN}'"], paramstyle="qmark").fetchall()

    assert len(rows) == 10
    assert rows[0] == {
        "code_id": "c0",
        "wave": 3,
        "assigned_at": datetime(2026, 3, 3, 10, 0, 0, 123000),  # noqa: DTZ001 - as above
        "campaign_id": CAMPAIGN,
        "dt": date(2026, 3, 3),
        "valid_from": None,
    }


def test_only_the_selected_partitions_are_read(connection: Any) -> None:
    """The bytes scanned are the bill; a template that reads too much must be seen."""
    sql = "SELECT count(*) FROM codes_assigned WHERE campaign_id = ? AND dt >= ?"
    scanned = []
    with connection.cursor() as cursor:
        for day in ("DATE '2026-03-03'", "DATE '2026-03-01'"):
            cursor.execute(sql, [f"'{CAMPAIGN}'", day], paramstyle="qmark")
            scanned.append(cursor.data_scanned_in_bytes)

    assert 0 < scanned[0] < scanned[1] / 2


def test_a_partition_without_files_has_no_rows(connection: Any) -> None:
    """The first day of a campaign, and every campaign that never sold anything."""
    sql = "SELECT * FROM codes_assigned WHERE campaign_id = 'none'"
    with connection.cursor() as cursor:
        assert cursor.execute(sql).fetchall() == []
        assert [column[0] for column in cursor.description][-2:] == ["campaign_id", "dt"]


def test_null_and_the_empty_text_stay_different(connection: Any) -> None:
    """The product tools show one as unknown and the other as nothing entered."""
    sql = (
        "SELECT order_id, currency, gross_amount FROM ticket_orders WHERE campaign_id = ?"
        " ORDER BY order_id"
    )
    with connection.cursor() as cursor:
        rows = cursor.execute(sql, [f"'{CAMPAIGN}'"], paramstyle="qmark").fetchall()

    assert rows == [("o1", None, Decimal("12.50")), ("o2", "", None)]


def test_a_long_result_is_paged_without_loss(connection: Any) -> None:
    """A page has 1,000 records, the first of them the header."""
    with connection.cursor() as cursor:
        rows = cursor.execute(
            "SELECT v FROM UNNEST(sequence(1, 2500)) AS t(v) ORDER BY v"
        ).fetchall()

    assert [row[0] for row in rows] == list(range(1, 2501))


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT nope FROM campaign_daily", "COLUMN_NOT_FOUND: line 1:8: Column 'nope'"),
        (
            "SELECT *\nFROM nope",
            "TABLE_NOT_FOUND: line 2:6: Table 'awsdatacatalog.fan_events.nope' does not exist",
        ),
        ("SELECT foo(1)", "FUNCTION_NOT_FOUND: line 1:8: Function 'foo' not registered"),
        ("SELECT CAST('x' AS integer)", "INVALID_CAST_ARGUMENT"),
        ("SELECT 1 / 0", "DIVISION_BY_ZERO"),
        ("SELECT sum('a')", "SYNTAX_ERROR"),
        ("SELECT * FROM codes_assigned", "CONSTRAINT_VIOLATION: For the injected projected"),
        ("SELECT 1 FROM other.t", "SCHEMA_NOT_FOUND: line 1:21"),
    ],
)
def test_a_failed_query_says_why_in_athenas_words(connection: Any, sql: str, reason: str) -> None:
    """The door decides by these whether to try again."""
    with connection.cursor() as cursor, pytest.raises(OperationalError, match=reason):
        cursor.execute(sql)


def test_a_malformed_query_is_refused_before_it_starts(connection: Any) -> None:
    """There is no execution to look at; the caller gets the error itself."""
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="mismatched input"):
        cursor.execute("SELEC 1")
