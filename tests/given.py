"""The variables of real services; a test that needs what is not given is skipped and says so."""

from collections.abc import Iterator, Mapping

import pytest

from resources.wiring import environment

_OPTIONAL = (
    environment.AWS_ENDPOINT_URL,
    environment.AWS_ENDPOINT_URL_S3,
    environment.AWS_ENDPOINT_URL_ATHENA,
    *environment.DEFAULTS,
)


class Given(Mapping[str, str]):
    """The environment in place of the stack's variables.

    Whoever asks for one that is not there is a test, and is skipped: so what a test needs is said
    once, where it asks. What has a default, and what only a stand-in has, may be left out.

    Args:
        env: The environment.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def __getitem__(self, name: str) -> str:
        """The value of a variable; of a stand-in's address that is not given, nothing."""
        value = self._env.get(name) or environment.DEFAULTS.get(name)
        if not value and name not in _OPTIONAL:
            # Where "CI" is set, too: which services there are is not for a test to demand.
            pytest.skip(f"{name} is not set, see docs/staging.md")
        return value or ""

    def __iter__(self) -> Iterator[str]:
        """The names that are there."""
        return iter(self._env)

    def __len__(self) -> int:
        """How many are there."""
        return len(self._env)
