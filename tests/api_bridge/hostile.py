"""Tokens that must not open the door: wrong claims, wrong headers, spoiled forms, and vectors.

Each is wrong in one way; the tests of tokens and the attacks of tests/fuzz send the same ones.
"""

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.api_bridge.tokens import AUDIENCE, ISSUER, Issuer, as_json, encode

# Beside the checkout, not in it: the file is somebody else's (Apache-2.0) and large.
WYCHEPROOF = Path(__file__).parents[3] / "shared/vectors/wycheproof_json_web_signature_test.json"


def hostile_claims(issuer: Issuer) -> dict[str, object]:
    """Payloads that a library may let pass (RELIABILITY.md M13), each wrong in one way."""
    now = int(issuer.clock.now().timestamp())
    good = json.dumps(issuer.claims())
    return {
        "no exp": issuer.claims(exp=None),
        "no iat": issuer.claims(iat=None),
        "no iss": issuer.claims(iss=None),
        "no aud": issuer.claims(aud=None),
        "no sub": issuer.claims(sub=None),
        "expired": issuer.claims(iat=now - 120, exp=now - 31),
        "expired to the second": issuer.claims(iat=now - 120, exp=now - 30),
        "issued in the future": issuer.claims(iat=now + 31, exp=now + 600),
        "not before later": issuer.claims(nbf=now + 31),
        "lives longer than an hour": issuer.claims(exp=now + 3_601),
        "ends before it begins": issuer.claims(iat=now + 10, exp=now + 5),
        "exp is text": issuer.claims(exp=str(now + 600)),
        "exp is a fraction": issuer.claims(exp=now + 600.5),
        "exp is a whole float": good.replace(f'"exp": {now + 600}', f'"exp": {now + 600}.0'),
        "exp in exponents": good.replace(f'"exp": {now + 600}', '"exp": 1.9e9'),
        "exp of 400 digits": good.replace(f'"exp": {now + 600}', f'"exp": {"9" * 400}'),
        "exp infinite": good.replace(f'"exp": {now + 600}', '"exp": 1e999'),
        "exp not a number": good.replace(f'"exp": {now + 600}', '"exp": NaN'),
        "exp is true": issuer.claims(exp=True),
        "exp below zero": issuer.claims(exp=-1),
        "exp in a list": issuer.claims(exp=[now + 600]),
        "iat is text": issuer.claims(iat=str(now)),
        "nbf is text": issuer.claims(nbf=str(now)),
        "exp twice": good[:-1] + f', "exp": {now + 601}}}',
        "other issuer": issuer.claims(iss="https://issuer.test"),
        "issuer in capitals": issuer.claims(iss=ISSUER.upper()),
        "issuer in a list": issuer.claims(iss=[ISSUER]),
        "other audience": issuer.claims(aud="export-bridge-2"),
        "audience as a prefix": issuer.claims(aud=AUDIENCE[:-1]),
        "audience in a word": issuer.claims(aud=f"x {AUDIENCE}"),
        "no audience in the list": issuer.claims(aud=[]),
        "audience nested": issuer.claims(aud=[[AUDIENCE]]),
        "audience is an object": issuer.claims(aud={AUDIENCE: 1}),
        "subject is a number": issuer.claims(sub=7),
        "subject is empty": issuer.claims(sub=""),
        "subject is endless": issuer.claims(sub="s" * 201),
        "subject with an end of line": issuer.claims(sub="a\nb"),
        "client is an object": issuer.claims(client_id={"$ne": 1}),
        "scopes in a list": issuer.claims(scope=["exports:read"]),
        "scopes as a number": issuer.claims(scope=1),
        "campaigns as text": issuer.claims(campaigns="*"),
        "campaigns as an object": issuer.claims(campaigns={"$ne": 1}),
        "a campaign that is an operator": issuer.claims(campaigns=[{"$ne": 1}]),
        "a campaign that is a pattern": issuer.claims(campaigns=[".*"]),
        "too many campaigns": issuer.claims(campaigns=["abc"] * 1_001),
        "claims are a list": [1],
        "claims are text": '"claims"',
        "claims are not JSON": "claims",
        "claims are empty": "",
        "claims with NUL": issuer.claims(name="\0"),
        "claims deep": good[:-1] + ', "a": ' + "[" * 500 + "]" * 500 + "}",
    }


