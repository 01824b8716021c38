"""Tokens that must not open the door, and the few that must."""

import base64
import hashlib
import hmac
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api_bridge.access.jws import BadToken, verify_signature
from api_bridge.access.keys import parse_jwks
from tests.api_bridge.bench import Bench
from tests.api_bridge.tokens import AUDIENCE, ISSUER, Issuer, as_json, encode
from tests.fakes.clock import ManualClock

# Beside the checkout, not in it: the file is somebody else's (Apache-2.0) and large.
WYCHEPROOF = Path(__file__).parents[3] / "shared/vectors/wycheproof_json_web_signature_test.json"

READ = "/v1/export-types"


def status(bench: Bench, token: str | None) -> int:
    """What a token gets at a route that any reader may use."""
    answer = bench.call("GET", READ, token=token)
    if answer.status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.body["code"] == "unauthenticated"
        assert answer.pointers == ["/header/Authorization"]
        assert token is None or len(token) < 12 or token.encode() not in answer.raw
    return answer.status


@pytest.mark.parametrize("kind", ["at+jwt", "AT+JWT", "application/at+jwt", "JWT", "jwt"])
def test_a_good_token_opens(bench: Bench, kind: str) -> None:
    """The control of everything below; `typ` as RFC 9068 and as most issuers write it."""
    assert status(bench, bench.issuer.sign({"typ": kind}, bench.issuer.claims())) == 200


@pytest.mark.parametrize(
    "claims",
    [{"aud": ["other", AUDIENCE]}, {"client_id": None, "azp": "tools"}, {"nbf": 1_700_000_000},
     {"campaigns": None}, {"client_id": None}, {"custom": {"a": [1.5]}}],
)  # fmt: skip
def test_what_issuers_may_do_differently_is_accepted(bench: Bench, claims: dict[str, Any]) -> None:
    """Strictness must not refuse what the standards allow."""
    assert status(bench, bench.token(**claims)) == 200


def test_no_token_is_a_401(bench: Bench) -> None:
    """And the answer says how to send one."""
    answer = bench.call("GET", READ, token=None)

    assert answer.status == 401
    assert "Authorization: Bearer" in answer.body["detail"]
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="exports"'


@pytest.mark.parametrize(
    ("sent", "error"), [("Basic eDp5", False), ("Bearer", True), ("Bearer x", True)]
)
def test_only_a_token_that_was_sent_is_called_invalid(bench: Bench, sent: str, error: bool) -> None:
    """RFC 6750 3.1: who did not know that a token is needed has made no error with one."""
    answer = bench.call("GET", READ, token=None, headers=[("Authorization", sent)])

    assert ('error="invalid_token"' in answer.headers["WWW-Authenticate"]) == error


@pytest.mark.parametrize(
    "sent", ["Basic {}", "Bearer", "Bearer ", "{}", "Bearer {} {}", "bearer={}"]
)
def test_another_scheme_is_a_401(bench: Bench, sent: str) -> None:
    """Only RFC 6750's header form is read."""
    headers = [("Authorization", sent.format(bench.token(), bench.token()))]

    assert bench.call("GET", READ, token=None, headers=headers).status == 401


def test_two_authorization_headers_are_a_401(bench: Bench) -> None:
    """A proxy and we might pick different ones."""
    headers = [("Authorization", f"Bearer {bench.token(sub='svc:b')}")]

    assert bench.call("GET", READ, headers=headers).status == 401


def test_a_token_in_the_query_or_a_cookie_is_not_read(bench: Bench) -> None:
    """Queries end in logs, cookies come along from foreign pages."""
    token = bench.token()

    assert bench.call("GET", f"/v1/export-types?access_token={token}", token=None).status == 401
    cookie = [("Cookie", f"access_token={token}")]
    assert bench.call("GET", READ, token=None, headers=cookie).status == 401


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


