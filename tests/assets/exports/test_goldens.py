"""Each kind of export over the 60-entry pack, byte for byte."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from assets.attempt import Attempt, Build
from assets.exports.catalog import CATALOG
from assets.life import ExportLife
from assets.model.lifecycle import Status
from assets.model.parameters import parse
from assets.reading import Doors
from export_platform.local.seed import loader
from export_platform.local.seed.catalog import pack_named
from resources.clock import SystemClock
from resources.wiring import environment
from tests.assets.workbench import CAMPAIGN, EVERY_SCOPE

GOLDENS = Path(__file__).parents[2] / "goldens" / "tiny"
# People get `excel`, machines `rfc4180`; `masked` is what a caller gets who says nothing.
FORMS = [("excel", "full"), ("rfc4180", "full"), ("excel", "masked"), ("rfc4180", "hashed")]


@pytest.fixture(scope="module")
def doors(stack: Mapping[str, str]) -> Iterator[Doors]:
    """The real processes, with the hand-written pack in them."""
    import boto3  # noqa: PLC0415 - 0.3 s that only these tests need

    env = {**stack, environment.MONGODB_DATABASE: "goldens"}
    client = boto3.client("s3", endpoint_url=stack[environment.AWS_ENDPOINT_URL_S3])
    loader.load(
        pack_named("tiny"),
        mongo_uri=stack[environment.MONGODB_URI],
        database=env[environment.MONGODB_DATABASE],
        s3=client,
    )
    mongo, athena = environment.mongo_stores(env), environment.athena(env)
    objects = environment.object_store(env)
    yield Doors(mongo=mongo, athena=athena, objects=objects, secret=b"the goldens' key")
    mongo.close()
    athena.close()
    objects.close()


@pytest.mark.parametrize("form", FORMS, ids="-".join)
@pytest.mark.parametrize("name", CATALOG)
def test_an_export_equals_its_golden(
    doors: Doors, name: str, form: tuple[str, str], request: pytest.FixtureRequest
) -> None:
    """A changed byte is a changed promise to whoever reads the file; it must be meant."""
    golden = GOLDENS / name / f"{'.'.join(form)}.csv"

    body = _exported(doors, name, *form)

    if request.config.getoption("--write-goldens"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_bytes(body)
    assert body == golden.read_bytes()


def test_every_golden_belongs_to_an_export() -> None:
    """A golden that nothing reads proves nothing."""
    files = {"asset.txt", *(f"{'.'.join(form)}.csv" for form in FORMS)}

    found = {folder.name: {path.name for path in folder.iterdir()} for folder in GOLDENS.iterdir()}

    assert found == dict.fromkeys(CATALOG, files)


def _exported(doors: Doors, name: str, dialect: str, pii: str) -> bytes:
    life = ExportLife(doors.mongo.exports)
    params = {"campaign_id": CAMPAIGN, "dialect": dialect, "pii": pii, "compression": "none"}
    request = parse(CATALOG[name], {**params, "reason": "a golden"}, scopes=EVERY_SCOPE)
    document = life.create(request, origin="dagster", subject="test", status=Status.DISPATCHED)
    worker = Attempt(
        life,
        doors,
        CATALOG,
        build=Build(version="0", git_sha="0"),
        clock=SystemClock(),
        jitter=lambda: 0.0,
    )
    done = worker.run(document["_id"], 1, run_id="golden")
    return b"".join(doors.objects.read(done.manifest.files[0].key))
