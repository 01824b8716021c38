"""The doors as Dagster resources: thin shells that build a plain door.

Those to the database and to the bucket, which every run and tick needs, are opened once a process
and kept: to connect, to make a client of S3 and to end both took a sixth of what a small export
takes, and a tick of a sensor more than its looks. Others are closed after the run.

What an asset receives is the door itself (``create_resource`` returns it), so nothing outside this
file knows that Dagster made it; an asset annotates the parameter with
``dg.ResourceParam[MongoStores]``. What is secret or differs between deployments is given as
``dg.EnvVar``, whose name the UI shows and whose value it does not; the rest comes from the
variables that ``environment.py`` names.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from typing import Any, Self, TypeVar

import dagster as dg
from pydantic import Field

from resources.athena import AthenaDoor
from resources.codes_service import CodesService
from resources.entries_service import EntriesService
from resources.marketing_cloud import MarketingCloud
from resources.mongo.stores import MongoStores
from resources.object_store import ObjectStore
from resources.scoring_files import ScoringFiles
from resources.wiring import environment

Door = TypeVar("Door")


class Shell(dg.ConfigurableResource[Door]):
    """A shell that is filled once a process with the values of its variables.

    Dagster fills three copies of every shell anew for every run, a tenth of what a small export
    takes. A copy is as good as another: no shell looks at the context that it is made for.
    """

    def with_replaced_resource_context(
        self,
        resource_context: dg.InitResourceContext,  # noqa: ARG002 - the signature is Dagster's
    ) -> Self:
        """The shell itself."""
        return self

    def _with_updated_values(self, values: Mapping[str, Any] | None) -> "Shell[Door]":
        return _filled(type(self), tuple(sorted(values.items()))) if values else self


class MongoResource(Shell[MongoStores]):
    """The stores of the database."""

    uri: str = Field(description="Connection string of MongoDB, an EnvVar.", repr=False)

    def create_resource(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - the signature is Dagster\'s
    ) -> MongoStores:
        """The door of this process; it connects when it is first used, which is after any fork."""
        return _stores(self.uri, os.environ.get(environment.MONGODB_DATABASE, ""))


class AthenaResource(Shell[AthenaDoor]):
    """Athena."""

    staging: str = Field(description="s3://bucket/prefix/ where Athena leaves its results.")

    def create_resource(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - the signature is Dagster\'s
    ) -> AthenaDoor:
        """Build the door; nothing is opened."""
        return environment.athena({**os.environ, environment.ATHENA_STAGING: self.staging})

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[AthenaDoor]:
        """Close the connections when the run or tick is over, however it ended."""
        with closing(self.create_resource(context)) as door:
            yield door


class ObjectStoreResource(Shell[ObjectStore]):
    """The bucket of the exports."""

    bucket: str = Field(description="Name of the bucket that holds the exports.")

    def create_resource(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - the signature is Dagster\'s
    ) -> ObjectStore:
        """The door of this process; it connects when it is first used, which is after any fork."""
        return _bucket(self.bucket, *(os.environ.get(name, "") for name in _OF_S3))


class CodesServiceResource(Shell[CodesService]):
    """The codes service."""

    token: str = Field(description="Bearer token of the service, an EnvVar.", repr=False)

    def create_resource(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - the signature is Dagster\'s
    ) -> CodesService:
        """Build the door; nothing is opened."""
        return environment.codes_service(
            {**os.environ, environment.CODES_SERVICE_TOKEN: self.token}
        )

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[CodesService]:
        """Close the connections when the run or tick is over, however it ended."""
        with closing(self.create_resource(context)) as door:
            yield door


class EntriesServiceResource(Shell[EntriesService]):
    """The entries service."""

    token: str = Field(description="Bearer token of the service, an EnvVar.", repr=False)

    def create_resource(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - the signature is Dagster\'s
    ) -> EntriesService:
        """Build the door; nothing is opened."""
        return environment.entries_service(
            {**os.environ, environment.ENTRIES_SERVICE_TOKEN: self.token}
        )

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[EntriesService]:
        """Close the connections when the run or tick is over, however it ended."""
        with closing(self.create_resource(context)) as door:
            yield door


class MarketingCloudResource(Shell[MarketingCloud]):
    """Salesforce Marketing Cloud."""

    client_secret: str = Field(description="Secret of the package, an EnvVar.", repr=False)

    def create_resource(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - the signature is Dagster\'s
    ) -> MarketingCloud:
        """Build the door; nothing is opened."""
        return environment.marketing_cloud(
            {**os.environ, environment.SFMC_CLIENT_SECRET: self.client_secret}
        )

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[MarketingCloud]:
        """Close the connections when the run or tick is over, however it ended."""
        with closing(self.create_resource(context)) as door:
            yield door


class ScoringFilesResource(Shell[ScoringFiles]):
    """The buckets of the two scoring providers."""

    internal: str = Field(description="Name of the bucket of our model.")
    vf: str = Field(description="Name of the bucket of the second provider.")

    def create_resource(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - the signature is Dagster\'s
    ) -> ScoringFiles:
        """Build the door; nothing is opened."""
        named = {environment.SCORING_BUCKET: self.internal, environment.VF_SCORING_BUCKET: self.vf}
        return environment.scoring_files({**os.environ, **named})

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[ScoringFiles]:
        """Close the connections when the run or tick is over, however it ended."""
        with closing(self.create_resource(context)) as door:
            yield door


_OF_S3 = (environment.AWS_REGION, environment.AWS_ENDPOINT_URL, environment.AWS_ENDPOINT_URL_S3)


@cache
def _filled(shell: type[Shell[Any]], values: tuple[tuple[str, str], ...]) -> Shell[Any]:
    return shell(**dict(values))


@cache
def _stores(uri: str, database: str) -> MongoStores:
    return environment.mongo_stores(
        {environment.MONGODB_URI: uri, environment.MONGODB_DATABASE: database}
    )


@cache
def _bucket(name: str, *of_s3: str) -> ObjectStore:
    said = dict(zip(_OF_S3, of_s3, strict=True))
    return environment.object_store({environment.EXPORTS_BUCKET: name, **said})


def configured_doors() -> dict[str, object]:
    """Return the shells under the names that assets and sensors ask for."""
    return {
        "mongo": MongoResource(uri=dg.EnvVar(environment.MONGODB_URI)),
        "athena": AthenaResource(staging=dg.EnvVar(environment.ATHENA_STAGING)),
        "object_store": ObjectStoreResource(bucket=dg.EnvVar(environment.EXPORTS_BUCKET)),
        "codes": CodesServiceResource(token=dg.EnvVar(environment.CODES_SERVICE_TOKEN)),
        "entries_service": EntriesServiceResource(
            token=dg.EnvVar(environment.ENTRIES_SERVICE_TOKEN)
        ),
        "marketing_cloud": MarketingCloudResource(
            client_secret=dg.EnvVar(environment.SFMC_CLIENT_SECRET)
        ),
        "scoring": ScoringFilesResource(
            internal=dg.EnvVar(environment.SCORING_BUCKET),
            vf=dg.EnvVar(environment.VF_SCORING_BUCKET),
        ),
    }
