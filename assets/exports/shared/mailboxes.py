"""Which addresses reach one mailbox (DOMAIN.md 7.19).

Only where the provider says so: elsewhere `a.b@` and `ab@` are two people, and a plus is a letter.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from unicodedata import normalize

from assets.exports.shared.audiences import is_email

# What the providers' own help pages say: Google ("Dots don't matter in Gmail addresses", "Create
# task-specific email addresses"), Microsoft (plus addressing), Fastmail and Proton (plus aliases).
PLUS_DOMAINS: Final = (
    "fastmail.com",
    "gmail.com",
    "hotmail.com",
    "live.com",
    "outlook.com",
    "pm.me",
    "proton.me",
    "protonmail.com",
)
DOT_DOMAINS: Final = ("gmail.com",)
# Another name of the same mailboxes (Google, "Why is my address at googlemail.com").
_SAME: Final = {"googlemail.com": "gmail.com"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailboxes:
    """What providers do with addresses.

    Attributes:
        plus: Domains that leave out a plus and what follows it.
        dots: Domains that leave out dots.
    """

    plus: Collection[str] = PLUS_DOMAINS
    dots: Collection[str] = DOT_DOMAINS

    def of(self, address: str) -> str:
        """The mailbox that an address reaches; empty for what is no address."""
        if not is_email(address):
            return ""
        plain = normalize("NFKC", address.strip()).casefold()
        local, _, domain = plain.rpartition("@")
        domain = _SAME.get(domain, domain)
        if local.startswith('"'):  # quoted: every character is meant
            return f"{local}@{domain}"
        if domain in self.plus:
            local = local.partition("+")[0] or local
        if domain in self.dots:
            local = local.replace(".", "") or local
        return f"{local}@{domain}"
