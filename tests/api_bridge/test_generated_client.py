"""A client that a public generator makes of our description drives the bridge (API.md 1).

The generator is `openapi-python-client`; what it makes lies in a folder of the test.
"""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assets.exports.catalog import CATALOG
from tests.api_bridge.bench import Bench, running_bench
from tests.api_bridge.manifests import whole_manifest

PROGRAM = Path(sys.executable).with_name("openapi-python-client")
# Not to format what nobody reads, and short names for what is in a kind's body.
CONFIGURATION = {"post_hooks": [], "use_path_prefixes_for_title_model_names": False}
PACKAGE = "generated_bridge"
PARAMS = {"campaign_id": "aurora-lights", "pii": "none"}


@pytest.fixture(scope="module")
def module_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bridge over the whole catalogue, whose description is the one that callers get."""
    with running_bench(tmp_path_factory.mktemp("bridge"), CATALOG) as bench:
        yield bench


@pytest.fixture(scope="module")
def described(module_bench: Bench) -> Any:
    """What the bridge says of itself."""
    return module_bench.call("GET", "/openapi.json", token=None).body


@pytest.fixture(scope="module")
def package(described: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The client of the whole description, where it can be imported."""
    folder = tmp_path_factory.mktemp("client")
    assert complaints(described, folder) == ""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield PACKAGE
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def complaints(described: Any, folder: Path) -> str:
    """Make a client below a folder; what the generator says against the description."""
    source, configuration = folder / "openapi.json", folder / "config.json"
    source.write_text(json.dumps(described), encoding="utf-8")
    configuration.write_text(json.dumps(CONFIGURATION), encoding="utf-8")
    options = {
        "--path": source,
        "--config": configuration,
        "--output-path": folder / PACKAGE,
        "--meta": "none",
    }
    words = [str(word) for option in options.items() for word in option]
    command = [str(PROGRAM), "generate", "--fail-on-warning", *words]
    made = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return made.stdout + made.stderr if made.returncode else ""


class Generated:
    """The functions and models of the client, by their names.

    Args:
        package: Where it was put.
        bench: The bridge that it is to speak to.
    """

    def __init__(self, package: str, bench: Bench) -> None:
        """Open it."""
        self._package = package
        client = importlib.import_module(f"{package}.client")
        address = f"http://127.0.0.1:{bench.port}"
        self.client = client.AuthenticatedClient(base_url=address, token=bench.token())

    def call(self, name: str, *path: str, **said: Any) -> Any:
        """What a request answers, in full."""
        module = importlib.import_module(f"{self._package}.api.default.{name}")
        return module.sync_detailed(*path, client=self.client, **said)

    def body(self, name: str, **members: Any) -> Any:
        """A body of one of its models."""
        model = getattr(importlib.import_module(f"{self._package}.models"), name)
        return model.from_dict(members)


@pytest.fixture
def generated(package: str, bench: Bench) -> Iterator[Generated]:
    """The client of the bench."""
    generated = Generated(package, bench)
    with generated.client:
        yield generated


def test_the_generated_client_takes_an_export_from_the_request_to_its_manifest(
    generated: Generated, bench: Bench
) -> None:
    """What a team does in its first hour, without a line of HTTP of its own."""
    body = generated.body("WaitlistRequest", type="waitlist", params=PARAMS)
    asked = generated.call("create_export", body=body, idempotency_key="one")
    export_id = asked.parsed.id
    bench.finish(export_id, manifest=whole_manifest(export_id))

    watched = generated.call("get_export", export_id)
    listed = generated.call("list_exports", campaign="aurora-lights")
    held = generated.call("get_export", export_id, if_none_match=watched.headers["etag"])
    manifest = generated.call("get_manifest", export_id)
    file = generated.call("get_file", export_id, "1")

    assert (asked.status_code, watched.parsed.status) == (202, "succeeded")
    assert [one.id for one in listed.parsed.exports] == [export_id]
    assert (held.status_code, held.parsed) == (304, None)
    assert manifest.parsed.to_dict() == json.loads(whole_manifest(export_id))
    assert (file.status_code, "location" in file.headers) == (303, True)


def test_the_generated_client_stops_tries_again_and_deletes(generated: Generated) -> None:
    """The other verbs, and one Idempotency-Key twice."""
    body = generated.body("EntriesRequest", type="entries", params=PARAMS)
    once, again = (
        generated.call("create_export", body=body, idempotency_key="same") for _ in range(2)
    )
    export_id = once.parsed.id

    cancelled = generated.call("cancel_export", export_id)
    queued = generated.call("retry_export", export_id)
    generated.call("cancel_export", export_id)
    deleted = generated.call("delete_export", export_id)

    assert again.parsed.id == export_id
    assert [one.parsed.status for one in (cancelled, queued)] == ["cancelled", "queued"]
    assert deleted.status_code == 204


def test_the_generated_client_is_told_of_errors_in_a_type(generated: Generated) -> None:
    """A problem document has members, and not only a text."""
    gone = generated.call("get_export", "exp_" + "0" * 24)
    wrong = generated.call(
        "estimate_export",
        body=generated.body("WaitlistRequest", type="waitlist", params={"campaign_id": "?"}),
    )

    assert (gone.parsed.code, gone.parsed.retryable) == ("not-found", False)
    assert wrong.parsed.errors[0].pointer == "/params/campaign_id"


def test_the_generated_client_reads_every_kind_of_answer_into_a_type(
    generated: Generated, bench: Bench
) -> None:
    """What has no members in the description is a dictionary of anything in a client."""
    body = generated.body("WaitlistRequest", type="waitlist", params=PARAMS)
    ended = generated.call("create_export", body=body).parsed.id
    bench.finish(ended, manifest=whole_manifest(ended))
    address = {"url": "https://tools.example.com/hooks"}
    registered = generated.call(
        "create_endpoint", body=generated.body("WebhookEndpointRequest", **address)
    )

    estimated = generated.call("estimate_export", body=body)
    rejected = generated.call("get_errors", ended)
    lineage = generated.call("get_lineage", ended)
    kind = generated.call("get_export_type", "waitlist")
    told = generated.call("list_deliveries", registered.parsed.id)
    limits = generated.call("get_limits")

    assert estimated.parsed.type_ == kind.parsed.id == "waitlist.1"
    assert (rejected.parsed.export_id, lineage.parsed.export_id) == (ended, ended)
    assert (registered.parsed.url, told.parsed.deliveries) == (address["url"], [])
    assert limits.parsed.caller.used < limits.parsed.caller.limit


def test_requests_have_short_names_and_each_its_own(described: Any) -> None:
    """The name of a function in a client is for people; two of one name would be one."""
    names = [
        one["operationId"] for methods in described["paths"].values() for one in methods.values()
    ]

    assert len(names) == len(set(names)) > 15
    assert [name for name in names if "v1" in name] == []


def test_a_description_that_is_wrong_is_complained_of(described: Any, tmp_path: Path) -> None:
    """The control: a reference that leads nowhere is no client without a word."""
    problem = {"Problem": described["components"]["schemas"]["Problem"]}

    assert "Warning" in complaints({**described, "components": {"schemas": problem}}, tmp_path)
