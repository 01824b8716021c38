"""Masks and hashes: what the policy leaves of a personal value (DOMAIN.md 6.1 and 7.0)."""

from hashlib import sha256

from assets.steps.telephone import is_e164


def mask_email(text: str) -> str:
    """`Zoe@example.com` is `z***@example.com`; without an @ only the first letter stays."""
    local, at, domain = text.rpartition("@")
    return f"{local[:1].lower()}***@{domain}" if at else mask_name(text)


def mask_phone(text: str) -> str:
    """`+14155550132` is `+1******0132`: the first digit and the last four."""
    return f"{text[:2]}{'*' * (len(text) - 6)}{text[-4:]}" if is_e164(text) else mask_name(text)


def mask_name(text: str) -> str:
    """`Zoë` is `Z***`, of whatever length."""
    return f"{text[0]}***" if text else ""


def h256_email(text: str) -> str:
    """Lower-hex SHA-256 of the trimmed, lower-cased address, as ad platforms want it."""
    return _digest(text.strip().lower())


def h256_phone(text: str) -> str:
    """Lower-hex SHA-256 of the E.164 number with its plus."""
    return _digest(text.strip())


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest() if text else ""


def postal_prefix(text: str) -> str:
    """The first three characters of a postal code (DOMAIN.md 7.0)."""
    return text[:3]
