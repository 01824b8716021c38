"""One S3 request, from the socket to the disk: signature, body, moto, vault."""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY
from moto.moto_server.werkzeug_app import create_backend_app

from export_platform.local.s3 import body, signature
from export_platform.local.s3.backend import DiskBackend, install
from export_platform.local.s3.refusals import RefusalError
from export_platform.local.s3.vault import Vault


class StrictS3:
    """The WSGI application.

    Args:
        vault: Where buckets and objects are kept.
        credentials: The key pair that may sign.
        now: The server's clock, aware.
    """

    def __init__(
        self, vault: Vault, credentials: signature.Credentials, now: Callable[[], datetime]
    ) -> None:
        self._backend: DiskBackend = install(vault)
        self._moto = create_backend_app("s3")
        self._credentials = credentials
        self._now = now
        # moto looks whether a key exists and writes it afterwards; without a lock two conditional
        # puts (If-None-Match) would both succeed. Bodies are received and sent outside of it.
        self._lock = threading.Lock()

    def create_missing_buckets(self, names: Iterable[str]) -> None:
        """Makes the buckets that are not there yet."""
        with self._lock:
            for name in names:
                if name not in self._backend.buckets:
                    self._backend.create_bucket(name, "us-east-1")
            self._backend.settle()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers one request (PEP 3333)."""
        try:
            signature.verify(environ, self._credentials, self._now())
            body.checked(environ)
        except RefusalError as refusal:
            return _refuse(refusal, environ, start_response)
        _explain_to_moto(environ)
        if _is_part(environ):
            return self._moto(environ, start_response)
        with self._lock:
            answer = self._moto(environ, start_response)
            self._backend.settle()
            return answer


def _explain_to_moto(environ: dict[str, Any]) -> None:
    """Hands moto what the WSGI variables lost: the undecoded path, and the case of metadata names.

    S3 stores metadata names in lower case; WSGI gives `X-Amz-Meta-Name` for all of them.
    """
    environ["RAW_URI"] = environ["REQUEST_URI"]
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = {
        key: key.removeprefix("HTTP_").replace("_", "-").lower()
        for key in environ
        if key.startswith("HTTP_X_AMZ_META_")
    }
    # It is about the request; moto would store and return it as metadata of the object.
    environ.pop("HTTP_X_AMZ_CONTENT_SHA256", None)


def _is_part(environ: dict[str, Any]) -> bool:
    """UploadPart: touches nothing but its own part, so parts of one upload may come in parallel."""
    return environ["REQUEST_METHOD"] == "PUT" and "partNumber=" in environ["QUERY_STRING"]


def _refuse(refusal: RefusalError, environ: dict[str, Any], start_response: Any) -> list[bytes]:
    document = refusal.document(environ["PATH_INFO"])
    if environ["REQUEST_METHOD"] == "HEAD":
        document = b""
    headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(document)))]
    start_response(refusal.status, headers)
    return [document]
