"""`token`: what it holds, who accepts it, and where the key is."""

import json
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest

from api_bridge.access import caller
from api_bridge.access.auth import Authenticator
from api_bridge.access.keys import FileKeys, KeyRing
from api_bridge.access.signing import read_signer
from api_bridge.protocol.problems import ProblemError
from assets.model.policy import PII_SCOPES
from export_platform.local.issuer import AUDIENCE, ISSUER, SCOPES, DevelopmentIssuer
from resources.clock import SystemClock
from tests.export_platform.commands.shell import Said
from tests.fakes.clock import ManualClock

Run = Callable[..., Said]


def _bridge(issuer: DevelopmentIssuer, clock: ManualClock) -> Authenticator:
    keys = KeyRing(FileKeys(issuer.jwks_file), clock)
    return Authenticator(issuer=ISSUER, audience=AUDIENCE, keys=keys, clock=clock)


def test_the_bridge_accepts_the_token_for_what_it_says(tmp_path: Path) -> None:
    """The two sides share no code, so only this shows that they agree."""
    clock = ManualClock()
    issuer = DevelopmentIssuer(tmp_path / "keys", clock)
    token = issuer.token(scopes=["exports:read"], campaigns=["aurora-lights-2026"], subject="me")

    caller = _bridge(issuer, clock).caller([f"Bearer {token}"])

    assert ("me", ["exports:read"]) == (caller.subject, sorted(caller.scopes))
    assert caller.sees("aurora-lights-2026")
    assert not caller.sees("comet-club-2026")


def test_a_token_ends_when_it_says(tmp_path: Path) -> None:
    """A development token that lives for ever would end up in somebody's notes."""
    clock = ManualClock()
    issuer = DevelopmentIssuer(tmp_path / "keys", clock)
    token = issuer.token(minutes=5)
    bridge = _bridge(issuer, clock)

    assert bridge.caller([f"Bearer {token}"])
    clock.advance(6 * 60)

    with pytest.raises(ProblemError):
        bridge.caller([f"Bearer {token}"])


def test_another_folder_is_another_issuer(tmp_path: Path) -> None:
    """Two checkouts must not be able to act in each other's name."""
    clock = ManualClock()
    ours = DevelopmentIssuer(tmp_path / "ours", clock)
    theirs = DevelopmentIssuer(tmp_path / "theirs", clock)
    token = theirs.token()
    ours.variables()

    with pytest.raises(ProblemError):
        _bridge(ours, clock).caller([f"Bearer {token}"])


def test_the_private_key_is_for_its_owner_only(run: Run, home: Path) -> None:
    """Whoever can read it can be anybody."""
    assert 0 == run("token").code
    key = home / "keys" / "signing-key.pem"

    assert 0o600 == stat.S_IMODE(key.stat().st_mode)
    assert "PRIVATE" not in (home / "keys" / "jwks.json").read_text(encoding="utf-8")
    published = json.loads((home / "keys" / "jwks.json").read_text(encoding="utf-8"))
    assert {"e", "n", "kty", "kid", "use", "alg"} == set(published["keys"][0])


def test_the_command_prints_the_token_and_nothing_else(run: Run) -> None:
    """It is used as `$(export-platform token)`."""
    said = run("token", "--scope", "exports:read", "--campaign", "a-b-c", "--subject", "me")

    claims = jwt.decode(said.out.strip(), options={"verify_signature": False})
    assert (["a-b-c"], "exports:read", "me") == (
        claims["campaigns"],
        claims["scope"],
        claims["sub"],
    )
    assert "" == said.err
    assert 3600 == claims["exp"] - claims["iat"]


@pytest.mark.parametrize("scope", [*SCOPES, "exports:create:waitlist"])
def test_every_scope_there_is_can_be_asked_for_and_is_listed(run: Run, scope: str) -> None:
    """The control of the check: it must not refuse what the bridge knows."""
    listed = " ".join(run("token", "--help", env={"COLUMNS": "1000"}).out.split())

    assert 0 == run("token", "--scope", scope, "--campaign", "*").code
    assert scope.replace("waitlist", "*") in listed


def test_the_bridge_and_the_issuer_know_the_same_scopes() -> None:
    """They share no code, so a scope that is new at one of them must be noticed."""
    bridges = {caller.READ, caller.DOWNLOAD, caller.CANCEL, caller.ADMIN, caller.CREATE_ANY}

    assert {*bridges, *PII_SCOPES} == set(SCOPES)


def test_the_key_is_made_once_whoever_is_first(tmp_path: Path) -> None:
    """Two first uses at a time would otherwise leave a key that one of them never signed with."""
    issuers = [DevelopmentIssuer(tmp_path / "keys", SystemClock()) for _ in range(4)]
    tokens: list[str] = []
    threads = [
        threading.Thread(target=lambda each=each: tokens.append(each.token())) for each in issuers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    kids = {jwt.get_unverified_header(token)["kid"] for token in tokens}
    published = json.loads(issuers[0].jwks_file.read_text(encoding="utf-8"))
    assert {published["keys"][0]["kid"]} == kids
    assert ["jwks.json", "signing-key.pem"] == sorted(
        path.name for path in (tmp_path / "keys").iterdir()
    )


def test_the_embedded_bridge_signs_manifests_with_a_key_of_its_own(tmp_path: Path) -> None:
    """Made once, for its owner only: a new key at each start would make old signatures nobody's."""
    issuer = DevelopmentIssuer(tmp_path / "keys", ManualClock())
    first = read_signer(issuer.variables()["BRIDGE_SIGNING_KEYS"])
    again = read_signer(issuer.variables()["BRIDGE_SIGNING_KEYS"])

    assert first.jwks() == again.jwks()
    assert first.headers(b"body") == again.headers(b"body") != {}
    assert 0o600 == stat.S_IMODE(issuer.manifest_keys_file.stat().st_mode)
