"""From the Authorization header to the caller: RFC 6750, RFC 9068, RFC 8725.

A token is accepted when it is RS256 of a published key, of type `at+jwt` or `JWT`, of our issuer
and for our audience, with integer `exp` and `iat` no more than an hour apart, now between them
within 30 seconds. Everything else is one 401 that says what to do.
"""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from api_bridge.access.caller import EVERY_CAMPAIGN, Caller
from api_bridge.access.jws import BadToken
from api_bridge.access.keys import KeyRing, KeysUnavailable
from api_bridge.access.proofs import Proofs, Proved
from api_bridge.protocol.problems import Code, ProblemError
from assets.model.option import SLUG_PATTERN
from assets.model.parameters import Problem
from resources.clock import Clock

TYPES = frozenset({"at+jwt", "application/at+jwt", "jwt"})
LEEWAY_SECONDS = 30
MAX_LIFE_SECONDS = 3_600
MAX_CAMPAIGNS = 1_000

# RFC 6750 3: a challenge has at least one parameter; 3.1: no error for who has sent no token.
_CHALLENGE = 'Bearer realm="exports"'
_REFUSAL = f'{_CHALLENGE}, error="invalid_token"'

_SCHEME = re.compile(r"bearer( |$)", re.IGNORECASE)
_SUBJECT = re.compile(r"[!-~]{1,200}")
_SCOPES = re.compile(r"[!#-\[\]-~ ]{0,4096}")  # RFC 6749 3.3
_SLUG = re.compile(SLUG_PATTERN)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Granted:
    """What a good token grants, from `begins` on, in seconds since 1970."""

    caller: Caller
    begins: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticator:
    """Checks tokens of one issuer for one audience.

    Attributes:
        issuer: The one that is trusted.
        audience: Who the tokens must be meant for.
        keys: The published keys.
        clock: The time.
        proofs: The tokens whose signature was good.
        read: What each of those grants; forgotten with it.
    """

    issuer: str
    audience: str
    keys: KeyRing
    clock: Clock
    proofs: Proofs = field(default_factory=Proofs)
    read: MutableMapping[Proved, _Granted] = field(default_factory=WeakKeyDictionary, repr=False)

    def caller(self, authorization: Sequence[str], *, at_once: bool = False) -> Caller:
        """Authenticate.

        Args:
            authorization: Every Authorization header of the request.
            at_once: Not to wait for the keys to be read.

        Raises:
            MustRead: They would have to be read; only where that is not waited for.
            ProblemError: 401, or 503 when there are no keys to check with.
        """
        find = self.keys.find_at_once if at_once else self.keys.find
        try:
            granted = self._granted(self.proofs.of(_token(authorization), find))
            self._check_time(granted)
        except NoToken as missing:
            raise _unauthenticated(str(missing), challenge=_CHALLENGE) from None
        except BadToken as refused:
            raise _unauthenticated(str(refused)) from None
        except KeysUnavailable:
            raise ProblemError(Code.KEYS_UNAVAILABLE, "Try again shortly.") from None
        return granted.caller

    def _granted(self, proved: Proved) -> _Granted:
        """What a token grants; read once while its signature is remembered."""
        granted = self.read.get(proved)
        if granted is None:
            granted = self.read[proved] = self._read(proved)
        return granted

    def _read(self, proved: Proved) -> _Granted:
        kind, claims = proved.header.get("typ"), proved.claims
        if not isinstance(kind, str) or kind.lower() not in TYPES:
            raise BadToken("must be of type at+jwt or JWT")
        if claims.get("iss") != self.issuer:
            raise BadToken("must be from the configured issuer (iss)")
        if self.audience not in _audiences(claims.get("aud")):
            raise BadToken("must be meant for this service (aud)")
        issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
        if not 0 < expires - issued <= MAX_LIFE_SECONDS:
            raise BadToken(f"must live at most {MAX_LIFE_SECONDS} seconds (exp - iat)")
        begins = max(issued, _seconds(claims, "nbf")) if "nbf" in claims else issued
        return _Granted(caller=_caller(claims), begins=begins)

    def _check_time(self, granted: _Granted) -> None:
        now = self.clock.now().timestamp()
        if now >= granted.caller.expires + LEEWAY_SECONDS:
            raise BadToken("has expired (exp); get a new one")
        if now < granted.begins - LEEWAY_SECONDS:
            raise BadToken("is not valid yet (iat, nbf); check the clocks")


class NoToken(BadToken):
    """No token was sent, or the caller knows another scheme only."""


def _token(authorization: Sequence[str]) -> str:
    if not authorization or not any(_SCHEME.match(sent) for sent in authorization):
        raise NoToken("is missing: send one header `Authorization: Bearer <token>`")
    scheme, _, rest = authorization[0].partition(" ")
    token = rest.lstrip(" ")
    if len(authorization) > 1 or scheme.lower() != "bearer" or not _is_visible(token):
        raise BadToken("must be sent in one header `Authorization: Bearer <token>`")
    return token


def _is_visible(text: str) -> bool:
    """Whether it is ASCII from `!` to `~`; a pattern takes ten times as long for a token."""
    return text.isascii() and text.isprintable() and bool(text) and " " not in text


def _audiences(claim: object) -> list[object]:
    return claim if isinstance(claim, list) else [claim]


def _seconds(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    # RFC 7519 allows fractions; nobody needs them, and text and truth values are mistakes.
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadToken(f"must have {name} in whole seconds")
    return value


def _caller(claims: Mapping[str, Any]) -> Caller:
    subject, client = claims.get("sub"), claims.get("client_id", claims.get("azp"))
    if not _matches(_SUBJECT, subject):
        raise BadToken("must name its subject (sub)")
    if client is not None and not _matches(_SUBJECT, client):
        raise BadToken("must name its client (client_id) as text")
    scopes = claims.get("scope", "")
    if not _matches(_SCOPES, scopes):
        raise BadToken("must list its scopes (scope) as one text with spaces")
    return Caller(
        subject=str(subject),
        client=client,
        scopes=frozenset(str(scopes).split()),
        campaigns=_campaigns(claims.get("campaigns", [])),
        expires=_seconds(claims, "exp"),
    )


def _campaigns(claim: object) -> frozenset[str]:
    if not isinstance(claim, list) or len(claim) > MAX_CAMPAIGNS:
        raise BadToken(f"must list its campaigns, at most {MAX_CAMPAIGNS}")
    if not all(key == EVERY_CAMPAIGN or _matches(_SLUG, key) for key in claim):
        raise BadToken("must list its campaigns by their keys")
    return frozenset(claim)


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _unauthenticated(remedy: str, *, challenge: str = _REFUSAL) -> ProblemError:
    return ProblemError(
        Code.UNAUTHENTICATED,
        f"The access token {remedy}.",
        errors=[Problem(pointer="/header/Authorization", detail=remedy)],
        headers={"WWW-Authenticate": challenge},
    )
