"""AWS JSON 1.1 over WSGI: the operation in `X-Amz-Target`, members as JSON, errors as `__type`."""

import json
import logging
from collections.abc import Iterable
from typing import Any

from export_platform.local.athena.api import Api
from export_platform.local.athena.failures import RefusedCallError

_TARGET = "AmazonAthena."
_TYPE = "application/x-amz-json-1.1"
_LOG = logging.getLogger(__name__)


class AthenaEndpoint:
    """The WSGI application."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers one call (PEP 3333)."""
        try:
            status, members = "200 OK", self._answer(environ)
        except RefusedCallError as refusal:
            status, members = "400 Bad Request", _refused(refusal)
        except Exception:  # noqa: BLE001 - logged, and answered as AWS does
            # The caller gets what AWS gives, which its client retries; we get the traceback.
            _LOG.exception("a call failed")
            status = "500 Internal Server Error"
            members = {"__type": "InternalServerException", "Message": "internal error"}
        body = json.dumps(members).encode()
        start_response(status, [("Content-Type", _TYPE), ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, environ: dict[str, Any]) -> dict[str, Any]:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if environ["REQUEST_METHOD"] != "POST" or not target.startswith(_TARGET):
            raise RefusedCallError("not a call of the Athena API", code="UnknownOperationException")
        try:
            members = json.loads(environ["wsgi.input"].read() or b"{}")
        except ValueError:
            members = None
        if not isinstance(members, dict):
            raise RefusedCallError("the body is not a JSON object", code="SerializationException")
        return self._api.answer(target.removeprefix(_TARGET), members)


def _refused(refusal: RefusedCallError) -> dict[str, Any]:
    kind = "Reason" if refusal.code == "TooManyRequestsException" else "AthenaErrorCode"
    return {"__type": refusal.code, "Message": refusal.message, kind: refusal.athena_code}
