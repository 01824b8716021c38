"""Small values for pure tests: a campaign, its facts, a request, a row, and a type of export."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from assets.exports.catalog import CATALOG
from assets.model.campaign import Campaign, Consent, Event, Facts, Market, Promoter, Question
from assets.model.column import ID, Column, Format, Getter, Pii, text
from assets.model.export_type import ExportType, Scope
from assets.model.option import Option
from assets.model.parameters import parse
from assets.model.request import ExportRequest
from assets.model.source import AthenaSource, EntryRow, RowSource, Statement
from export_platform.local.seed.asking import sample_params

KEY = "aurora-lights-2026"
EVERY_SCOPE = ("pii:full", "pii:masked", "scores:read", "answers:sensitive", "codes:reveal")
SNAPSHOT = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
CAMPAIGN_ID = ObjectId("66500000000000000000c001")
NEW_YORK = ObjectId("66530000000000000000a001")
VANCOUVER = ObjectId("66530000000000000000a007")
NORTHLAKE = ObjectId("66540000000000000000b001")

MARKETS = (
    Market(
        id=NEW_YORK,
        key="new-york-ny",
        name="New York, NY",
        order=1,
        status="active",
        zone="America/New_York",
        events=(
            Event(event_id="E1", local_date="2026-07-10"),
            Event(event_id="E2", local_date="2026-07-11"),
        ),
    ),
    Market(
        id=VANCOUVER,
        key="vancouver-bc",
        name="Vancouver, BC",
        order=2,
        status="cancelled",
        zone="America/Vancouver",
    ),
)


def campaign(
    *,
    max_markets: int = 3,
    questions: Sequence[Question] = (),
    consent_keys: Sequence[str] = (),
) -> Campaign:
    """A campaign in New York's zone."""
    return Campaign(
        id=CAMPAIGN_ID,
        key=KEY,
        name="Aurora Lights",
        status="on_sale",
        zone="America/New_York",
        default_locale="en-US",
        locales=("en-US", "es-US"),
        max_markets=max_markets,
        questions=tuple(questions),
        consents=tuple(Consent(key=key, party="operator") for key in consent_keys),
    )


def request(name: str = "entries", **params: Any) -> ExportRequest:
    """A request by somebody who may see everything."""
    return parse(CATALOG[name], params_of(name, **params), scopes=EVERY_SCOPE)


def params_of(name: str, /, **params: Any) -> dict[str, Any]:
    """Parameters that a kind takes, with these; in full where it leaves that to the caller."""
    sample = {**sample_params(CATALOG[name], KEY), **params}
    options = {o.name: sample.get(o.name, o.default) for o in CATALOG[name].options}
    return {"pii": CATALOG[name].fixed(options).get("pii", "full"), **sample}


def facts(
    name: str = "entries",
    *,
    of: Campaign | None = None,
    its_markets: Sequence[Market] = MARKETS,
    promoters: Sequence[Promoter] = (),
    manual: Mapping[object, str] | None = None,
    asked: ExportRequest | None = None,
    **params: Any,
) -> Facts:
    """The ground that a request stands on."""
    return Facts(
        request=asked or request(name, **params),
        campaign=of or campaign(),
        snapshot=SNAPSHOT,
        markets=tuple(its_markets),
        promoters=tuple(promoters),
        bands=manual or {},
    )


def row(
    entry: Mapping[str, Any], user: Mapping[str, Any] | None = None, ground: Facts | None = None
) -> EntryRow:
    """An entry in v3 shape as columns see it."""
    return EntryRow({"_id": ObjectId(), "schemaVersion": 3, **entry}, user, ground or facts())


def column(name: str, value: Getter, *, form: Format | None = None, pii: Pii = Pii.NONE) -> Column:
    """A column of a toy."""
    return Column(name=name, format=form or text(80), pii=pii, source=f"t.{name}", value=value)


def toy(
    *columns: Column,
    name: str = "toys",
    scope: Scope = Scope.CAMPAIGN,
    options: Sequence[Option] = (),
    rows: RowSource | None = None,
) -> ExportType:
    """A kind of export that exists in tests only."""
    shown = columns or (column("toy_id", lambda of: of["toy_id"], form=ID),)
    nothing = Statement(sql="SELECT 1")
    source = AthenaSource(
        query=lambda _: nothing, population=lambda _: nothing, verdict=lambda _: lambda _: None
    )
    return ExportType(
        name=name,
        version=1,
        summary="Toys.",
        scope=scope,
        owner="team:toys",
        upstream=(("athena", "toys"),),
        options=tuple(options),
        columns=lambda _: shown,
        static_columns=shown,
        sort=(shown[0].name,),
        rows=rows or source,
        retention_days=30,
    )
