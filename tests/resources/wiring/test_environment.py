"""Doors from variables: which must be there, what the others mean."""

import pytest

from resources.scoring_files import Provider
from resources.wiring import environment

PASSWORD = "canary"
FULL = {
    "MONGODB_URI": f"mongodb://user:{PASSWORD}@127.0.0.1:1",
    "AWS_REGION": "us-east-1",
    "EXPORTS_BUCKET": "exports",
    "ATHENA_STAGING": "s3://b/staging/",
    "SCORING_BUCKET": "scoring",
    "VF_SCORING_BUCKET": "vf-scoring",
    "CODES_SERVICE_URL": "https://codes.example.com",
    "CODES_SERVICE_TOKEN": PASSWORD,
    "ENTRIES_SERVICE_URL": "https://entries.example.com",
    "ENTRIES_SERVICE_TOKEN": PASSWORD,
    "SFMC_AUTH_URL": "https://auth.example.com",
    "SFMC_REST_URL": "https://rest.example.com",
    "SFMC_CLIENT_ID": "client",
    "SFMC_CLIENT_SECRET": PASSWORD,
    "SFMC_ACCOUNT_ID": "7",
}
BUILDERS = (
    environment.mongo_stores,
    environment.object_store,
    environment.athena,
    environment.codes_service,
    environment.entries_service,
    environment.marketing_cloud,
    environment.scoring_files,
)


def test_doors_are_built_without_opening_anything() -> None:
    """The code location loads on a machine that reaches nothing."""
    for build in BUILDERS:
        build(FULL).close()


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("name", sorted(FULL))
def test_a_missing_variable_is_named(name: str, value: str | None) -> None:
    """An operator must not guess; an empty one is a missing one."""
    variables = {key: kept for key, kept in FULL.items() if key != name}
    if value is not None:
        variables[name] = value

    def build_all() -> None:
        for build in BUILDERS:
            build(variables)

    with pytest.raises(ValueError, match=name):
        build_all()


def test_one_address_serves_both_services_unless_each_has_its_own() -> None:
    """The same rule as in AWS's own tools."""
    both = {**FULL, "AWS_ENDPOINT_URL": "http://both"}
    own = {**both, "AWS_ENDPOINT_URL_S3": "http://s3", "AWS_ENDPOINT_URL_ATHENA": "http://athena"}

    assert environment.athena(both)._endpoints == {"athena": "http://both", "s3": "http://both"}
    assert environment.athena(own)._endpoints == {"athena": "http://athena", "s3": "http://s3"}
    assert environment.object_store(own)._endpoint_url == "http://s3"
    assert environment.object_store(FULL)._endpoint_url is None


def test_a_door_does_not_show_its_secrets() -> None:
    """Doors end up in logs and in error texts."""
    stores = environment.mongo_stores(FULL)

    assert PASSWORD not in repr(stores) + repr(stores.exports) + repr(vars(stores))
    for build in BUILDERS[3:]:
        door = build(FULL)
        assert PASSWORD not in repr(door) + repr(vars(door))


@pytest.mark.parametrize("name", ["CODES_SERVICE_URL", "ENTRIES_SERVICE_URL"])
def test_a_partner_is_not_reached_in_the_clear(name: str) -> None:
    """A slip in a variable must not send a token over the network as plain text."""
    variables = {**FULL, name: FULL[name].replace("https", "http")}
    build = {
        "CODES_SERVICE_URL": environment.codes_service,
        "ENTRIES_SERVICE_URL": environment.entries_service,
    }[name]

    with pytest.raises(ValueError, match="https"):
        build(variables)


def test_each_provider_has_its_own_bucket() -> None:
    """Swapped buckets would give each provider what the other one is sent."""
    files = environment.scoring_files(FULL)

    assert "scoring" == files.store(Provider.INTERNAL)._bucket
    assert "vf-scoring" == files.store(Provider.VF)._bucket