HOSTILE_CLAIMS = tuple(hostile_claims(Issuer(clock=ManualClock(), key=None)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", HOSTILE_CLAIMS)
def test_well_signed_but_wrong_claims_are_refused(bench: Bench, name: str) -> None:
    """The signature is good in each: only the claims can refuse it (S2)."""
    payload = hostile_claims(bench.issuer)[name]

    assert status(bench, bench.issuer.sign({"typ": "at+jwt"}, payload)) == 401


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


HOSTILE_HEADERS = tuple(hostile_headers(Issuer(clock=ManualClock())))


@pytest.mark.parametrize("name", HOSTILE_HEADERS)
def test_well_signed_but_wrong_headers_are_refused(bench: Bench, name: str) -> None:
    """A header may not choose the algorithm, bring a key, or be read in two ways (S1, S3)."""
    header = hostile_headers(bench.issuer)[name]

    assert status(bench, bench.issuer.sign(header, bench.issuer.claims())) == 401


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
    for secret in (issuer.jwks(), as_json(issuer.jwk()), issuer.jwk()["n"].encode(), b""):
        yield f"HMAC with public bytes {len(secret)}", _hmac(issuer, payload, secret)
    other = Issuer(clock=issuer.clock, kid=issuer.kid)
    yield "another key under our kid", other.token()
    yield (
        "another key that it brings",
        other.sign({"typ": "at+jwt", "jwk": other.jwk()}, other.claims()),
    )


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


def test_spoiled_forms_and_signatures_are_refused(bench: Bench) -> None:
    """One token has one spelling, and nobody else can make one (M13, RFC 8725)."""
    forms = dict(hostile_forms(bench.issuer))

    accepted = [name for name, token in forms.items() if status(bench, token) != 401]

    assert accepted == []
    assert len(forms) > 30


def test_two_thousand_mutated_tokens_are_refused(bench: Bench) -> None:
    """Any one character changed, dropped or doubled: 0 accepted, nothing but BadToken raised."""
    chance = random.Random(7)  # noqa: S311 - the same mutants every time
    keys = parse_jwks(bench.issuer.jwks())
    token = bench.token()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= "
    tried = 0
    while tried < 2_000:
        at = chance.randrange(len(token))
        new = chance.choice([chance.choice(letters), "", token[at] * 2])
        mutant = token[:at] + new + token[at + 1 :]
        if mutant != token:
            tried += 1
            with pytest.raises(BadToken):
                verify_signature(mutant, keys.get)

    assert verify_signature(token, keys.get).payload


def test_the_clock_may_differ_by_thirty_seconds(bench: Bench) -> None:
    """Machines never agree on the second; more leeway would keep dead tokens alive (S2)."""
    now = int(bench.clock.now().timestamp())

    assert status(bench, bench.token(iat=now + 30, exp=now + 600)) == 200
    assert status(bench, bench.token(iat=now - 600, exp=now - 29)) == 200


def vectors() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every Wycheproof vector with its group; the file's absence is a failure, not a skip."""
    if not WYCHEPROOF.is_file():
        # The vectors are not ours to copy; CI has them beside the checkout, a lone clone has not.
        missing = f"the vectors are not there: ../{'/'.join(WYCHEPROOF.parts[-3:])}"
        assert "CI" not in os.environ, missing
        pytest.skip(missing)
    groups = json.loads(WYCHEPROOF.read_text(encoding="utf-8"))["testGroups"]
    return [(group, test) for group in groups for test in group["tests"]]


def test_every_invalid_wycheproof_vector_is_refused_under_its_own_key() -> None:
    """The keys that the vectors attack are trusted here, so only the checks can refuse them."""
    accepted, refused = [], 0
    for group, test in vectors():
        keys = parse_jwks(json.dumps({"keys": [group.get("public") or group["private"]]}).encode())
        try:
            verify_signature(_compact(test), keys.get)
        except BadToken:
            refused += test["result"] == "invalid"
        else:
            accepted.append((group, test))

    assert [test["tcId"] for _, test in accepted if test["result"] == "invalid"] == []
    assert refused > 350
    # The control: what is valid RS256 under a key that is fit for it passes the same function.
    assert len(accepted) >= 6
    assert {group["public"]["alg"] for group, _ in accepted} == {"RS256"}


def test_no_wycheproof_vector_opens_the_bridge(bench: Bench) -> None:
    """Valid or not, none is ours; and none of them is a 500."""
    tokens = [_compact(test) for _, test in vectors()]

    answers = {bench.call("GET", READ, token=_printable(token)).status for token in tokens}

    assert answers == {401}


def _compact(test: dict[str, Any]) -> str:
    return test["jws"] if isinstance(test["jws"], str) else json.dumps(test["jws"])


def _printable(token: str) -> str:
    return token.encode("latin-1", "replace").decode("latin-1").replace("\n", " ") or "-"
