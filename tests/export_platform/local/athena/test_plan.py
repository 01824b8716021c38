"""What a query reads: the rules of partition projection, and which days are looked at."""

from datetime import date

import pytest

from export_platform.local.athena.failures import FailedQueryError, RefusedCallError
from export_platform.local.athena.plan import plan
from export_platform.local.athena.statement import bind, parse

C = "65a0000000000000000000c1"


def campaigns(sql: str) -> list[set[str]]:
    """The campaigns each table of the query is read for."""
    return [set(scan.campaign_ids or ()) for scan in plan(sql, "fan_events").scans]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM codes_assigned WHERE campaign_id = 'c'",
        "SELECT 1 FROM codes_assigned WHERE 'c' = campaign_id AND wave = 1",
        "SELECT 1 FROM codes_assigned WHERE (campaign_id = 'c') AND (wave = 1 OR seq = 2)",
        "SELECT 1 FROM fan_events.codes_assigned a WHERE a.campaign_id = 'c'",
        "SELECT 1 FROM (SELECT * FROM codes_assigned) x WHERE x.campaign_id = 'c'",
        "WITH x AS (SELECT * FROM codes_assigned) SELECT 1 FROM x WHERE campaign_id = 'c'",
    ],
)
def test_a_static_equality_that_reaches_the_table_selects_the_campaign(sql: str) -> None:
    """Athena pushes a predicate down to the table; so must this."""
    assert campaigns(sql) == [{"c"}]


def test_a_join_on_the_key_hands_the_value_over() -> None:
    """Both sides of an equality have one value."""
    sql = (
        "SELECT 1 FROM codes_assigned a LEFT JOIN code_redemptions r"
        " ON a.campaign_id = r.campaign_id AND a.code_id = r.code_id WHERE a.campaign_id = 'c'"
    )

    assert campaigns(sql) == [{"c"}, {"c"}]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM codes_assigned",
        "SELECT 1 FROM codes_assigned WHERE wave = 1",
        "SELECT 1 FROM codes_assigned WHERE campaign_id LIKE 'c%'",
        "SELECT 1 FROM codes_assigned WHERE campaign_id = 'c' OR wave = 1",
        "SELECT 1 FROM codes_assigned WHERE campaign_id = lower('C')",
        "SELECT 1 FROM codes_assigned a, code_redemptions r WHERE a.campaign_id = 'c'",
        "SELECT 1 FROM (SELECT wave FROM codes_assigned) x WHERE wave = 1",
    ],
)
def test_without_a_static_equality_the_query_fails(sql: str) -> None:
    """A template that forgets the campaign would read everybody's data, or fail in production."""
    with pytest.raises(FailedQueryError, match=r"CONSTRAINT_VIOLATION: .*campaign_id"):
        campaigns(sql)


def test_a_table_by_day_needs_no_campaign() -> None:
    """`campaign_daily` has its campaign in a column, so that a report over all can be asked."""
    assert campaigns("SELECT 1 FROM campaign_daily") == [set()]


@pytest.mark.parametrize(
    ("condition", "first", "last"),
    [
        ("dt = DATE '2026-03-02'", date(2026, 3, 2), date(2026, 3, 2)),
        (
            "dt BETWEEN DATE '2026-03-02' AND DATE '2026-03-04'",
            date(2026, 3, 2),
            date(2026, 3, 4),
        ),
        ("dt >= DATE '2026-03-02'", date(2026, 3, 2), date.max),
        ("dt < CAST('2026-03-04' AS DATE)", date.min, date(2026, 3, 4)),
        ("wave = 1", date.min, date.max),
    ],
)
def test_days_outside_of_the_range_are_not_read(condition: str, first: date, last: date) -> None:
    """A campaign is months of partitions and an export often a day."""
    sql = f"SELECT 1 FROM codes_assigned WHERE campaign_id = 'c' AND {condition}"  # noqa: S608
    (scan,) = plan(sql, "fan_events").scans

    assert (scan.first, scan.last) == (first, last)


@pytest.mark.parametrize("condition", ["dt = '2026-03-02'", "wave = '1'", "code_id = 1"])
def test_types_that_athena_would_not_compare_are_refused(condition: str) -> None:
    """DuckDB converts silently; Athena fails, and it would do so in production only."""
    sql = f"SELECT 1 FROM codes_assigned WHERE campaign_id = 'c' AND {condition}"  # noqa: S608

    with pytest.raises(FailedQueryError, match="TYPE_MISMATCH"):
        plan(sql, "fan_events")


def test_parameters_are_bound_in_their_order_and_only_at_marks() -> None:
    """A question mark inside a text or a comment is no parameter."""
    sql = "SELECT ?, '?', x -- ?\nFROM t WHERE a = ?"

    bound = bind(sql, ["'O''Neil'", "2"])

    assert " ".join(bound.split()) == "SELECT 'O''Neil' , '?', x -- ? FROM t WHERE a = 2"


@pytest.mark.parametrize("value", ["x", "2026-01-01", "'a' OR 1 = 1", "(SELECT 1)", "", "'a"])
def test_a_parameter_that_is_not_one_literal_is_refused(value: str) -> None:
    """Unquoted text is a column and a date is a subtraction: both are how injection begins."""
    with pytest.raises(FailedQueryError, match="SYNTAX_ERROR"):
        bind("SELECT ?", [value])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELEC 1", "mismatched input"),
        ("SELECT 1; SELECT 2", "Only one sql statement"),
        ("DROP TABLE x", "not supported"),
        ("", "Only one sql statement"),
        ("UNLOAD (SELECT 1 TO 's3://b/k/' WITH (format = 'PARQUET')", "mismatched input"),
        ("UNLOAD (SELECT 1) TO 's3://b/k/' WITH (format = 'JSON')", "PARQUET"),
        ("SELECT '" + "x" * 262_144 + "'", "length"),
    ],
)
def test_a_text_that_is_not_one_query_is_refused_at_once(text: str, message: str) -> None:
    """Athena answers these with an error instead of an id."""
    with pytest.raises(RefusedCallError, match=message):
        parse(text)
