"""The image and the compose file: no root, nothing to write to but scratch, nothing published.

Neither is built here (no Docker engine); what is said in them is read.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # it ships no types
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.conventions.repository import ROOT
from tests.terraform.hcl import ENVIRONMENTS, configuration, values

PRODUCTION = ROOT / "export_platform" / "production"
DOCKERFILE = (PRODUCTION / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (PRODUCTION / "compose.yaml").read_text(encoding="utf-8")
OURS = ("code", "daemon", "webserver", "webserver-read-only", "webhooks", "bridge")


def weak_image(text: str) -> Iterator[str]:
    """What an image should not be, by what its Dockerfile says."""
    last = text.rpartition("\nFROM ")[2]
    users = re.findall(r"^USER (.+)$", last, re.MULTILINE)
    if users != ["10001:10001"]:
        yield "it runs as root"
    if 'VOLUME ["/scratch"]' not in last:
        yield "nothing can be written"
    if re.search(r"gcc|apt-get|uv pip|requirements-dev", last):
        yield "what builds it is in it"
    if re.search(r"^(ADD|ARG .*(SECRET|TOKEN|PASSWORD))", text, re.MULTILINE):
        yield "something comes from elsewhere, or stays in its history"
    if "--require-hashes" not in text or re.search(r"pip install(?!.*(hashes|--no-deps))", text):
        yield "a package is not pinned"


def weak_service(service: Mapping[str, Any]) -> Iterator[str]:
    """What a container of ours should not be, by what the compose file says."""
    if service.get("user") != "10001:10001":
        yield "it runs as root"
    if service.get("read_only") is not True:
        yield "it can be written to"
    if service.get("cap_drop") != ["ALL"] or service.get("privileged"):
        yield "it may do too much"
    if any(not port.startswith("127.0.0.1:") for port in service.get("ports", [])):
        yield "it is published"
    volumes = [one for one in service.get("volumes", []) if isinstance(one, str)]
    if volumes != ["scratch:/scratch"]:
        yield "it writes elsewhere"


def services(text: str) -> dict[str, Any]:
    """The services, their shared parts filled in."""
    said: dict[str, Any] = yaml.safe_load(text)["services"]
    return said


def test_the_image_is_small_and_without_rights() -> None:
    """One image for all: what it can do, the bridge can."""
    assert [] == list(weak_image(DOCKERFILE))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("USER 10001:10001", "USER root"),
        ("USER 10001:10001\n", ""),
        ('VOLUME ["/scratch"]', ""),
        ("WORKDIR /source\n", "ARG DATABASE_PASSWORD\nWORKDIR /source\n"),
        ("--require-hashes", ""),
        ("    && rm -rf /usr/local/lib", "    && apt-get install gcc && rm -rf /usr/local/lib"),
    ],
)
def test_a_weaker_image_is_found(old: str, new: str) -> None:
    """The check above must be able to fail."""
    assert old in DOCKERFILE
    assert list(weak_image(DOCKERFILE.replace(old, new)))


def authorities(text: str) -> list[x509.Certificate]:
    """The certificates in the file that libpq is told to trust, by what a Dockerfile says."""
    [path] = re.findall(r"^ +PGSSLROOTCERT=(\S+) ", text, re.MULTILINE)
    folder, _, name = path.rpartition("/")
    copied = re.findall(rf"^COPY (.+) {folder}/$", text, re.MULTILINE)
    assert f"export_platform/production/{name}" in " ".join(copied), f"{path} is not in the image"
    return x509.load_pem_x509_certificates((PRODUCTION / name).read_bytes())


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_image_trusts_the_authorities_of_the_environments_database(env: str) -> None:
    """Dagster's storage is believed by its certificate: no authority, no connection."""
    of = configuration()
    region = values(of.texts[f"{env}/terraform.tfvars"])["region"]
    [database] = of.resources("aws_db_instance")
    kind = database.body["ca_cert_identifier"].removeprefix("rds-ca-").upper().replace("-", " ")
    trusted = authorities(DOCKERFILE)
    names = [_common_name(one) for one in trusted]

    assert f"Amazon RDS {region} Root CA {kind}" in names
    assert all(name.startswith(f"Amazon RDS {region} Root CA ") for name in names)
    for one in trusted:
        one.verify_directly_issued_by(one)
        assert one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert one.not_valid_after_utc.year > 2060


def _common_name(certificate: x509.Certificate) -> str:
    [name] = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(name.value)


def test_an_image_without_the_file_of_authorities_is_found() -> None:
    """The control: a file that is named and not copied is none."""
    with pytest.raises(AssertionError, match="is not in the image"):
        authorities(DOCKERFILE.replace(" export_platform/production/rds-eu-west-1-bundle.pem", ""))


