"""The variables that say where the outside is, and the doors built from them.

The names stand here once; the Dagster shells, the bridge and the command line all come through
here. Nothing is read at import: callers pass the mapping. Credentials are not among them: boto3
finds its own.
"""

from collections.abc import Mapping

from resources.athena import AthenaDoor
from resources.clock import Clock
from resources.codes_service import CodesService
from resources.entries_service import EntriesService
from resources.marketing_cloud import MarketingCloud
from resources.mongo.connection import MongoConnection
from resources.mongo.stores import MongoStores
from resources.object_store import ObjectStore
from resources.scoring_files import ScoringFiles
from resources.webhook_receivers import WebhookReceivers

MONGODB_URI = "MONGODB_URI"
MONGODB_DATABASE = "MONGODB_DATABASE"
AWS_REGION = "AWS_REGION"
AWS_ENDPOINT_URL = "AWS_ENDPOINT_URL"
AWS_ENDPOINT_URL_S3 = "AWS_ENDPOINT_URL_S3"
AWS_ENDPOINT_URL_ATHENA = "AWS_ENDPOINT_URL_ATHENA"
EXPORTS_BUCKET = "EXPORTS_BUCKET"
ATHENA_DATABASE = "ATHENA_DATABASE"
ATHENA_STAGING = "ATHENA_STAGING"
ATHENA_WORKGROUP = "ATHENA_WORKGROUP"
SCORING_BUCKET = "SCORING_BUCKET"
VF_SCORING_BUCKET = "VF_SCORING_BUCKET"
CODES_SERVICE_URL = "CODES_SERVICE_URL"
CODES_SERVICE_TOKEN = "CODES_SERVICE_TOKEN"  # noqa: S105 - the name of a variable
ENTRIES_SERVICE_URL = "ENTRIES_SERVICE_URL"
ENTRIES_SERVICE_TOKEN = "ENTRIES_SERVICE_TOKEN"  # noqa: S105 - the name of a variable
SFMC_AUTH_URL = "SFMC_AUTH_URL"
SFMC_REST_URL = "SFMC_REST_URL"
SFMC_CLIENT_ID = "SFMC_CLIENT_ID"
SFMC_CLIENT_SECRET = "SFMC_CLIENT_SECRET"  # noqa: S105 - the name of a variable
SFMC_ACCOUNT_ID = "SFMC_ACCOUNT_ID"
WEBHOOKS_PROXY = "WEBHOOKS_PROXY"
# Of the bridge, which registers, and of the process that sends.
WEBHOOKS_LOOPBACK = "BRIDGE_WEBHOOKS_LOOPBACK"

# What an absent or empty variable means; one that is not here must be given.
DEFAULTS = {
    MONGODB_DATABASE: "fanreg",
    ATHENA_DATABASE: "fan_events",
    ATHENA_WORKGROUP: "primary",
}


def mongo_stores(
    env: Mapping[str, str],
    *,
    application: str = "export-platform",
    operation_seconds: float = 30.0,
) -> MongoStores:
    """Return the stores; nothing is opened.

    Args:
        env: The variables.
        application: Name shown in the server's log.
        operation_seconds: Bound of one operation; the bridge uses a shorter one.

    Raises:
        ValueError: A variable is missing; the text names it.
    """
    connection = MongoConnection(
        uri=_required(env, MONGODB_URI),
        database=_required(env, MONGODB_DATABASE),
        application=application,
        operation_seconds=operation_seconds,
    )
    return MongoStores(connection)


def object_store(env: Mapping[str, str]) -> ObjectStore:
    """Return the bucket of the exports; nothing is opened.

    Raises:
        ValueError: A variable is missing; the text names it.
    """
    return _bucket(env, EXPORTS_BUCKET)


def athena(env: Mapping[str, str]) -> AthenaDoor:
    """Return Athena; nothing is opened.

    Raises:
        ValueError: A variable is missing; the text names it.
    """
    return AthenaDoor(
        database=_required(env, ATHENA_DATABASE),
        staging=_required(env, ATHENA_STAGING),
        workgroup=_required(env, ATHENA_WORKGROUP),
        region=_required(env, AWS_REGION),
        endpoint_url=_endpoint(env, AWS_ENDPOINT_URL_ATHENA),
        s3_endpoint_url=_endpoint(env, AWS_ENDPOINT_URL_S3),
    )


def codes_service(env: Mapping[str, str]) -> CodesService:
    """Return the codes service; nothing is opened.

    Raises:
        ValueError: A variable is missing, and the text names it; or the address is not https.
    """
    return CodesService(
        base_url=_required(env, CODES_SERVICE_URL), token=_required(env, CODES_SERVICE_TOKEN)
    )


def entries_service(env: Mapping[str, str]) -> EntriesService:
    """Return the entries service; nothing is opened.

    Raises:
        ValueError: A variable is missing, and the text names it; or the address is not https.
    """
    return EntriesService(
        base_url=_required(env, ENTRIES_SERVICE_URL), token=_required(env, ENTRIES_SERVICE_TOKEN)
    )


def marketing_cloud(env: Mapping[str, str]) -> MarketingCloud:
    """Return Marketing Cloud; nothing is opened.

    Raises:
        ValueError: A variable is missing, and the text names it; or an address is not https.
    """
    return MarketingCloud(
        auth_url=_required(env, SFMC_AUTH_URL),
        rest_url=_required(env, SFMC_REST_URL),
        client_id=_required(env, SFMC_CLIENT_ID),
        client_secret=_required(env, SFMC_CLIENT_SECRET),
        account_id=_required(env, SFMC_ACCOUNT_ID),
    )


def scoring_files(env: Mapping[str, str]) -> ScoringFiles:
    """Return the buckets of the two scoring providers; nothing is opened.

    Raises:
        ValueError: A variable is missing; the text names it.
    """
    return ScoringFiles(internal=_bucket(env, SCORING_BUCKET), vf=_bucket(env, VF_SCORING_BUCKET))


def webhook_receivers(env: Mapping[str, str], clock: Clock) -> WebhookReceivers:
    """Return the door to receivers of webhooks; nothing is opened.

    Raises:
        ValueError: A variable is malformed; the text names it.
    """
    proxy = env.get(WEBHOOKS_PROXY) or None
    return WebhookReceivers(clock=clock, loopback=webhooks_loopback(env), proxy=proxy)


def webhooks_loopback(env: Mapping[str, str]) -> bool:
    """Say whether webhooks may go to this machine's loopback: never but here and in tests.

    Raises:
        ValueError: It is neither `true` nor `false`.
    """
    said = env.get(WEBHOOKS_LOOPBACK) or "false"
    if said not in {"true", "false"}:
        raise ValueError(f"{WEBHOOKS_LOOPBACK} must be true or false")
    return said == "true"


def _bucket(env: Mapping[str, str], name: str) -> ObjectStore:
    return ObjectStore(
        bucket=_required(env, name),
        endpoint_url=_endpoint(env, AWS_ENDPOINT_URL_S3),
        region=_required(env, AWS_REGION),
    )


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name) or DEFAULTS.get(name)
    if not value:
        raise ValueError(f"the environment variable {name} is not set")
    return value


def _endpoint(env: Mapping[str, str], name: str) -> str | None:
    return env.get(name) or env.get(AWS_ENDPOINT_URL) or None