def hostile_headers(issuer: Issuer) -> dict[str, object]:
    """Headers that are signed well and still must not be followed."""
    return {
        "no typ": {},
        "typ of an id token": {"typ": "id+jwt"},
        "typ of a logout token": {"typ": "logout+jwt"},
        "typ is a list": {"typ": ["at+jwt"]},
        "no kid": {"typ": "at+jwt", "kid": None},
        "kid is a number": {"typ": "at+jwt", "kid": 1},
        "kid is a path": {"typ": "at+jwt", "kid": "../../dev/null"},
        "kid is SQL": {"typ": "at+jwt", "kid": "' OR 1=1 --"},
        "kid is an operator": {"typ": "at+jwt", "kid": {"$ne": 1}},
        "kid is unknown": {"typ": "at+jwt", "kid": "k2"},
        "alg in lower case": {"typ": "at+jwt", "alg": "rs256"},
        "alg with a blank": {"typ": "at+jwt", "alg": "RS256 "},
        "alg in a list": {"typ": "at+jwt", "alg": ["RS256"]},
        "no alg": {"typ": "at+jwt", "alg": None},
        "alg PS256": {"typ": "at+jwt", "alg": "PS256"},
        "alg RS512": {"typ": "at+jwt", "alg": "RS512"},
        "crit": {"typ": "at+jwt", "crit": ["exp"], "exp": 1},
        "crit empty": {"typ": "at+jwt", "crit": []},
        "b64": {"typ": "at+jwt", "b64": False, "crit": ["b64"]},
        "jku": {"typ": "at+jwt", "jku": "https://evil.test/jwks"},
        "x5u": {"typ": "at+jwt", "x5u": "https://evil.test/cert"},
        "x5c": {"typ": "at+jwt", "x5c": ["AA"]},
        "jwk": {"typ": "at+jwt", "jwk": issuer.jwk()},
        "zip": {"typ": "at+jwt", "zip": "DEF"},
        "alg twice": '{"alg":"none","alg":"RS256","typ":"at+jwt","kid":"k1"}',
        "kid twice": '{"alg":"RS256","typ":"at+jwt","kid":"k2","kid":"k1"}',
        "header is a list": '["RS256"]',
        "header is not JSON": "RS256",
        "header with a comment": '{"alg":"RS256","typ":"at+jwt","kid":"k1"}//',
        "header with blanks after NUL": '{"alg":"RS256","typ":"at+jwt","kid":"k1\\u0000"}',
        "header is deep": '{"alg":"RS256","typ":"at+jwt","kid":"k1","a":'
        + "[" * 99
        + "]" * 99
        + "}",
    }


