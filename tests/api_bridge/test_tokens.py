"""Tokens that must not open the door, and the few that must."""

import json
import random
from typing import Any

import pytest

from api_bridge.access.jws import BadToken, verify_signature
from api_bridge.access.keys import parse_jwks
from tests.api_bridge.bench import Bench
from tests.api_bridge.hostile import (
    compact,
    hostile_claims,
    hostile_forms,
    hostile_headers,
    printable,
    vectors,
)
from tests.api_bridge.tokens import AUDIENCE, Issuer
from tests.fakes.clock import ManualClock

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


HOSTILE_CLAIMS = tuple(hostile_claims(Issuer(clock=ManualClock(), key=None)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", HOSTILE_CLAIMS)
def test_well_signed_but_wrong_claims_are_refused(bench: Bench, name: str) -> None:
    """The signature is good in each: only the claims can refuse it (S2)."""
    payload = hostile_claims(bench.issuer)[name]

    assert status(bench, bench.issuer.sign({"typ": "at+jwt"}, payload)) == 401


HOSTILE_HEADERS = tuple(hostile_headers(Issuer(clock=ManualClock())))


@pytest.mark.parametrize("name", HOSTILE_HEADERS)
def test_well_signed_but_wrong_headers_are_refused(bench: Bench, name: str) -> None:
    """A header may not choose the algorithm, bring a key, or be read in two ways (S1, S3)."""
    header = hostile_headers(bench.issuer)[name]

    assert status(bench, bench.issuer.sign(header, bench.issuer.claims())) == 401


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


def test_every_invalid_wycheproof_vector_is_refused_under_its_own_key() -> None:
    """The keys that the vectors attack are trusted here, so only the checks can refuse them."""
    accepted, refused = [], 0
    for group, test in vectors():
        keys = parse_jwks(json.dumps({"keys": [group.get("public") or group["private"]]}).encode())
        try:
            verify_signature(compact(test), keys.get)
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
    tokens = [compact(test) for _, test in vectors()]

    answers = {bench.call("GET", READ, token=printable(token)).status for token in tokens}

    assert answers == {401}
