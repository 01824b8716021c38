"""Clients and stacks for the tests of the embedded stack."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import Config

from export_platform.local.stack import Stack


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack that a test may kill; not started."""
    made = Stack(tmp_path / "stack")
    yield made
    made.down()


@pytest.fixture(scope="session")
def client() -> Callable[[str, Mapping[str, str]], Any]:
    """Makes a boto3 client for a service of a stack, by its variables, without retries."""

    def make(service: str, variables: Mapping[str, str]) -> Any:
        return boto3.client(
            service,
            endpoint_url=variables[f"AWS_ENDPOINT_URL_{service.upper()}"],
            region_name=variables["AWS_REGION"],
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            config=Config(signature_version="s3v4" if service == "s3" else None),
        )

    return make


@pytest.fixture
def s3(stack: Mapping[str, str], client: Callable[[str, Mapping[str, str]], Any]) -> Any:
    """The S3 client of the shared stack."""
    return client("s3", stack)
