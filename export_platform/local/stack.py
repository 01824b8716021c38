"""The embedded stack: MongoDB, S3, Athena and partner services, all on loopback (DESIGN.md 5).

Every outside service the platform talks to, as a real process on 127.0.0.1, so that the code runs
against the same clients and wire protocols as in production. What each server is stands in its own
folder; here is only how they are started together and how the others find them.
"""

import http.client
import json
import os
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import bson

from export_platform.local.processes import NotStartedError, Service, Status, Supervisor

BUCKETS = ("exports", "lake", "athena-results", "scoring", "vf-scoring")
# Not a secret: the S3 server on loopback knows this one pair, so that signatures can be checked.
_CREDENTIALS = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local-secret",
}

_DATABASE = "fanreg"

# Not secrets either: what the stand-ins of the partner services take. The second token of the codes
# service may not see values.
CODES_TOKEN, CODES_TOKEN_WITHOUT_VALUES = "local-codes", "local-codes-without-values"
ENTRIES_TOKEN = "local-entries"  # noqa: S105 - see above
_CODES_SCOPES = {
    CODES_TOKEN: ["codes:read", "codes:reveal"],
    CODES_TOKEN_WITHOUT_VALUES: ["codes:read"],
}
SFMC_CLIENT_ID, SFMC_ACCOUNT_ID = "local-package", "510000001"
SFMC_CLIENT_SECRET = "local-sfmc"  # noqa: S105 - see above
_ENTRIES_SCOPES = {ENTRIES_TOKEN: ["entries:read", "entries:write"]}

_LOOPBACK = "127.0.0.1"
_PROBE_SECONDS = 1.0
# WiredTiger would take 4 GB; the largest seeded campaign is below 1 GB, and runs need the memory.
_MONGO_CACHE = "512M"
_OP_MSG = 2013  # MongoDB wire protocol, OP_MSG opcode


