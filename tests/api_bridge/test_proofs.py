"""What is remembered of a good token: its signature, and nothing that may change."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from api_bridge.access.jws import MAX_TOKEN_BYTES, BadToken
from api_bridge.access.keys import REFRESH_SECONDS
from api_bridge.access.proofs import Proofs
from tests.api_bridge.bench import Bench
from tests.api_bridge.tokens import Issuer
from tests.fakes.clock import ManualClock

READ = "/v1/export-types"


@dataclass(slots=True, kw_only=True)
class Counted:
    """A set of keys that counts how often a signature was reckoned with one of them.

    Attributes:
        keys: The published keys.
        looks: How often one was looked up.
    """

    keys: dict[str, RSAPublicKey]
    looks: list[str] = field(default_factory=list)

    def find(self, kid: str) -> RSAPublicKey | None:
        """Look a key up."""
        self.looks.append(kid)
        return self.keys.get(kid)


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    """Who signs; making a key takes longer than a test."""
    return Issuer(clock=ManualClock())


@pytest.fixture
def published(issuer: Issuer) -> Counted:
    """His key."""
    return Counted(keys={issuer.kid: issuer.key.public_key()})


def test_a_token_that_was_good_is_good_again(issuer: Issuer, published: Counted) -> None:
    """The same object comes back, so nothing was reckoned; its key was asked for all the same."""
    proofs, token = Proofs(), issuer.token()

    first = proofs.of(token, published.find)

    assert proofs.of(token, published.find) is first
    assert published.looks == [issuer.kid] * 2
    assert first.claims["sub"] == "svc:promoter-tools"


def test_a_key_that_is_withdrawn_takes_its_tokens_along(issuer: Issuer, published: Counted) -> None:
    """A stolen key is withdrawn to be useless; a memory must not outlive it."""
    proofs, token = Proofs(), issuer.token()
    proofs.of(token, published.find)

    published.keys.clear()

    with pytest.raises(BadToken, match="not published"):
        proofs.of(token, published.find)


def test_another_key_of_the_same_name_takes_them_along_too(
    issuer: Issuer, published: Counted
) -> None:
    """Names of keys are not secrets: what counts is the key."""
    proofs, token = Proofs(), issuer.token()
    proofs.of(token, published.find)

    published.keys[issuer.kid] = Issuer(clock=issuer.clock).key.public_key()

    with pytest.raises(BadToken, match="signature"):
        proofs.of(token, published.find)


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda token: token[:-8] + "AAAAAAAA",
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.replace(".", "..", 1),
        lambda token: token + "A" * MAX_TOKEN_BYTES,
    ],
)
def test_nothing_like_a_good_token_is_taken_for_it(
    issuer: Issuer, published: Counted, spoiled: Callable[[str], str]
) -> None:
    """The signature is part of what is remembered: the claims alone are known to anybody."""
    proofs, token = Proofs(), issuer.token()
    proofs.of(token, published.find)

    for _ in range(2):  # and a refusal is not remembered as anything else
        with pytest.raises(BadToken):
            proofs.of(spoiled(token), published.find)


def test_no_more_are_remembered_than_was_said(issuer: Issuer, published: Counted) -> None:
    """Whoever gets tokens could otherwise fill the memory with them."""
    proofs = Proofs(most=2)
    tokens = [issuer.token(sub=f"svc:{number}") for number in range(3)]

    proved = [proofs.of(token, published.find) for token in tokens]

    assert proofs.of(tokens[2], published.find) is proved[2]
    assert proofs.of(tokens[1], published.find) is proved[1]
    assert proofs.of(tokens[0], published.find) is not proved[0]


def test_a_remembered_token_ends_with_its_time(bench: Bench) -> None:
    """Expiry is looked at each time, over HTTP."""
    token = bench.token()
    assert [bench.call("GET", READ, token=token).status for _ in range(2)] == [200, 200]

    bench.clock.advance(600 + 29)
    assert bench.call("GET", READ, token=token).status == 200
    bench.clock.advance(2)

    assert bench.call("GET", READ, token=token).status == 401


def test_a_set_that_is_read_anew_changes_nothing_for_good_tokens(bench: Bench) -> None:
    """Every ten minutes all is reckoned again, and nobody notices."""
    token = bench.token(exp=int(bench.clock.now().timestamp()) + 3_000)
    assert bench.call("GET", READ, token=token).status == 200

    bench.clock.advance(REFRESH_SECONDS + 1)

    assert bench.call("GET", READ, token=token).status == 200
