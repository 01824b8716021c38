"""Each kind of export over the 60-entry pack, byte for byte, in every form that it can have."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest

from assets.attempt import Attempt, Build, Done
from assets.exports.catalog import CATALOG
from assets.life import ExportLife
from assets.model.export_type import ExportType
from assets.model.lifecycle import Status
from assets.model.parameters import parse
from assets.reading import Doors
from export_platform.doors import opened
from export_platform.local.seed import loader
from export_platform.local.seed.asking import sample_params
from export_platform.local.seed.catalog import pack_named
from export_platform.local.services.extensions import put_data_extensions
from export_platform.settings import LOCAL_SECRET
from resources.clock import SystemClock
from resources.wiring import environment
from tests.assets.workbench import AFTER_THE_PACK, CAMPAIGN, EVERY_SCOPE
from tests.conftest import running_stack

GOLDENS = Path(__file__).parents[2] / "goldens" / "tiny"
Form = Mapping[str, str]

# People get `excel`, machines `rfc4180`; `masked` is what a caller gets who says nothing.
TEXTS: tuple[Form, ...] = (
    {"dialect": "excel", "pii": "full"},
    {"dialect": "rfc4180", "pii": "full"},
    {"dialect": "excel", "pii": "masked"},
    {"dialect": "rfc4180", "pii": "hashed"},
    {"dialect": "sfmc", "pii": "full"},
)
# Files that nobody reads as a diff: their digests stand in `digests.txt`.
OTHERS: tuple[Form, ...] = tuple(
    {"format": kind, "pii": "full", "compression": compression}
    for kind, compression in [
        ("jsonl", "none"),
        ("jsonl", "zstd"),
        ("parquet", "none"),
        ("xlsx", "none"),
    ]
)
# The safety lag before a minute after the pack's `asOf`.
SNAPSHOT = AFTER_THE_PACK - timedelta(seconds=30)
# Stands in the goldens for the id of the export, which is another one each time.
NO_ID = b"exp_000000000000000000000000"


def forms(kind: ExportType, among: tuple[Form, ...]) -> list[Form]:
    """The forms that a kind can have: it insists on some members."""
    fixed = kind.fixed({option.name: option.default for option in kind.options})
    machine = "sfmc" not in fixed.values()
    return [
        form
        for form in among
        if all(form.get(name, value) == value for name, value in fixed.items())
        and not (machine and form.get("dialect") == "sfmc")
    ]


def named(form: Form) -> str:
    """How the file of a form is called, without its ending."""
    return ".".join(
        form[name] for name in ("dialect", "format", "compression", "pii") if name in form
    )


CASES = [(name, form) for name, kind in CATALOG.items() for form in forms(kind, TEXTS)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """A stack for this file alone: an export of a day shows whatever packs are in the lake."""
    with running_stack(tmp_path_factory.mktemp("goldens")) as variables:
        yield variables


@pytest.fixture(scope="module")
def doors(stack: Mapping[str, str]) -> Iterator[Doors]:
    """The real processes, with the hand-written pack in them."""
    env = {**stack, environment.MONGODB_DATABASE: "goldens"}
    put_data_extensions(env[environment.SFMC_REST_URL])
    loader.load(
        pack_named("tiny"),
        mongo_uri=env[environment.MONGODB_URI],
        database=env[environment.MONGODB_DATABASE],
        s3=loader.lake_client(env[environment.AWS_ENDPOINT_URL_S3]),
        codes_url=env[environment.CODES_SERVICE_URL],
        codes_token=env[environment.CODES_SERVICE_TOKEN],
    )
    with opened(env, secret=LOCAL_SECRET.encode()) as made:
        yield made


@pytest.mark.parametrize(
    ("name", "form"), CASES, ids=[f"{name}-{named(form)}" for name, form in CASES]
)
def test_an_export_equals_its_golden(
    doors: Doors, name: str, form: Form, request: pytest.FixtureRequest
) -> None:
    """A changed byte is a changed promise to whoever reads the file; it must be meant."""
    bodies = _exported(doors, name, {**form, "compression": "none"})

    found = {f"{section}{named(form)}.csv": body for section, body in bodies.items()}
    if request.config.getoption("--write-goldens"):
        (GOLDENS / name).mkdir(exist_ok=True)
        for file, body in found.items():
            (GOLDENS / name / file).write_bytes(body)
    for file, body in found.items():
        assert body == (GOLDENS / name / file).read_bytes()


@pytest.mark.parametrize("name", CATALOG)
def test_an_export_has_the_same_digest_in_every_other_form(
    doors: Doors, name: str, request: pytest.FixtureRequest
) -> None:
    """Parquet and workbooks are not read as a diff, but their bytes are promised all the same."""
    lines = [
        f"{hashlib.sha256(body).hexdigest()}  {section}{named(form)}\n"
        for form in forms(CATALOG[name], OTHERS)
        for section, body in _exported(doors, name, form).items()
    ]
    golden = GOLDENS / name / "digests.txt"
    if not lines:  # a kind that insists on its form
        return

    if request.config.getoption("--write-goldens"):
        golden.write_text("".join(lines), encoding="utf-8")
    assert "".join(lines) == golden.read_text(encoding="utf-8")


def test_every_golden_belongs_to_an_export() -> None:
    """A golden that nothing reads proves nothing."""
    found = {folder.name: {path.name for path in folder.iterdir()} for folder in GOLDENS.iterdir()}

    assert set(found) == set(CATALOG)
    for name, kind in CATALOG.items():
        texts = {f"{named(form)}.csv" for form in forms(kind, TEXTS)}
        sections = {f"{one.name}." for one in kind.companions} | {""}
        possible = {f"{section}{text}" for section, text in product(sections, texts)}
        others = {"asset.txt", *(["digests.txt"] if forms(kind, OTHERS) else [])}
        assert texts | others <= found[name] <= possible | others


def _exported(doors: Doors, name: str, form: Form) -> dict[str, bytes]:
    """The bytes of each section's files, one after the other; the main one's name is empty."""
    done = _done(doors, name, form)
    own_id = done.manifest.export_id.encode()
    bodies: dict[str, bytes] = {}
    for entry in done.manifest.files:
        section = f"{entry.section}." if entry.section else ""
        body = b"".join(doors.objects.read(entry.key))
        bodies[section] = bodies.get(section, b"") + body.replace(own_id, NO_ID)
    return bodies


def _done(doors: Doors, name: str, form: Form) -> Done:
    life = ExportLife(doors.mongo.exports, as_of=SNAPSHOT)
    # What is delivered elsewhere is the business of other tests; the files are the same.
    params = {**sample_params(CATALOG[name], CAMPAIGN), "deliver": [], **form}
    if not CATALOG[name].deliveries:
        del params["deliver"]
    request = parse(CATALOG[name], params, scopes=EVERY_SCOPE)
    document = life.create(request, origin="dagster", subject="test", status=Status.DISPATCHED)
    worker = Attempt(
        life,
        doors,
        CATALOG,
        build=Build(version="0", git_sha="0"),
        clock=SystemClock(),
        jitter=lambda: 0.0,
    )
    return worker.run(document["_id"], 1, run_id="golden")
