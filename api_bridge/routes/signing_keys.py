"""The keys that signatures of manifests are checked with (API.md 1)."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api_bridge.routes.context import BridgeParam

# A key is published well before it signs, so an hour does no harm.
_HEADERS = {"Cache-Control": "public, max-age=3600"}

router = APIRouter()


@router.get(
    "/.well-known/export-signing-keys", summary="Read the keys that manifests are signed with"
)
async def get_signing_keys(bridge: BridgeParam) -> Response:
    """Give the public keys as a JSON Web Key Set; they are nobody's secret."""
    return JSONResponse(bridge.signer.jwks(), headers=_HEADERS)
