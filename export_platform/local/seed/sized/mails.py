"""What became of the messages: the events of the e-mail provider and of the carriers of texts."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.sized import blocks, marketing, messages
from export_platform.local.seed.sized.chunk import Chunk
from export_platform.local.seed.sized.draws import Whole
from export_platform.local.seed.sized.gathering import Gathering, Make
from export_platform.local.seed.sized.messages import Message
from export_platform.local.seed.sized.plan import Flags

# Of the delivered: opened 46 %, of which 45 % by a machine; clicked 19 %, all of them by people.
OPENED: Final = 0.46
BY_MACHINE: Final = 0.45
CLICKED: Final = 0.19
UNSUBSCRIBED: Final = 0.125  # of the 2 % that opted out of everything: 0.25 % of all

MACHINE_MS: Final = 2_000
"""An open within two seconds of the delivery is a privacy proxy's (DOMAIN.md 7.15)."""

_SENDING_MS: Final = 30 * 60 * 1000
_DELIVERY_MS: Final = 20_000
_READING_MS: Final = 2 * 3_600_000
_LABELS: Final = ("preferences", "artist-site", "faq")
_CARRIERS: Final = ("carrier-a", "carrier-b", "carrier-c")
_FAILED: Final = 0.035
_ERRORS: Final = ("30003", "30005", "30006")
_NOTIFIED: Final = int(blocks.NOTIFIED.timestamp()) * 1000


def email_events(chunk: Chunk, accounts: list[str], ledger: Ledger) -> Gathering:
    """Sent, then bounced or delivered; then opens, clicks, unsubscriptions and complaints."""
    found = Gathering(chunk, "email_events", natural_id="event_id", time="occurred_at")
    keys = [each.replace("-", "") for each in accounts]
    for message in messages.by_email(chunk):
        _Letter(chunk, message, keys, found, ledger).add()
    return found


class _Letter:
    """The events of one kind of message."""

    def __init__(
        self,
        chunk: Chunk,
        message: Message,
        keys: list[str],
        found: Gathering,
        ledger: Ledger,
    ) -> None:
        self._chunk, self._message = chunk, message
        self._keys, self._found, self._ledger = keys, found, ledger
        self._entries = [str(each) for each in chunk.entry_ids]

    def add(self) -> None:
        message = self._message
        sent = message.at + self._within("sent", _SENDING_MS)
        whom = np.zeros(len(sent), dtype=np.bool_)
        whom[message.places] = True
        delivered_at = sent + self._exponential("delivered", _DELIVERY_MS)
        delivered = whom & ~(message.hard | message.soft)
        self._add("sent", whom, sent)
        for kind, which in (("hard", message.hard), ("soft", message.soft)):
            self._add("bounce", whom & which, delivered_at, bounce=kind)
        self._add("delivered", delivered, delivered_at)
        self._reactions(delivered, delivered_at)

    def _reactions(self, delivered: Flags, delivered_at: Whole) -> None:
        opened = delivered & self._chance("open", OPENED)
        machine = opened & self._chance("machine", BY_MACHINE)
        read_at = delivered_at + MACHINE_MS + self._lognormal("read", _READING_MS)
        soon = delivered_at + self._within("proxy", MACHINE_MS)
        opened_at = np.where(machine, soon, read_at)
        self._add("open", opened, opened_at)
        self._note("machine_open", "open", machine)
        person = opened & ~machine
        clicked = person & self._chance("click", CLICKED / (OPENED * (1 - BY_MACHINE)))
        clicked_at = opened_at + 1 + self._within("click.after", 60_000)
        self._add("click", clicked, clicked_at, label=True)
        standing, share = marketing.standings(self._chunk), self._chunk.recipe.share
        gone = delivered & (standing == marketing.OPTED_OUT)
        gone &= self._chance("unsubscribe", share(UNSUBSCRIBED, nasty=0.4))
        self._add("unsubscribe", gone, read_at)
        self._add("complaint", delivered & (standing == marketing.COMPLAINED), read_at)

    def _add(
        self, event: str, whom: Flags, at: Whole, *, bounce: str | None = None, label: bool = False
    ) -> None:
        kind = self._message.kind
        part = f"{kind}.{event}.{bounce}" if bounce else f"{kind}.{event}"
        self._found.add(part, whom, at, self._columns(event, bounce, label))
        named = f"email_{bounce}_bounce" if bounce else f"email_{event}"
        self._note(named, event, whom)

    def _columns(self, event: str, bounce: str | None, label: bool) -> Make:
        numbers, kind = self._chunk.numbers, self._message.kind
        job = f"job-{self._chunk.recipe.campaign}-{kind}"

        def make(places: list[int]) -> dict[str, list[object]]:
            count = len(places)
            return {
                "event_id": [self._event_id(event, place) for place in places],
                "subscriber_key": [self._keys[place] for place in places],
                "entry_id": [self._entries[place] for place in places],
                "message_kind": [kind] * count,
                "job_id": [job] * count,
                "event_type": [event] * count,
                "bounce_class": [bounce] * count,
                "url_label": [_LABELS[numbers[place] % 3] if label else None for place in places],
            }

        return make

    def _note(self, name: str, event: str, whom: Flags) -> None:
        places = np.flatnonzero(whom).tolist()
        self._ledger.extend(name, [self._event_id(event, place) for place in places])

    def _event_id(self, event: str, place: int) -> str:
        chunk = self._chunk
        return f"em-{chunk.recipe.campaign}-{chunk.numbers[place]}-{self._message.kind}-{event}"

    def _chance(self, field: str, share: float) -> Flags:
        return self._chunk.draws.chance(self._field(field), self._chunk.index, share)

    def _within(self, field: str, span: int) -> Whole:
        share = self._chunk.draws.uniform(self._field(field), self._chunk.index)
        return np.floor(share * span).astype(np.int64)

    def _exponential(self, field: str, mean: int) -> Whole:
        share = self._chunk.draws.quantile(self._field(field), self._chunk.index, "exponential")
        return np.floor(share * mean).astype(np.int64)

    def _lognormal(self, field: str, median: int) -> Whole:
        share = self._chunk.draws.quantile(self._field(field), self._chunk.index, "lognormal")
        return np.floor(share * median).astype(np.int64)

    def _field(self, name: str) -> str:
        return f"email.{self._message.kind}.{name}"


