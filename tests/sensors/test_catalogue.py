"""The catalogue sensor: a person can pick any campaign that may be exported, and no other."""

import dagster as dg

from tests.sensors.scene import Scene, scene

STATUSES = {
    "draft-one": "draft",
    "open-one": "open",
    "sold-one": "completed",
    "old-one": "archived",
    "off-one": "cancelled",
}


def changes(stage: Scene) -> dict[str, list[str]]:
    """What one tick adds and deletes."""
    result = stage.tick("catalogue")
    assert isinstance(result, dg.SensorResult)
    return {
        type(request).__name__: list(request.partition_keys)
        for request in result.dynamic_partitions_requests or ()
    }


def test_new_campaigns_are_added_and_archived_ones_pruned() -> None:
    """A list of ten thousand dead campaigns hides the one that is on sale."""
    campaigns = [{"_id": key, "key": key, "status": status} for key, status in STATUSES.items()]
    with scene(campaigns=campaigns) as stage:
        stage.instance.add_dynamic_partitions("campaigns", ["old-one", "gone-one", "open-one"])

        assert {
            "AddDynamicPartitionsRequest": ["off-one", "sold-one"],
            "DeleteDynamicPartitionsRequest": ["gone-one", "old-one"],
        } == changes(stage)


def test_nothing_is_asked_for_when_nothing_changed(stage: Scene) -> None:
    """A sensor that writes on every tick fills Dagster's storage."""
    stage.instance.add_dynamic_partitions("campaigns", ["aurora-lights-2026"])

    assert {} == changes(stage)
