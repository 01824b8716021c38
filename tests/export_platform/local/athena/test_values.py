"""Text of values: Java's, because Athena is Java."""

import math

import duckdb
import pytest

from export_platform.local.athena import values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (-12.5, "-12.5"),
        (0.001, "0.001"),
        (0.00099, "9.9E-4"),
        (9999999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (123456789.0, "1.23456789E8"),
        (1.5e300, "1.5E300"),
        (1e-5, "1.0E-5"),
        (100.0, "100.0"),
        (0.1 + 0.2, "0.30000000000000004"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
    ],
)
def test_a_double_is_written_as_java_writes_it(value: float, text: str) -> None:
    """A number in a file must be the same text from here and from Athena."""
    assert values.java_double(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1.1, "1.1"), (16777216.0, "1.6777216E7"), (0.5, "0.5"), (1e-3, "0.001")]
)
def test_a_float_has_as_few_digits_as_it_needs(value: float, text: str) -> None:
    """32 bits widened to 64 show digits nobody wrote (1.100000023841858)."""
    stored = duckdb.connect().execute("SELECT CAST(? AS REAL)", [value]).fetchone()
    assert stored is not None

    assert values.java_float(stored[0]) == text


@pytest.mark.parametrize(
    ("sql", "type_", "precision", "scale", "text"),
    [
        ("true", "boolean", 0, 0, "true"),
        ("CAST(5 AS TINYINT)", "tinyint", 3, 0, "5"),
        ("CAST(5 AS SMALLINT)", "smallint", 5, 0, "5"),
        ("5", "integer", 10, 0, "5"),
        ("CAST(5 AS BIGINT)", "bigint", 19, 0, "5"),
        ("sum(5)", "bigint", 19, 0, "5"),
        ("CAST(1.5 AS DECIMAL(12,2))", "decimal", 12, 2, "1.50"),
        ("CAST(1e7 AS DOUBLE)", "double", 17, 0, "1.0E7"),
        ("'a'", "varchar", 2147483647, 0, "a"),
        ("'\\xDE\\xAD'::BLOB", "varbinary", 1073741824, 0, "de ad"),
        ("DATE '2024-02-29'", "date", 0, 0, "2024-02-29"),
        ("TIMESTAMP '2024-02-29 01:02:03'", "timestamp", 3, 0, "2024-02-29 01:02:03.000"),
        ("TIMESTAMP '1969-12-31 23:59:59.9'", "timestamp", 3, 0, "1969-12-31 23:59:59.900"),
        (
            "TIMESTAMPTZ '2024-02-29 01:02:03+00'",
            "timestamp with time zone",
            3,
            0,
            "2024-02-29 01:02:03.000 UTC",
        ),
        ("['a', NULL, '']", "array", 0, 0, "[a, null, ]"),
        ("[[1], []]", "array", 0, 0, "[[1], []]"),
        ("MAP {'k': 1.5::DOUBLE}", "map", 0, 0, "{k=1.5}"),
        ("{'a': 1, 'b': NULL, 'c': [true]}", "row", 0, 0, "{a=1, b=null, c=[true]}"),
        ("INTERVAL '26 hours'", "interval day to second", 0, 0, "1 02:00:00.000"),
    ],
)
def test_a_type_and_its_text(sql: str, type_: str, precision: int, scale: int, text: str) -> None:
    """PyAthena converts by the type's name; a wrong one turns a number into text."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SELECT {sql} AS x")
    kind = connection.description[0][1]
    row = connection.fetchone()
    assert row is not None

    described = values.column("x", kind)

    assert (described.type, described.precision, described.scale) == (type_, precision, scale)
    assert values.writer(kind)(row[0]) == text
