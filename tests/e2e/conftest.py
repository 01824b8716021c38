"""One running platform for all tests of this folder; nothing starts unless a test asks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from export_platform.commands.seed import credentials
from export_platform.local.deployment import Deployment
from export_platform.local.seed.catalog import pack_named
from export_platform.local.seed.loader import lake_client, load
from export_platform.local.services.extensions import put_data_extensions
from resources.clock import SystemClock
from resources.wiring import environment
from tests.e2e.platform import TIMING, Platform, opened, recording


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The embedded stack with the tiny pack, Dagster and the bridge, on free ports, in 10 s.

    It ends with the folder: its sensors and daemon take a tenth of a core while they wait, for as
    long as other tests run.
    """
    home = Path(tmp_path_factory.mktemp("platform"))
    deployment = Deployment(home, SystemClock(), variables={**TIMING, **recording(home)})
    with pytest.MonkeyPatch.context() as patch:
        try:
            variables = deployment.stack.up()
            for name, value in credentials(variables).items():
                patch.setenv(name, value)
            load(
                pack_named("tiny"),
                mongo_uri=variables[environment.MONGODB_URI],
                database=variables[environment.MONGODB_DATABASE],
                s3=lake_client(variables[environment.AWS_ENDPOINT_URL_S3]),
                plants_directory=home / "seed",
                codes_url=variables[environment.CODES_SERVICE_URL],
                codes_token=variables[environment.CODES_SERVICE_TOKEN],
            )
            put_data_extensions(variables[environment.SFMC_REST_URL])
            deployment.up()
            with opened(deployment) as running:
                yield running
        finally:
            deployment.down()


@pytest.fixture(scope="package")
def demonstrated(platform: Platform) -> str:
    """What the demo said: every kind of export, asked for over HTTP and proved."""
    return platform.command("demo")
