"""The buckets of the scoring providers in memory; what is read and refused is as in the door."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from resources.object_store import ObjectStore, Upload
from resources.scoring_files import InputFile, Provider, Score, ScoringFiles, ScoringRun
from tests.fakes.asked import Asked
from tests.fakes.object_store import FakeObjectStore


class FakeScoringFiles(ScoringFiles):
    """Both buckets.

    Attributes:
        asked: What it was asked.
        internal: Bucket of our model.
        vf: Bucket of the second provider.
    """

    def __init__(
        self,
        *,
        internal: Mapping[str, bytes] | None = None,
        vf: Mapping[str, bytes] | None = None,
    ) -> None:
        """Start with these objects."""
        self.internal = FakeObjectStore(internal)
        self.vf = FakeObjectStore(vf)
        super().__init__(internal=self.internal, vf=self.vf)
        self.asked = Asked()

    def is_ready(self, run: ScoringRun) -> bool:
        """Say whether the flag is there."""
        self.asked.note("is_ready", run)
        return super().is_ready(run)

    def scores(
        self, campaign_key: str, campaign_id: object, run: Mapping[str, Any]
    ) -> Iterator[list[Score]]:
        """Give the scores."""
        self.asked.note("scores", campaign_key, campaign_id, run.get("runId"))
        yield from super().scores(campaign_key, campaign_id, run)

    def upload(self, run: ScoringRun, number: int) -> Upload:
        """Return an upload."""
        self.asked.note("upload", run, number)
        return super().upload(run, number)

    def commit_input(self, run: ScoringRun, files: Sequence[InputFile]) -> str:
        """Write the manifest."""
        self.asked.note("commit_input", run, tuple(files))
        return super().commit_input(run, files)

    def store(self, provider: Provider) -> ObjectStore:
        """Return a bucket."""
        self.asked.note("store", provider)
        return super().store(provider)

    def close(self) -> None:
        """Be closed."""
        self.asked.note("close")
