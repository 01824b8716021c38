"""Athena statements from templates: values are bound, partition keys are checked literals.

A table with an injected partition key can only be queried with a static equality on it
(DOMAIN.md 3), so the campaign and the dates stand in the text. Each literal has a form of its
own and anything else is refused here, whoever sent it (RELIABILITY.md S9).
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from string import Template

from assets.model.source import Statement

_FORMS: Mapping[str, re.Pattern[str]] = {
    "campaign_id": re.compile(r"[0-9a-f]{24}"),
    "from_date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "to_date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "unit": re.compile(r"minute|hour|day"),
    "minutes": re.compile(r"[0-9]{1,2}"),
    # Keys of markets; at most 200 (DOMAIN.md 7.0), so they stand in the text, unlike ids of fans.
    "market_keys": re.compile(r"'[a-z0-9-]{0,80}'(, '[a-z0-9-]{1,80}'){0,199}"),
    "until": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}"),
}


def statement(
    *templates: str, literals: Mapping[str, str], parameters: tuple[str, ...] = ()
) -> Statement:
    """Fill templates of `assets/exports/sql`.

    Args:
        templates: Paths of the files below that folder; their texts follow each other.
        literals: Values for the names in the templates, each of a form that is known here.
        parameters: Values that Athena binds to the `?` marks, in order.

    Raises:
        ValueError: A literal is not of its form, or a template names another.
    """
    for name, value in literals.items():
        if name not in _FORMS or not _FORMS[name].fullmatch(value):
            raise ValueError(f"the literal {name} is not of its form")
    folder = files("assets.exports") / "sql"
    text = "".join((folder / path).read_text(encoding="utf-8") for path in templates)
    try:
        return Statement(sql=Template(text).substitute(literals), parameters=parameters)
    except KeyError as error:
        raise ValueError(f"{' and '.join(templates)} names an unknown literal") from error
