"""`verify`: each way in which a copy can differ from what was written."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api_bridge.access.signing import HEADER, Signer
from assets.model.manifest import MANIFEST_NAME
from export_platform.commands.signature import SIGNATURE_NAME, keep
from tests.export_platform.commands.made import CONTENT, manifest
from tests.export_platform.commands.shell import Said

Run = Callable[..., Said]
FILE = "part-00001.csv"


@pytest.mark.parametrize("name", ["", MANIFEST_NAME])
def test_what_was_written_is_proved(run: Run, written: Path, name: str) -> None:
    """The control: a verifier that always complains would pass every test below."""
    said = run("verify", written / name)

    assert 0 == said.code, said.err
    assert "1 file, 3 rows" in said.out
    assert hashlib.sha256((written / MANIFEST_NAME).read_bytes()).hexdigest() in said.out


def test_one_flipped_byte_is_found(run: Run, written: Path) -> None:
    """A disk or a proxy may change one; nobody would see it in a spreadsheet."""
    flipped = bytearray(CONTENT)
    flipped[-4] ^= 1
    (written / FILE).write_bytes(flipped)

    said = run("verify", written)

    assert 1 == said.code
    assert f"{FILE}: the stored bytes are not those written" in said.complaint


def test_one_dropped_row_is_found(run: Run, written: Path) -> None:
    """A cut-off download is a valid CSV."""
    (written / FILE).write_bytes(CONTENT.removesuffix(b"oslo,1\r\n"))

    said = run("verify", written)

    assert 1 == said.code
    assert FILE in said.complaint


def test_a_dropped_row_is_found_even_if_the_digests_were_made_again(
    run: Run, written: Path
) -> None:
    """Rows are counted in the files: whoever edits digests must edit the accounting too."""
    shorter = CONTENT.removesuffix(b"oslo,1\r\n")
    (written / FILE).write_bytes(shorter)
    (written / MANIFEST_NAME).write_bytes(manifest([shorter]).to_bytes())

    said = run("verify", written)

    assert 1 == said.code
    assert "2 rows are there, 3 were written" in said.complaint


def test_a_missing_file_is_found(run: Run, written: Path) -> None:
    """One of two files copied is half an export."""
    (written / MANIFEST_NAME).write_bytes(manifest([CONTENT, CONTENT]).to_bytes())

    said = run("verify", written)

    assert 1 == said.code
    assert "part-00002.csv: the file is missing" in said.complaint


def test_every_finding_is_told(run: Run, written: Path) -> None:
    """Who repairs the first only, to be told of the second, stops trusting the tool."""
    (written / MANIFEST_NAME).write_bytes(manifest([CONTENT, CONTENT, CONTENT]).to_bytes())

    said = run("verify", written)

    assert 2 == said.err.count("the file is missing")


def test_another_manifest_is_told_by_its_digest(run: Run, written: Path) -> None:
    """Files and manifest changed together agree with each other; only its digest tells."""
    right = hashlib.sha256((written / MANIFEST_NAME).read_bytes()).hexdigest()

    assert 0 == run("verify", written, "--sha256", right).code
    assert "it is not the one" in run("verify", written, "--sha256", "0" * 64).complaint


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"not json",
        b"\xff",
        b"{}",
        b'{"manifestVersion": 1}',
        b"[" * 100_000,
        json.dumps({**json.loads(manifest([CONTENT]).to_bytes()), "request": {}}).encode(),
    ],
)
def test_what_is_no_manifest_is_one_line(run: Run, written: Path, body: bytes) -> None:
    """A person gives the wrong file first, always."""
    (written / MANIFEST_NAME).write_bytes(body)

    said = run("verify", written)

    assert said.complaint
    assert 1 == said.code


def test_a_name_that_leads_out_of_the_folder_opens_nothing(run: Run, written: Path) -> None:
    """A manifest comes from elsewhere; it must not choose which files are read."""
    document = json.loads(manifest([CONTENT]).to_bytes())
    document["files"][0]["key"] = "exports/x/.."
    (written / MANIFEST_NAME).write_text(json.dumps(document), encoding="utf-8")

    assert "the file is missing" in run("verify", written).complaint


def _signer() -> Signer:
    private = Ed25519PrivateKey.generate()
    return Signer(kid="k", private=private, published={"k": private.public_key()})


@pytest.fixture
def signed(written: Path) -> Signer:
    """The key that the manifest on disk was signed with."""
    one = _signer()
    body = (written / MANIFEST_NAME).read_bytes()
    keep(written, one.headers(body)[HEADER], one.jwks())
    return one


def test_a_signed_manifest_is_proved_with_keys_of_ones_own(
    run: Run, written: Path, signed: Signer, tmp_path: Path
) -> None:
    """The keys that came along prove less than those that somebody else kept."""
    own = tmp_path / "keys.json"
    own.write_text(json.dumps(signed.jwks()))

    assert "signed by k of the keys that came with it" in run("verify", written).out
    assert "signed by k of the keys you gave" in run("verify", written, "--keys", own).out


@pytest.mark.usefixtures("signed")
def test_a_manifest_that_was_changed_and_made_consistent_is_found_by_its_signature(
    run: Run, written: Path
) -> None:
    """Digests can be made again by anybody, the signature cannot; the control stands above."""
    other = CONTENT.replace(b"oslo", b"rome")
    (written / FILE).write_bytes(other)
    (written / MANIFEST_NAME).write_bytes(manifest([other]).to_bytes())
    complaint = run("verify", written).complaint
    (written / SIGNATURE_NAME).unlink()
    unsigned = run("verify", written)

    assert "none of these keys has signed this manifest" in complaint
    assert unsigned.code == 0, "consistent in itself: only the signature tells"
    assert "not signed" in unsigned.out


@pytest.mark.parametrize("name", ["another key", "no keys", "no signature", "nonsense"])
def test_a_signature_that_cannot_be_checked_is_no_proof(
    run: Run, written: Path, signed: Signer, tmp_path: Path, name: str
) -> None:
    """Whoever names keys wants to know, and is not told that all is well."""
    own = tmp_path / "keys.json"
    keys = {"another key": _signer().jwks(), "no keys": {"keys": []}}
    own.write_text(json.dumps(keys.get(name, signed.jwks())))
    if name == "no signature":
        (written / SIGNATURE_NAME).unlink()
    if name == "nonsense":
        (written / SIGNATURE_NAME).write_text("a..b")

    said = run("verify", written, "--keys", own)

    assert said.code == 1
    assert "proved" not in said.out
