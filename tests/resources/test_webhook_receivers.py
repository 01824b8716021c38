"""Whom a webhook may reach: spellings of private addresses, names that change, slow answers."""

import selectors
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from resources.clock import SystemClock
from resources.errors import Refused, Unavailable
from resources.webhook_receivers import (
    Address,
    NotAllowed,
    Receiver,
    WebhookReceivers,
    is_public,
    parse_receiver,
)
from tests.receiver import Say, webhook_receiver

HOSTS = (
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001",
    "0177.0.0.1", "127.0.0.01", "0", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]",  # noqa: S104
    "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[fe80::1]", "[fe80::1%25eth0]", "[fd00:ec2::254]",
    "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[ff02::1]", "localhost", "LOCALHOST", "localhost.",
    "a.localhost", "printer.local", "metadata.google.internal", "router", "hooks", "10.0.0.1",
    "10.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "169.254.170.2", "0xa9fea9fe",
    "2852039166", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "8.8.8.8", "[2606:4700::1]", "1.1.1.1.", "evil.test:22", "evil.test:0",
    "evil.test:99999", "evil.test:-1", "evil.test:x", "user@evil.test", "user:word@evil.test",
    "127.0.0.1@evil.test", "evil.test@127.0.0.1", "evil.test\\@127.0.0.1", "evil.test#@127.0.0.1",
    "evil.test%2f@127.0.0.1", "-evil.test", "evil-.test", "evil..test", ".evil.test", "e_v.test",
    "*.test", "evil.test ", "ev\til.test", "ev\nil.test", "ev\x00il.test", "\u2488.test",
    "\u24d4vil.test", "l\u00f6cal.test", "evil.123", "evil.0x7f", f"{'a' * 64}.test", "", ":443",
    "x.arpa", "[::1", "::1", "[evil.test]", "[v1.1]", "127.0.0.1:443", "1.2.3.4.5", "256.1.1.1",
)  # fmt: skip
URLS = (
    "http://evil.test/", "ftp://evil.test/", "file:" + "///etc/passwd", "gopher://evil.test/",
    "javascript:x", "data:,x", "//evil.test/", "/evil", "evil.test", "", "https:evil.test",
    "https:/evil.test", "https:///evil.test", "https://", "HTTPS://127.0.0.1/",
    "https://evil.test/#x", "https://evil.test/a b", "https://evil.test/\r\nX: y",
    "https://evil.test/\u00e9", f"https://evil.test/{'a' * 2_048}", "ws://evil.test/", "https",
    "ldap://127.0.0.1/", "dict://127.0.0.1:11211/", "unix:///run/x.sock", "blob:https://evil.test",
)  # fmt: skip
INSIDE = (
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254",
    "100.64.0.1", "0.0.0.0", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1",  # noqa: S104
    "203.0.113.1",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1",
    "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
    "64:ff9b:1::1", "2002:a00:1::", "2001:0:a00:1::", "100::1", "fec0::1",
)  # fmt: skip
OUTSIDE = ("93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8")


