"""Tokens that must not be accepted, sent to the bridge: made by hand, published, and mutated."""

import base64
import json
import random
from collections.abc import Callable, Iterator

from tests.api_bridge.hostile import (
    WYCHEPROOF,
    compact,
    hostile_claims,
    hostile_forms,
    hostile_headers,
    printable,
    vectors,
)
from tests.api_bridge.tokens import Issuer, encode
from tests.fuzz.attack import Attacker
from tests.fuzz.exchange import Case

READ = b"/v1/export-types"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/~"
# Shorter ends of a token occur in any text.
MARKED = 16


def attack(attacker: Attacker, mutants: int, seed: int) -> None:
    """Send every bad token and so many mutants of a good one; Wycheproof's where they lie."""
    for token in by_hand(attacker.bridge.issuer):
        attacker.send(presented(token))
    for _, test in vectors() if WYCHEPROOF.is_file() else ():
        attacker.send(presented(printable(compact(test))))
    for token in mutated(attacker.bridge.issuer.token(), mutants, seed):
        attacker.send(presented(token))


def presented(token: str) -> Case:
    """A token at a route that every reader may use."""
    value = b"Bearer " + token.encode("utf-8", "surrogatepass")
    marker = token[-MARKED:] if len(token) > MARKED else ""
    return Case(
        origin="token",
        target=READ,
        headers=((b"Authorization", value),),
        credential="",
        marker=marker,
        refusal=True,
    )


def by_hand(issuer: Issuer) -> Iterator[str]:
    """The tokens that a person thought of."""
    for payload in hostile_claims(issuer).values():
        yield issuer.sign({"typ": "at+jwt"}, payload)
    for header in hostile_headers(issuer).values():
        yield issuer.sign(header, issuer.claims())
    for _, token in hostile_forms(issuer):
        yield token


def mutated(token: str, count: int, seed: int) -> Iterator[str]:
    """So many tokens that differ from a good one."""
    chance = random.Random(seed)  # noqa: S311 - the same mutants each time
    while count:
        mutant = chance.choice(MUTATIONS)(token, chance)
        # Blanks around a header's value are no part of it, and these are the good token.
        if mutant.strip() != token:
            count -= 1
            yield mutant


def _one_letter(token: str, chance: random.Random) -> str:
    at = chance.randrange(len(token))
    new = chance.choice([chance.choice(LETTERS), "", token[at] * 2, token[at].swapcase()])
    return token[:at] + new + token[at + 1 :]


def _one_bit(token: str, chance: random.Random) -> str:
    """Canonical base64 of other bytes: only the signature or the JSON can tell."""
    parts = token.split(".")
    which = chance.randrange(len(parts))
    raw = bytearray(decoded(parts[which]))
    raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return ".".join((*parts[:which], encode(bytes(raw)), *parts[which + 1 :]))


def _one_claim(token: str, chance: random.Random) -> str:
    """Well-formed claims that nobody signed."""
    header, payload, signature = token.split(".")
    claims = json.loads(decoded(payload))
    name = chance.choice([*claims, "admin", "nbf", "jti"])
    claims[name] = chance.choice(["*", ["*"], 2**53, "exports:admin", None, {}, [], "svc:other"])
    return f"{header}.{encode(json.dumps(claims).encode())}.{signature}"


def _one_member(token: str, chance: random.Random) -> str:
    """A well-formed header that nobody signed."""
    header, payload, signature = token.split(".")
    members = json.loads(decoded(header))
    name = chance.choice([*members, "jku", "jwk", "x5c", "crit", "b64", "zip", "cty"])
    members[name] = chance.choice(["none", "HS256", "RS512", "PS256", "k2", True, [], {}, None])
    kept = chance.choice([signature, "", encode(bytes(256))])
    return f"{encode(json.dumps(members).encode())}.{payload}.{kept}"


def _other_parts(token: str, chance: random.Random) -> str:
    parts = token.split(".")
    chance.shuffle(parts)
    return ".".join(parts[: chance.randint(1, 3)] + chance.choices(parts, k=chance.randint(0, 2)))


def _cut(token: str, chance: random.Random) -> str:
    begin, end = sorted(chance.sample(range(len(token) + 1), 2))
    return chance.choice([token[:end], token[begin:], token[:begin] + token[end:], token * 2])


MUTATIONS: tuple[Callable[[str, random.Random], str], ...] = (
    _one_letter,
    _one_letter,
    _one_bit,
    _one_bit,
    _one_claim,
    _one_member,
    _other_parts,
    _cut,
)


def decoded(part: str) -> bytes:
    """The bytes of a part of a token, in whatever spelling."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