def hostile_forms(issuer: Issuer) -> Iterator[tuple[str, str]]:
    """Good tokens, spoiled in their form or signature."""
    token = issuer.token()
    header, payload, signature = token.split(".")
    yield "no signature", f"{header}.{payload}."
    yield "no dot for the signature", f"{header}.{payload}"
    yield "a fourth part", f"{token}.{signature}"
    yield "five parts, as encrypted ones have", f"{token}.a.b"
    yield "padding", f"{token}=="
    yield "padded header", f"{header}==.{payload}.{signature}"
    yield "blank inside", f"{header}.{payload[:9]} {payload[9:]}.{signature}"
    yield "standard base64", f"{header}.{payload}.{'+' + signature[1:]}"
    yield "loose last bits", f"{header}.{payload}.{_loosened(signature)}"
    yield "signature of another token", f"{header}.{payload}.{issuer.token(sub='b').split('.')[2]}"
    yield "claims of another token", f"{header}.{issuer.token(sub='b').split('.')[1]}.{signature}"
    yield "signature cut", f"{header}.{payload}.{signature[:-4]}"
    yield "signature of zeros", f"{header}.{payload}.{encode(bytes(256))}"
    yield "signature of ones", f"{header}.{payload}.{encode(bytes([255]) * 256)}"
    yield "signature with zeros before", f"{header}.{payload}.{encode(bytes(1) + _raw(signature))}"
    yield "longer than 8 kB", issuer.token(custom="x" * 7_000)
    yield "JSON serialisation", as_json({"payload": payload, "signature": signature}).decode()
    for algorithm in ("none", "None", "NONE", "nOnE", ""):
        unsigned = encode(as_json({"alg": algorithm, "typ": "at+jwt", "kid": issuer.kid}))
        yield f"algorithm {algorithm!r} unsigned", f"{unsigned}.{payload}."
        yield f"algorithm {algorithm!r} signed", f"{unsigned}.{payload}.{signature}"
    for name, secret in _public(issuer):
        yield f"HMAC with {name}", _hmac(issuer, payload, secret)
    other = Issuer(clock=issuer.clock, kid=issuer.kid)
    yield "another key under our kid", other.token()
    yield (
        "another key that it brings",
        other.sign({"typ": "at+jwt", "jwk": other.jwk()}, other.claims()),
    )


def _public(issuer: Issuer) -> Iterator[tuple[str, bytes]]:
    """What everybody knows of the key, in each form that a verifier might hold it."""
    key = issuer.key.public_key()
    yield "nothing", b""
    yield "the set of keys", issuer.jwks()
    yield "the key as JSON", as_json(issuer.jwk())
    yield "the modulus", issuer.jwk()["n"].encode()
    forms = {"its info": PublicFormat.SubjectPublicKeyInfo, "PKCS 1": PublicFormat.PKCS1}
    for name, form in forms.items():
        pem = key.public_bytes(Encoding.PEM, form)
        yield f"{name} in DER", key.public_bytes(Encoding.DER, form)
        yield f"{name} in PEM", pem
        yield f"{name} in PEM without its last line end", pem.rstrip()


def _raw(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _loosened(signature: str) -> str:
    """The same bytes, spelled with other unused bits in the last character (RFC 4648 3.5)."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    loose = signature[:-1] + letters[letters.index(signature[-1]) + 1]
    assert _raw(loose) == _raw(signature)
    return loose


def _hmac(issuer: Issuer, payload: str, secret: bytes) -> str:
    header = encode(as_json({"alg": "HS256", "typ": "at+jwt", "kid": issuer.kid}))
    mac = hmac.new(secret, f"{header}.{payload}".encode(), hashlib.sha256).digest()
    return f"{header}.{payload}.{encode(mac)}"


def vectors() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every Wycheproof vector with its group; the file's absence is a failure, not a skip."""
    if not WYCHEPROOF.is_file():
        # The vectors are not ours to copy; CI has them beside the checkout, a lone clone has not.
        missing = f"the vectors are not there: ../{'/'.join(WYCHEPROOF.parts[-3:])}"
        assert "CI" not in os.environ, missing
        pytest.skip(missing)
    groups = json.loads(WYCHEPROOF.read_text(encoding="utf-8"))["testGroups"]
    return [(group, test) for group in groups for test in group["tests"]]


def compact(test: dict[str, Any]) -> str:
    """The token of a vector; one in JSON form as its text."""
    return test["jws"] if isinstance(test["jws"], str) else json.dumps(test["jws"])


def printable(token: str) -> str:
    """A token that a header can carry."""
    return token.encode("latin-1", "replace").decode("latin-1").replace("\n", " ") or "-"
