"""Sending cases one after another to a bridge, and having each answer judged."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from tests.fuzz.bridge import FOREIGN, Attacked
from tests.fuzz.exchange import Case, Reply, Wire
from tests.fuzz.judge import Judge, Tally

# The stores look at every export for some questions, so that thousands would slow the attack down.
EXPORTS = 30
ACCEPTED = 202

Example = TypeVar("Example")


class Attacker:
    """One connection to a bridge, tokens of several callers, and a judge.

    Attributes:
        bridge: The bridge.
        tally: What was found.
        ids: Exports that there are now; see `Attacked.renew`.
        described: The bridge's own description.
    """

    def __init__(self, bridge: Attacked, tally: Tally) -> None:
        """Read the description and make the tokens; the bridge must be running."""
        self.bridge = bridge
        self.tally = tally
        self._wire = Wire(port=bridge.port)
        self._host = b"127.0.0.1:%d" % bridge.port
        self._made = 0
        self._tokens = {
            "all": bridge.issuer.token(),
            "reader": bridge.issuer.token(scope="exports:read"),
            "foreign": bridge.issuer.token(campaigns=[FOREIGN]),
            "nobody": bridge.issuer.token(scope="", campaigns=[]),
        }
        self.ids: Sequence[str] = bridge.renew()
        self.described: dict[str, Any] = json.loads(
            self._exchange(Case(origin="description", target=b"/openapi.json")).body
        )
        self._judge = Judge(self.described, tally)

    def send(self, case: Case) -> Reply:
        """Send one case and have the answer judged."""
        reply = self._exchange(case)
        self._judge.see(case, reply)
        self._made += reply.status == ACCEPTED
        if self._made >= EXPORTS:
            self._made, self.ids = 0, self.bridge.renew()
        return reply

    def send_all(self, cases: Iterable[Case]) -> None:
        """Send them in order."""
        for case in cases:
            self.send(case)

    def close(self) -> None:
        """Let the connection go."""
        self._wire.close()

    def _exchange(self, case: Case) -> Reply:
        raw = case.sent(self._host, self._tokens)
        return self._wire.exchange(raw, method=case.method, alone=case.alone)


def drawn(
    strategy: SearchStrategy[Example], count: int, seeded: int, use: Callable[[Example], object]
) -> None:
    """Use so many examples of a strategy, the same ones for the same seed."""

    @seed(seeded)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def use_each(example: Example) -> None:
        use(example)

    use_each()
