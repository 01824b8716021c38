"""What is known before the first row: which campaigns an export is about."""

from typing import Any

import pytest
from bson import ObjectId

from assets.loading import load, with_campaign
from assets.model.export_type import Scope
from tests.assets.examples import KEY, SNAPSHOT, facts, request, toy
from tests.assets.workbench import workbench


def statuses(scope: Scope) -> set[Any]:
    """The statuses of the campaigns that an export of this scope is about."""
    bench = workbench()
    aurora = bench.mongo.campaigns.by_key(KEY) or {}
    for status in ("archived", "draft"):
        bench.mongo.campaigns.kept.keep(
            {**aurora, "_id": ObjectId(), "key": f"{status}-1", "status": status}
        )
    asked = request("campaign-summary" if scope is Scope.DAY else "subject-access")
    return {
        one.status for one in load(toy(scope=scope), asked, SNAPSHOT, bench.doors.mongo).campaigns
    }


@pytest.mark.parametrize(("scope", "listed"), [(Scope.DAY, False), (Scope.PRIVACY_CASE, True)])
def test_a_persons_data_is_looked_for_in_campaigns_that_are_over(
    scope: Scope, listed: bool
) -> None:
    """They are in no report of a day any more, and they hold people's data all the same."""
    assert listed == ({"archived", "draft"} <= statuses(scope))


def test_the_ground_of_one_of_several_campaigns_has_its_own_markets() -> None:
    """Two campaigns may have a market of one name, and a guest's wish is read by the name."""
    bench = workbench()
    every = load(
        toy(scope=Scope.PRIVACY_CASE), request("subject-access"), SNAPSHOT, bench.doors.mongo
    ).campaigns
    of = {one.key: with_campaign(facts(), one, bench.doors.mongo) for one in every}

    markets = {key: {market.key for market in ground.markets} for key, ground in of.items()}

    assert markets["boreal-nights-2025"] == {"leeds"}
    assert "new-york-ny" in markets["aurora-lights-2026"]
    assert {promoter.key for promoter in of["boreal-nights-2025"].promoters} >= {"northlake"}
