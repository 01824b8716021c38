"""Bridges that are wrong in one way each: what the attacks must find, or finding nothing is empty.

Each takes the application as it is and gives it back spoiled.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any

from fastapi import FastAPI
from pymongo.errors import PyMongoError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_bridge.access.auth import Authenticator
from api_bridge.access.caller import ADMIN, CANCEL, EVERY_CAMPAIGN, Caller
from api_bridge.access.jws import BadToken, read_object
from tests.api_bridge.tokens import EVERYTHING
from tests.fuzz.described import JSON
from tests.fuzz.judge import HANG_SECONDS, PROBLEM
from tests.fuzz.tokens import decoded

EVERY = 20


def failing(app: FastAPI) -> ASGIApp:
    """Breaks at every twentieth request."""
    turns = count(1)

    async def planted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and next(turns) % EVERY == 0:
            raise RuntimeError("planted")
        await app(scope, receive, send)

    return planted


def hanging(app: FastAPI) -> ASGIApp:
    """Takes too long once."""
    turns = count(1)

    async def planted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and next(turns) == EVERY:
            await asyncio.sleep(HANG_SECONDS + 1.0)
        await app(scope, receive, send)

    return planted


def echoing(app: FastAPI) -> ASGIApp:
    """Says in its errors what it could not find."""

    def echo(scope: Scope, body: dict[str, Any]) -> None:
        body["detail"] += scope["path"] + scope["query_string"].decode()

    return _changing(app, PROBLEM, echo)


def talkative(app: FastAPI) -> ASGIApp:
    """Says more than is described."""

    def tell(_: Scope, body: dict[str, Any]) -> None:
        body["row"] = {"phone": None}

    return _changing(app, JSON, tell)


def mistyped(app: FastAPI) -> ASGIApp:
    """Gives a text for a number in its one operation."""

    def spoil(_: Scope, body: dict[str, Any]) -> None:
        if "paths" in body:
            body["paths"] = {"/v1/limits": body["paths"]["/v1/limits"]}
        elif "caller" in body:
            body["caller"]["used"] = "many"

    return _changing(app, JSON, spoil)


def _changing(
    app: FastAPI, media_type: str, change: Callable[[Scope, dict[str, Any]], None]
) -> ASGIApp:
    """Changes the bodies of one media type."""

    async def planted(scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}

        async def said(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif (b"content-type", media_type.encode()) not in start["headers"] or not message.get(
                "body"
            ):
                await send(start)
                await send(message)
            else:
                body = json.loads(message["body"])
                change(scope, body)
                await send({**start, "headers": _without_length(start["headers"])})
                await send({**message, "body": json.dumps(body).encode()})

        await app(scope, receive, said if scope["type"] == "http" else send)

    return planted


def _without_length(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [header for header in headers if header[0] != b"content-length"]


class _Unsigned(Authenticator):
    """Reads who the caller is, and never looks at the signature."""

    def caller(self, authorization: Sequence[str], *, at_once: bool = False) -> Caller:
        """Believe what is written."""
        try:
            claims = read_object(decoded(authorization[0].split(".")[1]))
        except (BadToken, ValueError, IndexError):
            return super().caller(authorization, at_once=at_once)
        return Caller(
            subject=str(claims.get("sub")),
            client=None,
            expires=2**40,
            scopes=frozenset({ADMIN, *EVERYTHING.split()}),
            campaigns=frozenset({EVERY_CAMPAIGN}),
        )


class _Borderless(Authenticator):
    """Forgets which campaigns a token is for."""

    def caller(self, authorization: Sequence[str], *, at_once: bool = False) -> Caller:
        """Let the caller see everybody's."""
        return replace(
            super().caller(authorization, at_once=at_once), campaigns=frozenset({EVERY_CAMPAIGN})
        )


class _Lavish(Authenticator):
    """Takes who may cancel for an administrator."""

    def caller(self, authorization: Sequence[str], *, at_once: bool = False) -> Caller:
        """Let the caller do more."""
        caller = super().caller(authorization, at_once=at_once)
        return replace(caller, scopes=caller.scopes | {ADMIN}) if caller.may(CANCEL) else caller


def gullible(app: FastAPI) -> ASGIApp:
    """Takes any token for a good one."""
    return _with(app, _Unsigned)


def borderless(app: FastAPI) -> ASGIApp:
    """Shows every tenant everything."""
    return _with(app, _Borderless)


def impersonal(app: FastAPI) -> ASGIApp:
    """Takes everybody for one subject, so that nobody has a webhook endpoint for himself."""
    return _with(app, _Impersonal)


def lavish(app: FastAPI) -> ASGIApp:
    """Gives one role the rights of another."""
    return _with(app, _Lavish)


class _Impersonal(Authenticator):
    """Knows one subject."""

    def caller(self, authorization: Sequence[str], *, at_once: bool = False) -> Caller:
        """Let everybody be the same."""
        caller = super().caller(authorization, at_once=at_once)
        return replace(caller, subject="svc:everybody")


def _with(app: FastAPI, kind: type[Authenticator]) -> FastAPI:
    bridge = app.state.bridge
    usual = bridge.authenticator
    changed = kind(issuer=usual.issuer, audience=usual.audience, keys=usual.keys, clock=usual.clock)
    app.state.bridge = replace(bridge, authenticator=changed)
    return app


def trusting(app: FastAPI) -> ASGIApp:
    """Looks a campaign up by whatever stands in the body, before anybody checks it."""
    campaigns = app.state.bridge.stores.campaigns._connection.collection("campaigns")

    async def planted(scope: Scope, receive: Receive, send: Send) -> None:
        async def read() -> Message:
            message = await receive()
            with suppress(ValueError, TypeError, KeyError, PyMongoError):
                sent = json.loads(message.get("body", b""))["params"]
                campaigns.find_one({"key": sent["campaign_id"]})
            return message

        await app(scope, read, send)

    return planted
