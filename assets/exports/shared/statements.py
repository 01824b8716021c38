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
    "until": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}"),
}


def statement(
    template: str, literals: Mapping[str, str], parameters: tuple[str, ...] = ()
) -> Statement:
    """Fill a template of `assets/exports/sql`.

    Args:
        template: Name of the file.
        literals: Values for the names in the template, each of a form that is known here.
        parameters: Values that Athena binds to the `?` marks, in order.

    Raises:
        ValueError: A literal is not of its form, or the template names another.
    """
    for name, value in literals.items():
        if name not in _FORMS or not _FORMS[name].fullmatch(value):
            raise ValueError(f"the literal {name} is not of its form")
    text = (files("assets.exports") / "sql" / template).read_text(encoding="utf-8")
    try:
        return Statement(sql=Template(text).substitute(literals), parameters=parameters)
    except KeyError as error:
        raise ValueError(f"the template {template} names an unknown literal") from error
