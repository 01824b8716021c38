"""The scoring files: in memory and on the server."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest

from resources.scoring_files import ScoringFiles
from resources.wiring import environment
from tests.contracts.scoring_files import Place, ScoringContract
from tests.fakes.object_store import Kept
from tests.fakes.scoring_files import FakeScoringFiles


@pytest.fixture
def campaign() -> str:
    """The id of a campaign of this test."""
    return uuid.uuid4().hex[:24]


@pytest.fixture
def key(campaign: str) -> str:
    """The key of that campaign."""
    return f"campaign-{campaign}"


@pytest.fixture(scope="module")
def s3(stack: Mapping[str, str]) -> Any:
    """A client beside the door."""
    return boto3.client("s3", endpoint_url=stack["AWS_ENDPOINT_URL_S3"] or None)


class TestFake(ScoringContract):
    """The fake."""

    @pytest.fixture
    def door(self) -> FakeScoringFiles:
        """Two empty buckets."""
        return FakeScoringFiles()

    @pytest.fixture
    def place(self, door: FakeScoringFiles) -> Place:
        """The fake is two dictionaries."""

        def place(bucket: str, key: str, body: bytes) -> None:
            store = door.internal if bucket == "scoring" else door.vf
            store.objects[key] = Kept(body=body, media_type="", metadata={})

        return place


class TestServer(ScoringContract):
    """The real process."""

    @pytest.fixture
    def door(self, stack: Mapping[str, str]) -> Iterator[ScoringFiles]:
        """The buckets of the stack."""
        door = environment.scoring_files(stack)
        yield door
        door.close()

    @pytest.fixture
    def place(self, s3: Any) -> Place:
        """As a seed, or a provider, does it."""

        def place(bucket: str, key: str, body: bytes) -> None:
            s3.put_object(Bucket=bucket, Key=key, Body=body)

        return place