def sms_events(chunk: Chunk, ledger: Ledger) -> Gathering:
    """Queued, sent, then delivered or failed (3.5 %); those whose account says so answer STOP."""
    found = Gathering(chunk, "sms_events", natural_id="event_id", time="occurred_at")
    draws, index = chunk.draws, chunk.index
    texted = messages.texted(chunk)
    failed = texted & draws.chance("sms.failed", index, _FAILED)
    stopped = texted & ~failed & (marketing.standings(chunk) == marketing.STOPPED)
    queued_at = _NOTIFIED + np.floor(draws.uniform("sms.at", index) * 3_600_000).astype(np.int64)
    answered = np.floor(draws.quantile("sms.stop", index, "lognormal") * 600_000).astype(np.int64)
    for event, whom, at in (
        ("queued", texted, queued_at),
        ("sent", texted, queued_at + 1_000),
        ("delivered", texted & ~failed, queued_at + 4_000),
        ("failed", failed, queued_at + 30_000),
        ("stop", stopped, queued_at + 4_000 + answered),
    ):
        found.add(event, whom, at, _texts(chunk, event))
        places = np.flatnonzero(whom).tolist()
        ledger.extend(f"sms_{event}", [_text_id(chunk, event, place) for place in places])
    return found


def _texts(chunk: Chunk, event: str) -> Make:
    def make(places: list[int]) -> dict[str, list[object]]:
        numbers = [chunk.numbers[place] for place in places]
        return {
            "event_id": [_text_id(chunk, event, place) for place in places],
            "entry_id": [str(chunk.entry_ids[place]) for place in places],
            "message_kind": ["code"] * len(places),
            "event_type": [event] * len(places),
            "carrier": [_CARRIERS[number % 3] for number in numbers],
            "error_code": [_ERRORS[n % 3] if event == "failed" else None for n in numbers],
        }

    return make


def _text_id(chunk: Chunk, event: str, place: int) -> str:
    return f"sm-{chunk.recipe.campaign}-{chunk.numbers[place]}-{event}"


def gathered(chunk: Chunk, accounts: list[str], ledger: Ledger) -> Iterator[Gathering]:
    """Both tables."""
    yield email_events(chunk, accounts, ledger)
    yield sms_events(chunk, ledger)
