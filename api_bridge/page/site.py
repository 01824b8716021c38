"""Serving the page's files, with a policy that lets them load nothing but each other."""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER: Final = Path(__file__).parent / "static"
_INDEX: Final = FOLDER / "index.html"
# Revalidated each time: a release must not run on half of the last one.
_FRESH: Final = "no-cache"


def _policy(index: str) -> str:
    """The Content-Security-Policy: our own files, and the one import map that must stand inline.

    Raises:
        ValueError: There is not exactly one import map.
    """
    (inline,) = re.findall(r'<script type="importmap">(.*?)</script>', index, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'sha256-{digest}'",
            "style-src 'self'",
            "img-src 'self' data:",  # Pico draws arrows and ticks from its style sheet
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


@cache
def headers() -> dict[str, str]:
    """What every page is sent with."""
    policy = _policy(_INDEX.read_text(encoding="utf-8"))
    return {"Cache-Control": _FRESH, "Content-Security-Policy": policy}


class _Files(StaticFiles):
    """Static files under the page's policy."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Find a file; a missing one is a 404 like any other."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = _FRESH
        return response


# Mounted beside the routes of the API, at `/page`.
files: Final = _Files(directory=FOLDER)
router = APIRouter()


@router.get("/", include_in_schema=False)
def index() -> Response:
    """Show the page."""
    return FileResponse(_INDEX, headers=headers())
