"""The Dagster partitions of each scope (DESIGN.md 2); never one partition a request."""

from collections.abc import Mapping

import dagster as dg

from assets.model.export_type import Scope

# `.value`: Dagster stores these names and serialises plain text only.
CAMPAIGNS = dg.DynamicPartitionsDefinition(name=Scope.CAMPAIGN.value)
# The platform's first day; earlier ones are not exported.
DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01", timezone="UTC")
PRIVACY_CASES = dg.DynamicPartitionsDefinition(name=Scope.PRIVACY_CASE.value)

PARTITIONS: Mapping[Scope, dg.PartitionsDefinition[str]] = {
    Scope.CAMPAIGN: CAMPAIGNS,
    Scope.DAY: DAYS,
    Scope.PRIVACY_CASE: PRIVACY_CASES,
}