class Stack:
    """All of them under one folder; any number of stacks can run side by side.

    Args:
        directory: Holds data, logs and state (`.local` for a developer, `tmp_path` for a test).
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()
        self._supervisor = Supervisor(
            self._directory,
            [
                _mongo(self._directory / "mongo"),
                _s3(self._directory / "s3"),
                _athena(self._directory / "athena", self._port_of_s3),
                _codes(self._directory / "codes"),
                # After mongo in this list, since its command needs to know the port.
                _entries(self._directory / "entries", self._port_of_mongo),
                _marketing_cloud(self._directory / "marketing-cloud"),
            ],
        )

    def up(self) -> dict[str, str]:
        """Starts what does not run and waits until all is healthy; takes about three seconds.

        Returns:
            The variables that point the platform's code at the stack.

        Raises:
            NotStartedError: A service did not become healthy; the text holds the end of its log.
        """
        return _variables(self._supervisor.up())

    def down(self) -> None:
        """Stops all services; the data stays."""
        self._supervisor.down()

    def reset(self) -> None:
        """Stops all services and removes their data and logs."""
        self._supervisor.reset()

    def status(self) -> list[Status]:
        """How each service is right now."""
        return self._supervisor.status()

    def environment(self) -> dict[str, str]:
        """The variables that point at the stack as it was last started.

        Raises:
            NotStartedError: The stack was never started in this folder.
        """
        ports = self._supervisor.ports()
        if not ports:
            raise NotStartedError(f"no stack was ever started in {self._directory}")
        return _variables(ports)

    def _port_of_s3(self) -> int:
        return self._supervisor.ports()["s3"]

    def _port_of_mongo(self) -> int:
        return self._supervisor.ports()["mongo"]


def _variables(ports: Mapping[str, int]) -> dict[str, str]:
    return {
        "MONGODB_URI": _mongo_uri(ports["mongo"]),
        "MONGODB_DATABASE": _DATABASE,
        "AWS_ENDPOINT_URL_S3": f"http://{_LOOPBACK}:{ports['s3']}",
        "AWS_ENDPOINT_URL_ATHENA": f"http://{_LOOPBACK}:{ports['athena']}",
        **_CREDENTIALS,
        "EXPORTS_BUCKET": "exports",
        "ATHENA_DATABASE": "fan_events",
        "ATHENA_STAGING": "s3://athena-results/staging/",
        "SCORING_BUCKET": "scoring",
        "VF_SCORING_BUCKET": "vf-scoring",
        "CODES_SERVICE_URL": f"http://{_LOOPBACK}:{ports['codes']}",
        "CODES_SERVICE_TOKEN": CODES_TOKEN,
        "ENTRIES_SERVICE_URL": f"http://{_LOOPBACK}:{ports['entries']}",
        "ENTRIES_SERVICE_TOKEN": ENTRIES_TOKEN,
        "SFMC_AUTH_URL": f"http://{_LOOPBACK}:{ports['marketing-cloud']}",
        "SFMC_REST_URL": f"http://{_LOOPBACK}:{ports['marketing-cloud']}",
        "SFMC_CLIENT_ID": SFMC_CLIENT_ID,
        "SFMC_CLIENT_SECRET": SFMC_CLIENT_SECRET,
        "SFMC_ACCOUNT_ID": SFMC_ACCOUNT_ID,
    }


def _mongo_uri(port: int) -> str:
    # The server calls itself a replica set of one; a direct connection spares the discovery.
    return f"mongodb://{_LOOPBACK}:{port}/?directConnection=true&retryWrites=true"


def _mongo(data: Path) -> Service:
    program = str(Path(sys.executable).parent / "secantusd-rs")

    def command(port: int) -> list[str]:
        return [
            program,
            # A named file ends the search in the working directory and in the home of the caller.
            "--config", _empty_configuration(data),
            "--port", str(port),
            "--storage-path", str(data),
            "--log-level", "WARNING",
            "--cache-size", _MONGO_CACHE,
            # Without it a kill lost the newest 47 of 100,000 acknowledged documents: the log is
            # flushed in the background. With it none, for 0.4 ms a write.
            "--sync-on-commit",
            # Recovery reads whole log files: 12 s after a kill and 4.7 s after a clean stop with
            # the default of 2 GB; 1.1 s and 0.5 s with this.
            "--log-file-max", "128MB",
        ]  # fmt: skip

    return Service(name="mongo", command=command, healthy=_answers_hello, data=data)


def _empty_configuration(data: Path) -> str:
    path = data.with_suffix(".toml")
    path.touch()
    return str(path)


def _s3(data: Path) -> Service:
    def command(port: int) -> list[str]:
        buckets = [part for bucket in BUCKETS for part in ("--bucket", bucket)]
        return [*_module("export_platform.local.s3", port, data), *buckets]

    return Service(
        name="s3", command=command, healthy=_answers_http, data=data, environment=_child_variables()
    )


def _athena(data: Path, s3_port: Callable[[], int]) -> Service:
    def command(port: int) -> list[str]:
        endpoint = f"http://{_LOOPBACK}:{s3_port()}"
        return [*_module("export_platform.local.athena", port, data), "--s3", endpoint]

    return Service(
        name="athena",
        command=command,
        healthy=_answers_http,
        data=data,
        environment=_child_variables(),
    )


def _codes(data: Path) -> Service:
    def command(port: int) -> list[str]:
        return _module("export_platform.local.services.codes", port, data)

    tokens = {"LOCAL_CODES_TOKENS": json.dumps(_CODES_SCOPES)}
    return Service(
        name="codes",
        command=command,
        healthy=_answers_http,
        data=data,
        environment={**_child_variables(), **tokens},
    )


def _entries(data: Path, mongo_port: Callable[[], int]) -> Service:
    def command(port: int) -> list[str]:
        return _module("export_platform.local.services.entries", port, data)

    def follows() -> dict[str, str]:
        return {"MONGODB_URI": _mongo_uri(mongo_port()), "MONGODB_DATABASE": _DATABASE}

    tokens = {"LOCAL_ENTRIES_TOKENS": json.dumps(_ENTRIES_SCOPES)}
    return Service(
        name="entries",
        command=command,
        healthy=_answers_http,
        data=data,
        environment={**_child_variables(), **tokens},
        follows=follows,
    )


def _marketing_cloud(data: Path) -> Service:
    def command(port: int) -> list[str]:
        return _module("export_platform.local.services.marketing_cloud", port, data)

    client = {"LOCAL_SFMC_CLIENT": f"{SFMC_CLIENT_ID}:{SFMC_CLIENT_SECRET}"}
    return Service(
        name="marketing-cloud",
        command=command,
        healthy=_answers_http,
        data=data,
        environment={**_child_variables(), **client},
    )


def _module(name: str, port: int, data: Path) -> list[str]:
    return [sys.executable, "-m", name, "--port", str(port), "--data", str(data)]


def _child_variables() -> dict[str, str]:
    """The module path of this checkout, wherever the parent was started, and the key pair."""
    inherited = os.environ.get("PYTHONPATH")
    project = str(Path(__file__).absolute().parents[2])
    path = os.pathsep.join([project, inherited] if inherited else [project])
    return {
        "PYTHONPATH": path,
        # glibc keeps freed blocks below a threshold that it raises by itself to 32 MB, for each
        # thread: the S3 server held 530 MB after an upload of 900 MB, 310 MB with this.
        "MALLOC_MMAP_THRESHOLD_": str(1024 * 1024),
        **_CREDENTIALS,
    }


def _answers_http(port: int) -> bool:
    """Whether the server answers its health route with 200 within a second."""
    connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", "/-/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _answers_hello(port: int) -> bool:
    """Whether the server answers `hello` within a second.

    One OP_MSG by hand (MongoDB wire protocol): a driver would start threads for one question.
    """
    body = b"\x00" * 4 + b"\x00" + bson.encode({"hello": 1, "$db": "admin"})
    header = struct.pack("<iiii", 16 + len(body), 1, 0, _OP_MSG)
    try:
        with socket.create_connection((_LOOPBACK, port), timeout=_PROBE_SECONDS) as connection:
            connection.sendall(header + body)
            return b"isWritablePrimary" in connection.recv(4096)
    except OSError:
        return False
