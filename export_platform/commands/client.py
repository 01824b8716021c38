"""A small client of the bridge: what the commands need of API.md, typed and bounded.

Nothing follows a redirect blindly: the link to a file is taken from the 303 and fetched without the
token, which is nobody's business but the bridge's.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from types import TracebackType
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from export_platform.commands.hints import starter
from export_platform.commands.terminal import CommandError

# Connect, then silence between two bytes. The bridge answers within 2 s or says 503.
_ASK_SECONDS = (5.0, 20.0)
_FETCH_SECONDS = (5.0, 60.0)
_CHUNK_BYTES = 256 * 1024
_MOST_MANIFEST_BYTES = 4 * 1024 * 1024  # as the bridge
_SIGNATURE = "Export-Signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What an export would come to (API.md 1); None is what nobody can tell.

    Attributes:
        rows: Rows of the files.
        rows_at_most: Rows that there are to read.
        bytes: Stored bytes.
        seconds: Of work.
        usd: What Athena would cost.
        withheld: Columns that the policy leaves out.
    """

    rows: int | None
    rows_at_most: int | None
    bytes: int | None
    seconds: float | None
    usd: float | None
    withheld: tuple[str, ...]

    @classmethod
    def from_wire(cls, body: Mapping[str, Any]) -> "Estimate":
        """Read the answer."""
        return cls(
            rows=body["rows"],
            rows_at_most=body["rows_at_most"],
            bytes=body["bytes"],
            seconds=body["seconds"],
            usd=(body["athena"] or {}).get("usd"),
            withheld=tuple(body["columns_withheld"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export as the bridge shows it (API.md 2), as far as the commands look.

    Attributes:
        id: Its id.
        type: The versioned type.
        origin: Where it was asked for, such as `bridge` or `dagster`.
        params: What was asked for, every default filled in.
        status: The state.
        done: Whether it has ended, one way or another.
        rows_done: Rows written so far.
        rows_total: Rows there are to read, once known.
        ratio: How much is done, 0 to 1, once known.
        rows: Rows of the result.
        empty_reason: Why there are none.
        partial: Whether more rows were rejected than a complete result may lack.
        bytes: Stored bytes of the result.
        manifest_sha256: Digest of the manifest.
        files: Numbers of the files.
        seconds: From the request to its end.
        error: What a failed one says.
    """

    id: str
    type: str
    origin: str | None
    params: Mapping[str, Any]
    status: str
    done: bool
    rows_done: int
    rows_total: int | None
    ratio: float | None
    rows: int | None
    empty_reason: str | None
    partial: bool
    bytes: int | None
    manifest_sha256: str | None
    files: int
    seconds: float | None
    error: str | None

    @classmethod
    def from_wire(cls, body: Mapping[str, Any]) -> "Export":
        """Read the resource."""
        progress, result = body.get("progress") or {}, body.get("result") or {}
        error = body.get("error")
        return cls(
            id=body["id"],
            type=body["type"],
            origin=body.get("origin"),
            params=body.get("params") or {},
            status=body["status"],
            done=body["done"],
            rows_done=progress.get("rows_done") or 0,
            rows_total=progress.get("rows_total"),
            ratio=progress.get("ratio"),
            rows=result.get("rows"),
            empty_reason=result.get("empty_reason"),
            partial=result.get("completeness") == "partial",
            bytes=result.get("bytes"),
            manifest_sha256=result.get("manifest_sha256"),
            files=len(result.get("files") or ()),
            seconds=_seconds(body.get("created_at"), body.get("finished_at")),
            error=f"{error['code']}: {error['detail']}" if error else None,
        )


class BridgeClient:
    """Talks to one bridge with one token.

    Args:
        base_url: Its address: https, or http on loopback.
        token: The access token; sent to that address only.

    Raises:
        CommandError: The address would show the token to others.
    """

    def __init__(self, base_url: str, token: str) -> None:
        if not _is_safe(base_url):
            raise CommandError("the bridge's address must be https, or http on loopback")
        self._base_url = base_url.rstrip("/") + "/"
        self._session = _session()
        self.renew(token)

    def renew(self, token: str) -> None:
        """Go on with another access token: none lives longer than an hour."""
        self._session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> "BridgeClient":
        """Use it in a `with` block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self._session.close()

    def types(self) -> list[dict[str, Any]]:
        """Every kind of export."""
        listed: list[dict[str, Any]] = self._json("GET", "v1/export-types")["export_types"]
        return listed

    def type(self, name: str) -> dict[str, Any]:
        """One kind of export."""
        return self._json("GET", f"v1/export-types/{_segment(name)}")

    def create(
        self,
        name: str,
        params: Mapping[str, Any],
        *,
        fresh: bool = False,
        max_age: int | None = None,
        key: str | None = None,
    ) -> Export:
        """Ask for an export; sent twice by the network, it is still one.

        Args:
            name: The kind.
            params: What its schema describes.
            fresh: Whether it must not share the files of an identical export that is live.
            max_age: Seconds since the snapshot of files that would do; None: only new ones do.
            key: Of those who ask again with the same one each is told of the first's export;
                None: nobody else has it.
        """
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        body: dict[str, Any] = {"type": name, "params": dict(params)}
        body |= {"fresh": True} if fresh else {}
        body |= {} if max_age is None else {"max_age": max_age}
        return Export.from_wire(self._json("POST", "v1/exports", json=body, headers=headers))

    def estimate(self, name: str, params: Mapping[str, Any]) -> Estimate:
        """What an export would come to; nothing is recorded."""
        body = {"type": name, "params": dict(params)}
        return Estimate.from_wire(self._json("POST", "v1/exports/estimate", json=body))

    def export(self, export_id: str) -> Export:
        """Show an export."""
        return Export.from_wire(self._json("GET", f"v1/exports/{_segment(export_id)}"))

    def exports(self, **filters: str) -> Iterator[Export]:
        """The exports that the caller may see, newest first, page by page."""
        while True:
            page = self._json("GET", "v1/exports", params=filters)
            yield from map(Export.from_wire, page["exports"])
            if page["next_page_token"] is None:
                return
            filters |= {"page_token": page["next_page_token"]}

    def cancel(self, export_id: str) -> Export:
        """Ask an export to stop; it may take until its worker's next heartbeat."""
        path = f"v1/exports/{_segment(export_id)}/cancel"
        return Export.from_wire(self._json("POST", path))

    def retry(self, export_id: str) -> Export:
        """Make one again that failed, was cancelled or has expired."""
        return Export.from_wire(self._json("POST", f"v1/exports/{_segment(export_id)}/retry"))

    def delete(self, export_id: str) -> None:
        """Delete the files of one that has ended."""
        with self._answer("DELETE", f"v1/exports/{_segment(export_id)}"):
            return

    def signing_keys(self) -> dict[str, Any]:
        """The public keys of manifests, as a JSON Web Key Set."""
        return self._json("GET", ".well-known/export-signing-keys")

    def manifest(self, export_id: str) -> tuple[bytes, str | None]:
        """The manifest as it is stored, and its signature where the bridge signs."""
        with self._answer("GET", f"v1/exports/{_segment(export_id)}/manifest") as answer:
            body = bytearray()
            for chunk in answer.iter_content(_CHUNK_BYTES):
                body += chunk
                if len(body) > _MOST_MANIFEST_BYTES:
                    raise CommandError("the bridge sent more than a manifest can be")
            return bytes(body), answer.headers.get(_SIGNATURE)

    @contextmanager
    def file(self, export_id: str, number: int) -> Iterator[Iterator[bytes]]:
        """The stored bytes of a file, from the link that the bridge signs for this call."""
        with self._answer("GET", f"v1/exports/{_segment(export_id)}/files/{number}") as answer:
            link = urljoin(answer.url, answer.headers.get("Location", ""))
        if answer.status_code != requests.codes.see_other or not _is_safe(link):
            raise CommandError("the bridge sent no link to the file; look at its log")
        # A session of its own: the token is not for the storage.
        with _session() as storage, _sent(storage, "GET", link, timeout=_FETCH_SECONDS) as stored:
            if stored.status_code != requests.codes.ok:
                raise CommandError(
                    f"the storage answered {stored.status_code}; run the download again"
                )
            yield _chunks(stored)

    def _json(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        with self._answer(method, path, **more) as answer:
            try:
                body: dict[str, Any] = answer.json()
            except requests.RequestException:
                raise CommandError("the bridge's answer was cut short; try again") from None
            return body

    @contextmanager
    def _answer(self, method: str, path: str, **more: Any) -> Iterator[requests.Response]:
        url = self._base_url + path
        with _sent(self._session, method, url, timeout=_ASK_SECONDS, **more) as answer:
            if answer.status_code >= requests.codes.bad_request:
                raise CommandError(_problem(answer))
            yield answer


@contextmanager
def _sent(
    session: requests.Session, method: str, url: str, *, timeout: tuple[float, float], **more: Any
) -> Iterator[requests.Response]:
    try:
        answer = session.request(
            method, url, timeout=timeout, allow_redirects=False, stream=True, **more
        )
    except requests.Timeout:
        raise CommandError(f"{_host(url)} did not answer in time; try again") from None
    except requests.RequestException:
        raise CommandError(f"{_host(url)} does not answer; start it with `{starter()}`") from None
    with answer:
        yield answer


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy and no netrc: neither may see or replace the token
    return session


def _chunks(answer: requests.Response) -> Iterator[bytes]:
    # Raw bytes: a stored .gz must not be unpacked on the way.
    answer.raw.decode_content = False
    try:
        yield from answer.raw.stream(_CHUNK_BYTES, decode_content=False)
    except OSError:
        raise CommandError("the connection broke during the download; run it again") from None


def _problem(answer: requests.Response) -> str:
    """A problem document (RFC 9457) in one line."""
    try:
        body = answer.json()
        places = [f"{_place(each['pointer'])} {each['detail']}" for each in body.get("errors", [])]
        scopes = body.get("required_scopes") or []
        parts = [body["title"], *places] if places else [body["title"], body["detail"]]
    except (requests.RequestException, KeyError, TypeError, AttributeError):
        return f"the bridge answered {answer.status_code}; look at its log"
    if scopes:
        parts.append(f"needed: {' '.join(scopes)}")
    return "; ".join(part.rstrip(".") for part in parts).replace("\n", " ")


def _place(pointer: str) -> str:
    """A pointer of a problem; parameters and parts of the path as they are called here."""
    return pointer.removeprefix("/params/").removeprefix("/path/") or "the body"


def _segment(text: str) -> str:
    if not text.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise CommandError("an id holds letters, digits, dots, hyphens and underscores only")
    return text


def _is_safe(url: str) -> bool:
    """Whether nobody else can read what is sent: https, or this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host(url: str) -> str:
    """Who was asked; the rest of a signed link is secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _seconds(created: str | None, finished: str | None) -> float | None:
    if created is None or finished is None:
        return None
    return (datetime.fromisoformat(finished) - datetime.fromisoformat(created)).total_seconds()
