"""One line a request, by allow-list: what is not named here is not logged (RELIABILITY.md S17).

No path (it holds ids), no query, no header, no body, no address: the route's template says enough.
"""

import json
import logging
from http import HTTPStatus

from starlette.types import Scope

from api_bridge.middleware.answers import Answered
from api_bridge.middleware.request_id import instance, request_id

LOGGER = logging.getLogger("api_bridge.access")


def log(scope: Scope, answered: Answered) -> None:
    """Method, route template, status, request id and milliseconds as one JSON object.

    Of a request that ended in a problem the problem's `instance` is there as well.
    """
    line = {
        "method": answered.method,
        "route": answered.route,
        "status": answered.status,
        "request_id": request_id(scope),
        "ms": round(answered.seconds * 1000, 1),
    }
    if answered.status >= HTTPStatus.BAD_REQUEST:
        line["instance"] = instance(scope)
    LOGGER.info("%s", json.dumps(line))
