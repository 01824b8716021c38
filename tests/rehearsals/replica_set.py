"""A replica set as a driver sees it: two members in front of the one server that is here.

Each member is a port of its own that says who is the primary, refuses what only a primary may do
in the words of MongoDB, or is gone. A write that is sent once more is answered as the first time
(retryable writes), which the embedded server does not do. What the driver does then, and what we do
with what it raises, is the real thing. What the members of a real set do among themselves
(elections, rollbacks, a majority) is not here: `make test-staging` asks a real one.
"""

import itertools
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any

from bson import ObjectId

from tests.api_bridge.forwarder import Forwarder
from tests.rehearsals import wire

NAME = "rehearsed"
_HELLO = {"hello", "ismaster", "isMaster"}
_ANYBODY = {*_HELLO, "ping", "buildInfo", "endSessions"}
# What a member says that is no primary, or is just not one any more (MongoDB's error_codes.yml).
_STEPPING_DOWN = {"code": 189, "codeName": "PrimarySteppedDown"}
_WRITE = {"code": 10107, "codeName": "NotWritablePrimary"}
_READ = {"code": 13435, "codeName": "NotPrimaryNoSecondaryOk"}
_WRITES = {"insert", "update", "delete", "findAndModify", "createIndexes"}


Answer = Mapping[str, Any]
# A session and the number of a write in it.
WriteKey = tuple[bytes, int]
Asked = dict[int, WriteKey | None]


class Memory:
    """What was answered to each write that a driver may send once more."""

    def __init__(self) -> None:
        self._answers: dict[WriteKey, Answer | None] = {}
        self._known = threading.Condition()

    def before(self, key: WriteKey) -> Answer | None:
        """What was answered to this write, which is waited for; None: it is new."""
        with self._known:
            if key not in self._answers:
                self._answers[key] = None
                return None
            self._known.wait_for(lambda: self._answers[key] is not None, timeout=5)
            return self._answers[key]

    def keep(self, key: WriteKey, answer: Answer) -> None:
        """Remember it."""
        with self._known:
            self._answers[key] = answer
            self._known.notify_all()


class Member(Forwarder):
    """One member.

    Args:
        target: The server behind all members.
        tell: Given this member and what the server says of itself, what this member says.
        is_primary: Whether this member is it.
        memory: What was answered to each write, which all members know.

    Attributes:
        refused: How many commands it has refused.
        is_gone: Whether it takes no connection.
    """

    def __init__(
        self,
        target: tuple[str, int],
        *,
        tell: Callable[["Member", Answer], Answer],
        is_primary: Callable[["Member"], bool],
        memory: "Memory",
    ) -> None:
        self.refused, self.is_gone = 0, False
        self._tell, self._is_primary, self._memory = tell, is_primary, memory
        self._near: list[socket.socket] = []
        super().__init__(target)

    @property
    def address(self) -> str:
        """Where a driver finds it."""
        return f"127.0.0.1:{self.port}"

    def go(self) -> None:
        """Cut every connection, and take none any more; what has arrived is done."""
        self.is_gone = True
        for one in self._near:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _serve(self, near: socket.socket) -> None:
        if self.is_gone:
            near.close()
            return
        self._near.append(near)
        far = socket.create_connection(self._target)
        self._open.append(far)
        # Greetings, and writes that may be sent once more, by the id of their message.
        asked: dict[int, WriteKey | None] = {}
        for pump, source, sink in ((self._ask, near, far), (self._answer, far, near)):
            threading.Thread(target=pump, args=(source, sink, asked), daemon=True).start()

    def _ask(self, near: socket.socket, far: socket.socket, asked: Asked) -> None:
        with suppress(OSError):
            while said := wire.message(near):
                name = wire.command(said)
                if name in {None, *_HELLO}:
                    asked[wire.identity(said)] = None
                answer = None if name in {None, *_ANYBODY} else self._answer_of_ours(said, asked)
                if answer is None:
                    far.sendall(said)
                else:
                    near.sendall(wire.reply(said, answer))
            far.shutdown(socket.SHUT_WR)

    def _answer_of_ours(self, said: bytes, asked: Asked) -> Answer | None:
        """What the server is not asked for: a refusal, or what it has answered before."""
        command = wire.document(said)
        if not self._is_primary(self):
            return self._refusal(str(wire.command(said)), command)
        if "txnNumber" not in command:
            return None
        key = (bytes(command["lsid"]["id"]), int(command["txnNumber"]))
        asked[wire.identity(said)] = key
        return self._memory.before(key)

    def _answer(self, far: socket.socket, near: socket.socket, asked: Asked) -> None:
        with suppress(OSError):
            while said := wire.message(far):
                said = self._told(said, asked)
                with suppress(OSError):  # cut: what the server does is remembered all the same
                    near.sendall(said)
            near.shutdown(socket.SHUT_WR)

    def _told(self, said: bytes, asked: Asked) -> bytes:
        to = wire.answered(said)
        if to not in asked:
            return said
        key = asked.pop(to)
        if key is None:
            return wire.told(said, self._tell(self, wire.document(said)))
        self._memory.keep(key, wire.document(said))
        return said

    def _refusal(self, name: str, asked: Answer) -> Answer:
        self.refused += 1
        write = _STEPPING_DOWN if self.refused == 1 else _WRITE
        said = {"ok": 0.0, "errmsg": "not primary", **(write if name in _WRITES else _READ)}
        # A server labels what a driver may send once more (retryable writes).
        return {**said, "errorLabels": ["RetryableWriteError"]} if "txnNumber" in asked else said


