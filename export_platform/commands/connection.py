"""Which bridge a command talks to, and with which token."""

import os
from collections.abc import Sequence

from export_platform.commands.client import BridgeClient
from export_platform.commands.terminal import CommandError, deployment

URL_VARIABLE = "EXPORT_BRIDGE_URL"
TOKEN_VARIABLE = "EXPORT_TOKEN"  # noqa: S105 - the name of a variable


def bridge(*, more_scopes: Sequence[str] = ()) -> BridgeClient:
    """A client of the bridge that the environment names, or else of the embedded one.

    Args:
        more_scopes: What a development token needs beside the usual.

    Raises:
        CommandError: A bridge is named without a token for it.
        NotStartedError: No bridge is named and none was started here.
    """
    url, token = os.environ.get(URL_VARIABLE), os.environ.get(TOKEN_VARIABLE)
    if url and not token:
        raise CommandError(f"set {TOKEN_VARIABLE} to a token for the bridge of {URL_VARIABLE}")
    local = deployment()
    if not url:
        url = local.places().bridge_url
    if not token:
        from export_platform.local.issuer import BASE_SCOPES  # noqa: PLC0415

        token = local.issuer.token(scopes=(*BASE_SCOPES, *more_scopes))
    return BridgeClient(url, token)
