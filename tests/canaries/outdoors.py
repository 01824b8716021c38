"""Failures of the whole platform: real processes, secrets that are canaries, services that echo."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import bson
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from export_platform.local import issuer as development
from export_platform.local import stack as embedded
from export_platform.local.deployment import Deployment, Places
from export_platform.local.processes import free_port
from export_platform.local.seed.basis.dataset import Batch, CodeBatch, SeedObject, Slice
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.loader import lake_client, load
from export_platform.local.seed.tiny.pack import TinyPack
from export_platform.local.services.extensions import put_data_extensions
from resources import tracing
from resources.clock import SystemClock
from resources.crash_points import FOLDER
from resources.mongo.connection import MongoConnection
from resources.mongo.stores import MongoStores
from resources.wiring import environment
from tests.api_bridge.bench import Client
from tests.api_bridge.tokens import Issuer
from tests.canaries import relay
from tests.canaries.places import canary, row
from tests.canaries.refusals import refusals
from tests.canaries.sinks import SIGNATURE, Sinks, of_folder
from tests.collector import Collector, collecting
from tests.e2e.platform import TIMING
from tests.privacy.canaries import NEVER, Canary, planted
from tests.privacy.rules import EVERY_SCOPE
from tests.waiting import eventually

CAMPAIGN: Final = "aurora-lights-2026"
_ENDED: Final = ("succeeded", "failed", "cancelled", "expired")
# Four tries with their waits, on a machine that others use too.
_PATIENCE: Final = 240.0
_SCOPE: Final = " ".join(
    ("exports:read", "exports:create:*", "exports:download", "exports:cancel", *EVERY_SCOPE)
)
_TIMES: Final = 100_000
# An id of the usual form that no chance makes.
MALFORMED: Final = f"exp_{0:024}"
# Every sensor has looked twice by then.
_LOOKS: Final = 15.0

# What must hold something once all is over, or it was not looked at.
KEPT: Final = (
    "answers", "metrics", "traces", "MongoDB", "Dagster's storage", "compute logs",
    "output of the doctor",
    *(f"log of {name}.log" for name in ("bridge", "code-server", "daemon", "webserver")),
)  # fmt: skip
Note = Callable[[str], None]


class PlantedPack(TinyPack):
    """The hand-written pack as `tests/privacy` plants it."""

    def documents(
        self, ledger: Ledger, *, chunk: int = 2_000, broken_text: bool = True
    ) -> Iterator[Batch]:
        """The documents with canaries."""
        del ledger, chunk, broken_text
        for collection, documents in planted().documents.items():
            yield Batch(collection=collection, documents=documents)  # type: ignore[arg-type]

    def slices(self, ledger: Ledger, *, chunk: int = 20_000) -> Iterator[Slice]:
        """The rows of the lake with canaries."""
        del ledger, chunk
        yield from planted().slices

    def codes(self, ledger: Ledger) -> Iterator[CodeBatch]:
        """The codes, which are canaries."""
        del ledger
        for campaign, items in planted().codes.items():
            yield CodeBatch(campaign_id=bson.ObjectId(campaign), items=[dict(i) for i in items])

    def objects(self, ledger: Ledger) -> Iterator[SeedObject]:
        """The files of scores with canaries."""
        del ledger
        for bucket, files in planted().scores.items():
            named: Any = "scoring" if bucket == "internal" else "vf-scoring"
            for key, body in files.items():
                yield SeedObject(bucket=named, key=key, body=body)


@dataclass(slots=True, kw_only=True)
class Ground:
    """A running platform.

    Attributes:
        folder: Of its data and logs.
        places: Its addresses.
        client: Speaks to its bridge.
        database: Its MongoDB.
        stores: The same, as the platform sees it.
        collector: Takes its traces.
        s3: Before its bucket.
        athena: Before its lake.
        sinks: What is kept.
        note: Says to a person how far it is.
        failures: How many were forced.
        survived: What was tried and did not fail.
    """

    folder: Path
    places: Places
    client: Client
    database: MongoConnection
    stores: MongoStores
    collector: Collector
    s3: relay.Relay
    athena: relay.Relay
    sinks: Sinks
    note: Note
    failures: int = 0
    survived: list[str] = field(default_factory=list)

    def ask(self, name: str, kind: str, campaign: str = CAMPAIGN, **params: object) -> "Trial":
        """Ask for an export; one that is refused has failed already."""
        body = {
            "type": kind,
            "params": {"campaign_id": campaign, "pii": "full", "reason": "a test", **params},
            "fresh": True,
        }
        token = self.client.token(scope=_SCOPE, campaigns=["*"], jti=canary("claim jti"))
        answer = self.client.call("POST", "/v1/exports", body, token=token)
        self.sinks.keep("answers", answer.raw)
        if answer.status != 202:
            self.failures += 1
            return Trial(name=name, export_id=None)
        return Trial(name=name, export_id=str(answer.body["id"]))

    def end(self, trials: Sequence["Trial"]) -> None:
        """Wait for the end of exports, and count those that failed."""
        for trial in trials:
            if trial.export_id is None:
                continue
            document = eventually(partial(self.ended, trial), _PATIENCE)
            tried = document["status"] == "failed" or document["rescues"] or document["failures"]
            self.failures += bool(tried)
            if not tried:
                self.survived.append(f"{trial.name}: {document['status']}")
            token = self.client.token(scope=_SCOPE, campaigns=["*"])
            for path in ("", "/errors", "/lineage", "/manifest"):
                one = f"/v1/exports/{trial.export_id}{path}"
                answer = self.client.call("GET", one, token=token)
                # The lineage, errors and manifest of a good export are for who may see them.
                if path == "" or answer.status >= 400:
                    self.sinks.keep("answers", answer.raw)

    def ended(self, trial: "Trial") -> Any:
        """The document of an export once it has ended, None before."""
        document = self.stores.exports.find(str(trial.export_id))
        return document if document and document["status"] in _ENDED else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """An export that is to fail; without an id it was refused."""

    name: str
    export_id: str | None


@contextmanager
def ground(folder: Path, sinks: Sinks, note: Note) -> Iterator[Ground]:
    """Stack and platform with canaries for secrets, until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        _secrets(patch)
        stack = embedded.Stack(folder)
        try:
            variables = stack.up()
            with (
                relay.relayed(variables[environment.AWS_ENDPOINT_URL_S3]) as s3,
                relay.relayed(variables[environment.AWS_ENDPOINT_URL_ATHENA]) as athena,
                collecting() as collector,
                _platform(folder, variables, _variables(folder, s3, athena, collector), patch) as (
                    deployment,
                    places,
                ),
                closing(_database(variables)) as database,
            ):
                yield Ground(
                    folder=folder,
                    places=places,
                    client=_client(deployment, places),
                    database=database,
                    stores=MongoStores(database),
                    collector=collector,
                    s3=s3,
                    athena=athena,
                    sinks=sinks,
                    note=note,
                )
        finally:
            stack.down()


