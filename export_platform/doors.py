"""Every door of an export at once, from the variables of a deployment.

For what runs exports beside Dagster: benchmarks, and tests over the real stack. Dagster makes each
door by itself (`resources/wiring/configured.py`).
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager

from assets.reading import Doors
from resources.wiring import environment


@contextmanager
def opened(env: Mapping[str, str], *, secret: bytes) -> Iterator[Doors]:
    """The doors, closed at the end of the block.

    Args:
        env: The variables.
        secret: Key for pseudonyms.

    Raises:
        ValueError: A variable is missing; the text names it.
    """
    with ExitStack() as stack:
        yield Doors(
            mongo=stack.enter_context(closing(environment.mongo_stores(env))),
            athena=stack.enter_context(closing(environment.athena(env))),
            objects=stack.enter_context(closing(environment.object_store(env))),
            codes=stack.enter_context(closing(environment.codes_service(env))),
            entries_service=stack.enter_context(closing(environment.entries_service(env))),
            scoring=stack.enter_context(closing(environment.scoring_files(env))),
            marketing_cloud=stack.enter_context(closing(environment.marketing_cloud(env))),
            secret=secret,
        )
