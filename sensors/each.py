"""How a sensor works through documents: one that cannot be handled never stops the rest."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import dagster as dg

from assets.life import Document
from resources.errors import DoorError
from resources.mongo.ticks import TickStore

PAGE = 200  # documents of one page: at 2 kB each, well under a second


class Page(Protocol):
    """A page of documents by id."""

    def __call__(self, *, after: str | None, limit: int) -> Sequence[Document]:
        """Up to `limit` documents whose id is greater than `after`."""


@dataclass(frozen=True, slots=True)
class Each:
    """How one sensor works through documents.

    Attributes:
        context: Of this tick.
        ticks: Where it is written down at how many it failed.
        sensor: The name that its ticks have there.
    """

    context: dg.SensorEvaluationContext
    ticks: TickStore
    sensor: str

    def __call__(self, documents: Iterable[Document], act: Callable[[Document], bool]) -> int:
        """Act on each document and count those that changed.

        Whatever one of them raises is logged and noted by its type only, since the text may quote a
        document.
        """
        changed, failed = 0, list[str]()
        for document in documents:
            try:
                changed += act(document)
            except Exception as error:  # noqa: BLE001 - a stored document may be wrong in any way
                failed.append(type(error).__name__)
                self.context.log.warning("export %s: %s", document.get("_id"), failed[-1])
        if failed:
            with suppress(DoorError):  # what is not written down stands in the log
                self.ticks.fail(self.sensor, documents=len(failed), kind=failed[-1])
        return changed


def paged(*pages: Page) -> Iterator[Document]:
    """Every document of some pages.

    The pages of a tick are not bounded, because a bound would let many documents that need
    nothing hide the stuck ones behind them (RELIABILITY.md 1, rule 9).
    """
    for page in pages:
        after: str | None = None
        while documents := page(after=after, limit=PAGE):
            yield from documents
            after = documents[-1]["_id"]
