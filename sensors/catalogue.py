"""The sensor that keeps the campaign partitions equal to the campaigns in MongoDB."""

import dagster as dg

from assets.model.export_type import Scope
from assets.partitions import CAMPAIGNS
from resources.mongo.stores import MongoStores
from sensors.decisions import partition_changes


def build_catalogue_sensor() -> dg.SensorDefinition:
    """Register new campaigns and prune archived ones, so that people can pick any."""

    @dg.sensor(
        name="catalogue",
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Keeps the campaign partitions equal to the campaigns in MongoDB.",
    )
    def catalogue(
        context: dg.SensorEvaluationContext, mongo: dg.ResourceParam[MongoStores]
    ) -> dg.SensorResult:
        registered = context.instance.get_dynamic_partitions(Scope.CAMPAIGN.value)
        campaigns = {listed.key: listed.status for listed in mongo.campaigns.listing()}
        changes = partition_changes(campaigns, registered)
        requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
        if changes.add:
            requests.append(CAMPAIGNS.build_add_request(list(changes.add)))
        if changes.remove:
            requests.append(CAMPAIGNS.build_delete_request(list(changes.remove)))
        return dg.SensorResult(dynamic_partitions_requests=requests)

    return catalogue
