"""Signed manifests: anybody can check one years later, with any JOSE library and without us."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from api_bridge.access.signing import HEADER, read_signer
from api_bridge.settings import Settings
from tests.api_bridge.bench import MANIFEST, Bench, running_bench
from tests.api_bridge.schemas import wrong
from tests.api_bridge.toys import TOYS
from tests.conventions.repository import ROOT

KEYS = "/.well-known/export-signing-keys"


def encode(raw: bytes) -> str:
    """Base64url without padding, as JOSE has it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def made(name: str, **changes: Any) -> dict[str, Any]:
    """A new private key as a JWK."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    private = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    jwk = {"kty": "OKP", "crv": "Ed25519", "kid": name, "x": encode(public), "d": encode(private)}
    return {member: value for member, value in (jwk | changes).items() if value is not None}


def kept(folder: Path, *keys: object) -> str:
    """The path of a file with these keys."""
    path = folder / "signing.json"
    path.write_text(json.dumps({"keys": list(keys)}))
    return str(path)


def _documented() -> Callable[[bytes, str, dict[str, Any]], bool]:
    """The function that docs/api.md gives to receivers, run as it stands there."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(import base64, json, jwt.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own page, which must not drift
    found: Callable[[bytes, str, dict[str, Any]], bool] = names["is_ours"]
    return found


is_ours = _documented()


def test_a_manifest_is_signed_with_a_published_key(tmp_path: Path) -> None:
    """RFC 7515 appendix F: the body travels as it is, and one changed byte shows."""
    with running_bench(tmp_path, TOYS, signing_keys=kept(tmp_path, made("k-1"))) as bench:
        export_id = bench.finish(bench.create())
        answer = bench.call("GET", f"/v1/exports/{export_id}/manifest")
        published = bench.call("GET", KEYS, token=None)

    signature = answer.headers[HEADER]
    assert answer.raw == MANIFEST
    assert is_ours(MANIFEST, signature, published.body)
    assert not is_ours(MANIFEST + b" ", signature, published.body)
    assert wrong("signing-keys", published.body) == []
    assert [one["kid"] for one in published.body["keys"]] == ["k-1"]
    assert published.headers["Cache-Control"] == "public, max-age=3600"


def test_a_private_key_is_never_published(tmp_path: Path) -> None:
    """One `d` in the answer and anybody signs manifests of ours."""
    key = made("k-1")
    signer = read_signer(kept(tmp_path, key))

    assert key["d"] not in json.dumps(signer.jwks())
    assert key["d"] not in repr(signer)
    assert "private" not in repr(signer)


def test_the_keys_may_come_as_a_value(tmp_path: Path) -> None:
    """Secret stores fill variables, not files; and settings are printed sooner or later."""
    key = made("k-1")
    value = json.dumps({"keys": [key]})
    settings = Settings(issuer="i", audience="a", jwks="j", signing_keys=value)

    assert read_signer(value).jwks() == read_signer(kept(tmp_path, key)).jwks()
    assert key["d"] not in repr(settings)


def test_an_older_signature_can_be_checked_after_a_rotation(tmp_path: Path) -> None:
    """The old key signs no more, but what it has signed is still ours."""
    old, new = made("old"), made("new")
    before = read_signer(kept(tmp_path, old, new))
    signed = before.headers(b"body")[HEADER]
    after = read_signer(kept(tmp_path, new, {n: v for n, v in old.items() if n != "d"}))

    assert is_ours(b"body", signed, before.jwks())
    assert is_ours(b"body", signed, after.jwks())
    assert is_ours(b"body", after.headers(b"body")[HEADER], before.jwks())
    assert (before.kid, after.kid) == ("old", "new")


def test_without_a_key_nothing_is_signed_and_nothing_published(bench: Bench) -> None:
    """An empty set says so; a made-up key would say that somebody vouches."""
    export_id = bench.finish(bench.create())

    assert HEADER not in bench.call("GET", f"/v1/exports/{export_id}/manifest").headers
    assert bench.call("GET", KEYS, token=None).body == {"keys": []}


@pytest.mark.parametrize(
    "keys",
    [
        [],
        ["x"],
        [{}],
        [made("a", d=None)],
        [made("a"), made("a")],
        [made("a", kty="RSA")],
        [made("a", crv="X25519")],
        [made("a", kid="")],
        [made("a", kid=7)],
        [made("a", x=encode(b"x" * 31))],
        [made("a", d=encode(b"x" * 31))],
        [made("a", x="not base64!")],
        [made("a", x=made("b")["x"])],
    ],
    ids=range(13),
)
def test_keys_that_are_none_stop_the_start(tmp_path: Path, keys: list[object]) -> None:
    """Not the first manifest; and the message names the variable, never the file's content."""
    with pytest.raises(ValueError, match="BRIDGE_SIGNING_KEYS") as refused:
        read_signer(kept(tmp_path, *keys))

    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    """A mount that was forgotten."""
    with pytest.raises(ValueError, match="BRIDGE_SIGNING_KEYS"):
        read_signer(str(tmp_path / "none.json"))
