"""Tokens whose signature was found good: reckoned once, and good only while their key is published.

A caller shows one token hundreds of times, and to check it was a sixth of what a poll cost. What is
remembered is the arithmetic alone: the key is looked up, and time, issuer and audience are
compared, at each request (RELIABILITY.md S1 to S3).
"""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from api_bridge.access.jws import read_object, verify_signature

# Of more callers at once the first is reckoned again. 1,024 sets of claims of the usual size are
# 4 MB, and only our own issuer could sign larger ones.
MOST = 1_024

Find = Callable[[str], RSAPublicKey | None]


# One is another than its equal, so that what is read from it can be remembered beside it.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Proved:
    """A token that was signed by somebody whom we trust; whether it is valid is another question.

    Attributes:
        header: Its header.
        claims: Its claims.
        key: What it is signed with.
    """

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    key: RSAPublicKey


class Proofs:
    """What is remembered of good signatures; threads share it.

    Args:
        most: How many tokens.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        # By digest: the memory of the process holds no token that somebody could use.
        self._proved: dict[bytes, Proved] = {}

    def of(self, token: str, find: Find) -> Proved:
        """Check a token's signature, or remember that it was good under the same key.

        Raises:
            BadToken: As `verify_signature`; nothing is remembered then.
        """
        digest = hashlib.sha256(token.encode()).digest()
        proved = self._proved.get(digest)
        # The same object: a set that is read anew brings new ones, and all is reckoned again.
        if proved is not None and find(proved.header["kid"]) is proved.key:
            return proved
        signed = verify_signature(token, find)
        proved = Proved(header=signed.header, claims=read_object(signed.payload), key=signed.key)
        self._remember(digest, proved)
        return proved

    def _remember(self, digest: bytes, proved: Proved) -> None:
        with self._lock:
            if len(self._proved) >= self._most:
                del self._proved[next(iter(self._proved))]
            self._proved[digest] = proved