def test_what_the_image_is_made_of_is_listed_and_holds_no_data() -> None:
    """Everything else is left out: no history, no data of a local platform, no key."""
    lines = (PRODUCTION / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    kept = {line.removeprefix("!") for line in rules if line.startswith("!")}

    assert "*" == rules[0]
    assert {name for name in kept if not (ROOT / name).exists()} == set()
    assert kept & {".git", ".local", ".venv", "tests", "terraform"} == set()
    assert set(re.findall(r"^COPY (requirements\S+) ", DOCKERFILE, re.MULTILINE)) <= kept


@pytest.mark.parametrize("name", OURS)
def test_a_container_of_ours_has_no_rights(name: str) -> None:
    """As in AWS; and nothing is published but on the machine's own loopback."""
    assert [] == list(weak_service(services(COMPOSE)[name]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('user: "10001:10001"', "user: root"),
        ("read_only: true\n  cap_drop", "read_only: false\n  cap_drop"),
        ("cap_drop: [ALL]", "cap_drop: []"),
        ('"127.0.0.1:8080:8080"', '"8080:8080"'),
        ("volumes: [scratch:/scratch]", "volumes: [/:/host]"),
    ],
)
def test_a_container_with_more_rights_is_found(old: str, new: str) -> None:
    """The check above must be able to fail."""
    assert old in COMPOSE
    weaker = services(COMPOSE.replace(old, new))

    assert any(list(weak_service(weaker[name])) for name in OURS)


def test_storage_and_code_server_are_reached_from_inside_alone() -> None:
    """Neither asks who calls: the network that they stand in has no way out and no port."""
    said = yaml.safe_load(COMPOSE)

    assert said["networks"]["inside"]["internal"]
    assert ["inside"] == said["services"]["storage"]["networks"]
    assert "ports" not in said["services"]["storage"]
    assert "ports" not in said["services"]["code"]
    assert "inside" not in said["services"]["bridge"]["networks"]
    assert "inside" not in said["services"]["webhooks"]["networks"]


def test_the_sender_of_webhooks_has_no_variable_of_the_others() -> None:
    """It calls addresses that callers choose: a secret that it does not have stays one."""
    said = services(COMPOSE)

    assert ["webhooks.env"] == said["webhooks"]["env_file"]
    assert ["outside.env"] == said["bridge"]["env_file"]
    assert "environment" not in said["webhooks"]
    assert "ports" not in said["webhooks"]


def reached(said: Mapping[str, Any]) -> Iterator[str]:
    """What of Dagster's page somebody could reach beside its entrance."""
    services = said["services"]
    for name in ("webserver", "webserver-read-only", "identity"):
        service = services[name]
        if service.get("network_mode") != "service:page" or "ports" in service:
            yield f"{name} stands before the entrance"
        listens = service.get("environment", {}).get("OAUTH2_PROXY_HTTP_ADDRESS", "")
        if "127.0.0.1" not in service.get("command", []) and "127.0.0.1:" not in listens:
            yield f"{name} listens to others"
    if "--read-only" not in services["webserver-read-only"]["command"]:
        yield "everybody may change"
    page = services["page"]["environment"]
    where = (page["PAGE_UPSTREAM"], page["READ_ONLY_UPSTREAM"], page["PAGE_IDENTITY"])
    if any(not address.startswith("127.0.0.1:") for address in where):
        yield "what stands behind is elsewhere"


def test_dagsters_page_is_reached_through_its_entrance_alone() -> None:
    """It asks nobody who he is (S24): tests/e2e/test_entrance.py says what the entrance asks."""
    assert [] == list(reached(yaml.safe_load(COMPOSE)))
    assert ["127.0.0.1:8443:8443"] == services(COMPOSE)["page"]["ports"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "    network_mode: service:page\n    depends_on",
            '    ports: ["127.0.0.1:3000:3000"]\n    depends_on',
        ),
        ('--host, 127.0.0.1, --port, "3000"', '--host, 0.0.0.0, --port, "3000"'),
        ("OAUTH2_PROXY_HTTP_ADDRESS: 127.0.0.1", "OAUTH2_PROXY_HTTP_ADDRESS: 0.0.0.0"),
        ("dagster-webserver, --read-only,", "dagster-webserver,"),
        ("READ_ONLY_UPSTREAM: 127.0.0.1", "READ_ONLY_UPSTREAM: webserver"),
    ],
)
def test_a_way_around_the_entrance_is_found(old: str, new: str) -> None:
    """The check above must be able to fail."""
    assert old in COMPOSE
    assert list(reached(yaml.safe_load(COMPOSE.replace(old, new))))
