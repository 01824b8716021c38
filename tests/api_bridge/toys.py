"""A small catalogue: a column of every PII class, a kind of a day, and one that goes elsewhere."""

from dataclasses import replace

from assets.model.campaign import Facts
from assets.model.column import EMAIL, ENUM, ID, INTEGER, Column, Pii, text
from assets.model.export_type import Catalog, ExportType, Scope
from assets.model.failure import ExportFailed
from assets.model.option import choice, flag, instant, whole, words
from assets.model.source import AthenaSource, Statement


def _column(name: str, pii: Pii) -> Column:
    kind = INTEGER if pii is Pii.RESTRICTED else text(80)
    return Column(name=name, format=kind, pii=pii, source=f"t.{name}", value=lambda _: None)


COLUMNS = (
    Column(name="guest_id", format=ID, pii=Pii.NONE, source="t.id", value=lambda _: None),
    Column(name="tier", format=ENUM, pii=Pii.NONE, source="t.tier", value=lambda _: None),
    _column("city", Pii.QUASI_IDENTIFIER),
    _column("account_id", Pii.PSEUDONYM),
    Column(name="email", format=EMAIL, pii=Pii.DIRECT, source="t.email", value=lambda _: None),
    _column("risk", Pii.RESTRICTED),
    _column("answer", Pii.SECRET),
)
ROWS = AthenaSource(
    query=lambda _: Statement(sql="SELECT 1"),
    population=lambda _: Statement(sql="SELECT 1"),
    verdict=lambda _: lambda _: None,
)
GUESTS = ExportType(
    name="guests",
    version=2,
    summary="Who comes.",
    scope=Scope.CAMPAIGN,
    owner="team:door",
    upstream=(("athena", "guests"),),
    options=(
        whole("top_n", "Only the first so many.", least=1, most=1_000),
        flag("with_plus_one", "Also who comes along."),
        choice("tier", "Only one tier.", values=("gold", "silver"), default=None),
        words("markets", "Only these markets."),
        instant("since", "Only newer ones."),
    ),
    columns=lambda _: COLUMNS,
    static_columns=COLUMNS,
    sort=("guest_id",),
    rows=ROWS,
    retention_days=30,
)
DOORS_OF_A_DAY = ExportType(
    name="door-count",
    version=1,
    summary="How many came, day by day.",
    scope=Scope.DAY,
    owner="team:door",
    upstream=(("athena", "doors"),),
    options=(),
    columns=lambda _: COLUMNS[:1],
    static_columns=COLUMNS[:1],
    sort=("guest_id",),
    rows=ROWS,
    retention_days=30,
)


def _no_badges(facts: Facts) -> None:
    if facts.campaign.key == "northern-sky":
        raise ExportFailed("NO_BADGES", "the campaign has no badges; order some first")


BADGES = replace(GUESTS, name="badges", version=1, refuse=_no_badges, downloadable=False)
TOYS: Catalog = {one.name: one for one in (GUESTS, DOORS_OF_A_DAY, BADGES)}