def _database(variables: Mapping[str, str]) -> MongoConnection:
    return MongoConnection(
        uri=variables[environment.MONGODB_URI], database=variables[environment.MONGODB_DATABASE]
    )


def _secrets(patch: pytest.MonkeyPatch) -> None:
    """What the stand-ins take for a secret is a canary."""
    patch.setitem(embedded._CREDENTIALS, "AWS_SECRET_ACCESS_KEY", canary("S3 secret key"))
    codes, entries = canary("codes token"), canary("entries token")
    patch.setattr(embedded, "CODES_TOKEN", codes)
    patch.setattr(embedded, "_CODES_SCOPES", {codes: ["codes:read", "codes:reveal"]})
    patch.setattr(embedded, "ENTRIES_TOKEN", entries)
    patch.setattr(embedded, "_ENTRIES_SCOPES", {entries: ["entries:read", "entries:write"]})
    patch.setattr(embedded, "SFMC_CLIENT_SECRET", canary("SFMC secret"))


def _variables(
    folder: Path, s3: relay.Relay, athena: relay.Relay, collector: Collector
) -> Mapping[str, str]:
    """What every process of the platform is given."""
    return {
        **TIMING,
        FOLDER: str(folder / "orders"),
        "EXPORT_HASH_SECRET": canary("key of the pseudonyms"),
        environment.AWS_ENDPOINT_URL_S3: s3.url,
        environment.AWS_ENDPOINT_URL_ATHENA: athena.url,
        tracing.ENDPOINT: collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{canary('collector token')}",
    }


