"""Athena statements: only literals of a known form stand in the text, everything else is bound."""

import re
from importlib.resources import files
from pathlib import Path
from string import Template

import pytest

from assets.exports.catalog import CATALOG
from assets.exports.shared.statements import statement
from assets.model.source import AthenaSource
from tests.assets.examples import CAMPAIGN_ID, facts, request

SQL = files("assets.exports") / "sql"
GOOD = {
    "campaign_id": str(CAMPAIGN_ID),
    "from_date": "2026-01-01",
    "to_date": "2026-12-31",
    "until": "2026-03-20 12:00:00.000",
    "unit": "hour",
    "minutes": "15",
    "market_keys": "'new-york-ny', 'vancouver-bc'",
}
TEMPLATES = sorted(str(file.relative_to(Path(str(SQL)))) for file in Path(str(SQL)).rglob("*.sql"))
ATHENA = [kind for kind in CATALOG.values() if isinstance(kind.rows, AthenaSource)]


@pytest.mark.parametrize(
    ("name", "hostile"),
    [
        ("campaign_id", "66500000000000000000c001' OR '1'='1"),
        ("campaign_id", "66500000000000000000C001"),
        ("campaign_id", "66500000000000000000c001\n"),
        ("campaign_id", ""),
        ("campaign_id", "$until"),
        ("from_date", "2026-01-01'; DROP TABLE codes_assigned; --"),
        ("from_date", "2026-01-01\n"),
        ("to_date", "\uff12\uff10\uff12\uff16-01-01"),
        ("to_date", "DATE '2026-01-01'"),
        ("until", "2026-03-20 12:00:00.000' UNION SELECT 1 --"),
        ("until", "2026-03-20T12:00:00Z"),
        ("unit", "year"),
        ("unit", "hour', now()) --"),
        ("minutes", "15) --"),
        ("minutes", ""),
        ("market_keys", "'new-york-ny') OR (1 = 1"),
        ("market_keys", "'a'b'"),
        ("market_keys", "new-york-ny"),
        ("market_keys", ""),
        ("table", "codes_assigned"),
    ],
)
def test_a_literal_that_is_not_of_its_form_is_refused(name: str, hostile: str) -> None:
    """Partition keys must stand in the text, so nothing else may get there (S9)."""
    with pytest.raises(ValueError, match=f"literal {name}"):
        statement(TEMPLATES[0], literals={**GOOD, name: hostile})


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_name_in_a_template_is_filled(template: str) -> None:
    """A `$name` that stays would fail in Athena, after the queue and the wait."""
    text = (SQL / template).read_text(encoding="utf-8")
    names = set(Template(text).get_identifiers())

    assert names <= GOOD.keys()
    assert "$" not in statement(template, literals=GOOD).sql


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_a_template_that_names_an_unknown_literal_is_refused(missing: str) -> None:
    """The error names the template, not Python's key."""
    uses = next(
        name
        for name in TEMPLATES
        if missing in Template((SQL / name).read_text(encoding="utf-8")).get_identifiers()
    )

    with pytest.raises(ValueError, match="unknown literal"):
        statement(uses, literals={name: value for name, value in GOOD.items() if name != missing})


@pytest.mark.parametrize("kind", ATHENA, ids=lambda kind: kind.name)
def test_no_text_of_a_caller_stands_in_a_statement(kind: object) -> None:
    """Filters by market and result are applied to the rows, never pasted into the query."""
    asked = facts("code-redemptions", markets=["canary-market"], result=["exhausted"])
    source = CATALOG["code-redemptions"].rows
    assert isinstance(source, AthenaSource)

    for made in (source.query(asked), source.population(asked)):
        assert "canary" not in made.sql
        assert made.sql.count("?") == len(made.parameters)
    assert kind in ATHENA


def test_every_table_with_an_injected_key_is_asked_for_one_campaign() -> None:
    """Athena refuses such a table without a static equality on its key (DOMAIN.md 3)."""
    source = CATALOG["code-redemptions"].rows
    assert isinstance(source, AthenaSource)
    ground = facts("code-redemptions")

    for made in (source.query(ground), source.population(ground)):
        read = re.findall(r"FROM (codes_assigned|code_redemptions|ticket_orders)\b", made.sql)
        assert len(read) == made.sql.count(f"campaign_id = '{CAMPAIGN_ID}'") >= 2


def test_the_days_are_those_asked_for_and_otherwise_all_up_to_the_snapshot() -> None:
    """Partitions are projected, so an open end would list days until today."""
    source = CATALOG["code-redemptions"].rows
    assert isinstance(source, AthenaSource)

    usual = source.query(facts("code-redemptions")).sql
    days = request("code-redemptions", **{"from": "2026-03-01", "to": "2026-03-02"})
    chosen = source.query(facts("code-redemptions", asked=days))

    assert "BETWEEN DATE '2016-01-01' AND DATE '2026-03-20'" in usual
    assert "BETWEEN DATE '2026-03-01' AND DATE '2026-03-02'" in chosen.sql
    assert "TIMESTAMP '2026-03-20 12:00:00.000'" in usual
