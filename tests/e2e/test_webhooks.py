"""A tool that is told: from the request to the verified webhook, on everything that is real."""

import requests

from tests.api_bridge.webhooks.conftest import verified
from tests.e2e.platform import Platform
from tests.receiver import webhook_receiver
from tests.waiting import eventually


def test_the_end_of_a_real_export_arrives_signed(platform: Platform) -> None:
    """Run, database, sender and receiver are processes; nobody asks how far it is."""
    headers = {"Authorization": f"Bearer {platform.token()}"}
    with webhook_receiver() as receiver:
        made = requests.post(
            f"{platform.base_url}/v1/webhook-endpoints",
            json={"url": receiver.url, "mine": True},
            headers=headers,
            timeout=10,
        ).json()
        export = platform.ask("waitlist", "aurora-lights-2026", top_n=3)
        eventually(lambda: receiver.got)
        (got,) = receiver.got
        gone = requests.delete(
            f"{platform.base_url}{made['links']['self']}", headers=headers, timeout=10
        )

    assert gone.status_code == 204
    said = verified(made["secret"], got)
    assert said["type"] == "export.succeeded"
    assert said["data"]["id"] == export.id
    assert platform.client.export(export.id).status == "succeeded"