@contextmanager
def _platform(
    folder: Path,
    variables: Mapping[str, str],
    more: Mapping[str, str],
    patch: pytest.MonkeyPatch,
) -> Iterator[tuple[Deployment, Places]]:
    for name, value in variables.items():
        if name.startswith("AWS_") and "ENDPOINT" not in name:
            patch.setenv(name, value)
    (folder / "orders").mkdir(exist_ok=True)
    load(
        PlantedPack(),
        mongo_uri=variables[environment.MONGODB_URI],
        database=variables[environment.MONGODB_DATABASE],
        s3=lake_client(variables[environment.AWS_ENDPOINT_URL_S3]),
        codes_url=variables[environment.CODES_SERVICE_URL],
        codes_token=variables[environment.CODES_SERVICE_TOKEN],
    )
    put_data_extensions(variables[environment.SFMC_REST_URL])
    deployment = Deployment(folder, SystemClock(), variables=more)
    try:
        yield deployment, deployment.up()
    finally:
        deployment.down()


def _client(deployment: Deployment, places: Places) -> Client:
    """A client whose tokens the bridge trusts, with any claims and headers."""
    signing = deployment.issuer
    key = load_pem_private_key(signing.key_file.read_bytes(), password=None)
    assert isinstance(key, RSAPrivateKey)
    named = json.loads(signing.jwks_file.read_bytes())["keys"][0]["kid"]
    trusted = _TrustedIssuer(clock=SystemClock(), kid=named, key=key)
    return Client(port=int(places.bridge_url.rpartition(":")[2]), issuer=trusted)


