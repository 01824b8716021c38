"""A page for each kind of problem: what its `type` leads to (RFC 9457 3.1.1, API.md 4)."""

import re
from html import escape
from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from api_bridge.page.site import headers
from api_bridge.protocol.problems import REGISTRY, Code, Kind, not_found

router = APIRouter()

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{title}</title>
  <link rel="icon" href="/page/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/page/vendor/pico.css">
  <link rel="stylesheet" href="/page/page.css">
</head>
<body>
  <main class="container">
    <h1>{title}</h1>
    {body}
  </main>
</body>
</html>
"""


@router.get("/problems", include_in_schema=False)
def problems() -> HTMLResponse:
    """List every problem."""
    rows = "".join(
        f'<li><a href="/problems/{code}">{escape(kind.title)}</a> <small>{kind.status}</small></li>'
        for code, kind in REGISTRY.items()
    )
    return _shown("Problems", f"<ul>{rows}</ul>")


@router.get("/problems/{code}", include_in_schema=False)
def problem(code: str) -> HTMLResponse:
    """Say what a problem means and what helps."""
    try:
        known = Code(code)
    except ValueError:
        raise not_found("/path/code") from None
    return _shown(REGISTRY[known].title, _explained(known, REGISTRY[known]))


def _explained(code: Code, kind: Kind) -> str:
    again = (
        "The same request will be refused again."
        if kind.retry_after is None
        else f"The same request may succeed; try again after {kind.retry_after} s at the earliest."
    )
    return (
        f"<p>HTTP status {kind.status}, code <code>{code}</code></p>"
        f"<p>{_marked(kind.remedy)}</p><p>{again}</p>"
        '<p><a href="/problems">All problems</a></p>'
    )


def _marked(text: str) -> str:
    """Backquoted words as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _shown(title: str, body: str) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(title=escape(title), body=body), headers=headers())
