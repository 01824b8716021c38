# ruff: noqa: INP001 - a page of the documentation, in no package
"""From the request to files on disk that are proved, with Python and `requests`.

BRIDGE=https://exports.example TOKEN=... python export.py waitlist '{"campaign_id": "..."}'
"""

import hashlib
import json
import os
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

BRIDGE = os.environ.get("BRIDGE", "")


def main(kind: str, params: str) -> None:
    """Ask, wait, fetch."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"
        export = ended(session, {"type": kind, "params": json.loads(params)})
        if export["status"] != "succeeded":
            sys.exit(f"{export['status']}: {export['error']}")
        for name in fetched(session, export):
            sys.stdout.write(f"{name}\n")


def ended(session: requests.Session, body: dict[str, Any]) -> dict[str, Any]:
    """The export when it has ended; most have when the first answer comes."""
    # The key makes a repeated request the same export.
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=60"}
    answer = session.post(f"{BRIDGE}/v1/exports", json=body, headers=headers, timeout=90)
    while not checked(answer).json()["done"]:
        time.sleep(int(answer.headers["Retry-After"]))
        answer = session.get(f"{BRIDGE}/v1/exports/{answer.json()['id']}", timeout=20)
    found: dict[str, Any] = answer.json()
    return found


def fetched(session: requests.Session, export: dict[str, Any]) -> Iterator[str]:
    """The names of the files, each on disk and proved."""
    for file in export["result"]["files"]:
        # It follows the redirect to a link of ten minutes, and does not send the token there.
        answer = checked(session.get(BRIDGE + file["url"], timeout=60))
        if hashlib.sha256(answer.content).hexdigest() != file["sha256"]:
            sys.exit("the file is not what the export says")
        name = answer.headers["Content-Disposition"].split('"')[1]
        Path(name).write_bytes(answer.content)
        yield name


def checked(answer: requests.Response) -> requests.Response:
    """The answer, if it is no error; an error is a problem document."""
    if not answer.ok:
        sys.exit(answer.text)
    return answer


if __name__ == "__main__":
    main(*sys.argv[1:])