class _TrustedIssuer(Issuer):
    """Says that it is the development issuer."""

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Its claims."""
        return Issuer.claims(self, **{"iss": development.ISSUER, **changes})


def kept_secrets(folder: Path) -> Iterator[Canary]:
    """Keys that were made by chance: the private halves of what signs tokens and manifests."""
    pem = (folder / "keys" / "signing-key.pem").read_text(encoding="ascii").splitlines()
    yield Canary(value=pem[8], cls=NEVER, path="key of the issuer", kind="text")
    for key in json.loads((folder / "keys" / "manifest-keys.json").read_bytes())["keys"]:
        yield Canary(value=key["d"], cls=NEVER, path="manifest key", kind="text")


def forced(found: Ground) -> None:
    """Force everything that can fail, one kind after the other."""
    for title, force in (
        ("services that echo", _services),
        ("Marketing Cloud that echoes", _marketing_cloud),
        ("a lake that echoes", _lake),
        ("documents of a wrong shape", _documents),
        ("a bucket that echoes", _bucket),
        ("killed workers", _kills),
        ("requests that are refused", refused),
        ("queued exports of a wrong shape", malformed),
        ("wrong secrets", _wrong_secrets),
        ("a good export and its link", _link),
    ):
        before, begun = found.failures, time.monotonic()
        force(found)
        took = time.monotonic() - begun
        found.note(f"{title}: {found.failures - before} failures in {took:.0f} s")


def _services(found: Ground) -> None:
    """One wrong answer after another, of the codes and of the entries service."""
    for name, steps in answers().items():
        for service in ("codes", "entries"):
            script(urls(found)[service], [quoting(service, steps)])
        found.end(
            [
                found.ask(f"codes {name}", "codes", reveal=True),
                found.ask(f"entries {name}", "promoter-email-opt-ins", promoter="northlake"),
            ]
        )
    for service in ("codes", "entries"):
        script(urls(found)[service], [])


def _marketing_cloud(found: Ground) -> None:
    """The same of Marketing Cloud, which is asked only where the two others answer well."""
    url = urls(found)["SFMC"]
    for name, steps in answers().items():
        # Only some of the failures are about the token, which is asked for first.
        path = {} if name.startswith("token") else {"path": "/data/v1"}
        script(url, [{**quoting("SFMC", steps), **path}])
        requests.post(f"{url}/-/expire", timeout=10).raise_for_status()
        asked: dict[str, Any] = {"reminder_kind": "onsale_tomorrow", "deliver": ["sfmc"]}
        found.end([found.ask(f"SFMC {name}", "reminder-email", **asked)])
    script(url, [])


def quoting(service: str, steps: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """What the stand-in of a service is told to answer from now on."""
    said = steps(row(f"{service} answer"))
    headers = {"Set-Cookie": f"a={canary('codes header')}", **said.get("headers", {})}
    return {**said, "headers": headers, "times": _TIMES}


def answers() -> Mapping[str, Callable[[str], dict[str, Any]]]:
    """Answers by name; each quotes a person, the last of them a token."""

    def status(number: int) -> Callable[[str], dict[str, Any]]:
        return lambda said: {
            "fault": "answer",
            "status": number,
            "body": {"error": said, "detail": said, "items": [{"codeId": said, "value": said}]},
        }

    return {
        **{f"{number}": status(number) for number in (400, 401, 403, 404, 409, 410, 422, 500)},
        "text": lambda said: {"fault": "answer", "type": "text/plain", "body": said},
        "page": lambda said: {"fault": "answer", "type": "text/html", "body": f"<h1>{said}</h1>"},
        "list": lambda said: {"fault": "answer", "body": [said, {"email": said}]},
        "members": lambda said: {
            "fault": "answer",
            "body": {"items": [{"codeId": said, "value": said}], "nextCursor": {"a": said}},
        },
        "cut off": lambda said: {"fault": "truncate", "body": {"items": [said] * 9}},
        "redirect": lambda said: {
            "fault": "answer",
            "status": 302,
            "headers": {"Location": f"http://127.0.0.1:9/{canary('codes redirect')}"},
            "body": {"to": said},
        },
        "token refused": status(401),
        "token of a wrong shape": lambda said: {
            "fault": "answer",
            "body": {"access_token": {"a": canary("SFMC token")}, "expires_in": said},
        },
    }


def urls(found: Ground) -> Mapping[str, str]:
    """Where the stand-ins of services are."""
    env = found.places.environment
    return {
        "codes": env[environment.CODES_SERVICE_URL],
        "entries": env[environment.ENTRIES_SERVICE_URL],
        "SFMC": env[environment.SFMC_REST_URL],
    }


def script(url: str, steps: Sequence[Mapping[str, Any]]) -> None:
    """Tell the stand-in of a service what to answer; nothing: what it usually does."""
    requests.put(f"{url}/-/faults", json=list(steps), timeout=10).raise_for_status()


def _lake(found: Ground) -> None:
    """Athena refuses, fails and quotes the row."""
    every: Mapping[str, relay.Answers] = {
        "reason": relay.failed_query,
        "invalid": relay.athena_error(400, "InvalidRequestException"),
        "denied": relay.athena_error(403, "AccessDeniedException"),
        "expired": relay.athena_error(400, "ExpiredTokenException"),
        "metadata": relay.athena_error(400, "MetadataException"),
    }
    kinds = ("registration-timeline", "email-engagement", "code-redemptions")
    for name, answers in every.items():
        found.athena.answers = answers
        found.end([found.ask(f"Athena {name} {kind}", kind) for kind in kinds])
    found.athena.answers = None


def _bucket(found: Ground) -> None:
    """S3 refuses, fails, and sends back what it was sent: rows and signatures."""
    every: Mapping[str, relay.Answers] = {
        "denied": relay.s3_error(403, "AccessDenied"),
        "no key": relay.s3_error(403, "InvalidAccessKeyId"),
        "signature": relay.s3_error(403, "SignatureDoesNotMatch"),
        "expired": relay.s3_error(400, "ExpiredToken"),
        "invalid": relay.s3_error(400, "InvalidRequest"),
        "no bucket": relay.s3_error(404, "NoSuchBucket"),
        "no method": relay.s3_error(405, "MethodNotAllowed"),
    }
    for name, answers in every.items():
        found.s3.answers = answers
        found.end(
            [
                found.ask(f"S3 {name}", "entries"),
                found.ask(f"S3 {name} parquet", "waitlist", format="parquet"),
            ]
        )
    found.s3.answers = None


def _documents(found: Ground) -> None:
    """Campaigns and entries whose fields hold something else than they should."""
    collections = {name: found.database.collection(name) for name in ("campaigns", "entries")}
    campaign: dict[str, Any] = bson.decode(planted().documents["campaigns"][0])
    entry: dict[str, Any] = bson.decode(planted().documents["entries"][0])
    trials = []
    for number, (name, value) in enumerate(_wrong_campaigns()):
        key = f"wrong-campaign-{number}"
        wrong = {**campaign, "_id": bson.ObjectId(), "key": key, name: value}
        collections["campaigns"].insert_one(wrong)
        trials.append(found.ask(f"campaign's {name}", "entries", key))
    for number, (name, value) in enumerate(_wrong_entries()):
        key, about = f"wrong-entry-{number}", bson.ObjectId()
        collections["campaigns"].insert_one({**campaign, "_id": about, "key": key})
        wrong = {**entry, "_id": bson.ObjectId(), "campaignId": about, name: value}
        collections["entries"].insert_one(wrong)
        trials.append(found.ask(f"entry's {name}", "entries", key, max_rejects=0))
    found.end(trials)


def _wrong_campaigns() -> Iterator[tuple[str, Any]]:
    said = row("campaign name")
    yield "timeZone", canary("campaign zone")
    yield "timeZone", {"wrong": row("campaign zone")}
    yield "locales", said
    yield "defaultLocale", {"wrong": said}
    yield "questions", [{"key": row("question"), "type": row("question"), "label": said}]
    yield "questions", row("question")
    yield "privacy", said
    yield "preferences", row("market")


def _wrong_entries() -> Iterator[tuple[str, Any]]:
    said = row("entry")
    yield "status", {"wrong": said}
    yield "createdAt", said
    yield "contact", [said]
    yield "contact", {"email": {"wrong": said}, "firstName": [said], "phone": said}
    yield "preferences", said
    yield "answers", {"wrong": said}
    yield "consents", [said]
    yield "selection", {"decidedAt": said, "outcome": [said]}
    yield "locale", bson.Binary(said.encode())
    yield "timeZone", {"wrong": said}


def _kills(found: Ground) -> None:
    """Workers that die while rows are in their memory."""
    for point in ("K09", "K11", "K16"):
        (found.folder / "orders" / point).write_text("kill 1", encoding="ascii")
        found.end([found.ask(f"killed at {point}", "entries", pii="masked")])


def refused(found: Ground) -> None:
    """Send what the bridge must refuse; an export has failed before."""
    failed = found.stores.exports.page({"status": "failed"}, limit=1)[0]["_id"]
    for refusal in refusals(CAMPAIGN, failed):
        answer = refusal.force(found.client, CAMPAIGN)
        found.sinks.keep("answers", answer.raw, bytes(answer.headers))
        found.failures += 1


def _wrong_secrets(found: Ground) -> None:
    """Programs that are given a password in a wrong address, or for a database that is away."""
    password, address = canary("database password"), canary("secret in an address")
    away, wrong = f"mongodb://e:{password}@127.0.0.1:9/", f"mongodb://e:{password}@db:port/"
    for changes in (
        {"MONGODB_URI": away},
        {"MONGODB_URI": wrong},
        {"MONGODB_URI": f"mongo//e:{password}@db/"},
        {"CODES_SERVICE_URL": f"http://e:{address}@example.com"},
        {"SFMC_AUTH_URL": f"http://e:{address}@example.com"},
        {"AWS_SECRET_ACCESS_KEY": canary("S3 secret key")[::-1]},
    ):
        examined(found, changes)
    env = {**os.environ, **found.places.environment}
    env |= {"BRIDGE_ISSUER": "i", "BRIDGE_AUDIENCE": "a", "BRIDGE_JWKS": "/nowhere"}
    for changes in (
        {"MONGODB_URI": away},
        {"MONGODB_URI": wrong},
        {"BRIDGE_JWKS": f"https://e:{address}@127.0.0.1:9/"},
        {"BRIDGE_SIGNING_KEYS": f"{{{canary('manifest key')}"},
    ):
        _served_with(found, {**env, **changes}, f"bridge with {[*changes]}")


def examined(found: Ground, changes: Mapping[str, str]) -> None:
    """Let the doctor look with wrong variables."""
    env = {**os.environ, **found.places.environment, "EXPORT_PLATFORM_HOME": str(found.folder)}
    program = str(Path(sys.executable).with_name("export-platform"))
    ended = subprocess.run(
        [program, "doctor"], env={**env, **changes}, capture_output=True, check=False,
        timeout=_PATIENCE,
    )  # fmt: skip
    found.sinks.keep("output of the doctor", ended.stdout, ended.stderr)
    _count(found, f"doctor with {[*changes]}", failed=ended.returncode != 0)


def malformed(found: Ground) -> None:
    """A queued export that lacks what the queue sorts by; sensors meet it at every look."""
    document = {"_id": MALFORMED, "status": "queued", "type": "entries", "partition": row("entry")}
    found.database.collection("exports").insert_one(document)
    found.failures += 1
    time.sleep(_LOOKS)


def _served_with(found: Ground, env: Mapping[str, str], name: str) -> None:
    """A bridge with a wrong setting, asked three things if it starts at all."""
    port = free_port()
    command = [sys.executable, "-m", "api_bridge", "--port", str(port)]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    client, statuses = Client(port=port, issuer=found.client.issuer), []
    try:
        eventually(lambda: process.poll() is not None or _accepts(port))
        for path in ("/readyz", "/v1/exports", "/metrics") if process.poll() is None else ():
            answer = client.call("GET", path)
            found.sinks.keep("answers", answer.raw, bytes(answer.headers))
            statuses.append(answer.status)
    finally:
        process.terminate()
        output, errors = process.communicate(timeout=60)
    found.sinks.keep("output of a bridge", output, errors)
    _count(found, name, failed=not statuses or max(statuses) >= 400)


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _count(found: Ground, name: str, *, failed: bool) -> None:
    if failed:
        found.failures += 1
    else:
        found.survived.append(name)


def _link(found: Ground) -> None:
    """A link that is a secret; nothing failed, and no log may hold it.

    Its request and its run are in other processes, and in one trace.
    """
    trial = found.ask("a good one", "entries")
    document = eventually(lambda: found.ended(trial), _PATIENCE)
    trace = str(document["traceparent"]).split("-")[1]
    wanted = {"POST /v1/exports", "queued", "attempt", "read", "convert", "upload", "commit"}
    eventually(
        lambda: wanted <= {one.name for one in found.collector.spans if one.trace == trace}, 30.0
    )
    token = found.client.token(scope=_SCOPE, campaigns=["*"])
    path = f"/v1/exports/{trial.export_id}/files/1"
    link = str(found.client.call("GET", path, token=token).headers["Location"])
    assert SIGNATURE in link
    assert requests.get(link, timeout=30).ok


def gathered(found: Ground) -> None:
    """Everything that was kept by somebody else."""
    metrics = found.client.call("GET", "/metrics", token=None)
    found.sinks.keep("metrics", metrics.raw)
    found.sinks.keep("traces", *found.collector.bodies)
    # But for the one that was written with a canary in it.
    for document in found.database.collection("exports").find({"_id": {"$ne": MALFORMED}}):
        found.sinks.keep_document("MongoDB", document)
    for name, content in of_folder(found.folder / "logs"):
        found.sinks.keep(f"log of {name}", content)
    for name, content in of_folder(found.folder / "dagster"):
        sink = "compute logs" if "compute_logs" in name else "Dagster's storage"
        found.sinks.keep(sink, content)
