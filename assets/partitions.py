"""The Dagster partitions of each scope (DESIGN.md 2); never one partition a request."""

from collections.abc import Mapping

import dagster as dg

from assets.model.export_type import FIRST_DAY, Scope

# `.value`: Dagster stores these names and serialises plain text only.
CAMPAIGNS = dg.DynamicPartitionsDefinition(name=Scope.CAMPAIGN.value)
# Today is one too: an erasure is passed on before the day is over (DOMAIN.md 7.16).
DAYS = dg.DailyPartitionsDefinition(start_date=f"{FIRST_DAY}", timezone="UTC", end_offset=1)
PRIVACY_CASES = dg.DynamicPartitionsDefinition(name=Scope.PRIVACY_CASE.value)

PARTITIONS: Mapping[Scope, dg.PartitionsDefinition[str]] = {
    Scope.CAMPAIGN: CAMPAIGNS,
    Scope.DAY: DAYS,
    Scope.PRIVACY_CASE: PRIVACY_CASES,
}