class Net:
    """Names that we answer for, and connections that are noted and lead nowhere, or to one port."""

    def __init__(self, *answers: Sequence[str], to: int | None = None) -> None:
        self.answers, self.to = list(answers), to
        self.called: list[tuple[str, int]] = []

    def resolve(self, _: str, __: int) -> Sequence[str]:
        """The next answer; the last for ever."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def connect(self, place: tuple[str, int], seconds: float) -> socket.socket:
        """Note the address."""
        self.called.append(place)
        if self.to is None:
            raise ConnectionRefusedError
        return socket.create_connection(("127.0.0.1", self.to), seconds)

    def door(self, **rest: Any) -> WebhookReceivers:
        """The door over it."""
        return WebhookReceivers(
            clock=SystemClock(), resolve=self.resolve, connect=self.connect, **rest
        )


@pytest.mark.parametrize("url", [*(f"https://{host}/hooks" for host in HOSTS), *URLS])
def test_no_spelling_of_a_private_address_is_registered_or_called(url: str) -> None:
    """111 of them: what a resolver would take for an address never gets to one (S13)."""
    net = Net(["93.184.216.34"])

    with pytest.raises(NotAllowed):
        parse_receiver(url)
    with pytest.raises(Refused, match="WEBHOOK_FORBIDDEN"):
        net.door().post(url, {}, b"{}")
    assert net.called == []


@pytest.mark.parametrize(
    ("url", "receiver"),
    [
        ("https://Hooks.Example.com", Receiver(
            scheme="https", host="hooks.example.com", port=443, target="/")),
        ("https://a-b.example.co.uk:8443/x/y?z=1%20", Receiver(
            scheme="https", host="a-b.example.co.uk", port=8443, target="/x/y?z=1%20")),
        ("https://xn--bcher-kva.example./", Receiver(
            scheme="https", host="xn--bcher-kva.example", port=443, target="/")),
    ],
)  # fmt: skip
def test_a_public_name_is_called(url: str, receiver: Receiver) -> None:
    """The control: a guard that lets nobody through would pass the test above."""
    net = Net(["93.184.216.34"])

    assert parse_receiver(url) == receiver
    with pytest.raises(Unavailable, match="WEBHOOK_UNREACHABLE"):
        net.door().post(url, {}, b"{}")
    assert net.called == [("93.184.216.34", receiver.port)]


@pytest.mark.parametrize("inside", INSIDE)
def test_a_name_that_leads_inside_is_not_called(inside: str) -> None:
    """A name is the caller's, and its records say what the caller wants."""
    for answers in ([inside], ["93.184.216.34", inside], [inside, "93.184.216.34"]):
        net = Net(answers)
        with pytest.raises(Refused, match="WEBHOOK_FORBIDDEN"):
            net.door().post("https://evil.test/", {}, b"{}")
        assert net.called == []
    assert not is_public(ip_address(inside))


@pytest.mark.parametrize("outside", OUTSIDE)
def test_what_is_public_is_taken_for_it(outside: str) -> None:
    """The control of the list above."""
    assert is_public(ip_address(outside))


def test_a_name_that_answers_otherwise_a_moment_later_leads_nowhere_else() -> None:
    """DNS rebinding: what was checked is what is called, by its number."""
    net = Net(["93.184.216.34"], ["127.0.0.1"])
    with pytest.raises(Unavailable):
        net.door().post("https://evil.test/", {}, b"{}")
    with pytest.raises(Refused):
        net.door().post("https://evil.test/", {}, b"{}")

    assert net.called == [("93.184.216.34", 443)]


class Trusting(WebhookReceivers):
    """The negative control: a door that calls whatever a name says."""

    def _may_call(self, receiver: Receiver, address: Address) -> bool:
        return True


def test_without_the_guard_a_name_leads_inside() -> None:
    """Where the guard is taken out the tests above are red: the connection is made."""
    net = Net(["169.254.169.254"])
    door = Trusting(clock=SystemClock(), resolve=net.resolve, connect=net.connect)

    with pytest.raises(Unavailable):
        door.post("https://evil.test/", {}, b"{}")
    assert net.called == [("169.254.169.254", 443)]


def test_loopback_is_called_where_that_is_allowed_and_nothing_else_inside() -> None:
    """The local stack calls its own machine; its neighbours stay out of reach all the same."""
    with webhook_receiver() as receiver:
        door = WebhookReceivers(clock=SystemClock(), loopback=True)
        assert door.post(receiver.url, {}, b"{}").status == 204
        assert door.post(f"http://localhost:{receiver.port}/", {}, b"{}").status == 204
        with pytest.raises(Refused):
            WebhookReceivers(clock=SystemClock()).post(receiver.url, {}, b"{}")
        for url in ("http://10.0.0.1/", "http://evil.test/", "ftp://127.0.0.1/"):
            with pytest.raises(Refused):
                Net(["10.0.0.1"]).door(loopback=True).post(url, {}, b"{}")
        assert len(receiver.got) == 2


def test_a_name_that_does_not_resolve_may_do_so_later() -> None:
    """A resolver that is away is no reason to give up."""

    def away(_: str, __: int) -> Sequence[str]:
        raise socket.gaierror

    door = WebhookReceivers(clock=SystemClock(), resolve=away)
    with pytest.raises(Unavailable, match="WEBHOOK_UNRESOLVED"):
        door.post("https://gone.test/", {}, b"{}")


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    """Half of a receiver's machines may be away; there is an end to it."""
    net = Net([f"93.184.216.{number}" for number in range(9)])
    with pytest.raises(Unavailable, match="WEBHOOK_UNREACHABLE"):
        net.door().post("https://evil.test/", {}, b"{}")

    assert net.called == [(f"93.184.216.{number}", 443) for number in range(3)]


