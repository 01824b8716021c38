"""Doors to a stand-in of the stack that misbehaves as a test has scripted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from resources.clock import Clock
from resources.http_json import JsonHttp

TOKEN = "CANARY-TOKEN"
# In which a stand-in answers on a machine that stands still now and then; who is to meet a silence
# waits for less.
READ_SECONDS, SILENCE_SECONDS = 10.0, 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulty:
    """A stand-in with its script.

    Attributes:
        url: Its address.
        service: First word of the codes of its door's errors.
        token: A token that it takes.
    """

    url: str
    service: str
    token: str

    def script(self, *steps: Mapping[str, Any]) -> None:
        """Replace the script; none clears it, and forgets what was asked."""
        answer = requests.put(f"{self.url}/-/faults", json=list(steps), timeout=10)
        assert answer.status_code == 200, answer.text

    def left(self) -> list[dict[str, Any]]:
        """Return the steps that have not struck."""
        found: list[dict[str, Any]] = requests.get(f"{self.url}/-/faults", timeout=10).json()
        return found

    def asked(self) -> list[dict[str, Any]]:
        """Return the requests since the script was set."""
        found: list[dict[str, Any]] = requests.get(f"{self.url}/-/requests", timeout=10).json()
        return found

    def statuses(self) -> list[int | None]:
        """Return how each of them was answered; None for not at all."""
        return [one["status"] for one in self.asked()]

    def http(self, clock: Clock, **bounds: Any) -> JsonHttp:
        """Return a client whose waits are a test's."""
        return JsonHttp(
            service=self.service,
            base_url=self.url,
            token=self.token,
            clock=clock,
            **{"read_seconds": READ_SECONDS, "jitter": lambda: 1.0, **bounds},
        )
