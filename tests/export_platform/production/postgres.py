"""A real PostgreSQL server on loopback, with TLS, for one test session."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from export_platform.local.processes import free_port

# The server refuses to run as root; this user can do nothing else.
NOBODY = "nobody"
USER, PASSWORD, DATABASE = "dagster", "made up", "dagster"


def programs() -> Path:
    """The folder of `initdb` and `postgres`; on CI a missing one fails, elsewhere it skips."""
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = str(newest[-1]) if newest else shutil.which("initdb")
    if found is None:
        missing = "initdb is not installed (Debian: postgresql)"
        assert "CI" not in os.environ, missing
        pytest.skip(missing)
    return Path(found).resolve().parent


@contextmanager
def running(folder: Path) -> Iterator[dict[str, str]]:
    """The variables that dagster.yaml reads, of a server that has just been made.

    Args:
        folder: Empty; on a short path, since a socket's is at most 107 bytes.
    """
    binaries, data, port = programs(), folder / "data", free_port()
    _open_to_nobody(folder)
    (folder / "password").write_text(PASSWORD)
    made = ["--username", USER, "--auth", "scram-sha-256", "--pwfile", folder / "password"]
    _as_nobody([binaries / "initdb", "--pgdata", data, "--no-sync", *made])
    # Nothing in the clear, as RDS with `rds.force_ssl`.
    (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
    authority = certificate(data)
    trusted = folder / "authorities.pem"
    trusted.write_bytes(authority)
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c ssl=on -c fsync=off -c max_connections=40"
    control = [binaries / "pg_ctl", "--pgdata", data, "--wait", "--silent"]
    _as_nobody([*control, "--log", folder / "log", "--options", options, "start"])
    try:
        _as_nobody(
            [binaries / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", USER, DATABASE],
            PGPASSWORD=PASSWORD,
        )
        yield {
            "DAGSTER_PG_HOST": "127.0.0.1",
            "DAGSTER_PG_PORT": str(port),
            "DAGSTER_PG_DB": DATABASE,
            "DAGSTER_PG_USERNAME": USER,
            "DAGSTER_PG_PASSWORD": PASSWORD,
            "PGSSLROOTCERT": str(trusted),
        }
    finally:
        _as_nobody([*control, "--mode", "immediate", "stop"])


def _as_nobody(command: Sequence[object], **variables: str) -> None:
    """Run a program, as nobody when we are root."""
    subprocess.run(
        [str(word) for word in command],
        check=True,
        capture_output=True,
        timeout=60,
        user=NOBODY if os.geteuid() == 0 else None,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", **variables},
        stdin=subprocess.DEVNULL,
    )


def _open_to_nobody(folder: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(folder, NOBODY)


def certificate(folder: Path, *, key: str = "server.key", shown: str = "server.crt") -> bytes:
    """Files of a new private key and of its certificate for loopback.

    Returns:
        The certificate of the authority that signed it, which nobody else has.
    """
    authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = _name(f"authority {secrets.token_hex(4)}")
    root = (
        _issued(issuer, authority, issuer)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority, hashes.SHA256())
    )
    loopback = x509.IPAddress(IPv4Address("127.0.0.1"))
    signed = (
        _issued(_name("storage"), own, issuer)
        .add_extension(x509.SubjectAlternativeName([loopback]), critical=False)
        .sign(authority, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    written = {
        key: own.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        shown: signed.public_bytes(pem),
    }
    for name, body in written.items():
        path = folder / name
        path.write_bytes(body)
        path.chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(path, NOBODY)
    return root.public_bytes(pem)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _issued(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, issuer: x509.Name
) -> x509.CertificateBuilder:
    """A certificate that is still to be signed."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now,
        not_valid_after=now + timedelta(days=3650),
    )
