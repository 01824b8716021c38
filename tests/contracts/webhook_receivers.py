"""What the door to receivers of webhooks promises."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest

from resources.errors import Refused
from resources.webhook_receivers import Reply, WebhookReceivers

HEADERS = {"webhook-id": "evt_1", "Content-Type": "application/json"}
Answer = Callable[[int, Mapping[str, str]], None]


class ReceiversContract:
    """The suite; a subclass gives the fixtures.

    ``door``: may call loopback. ``url``: of a receiver. ``answer``: what that says next. ``got``:
    path, headers and body of what it got.
    """

    doors: ClassVar = (WebhookReceivers,)

    def test_a_webhook_arrives_as_it_was_sent(
        self, door: WebhookReceivers, url: str, got: Callable[[], list[Any]]
    ) -> None:
        """The signature covers every byte."""
        assert door.post(url, HEADERS, b'{"a": "\xc3\xa9"}') == Reply(status=204)

        ((headers, body),) = got()
        assert body == b'{"a": "\xc3\xa9"}'
        assert {name: headers[name.lower()] for name in HEADERS} == HEADERS

    def test_without_a_proxy_there_is_none_to_reach(self, door: WebhookReceivers) -> None:
        """`doctor` says so instead of calling anybody."""
        assert not door.way_out()

    @pytest.mark.parametrize("status", [200, 301, 307, 400, 410, 500])
    def test_an_answer_is_told_and_never_followed(
        self,
        door: WebhookReceivers,
        url: str,
        answer: Answer,
        got: Callable[[], list[Any]],
        status: int,
    ) -> None:
        """A redirect leads to where nobody has checked."""
        answer(status, {"Location": url})

        assert door.post(url, HEADERS, b"{}").status == status
        assert len(got()) == 1

    def test_a_wish_to_wait_is_told(self, door: WebhookReceivers, url: str, answer: Answer) -> None:
        """A receiver that is busy must not be called sooner."""
        answer(429, {"Retry-After": "120"})
        answer(503, {"Retry-After": "soon"})

        assert door.post(url, HEADERS, b"{}") == Reply(status=429, retry_after=120.0)
        assert door.post(url, HEADERS, b"{}") == Reply(status=503)

    @pytest.mark.parametrize("forbidden", ["https://10.0.0.1/", "ftp://hooks.test/", "nonsense"])
    def test_what_is_no_public_address_is_refused(
        self, door: WebhookReceivers, forbidden: str, got: Callable[[], list[Any]]
    ) -> None:
        """Whoever registers an address must not choose one inside."""
        with pytest.raises(Refused, match="WEBHOOK_FORBIDDEN"):
            door.post(forbidden, HEADERS, b"{}")

        assert got() == []
