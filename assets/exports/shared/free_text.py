"""Take addresses and telephones out of what fans write freely (DOMAIN.md 7.14).

By pattern, so it takes too much rather than too little: a date or two years beside each other look
like a telephone. What is left of one is a word in brackets, so that the sentence still reads.
"""

import re
from typing import Final

EMAIL, PHONE = "[e-mail]", "[phone]"
# The sign also in full width and small form, and as people write it for other people.
_AT: Final = r"(?:[@\uff20\ufe6b]|[(\[{]\s*(?:at|ät)\s*[)\]}])"
# Bounded by RFC 5321 4.5.3.1, so that 40,000 characters without a blank cost no more than others.
_EMAIL: Final = re.compile(
    rf"[^\s@\uff20\ufe6b<>()\[\]]{{1,64}}\s?{_AT}\s?[^\s@\uff20\ufe6b<>()\[\]]{{1,255}}",
    re.IGNORECASE,
)
# Seven digits are the shortest number that reaches anybody from outside (ITU-T E.164); between
# two of them stand at most three characters that people group digits with.
_PHONE: Final = re.compile(r"[+\uff0b]?(?:\d[\s().\-\u2010-\u2015/\u00b7]{0,3}){6,}\d")
# Invisible characters would part what belongs together.
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")


def without_emails(text: str) -> str:
    """The text with a word in place of every e-mail address."""
    return _EMAIL.sub(EMAIL, _INVISIBLE.sub("", text))


def without_contacts(text: str) -> str:
    """The text with a word in place of every e-mail address and telephone number."""
    return _PHONE.sub(PHONE, without_emails(text))
