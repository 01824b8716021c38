"""What every fake has in common: a record of what it was asked, and failures on request."""

import threading
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a fake."""

    name: str
    arguments: tuple[object, ...] = ()


@dataclass(slots=True)
class Asked:
    """The record of one fake.

    Attributes:
        calls: Every call in order, failed ones included.
    """

    calls: list[Call] = field(default_factory=list)
    _failures: list[tuple[str | None, Exception]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail_next(self, error: Exception, *, name: str | None = None) -> None:
        """Raise this once: at the next call, or at the next call with this name."""
        self._failures.append((name, error))

    def note(self, name: str, *arguments: object) -> None:
        """Record a call; raise the failure that waits for it."""
        with self._lock:
            self.calls.append(Call(name=name, arguments=arguments))
            for waiting in self._failures:
                if waiting[0] in {None, name}:
                    self._failures.remove(waiting)
                    raise waiting[1]

    def named(self, name: str) -> list[Call]:
        """Return the calls with this name."""
        return [call for call in self.calls if call.name == name]
