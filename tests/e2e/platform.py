"""A running platform, as a test holds it in its hands."""

import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from export_platform.cli import main
from export_platform.commands.client import BridgeClient, Export
from export_platform.commands.watching import watch
from export_platform.local import kernel
from export_platform.local.deployment import DAEMON, WORKERS, Deployment, Places
from export_platform.local.issuer import BASE_SCOPES
from resources.clock import SystemClock
from resources.mongo.stores import MongoStores
from resources.object_store import ObjectStore
from resources.wiring import environment
from tests.assets.exports.test_goldens import SNAPSHOT
from tests.e2e.recorder import sitecustomize

# Leases and heartbeats ten times shorter than in production, so that a dead worker is noticed
# in seconds: the run lease is 6 s, the heartbeat 1 s.
TIMING = {"EXPORT_TIMING_FACTOR": "0.1", "EXPORT_AS_OF": f"{SNAPSHOT:%Y-%m-%dT%H:%M:%SZ}"}
# An export takes 4 s on an idle machine; with other builds beside it, thirty.
PATIENCE_SECONDS = 120.0

# Every process that speaks to MongoDB notes what it asks, in the folder of this name.
ASKED = "asked"
RECORDER = Path(sitecustomize.__file__).parent

_OWNER = re.compile(r"[^:]+:([0-9]+)")  # as a worker signs its lease: host and process id


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Everything of one running deployment; shared by all tests of this folder.

    A test that kills something calls `restart` before it ends. The campaign of the tiny pack is
    read by many tests: a test that changes documents makes a campaign of its own.

    Attributes:
        deployment: Starts and stops it.
        places: Addresses and variables.
        stores: MongoDB, beside the platform.
        object_store: The bucket of the exports, beside the platform.
        client: Of the bridge, with a token for everything usual.
    """

    deployment: Deployment
    places: Places
    stores: MongoStores
    object_store: ObjectStore
    client: BridgeClient

    @property
    def base_url(self) -> str:
        """The bridge."""
        return self.places.bridge_url

    @property
    def dagster_url(self) -> str:
        """The Dagster page; GraphQL stands at `/graphql`."""
        return self.places.dagster_url

    @property
    def env(self) -> dict[str, str]:
        """The variables that point code at the stack, and the command line at this platform."""
        return {
            **self.places.environment,
            **TIMING,
            **recording(self.home),
            "EXPORT_PLATFORM_HOME": str(self.home),
            "DAGSTER_HOME": str(self.home / "dagster"),
        }

    @property
    def home(self) -> Path:
        """The folder of its data and logs."""
        return self.places.logs.parent

    def token(
        self, *scopes: str, campaigns: Sequence[str] = ("*",), subject: str = "developer"
    ) -> str:
        """A token with these scopes, or with the usual ones."""
        return self.deployment.issuer.token(
            scopes=scopes or BASE_SCOPES, campaigns=campaigns, subject=subject
        )

    def pids(self) -> dict[str, int]:
        """The process id of everything that runs, by name, such as `daemon`."""
        return {each.name: each.pid for each in self.deployment.status() if each.pid is not None}

    def workers(self) -> set[int]:
        """The process ids of the run workers that live."""
        leader = kernel.identity(self.pids()[WORKERS]) if WORKERS in self.pids() else None
        return {each.pid for each in kernel.session_of(leader)} if leader else set()

    def worker_of(self, export_id: str) -> int | None:
        """The process id of the run worker that holds an export; None while nobody does."""
        document = self.stores.exports.find(export_id)
        lease = (document or {}).get("lease") or {}
        found = _OWNER.fullmatch(str(lease.get("owner")))
        return int(found[1]) if found else None

    def kill(self, pid: int, number: signal.Signals = signal.SIGKILL) -> None:
        """Signal a process of this platform, and no other.

        Raises:
            ValueError: It is not one of this platform's.
        """
        process = kernel.identity(pid)
        if pid not in self.workers().union(self.pids().values()) or process is None:
            raise ValueError("this process is not one of the platform's")
        kernel.send(process, number)

    @contextmanager
    def unlaunched(self) -> Iterator[None]:
        """Within it Dagster's daemon is frozen: what is asked for stays in the queue."""
        daemon = self.pids()[DAEMON]
        self.kill(daemon, signal.SIGSTOP)
        try:
            yield
        finally:
            self.kill(daemon, signal.SIGCONT)

    def restart(self) -> None:
        """Start again what was killed; ports and data stay."""
        self.deployment.up()

    def result(self, export_id: str) -> dict[str, Any]:
        """The result of a succeeded export, as its document has it."""
        result = (self.stores.exports.find(export_id) or {}).get("result")
        assert result is not None
        return result

    def latest(self, name: str) -> dict[str, Any]:
        """The newest export of a kind that has succeeded."""
        found = self.stores.exports.page({"type": name, "status": "succeeded"}, limit=1)
        assert found, f"no export of {name} has succeeded"
        return dict(found[0])

    def body(self, key: str) -> bytes:
        """A stored object."""
        return b"".join(self.object_store.read(key))

    def ask(self, name: str, campaign: str, **params: object) -> Export:
        """Ask the bridge for an export."""
        return self.client.create(name, {"campaign_id": campaign, **params})

    def ended(self, *exports: Export) -> list[Export]:
        """Wait until exports have ended, one way or another."""
        return watch(self.client, exports, SystemClock(), seconds=PATIENCE_SECONDS)

    def command(self, *words: object) -> str:
        """Run `export-platform` on this platform; its stdout. It must succeed."""
        result = CliRunner().invoke(main, [str(word) for word in words], env=self.env)
        assert 0 == result.exit_code, result.output
        return result.stdout


def recording(home: Path) -> dict[str, str]:
    """The variables with which processes note what they ask MongoDB, below a platform's folder."""
    return {"PYTHONPATH": str(RECORDER), sitecustomize.FOLDER: str(home / ASKED)}


@contextmanager
def opened(deployment: Deployment) -> Iterator[Platform]:
    """A deployment that is up, as tests hold it."""
    places = deployment.places()
    with (
        closing(environment.mongo_stores(places.environment)) as stores,
        closing(environment.object_store(places.environment)) as object_store,
        BridgeClient(places.bridge_url, deployment.issuer.token()) as client,
    ):
        yield Platform(
            deployment=deployment,
            places=places,
            stores=stores,
            object_store=object_store,
            client=client,
        )
