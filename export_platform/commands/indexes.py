"""`indexes`: what the database must have before the first request of a deployment."""

import os

from export_platform.commands.terminal import CommandError


def indexes() -> None:
    """Create the indexes of the database at MONGODB_URI; what is there already stays.

    Run it with each deployment: without the unique one, two requests with one Idempotency-Key
    could make two exports.
    """
    from resources.wiring import environment  # noqa: PLC0415 - pymongo takes 0.3 s

    try:
        stores = environment.mongo_stores(os.environ)
    except ValueError as error:
        raise CommandError(f"{error}; it says which database") from None
    try:
        stores.ensure_indexes()
    finally:
        stores.close()