class ReplicaSet:
    """Two members, of which at most one is the primary.

    Args:
        target: The server behind both.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._primary: Member | None = None
        self._elections = itertools.count(1)
        self._election = ObjectId(bytes(12))
        memory = Memory()
        self.members = tuple(
            Member(target, tell=self._told, is_primary=self._is_primary, memory=memory)
            for _ in range(2)
        )
        self.elect(self.members[0])

    @property
    def uri(self) -> str:
        """For drivers; each member is named, as where MongoDB runs."""
        return f"mongodb://{','.join(one.address for one in self.members)}/?replicaSet={NAME}"

    @property
    def refused(self) -> int:
        """How many commands were refused by who was no primary."""
        return sum(one.refused for one in self.members)

    @property
    def other(self) -> Member:
        """A member that is not the primary."""
        return next(one for one in self.members if one is not self._primary)

    def elect(self, member: Member | None) -> None:
        """Make a member the primary; None: nobody is."""
        self._election = ObjectId(b"\x7f\xff\xff\xff" + next(self._elections).to_bytes(8, "big"))
        self._primary = member

    @contextmanager
    def without_primary(self, *, killed: bool = False) -> Iterator[None]:
        """Within it nobody is the primary; then the other member is.

        Args:
            killed: The primary is gone with all its connections, and does not only step down.
        """
        before, after = self._primary, self.other
        self.elect(None)
        if killed and before is not None:
            before.go()
        try:
            yield
        finally:
            self.elect(after)

    def close(self) -> None:
        """Close both."""
        for one in self.members:
            one.close()

    def _is_primary(self, member: Member) -> bool:
        return member is self._primary

    def _told(self, member: Member, said: Answer) -> Answer:
        primary = self._primary
        mine = {
            "setName": NAME,
            "setVersion": 1,
            "hosts": [one.address for one in self.members],
            "me": member.address,
            "isWritablePrimary": member is primary,
            "ismaster": member is primary,
            "secondary": member is not primary,
        }
        if primary is not None:
            mine["primary"] = primary.address
        if member is primary:
            mine["electionId"] = self._election
        # Without a version of the topology a driver asks again and again, and waits for no news.
        theirs = {"topologyVersion", "electionId", "primary", *mine}
        return {key: value for key, value in said.items() if key not in theirs} | mine


@contextmanager
def replica_set(target: tuple[str, int]) -> Iterator[ReplicaSet]:
    """A set in front of a server, until the block ends."""
    with closing(ReplicaSet(target)) as found:
        yield found