@pytest.mark.parametrize("said", [Say(drip=0.02), Say(drip=9.0)])
def test_an_answer_that_never_ends_is_broken_off(said: Say) -> None:
    """A byte now and then meets every time-out of a read; the deadline is of the whole."""
    with webhook_receiver() as receiver:
        receiver.answers.append(said)
        door = WebhookReceivers(clock=SystemClock(), loopback=True, seconds=0.3)
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="WEBHOOK_TIMEOUT"):
            door.post(receiver.url, {}, b"{}")

        assert time.monotonic() - begun < 5


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate for a name, and the file that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, both = folder / "ca.pem", folder / "both.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    both.write_bytes(private + trusted.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, trusted


def test_the_certificate_is_that_of_the_name_whatever_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Called by its number, and still nobody else's certificate is taken."""
    context, trusted = certificate(tmp_path, "hooks.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with webhook_receiver(context) as receiver:
        net = Net(["93.184.216.34"], to=receiver.port)
        assert net.door().post("https://hooks.test:8443/a?b=1", {"X": "y"}, b"{}").status == 204
        (got,) = receiver.got
        assert (got.path, got.headers["host"]) == ("/a?b=1", "hooks.test:8443")
        with pytest.raises(Unavailable, match="WEBHOOK_BROKEN"):
            net.door().post("https://other.test/", {}, b"{}")
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(Unavailable, match="WEBHOOK_BROKEN"):
            net.door().post("https://hooks.test/", {}, b"{}")
        assert len(receiver.got) == 1


class Proxy:
    """A proxy that connects every tunnel to one port, or refuses."""

    def __init__(self, to: int, said: bytes = b"200 OK") -> None:
        self._to, self._said = to, said
        self.asked: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))

    def serve(self) -> None:
        """Serve one tunnel."""
        inside, _ = self.listener.accept()
        with inside, socket.create_connection(("127.0.0.1", self._to)) as outside:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += inside.recv(1)
            self.asked.append(head.partition(b"\r\n")[0])
            inside.sendall(b"HTTP/1.1 " + self._said + b"\r\n\r\n")
            selector = selectors.DefaultSelector()
            selector.register(inside, selectors.EVENT_READ, outside)
            selector.register(outside, selectors.EVENT_READ, inside)
            while ready := selector.select(5):
                for key, _ in ready:
                    piece = key.fileobj.recv(65_536)  # type: ignore[union-attr]
                    if not piece:
                        selector.close()
                        return
                    key.data.sendall(piece)


@pytest.mark.parametrize("said", [b"200 OK", b"403 Forbidden"])
def test_a_proxy_is_asked_for_the_name_and_nothing_is_resolved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    """Behind a proxy this machine may know no public name; TLS still ends at the receiver."""
    context, trusted = certificate(tmp_path, "hooks.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with webhook_receiver(context) as receiver:
        proxy = Proxy(receiver.port, said)
        threading.Thread(target=proxy.serve, daemon=True).start()
        door = WebhookReceivers(
            clock=SystemClock(),
            proxy=f"http://127.0.0.1:{proxy.listener.getsockname()[1]}",
            resolve=lambda *_: pytest.fail("nothing is resolved"),
        )
        if said.startswith(b"200"):
            assert door.post("https://hooks.test/", {}, b"{}").status == 204
        else:
            with pytest.raises(Unavailable, match="WEBHOOK_BROKEN"):
                door.post("https://hooks.test/", {}, b"{}")
        proxy.listener.close()

        assert proxy.asked == [b"CONNECT hooks.test:443 HTTP/1.1"]
        assert len(receiver.got) == (1 if said.startswith(b"200") else 0)


@pytest.mark.parametrize("proxy", ["https://p:1", "http://p", "http://u@p:1", "p:1"])
def test_a_proxy_is_named_by_host_and_port(proxy: str) -> None:
    """A misspelt one must not be found out by the first webhook."""
    with pytest.raises(ValueError, match="WEBHOOKS_PROXY"):
        WebhookReceivers(clock=SystemClock(), proxy=proxy)
