"""The keys that tokens are checked with: a JWKS from a file or a configured URL, cached.

A token never decides what is fetched or how often (RELIABILITY.md S3). Keys that were good stay in
use for a day when the publisher is down.
"""

import threading
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm
from jwt.exceptions import InvalidKeyError
from urllib3.exceptions import HTTPError

from api_bridge.protocol.strict_json import MalformedJson, parse_json
from resources.clock import Clock

MAX_JWKS_BYTES = 64 * 1024
FETCH_SECONDS = 5.0
# A known key is looked up again this often, so that a withdrawn one stops working.
REFRESH_SECONDS = 600.0
# Unknown kids come from strangers: at most one fetch a minute whatever they send.
UNKNOWN_KID_SECONDS = 60.0
# While there is no key at all nobody can be let in; look sooner.
EMPTY_SECONDS = 5.0
STALE_SECONDS = 86_400.0
_CHUNK_BYTES = 8 * 1024
MIN_MODULUS_BITS = 2_048  # NIST SP 800-131A


class KeysUnavailable(Exception):
    """The key set could not be read."""


class MustRead(Exception):
    """The key set has to be read before this question is answered, which may take seconds."""


class KeySource(Protocol):
    """Where a JWKS comes from."""

    def read(self) -> bytes:
        """Return the document, or raise `KeysUnavailable`."""
        ...


class FileKeys:
    """A JWKS in a file; read anew at each refresh, so a rotation is a new file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes:
        """Return the file's content, at most one byte more than is allowed."""
        try:
            with self._path.open("rb") as file:
                return file.read(MAX_JWKS_BYTES + 1)
        except OSError:
            raise KeysUnavailable from None


class UrlKeys:
    """A JWKS at an https address, or http on loopback for the embedded stack.

    Args:
        url: The address.
        clock: Measures how long an answer may trickle.

    Raises:
        ValueError: The address is neither.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(parts.hostname)):
            raise ValueError("the JWKS must be a file, an https URL, or an http URL on loopback")
        self._url = url
        self._clock = clock

    def read(self) -> bytes:
        """Fetch the document: no redirect, no proxy or netrc from the environment, bounded."""
        try:
            with requests.Session() as session:
                session.trust_env = False
                return self._fetch(session)
        except (requests.RequestException, HTTPError):
            raise KeysUnavailable from None

    def _fetch(self, session: requests.Session) -> bytes:
        until = self._clock.monotonic() + FETCH_SECONDS
        headers = {"Accept-Encoding": "identity"}  # what arrives is what is counted
        with session.get(
            self._url, timeout=FETCH_SECONDS, allow_redirects=False, stream=True, headers=headers
        ) as answer:
            body = b""
            # The time-out is for one read; one read at a time lets a trickle be cut.
            while chunk := answer.raw.read1(_CHUNK_BYTES):
                body += chunk
                if len(body) > MAX_JWKS_BYTES or self._clock.monotonic() > until:
                    raise KeysUnavailable
            if answer.status_code != requests.codes.ok:
                raise KeysUnavailable
            return body


def key_source(place: str, clock: Clock) -> KeySource:
    """Tell a URL from a path.

    Raises:
        ValueError: It is a URL that is neither https nor loopback.
    """
    return UrlKeys(place, clock) if "://" in place else FileKeys(Path(place))


class KeyRing:
    """The cached set; threads share it.

    Args:
        source: Where the set is read.
        clock: For the age of what is held.
    """

    def __init__(self, source: KeySource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Mapping[str, RSAPublicKey] = {}
        self._read_at = 0.0
        self._tried_at: float | None = None

    def find(self, kid: str) -> RSAPublicKey | None:
        """Return the key, or None when the published set does not hold it.

        Raises:
            KeysUnavailable: There is no set, neither fresh nor held.
        """
        if self._due(kid):
            # Whoever asks for an unknown key waits for the answer; the others go on with theirs.
            unknown = kid not in self._keys
            if self._lock.acquire(blocking=unknown):
                try:
                    if self._due(kid):
                        self._refresh()
                finally:
                    self._lock.release()
        return self._held(kid)

    def find_at_once(self, kid: str) -> RSAPublicKey | None:
        """The same for who must not wait, such as the event loop.

        Raises:
            KeysUnavailable: There is no set.
            MustRead: The set would be read; ask `find` in a thread.
        """
        if self._due(kid):
            raise MustRead
        return self._held(kid)

    def _held(self, kid: str) -> RSAPublicKey | None:
        if not self._keys:
            raise KeysUnavailable
        return self._keys.get(kid)

    def _due(self, kid: str) -> bool:
        now = self._clock.monotonic()
        pause = UNKNOWN_KID_SECONDS if self._keys else EMPTY_SECONDS
        if self._tried_at is not None and now - self._tried_at < pause:
            return False
        return kid not in self._keys or now - self._read_at >= REFRESH_SECONDS

    def _refresh(self) -> None:
        try:
            keys = parse_jwks(self._source.read())
        except KeysUnavailable:
            keys = {}
        self._tried_at = self._clock.monotonic()
        if keys:
            self._keys, self._read_at = keys, self._tried_at
        elif self._tried_at - self._read_at >= STALE_SECONDS:
            self._keys = {}


def parse_jwks(raw: bytes) -> dict[str, RSAPublicKey]:
    """Return the usable keys of a JWKS (RFC 7517) by `kid`; others are passed over.

    Raises:
        KeysUnavailable: The document is no JWKS or too large.
    """
    if len(raw) > MAX_JWKS_BYTES:
        raise KeysUnavailable
    try:
        document = parse_json(raw)
    except MalformedJson:
        raise KeysUnavailable from None
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise KeysUnavailable
    usable = [(entry, _key(entry)) for entry in entries if isinstance(entry, dict)]
    return {entry["kid"]: key for entry, key in usable if key is not None}


def _key(entry: Mapping[str, Any]) -> RSAPublicKey | None:
    if not _for_us(entry):
        return None
    try:
        key = RSAAlgorithm.from_jwk(dict(entry))
    except (InvalidKeyError, UnsupportedAlgorithm, ValueError, TypeError):
        return None
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_MODULUS_BITS:
        return None
    return key


def _for_us(entry: Mapping[str, Any]) -> bool:
    """An RSA public key for checking RS256 signatures, and for nothing else."""
    kid, operations = entry.get("kid"), entry.get("key_ops", ["verify"])
    return (
        isinstance(kid, str)
        and bool(kid)
        and entry.get("kty") == "RSA"
        and "d" not in entry
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", "RS256") == "RS256"
        and isinstance(operations, list)
        and "verify" in operations
    )


def _loopback(host: str | None) -> bool:
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"
