"""Who must not be written to any more: signals for and against, and what they come to.

A signal says what somebody did to a suppression at a moment. For each fan the last moment decides
(DOMAIN.md 7.16, "by time order"): a consent that was given again after it was withdrawn takes the
fan out. An erasure stands above all others and leaves no address behind.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import groupby
from typing import Final

from assets.model.column import Unfit
from assets.steps.arrange import Sorter

ERASED: Final = "erased"
BOTH: Final = "both"
BY_EMAIL: Final = "email"
BY_SMS: Final = "sms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom a signal is about, as far as it is known.

    Attributes:
        id: Names the person within one export: of a user, else of the address, else of the entry.
        subscriber: The account without hyphens.
        email: The address as it was registered.
        email_sha256: All that is left of the address of who was erased.
        phone: E.164.
    """

    id: str
    subscriber: str | None = None
    email: str | None = None
    email_sha256: str | None = None
    phone: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the address, empty where there is none."""
        return digest(self.email) or self.email_sha256 or ""

    def without_contact(self) -> "Subject":
        """What may still be said of somebody who was erased."""
        return replace(self, email=None, email_sha256=self.digest or None, phone=None)


def digest(text: str | None) -> str:
    """Lower-hex SHA-256 of a trimmed, lower-cased address or of a number (DOMAIN.md 6.1 `h256`)."""
    return sha256(text.strip().lower().encode()).hexdigest() if text and text.strip() else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What was said at a moment.

    Attributes:
        reason: The suppression it is about (DOMAIN.md 7.16 `Reason`).
        channel: `email`, `sms` or `both`.
        at: When it was said, in milliseconds since the epoch.
        known: When we learned it: later than `at` where an event came late.
        suppresses: False where it takes the suppression back.
        promoter: Key of the promoter, for `promoter_withdrawal`.
    """

    subject: Subject
    reason: str
    channel: str
    at: int
    known: int
    suppresses: bool = True
    promoter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing that was read: an entry, an event, a line of the ledger, an account.

    Attributes:
        signals: What it says; nothing, where it is about another suppression after all.
        unfit: Why it cannot be understood; it becomes a counted reject.
    """

    signals: tuple[Signal, ...] = field(default=())
    unfit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """A line of the file: one suppression of one address.

    Attributes:
        ledger_id: The same whenever the same suppression is exported, so that sending it twice
            changes nothing. The moment is not part of it: a later one updates the line.
        key: By what the receiver knows the fan.
    """

    subject: Subject
    reason: str
    channel: str
    promoter: str
    at: int
    ledger_id: str
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The part of time that a file is about, in milliseconds since the epoch; `end` is outside."""

    start: int
    end: int

    def __contains__(self, moment: int) -> bool:
        return self.start <= moment < self.end


class Suppressions:
    """A fold: makes lines out of records, in bounded memory.

    Args:
        window: Only suppressions that were learned in it.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._sorter: Sorter[Signal] = Sorter()

    def add(self, row: Record) -> Iterable[Suppressed]:
        """Take one record; only the last one completes a line.

        Raises:
            Unfit: It cannot be understood.
        """
        if row.unfit is not None:
            raise Unfit(row.unfit)
        for signal in row.signals:
            self._sorter.add(_by_subject(signal), signal)
        return ()

    def rest(self) -> Iterator[Suppressed]:
        """The lines of every subject."""
        ordered = (signal for _, signal in self._sorter.pairs())
        for _, said in groupby(ordered, key=lambda signal: signal.subject.id):
            yield from lines(tuple(said), self._window)


def _by_subject(signal: Signal) -> tuple[str, int, bool]:
    return signal.subject.id, signal.at, signal.suppresses


def lines(said: Sequence[Signal], window: Window) -> Iterator[Suppressed]:
    """What all signals about one subject come to.

    Of two at one moment the one that suppresses counts. Each address that a suppression named is
    a line of its own: a promoter knows the one that was given, not the one of today.
    """
    erased = [signal for signal in said if signal.reason == ERASED]
    for signals in _suppressions(erased or said).values():
        given = max((one.at for one in signals if not one.suppresses), default=None)
        last = {_address(one): one for one in signals if one.suppresses}
        if len(last) > 1:  # the same said without an address adds nothing
            last.pop("", None)
        for signal in last.values():
            if (given is None or signal.at >= given) and signal.known in window:
                yield _line(signal)


def _suppressions(said: Iterable[Signal]) -> dict[tuple[str, str, str], list[Signal]]:
    found: dict[tuple[str, str, str], list[Signal]] = {}
    for signal in said:
        found.setdefault((signal.reason, signal.promoter, signal.channel), []).append(signal)
    return found


def _address(signal: Signal) -> str:
    """Hash of what the channel writes to."""
    subject = signal.subject
    return digest(subject.phone) if signal.channel == BY_SMS else subject.digest


def _line(signal: Signal) -> Suppressed:
    subject = signal.subject
    if signal.reason == ERASED:
        subject = subject.without_contact()
    named = (signal.reason, signal.promoter, signal.channel, subject.id, _address(signal))
    return Suppressed(
        subject=subject,
        reason=signal.reason,
        channel=signal.channel,
        promoter=signal.promoter,
        at=signal.at,
        ledger_id=sha256("|".join(named).encode()).hexdigest()[:32],
    )
