"""Links in messages to fans: they name an entry or an account, and are signed.

Whoever holds such a link is taken for the fan, so nobody must be able to make one from an id that
stands in a file: the signature is an HMAC-SHA256 with a key of its own, derived from the
deployment's secret as pseudonyms are. The site of the fans holds the same key and checks it.
"""

import hmac
from base64 import urlsafe_b64encode
from typing import Final

from assets.model.source import Reading

# The site of the fans; a reserved name (RFC 2606) until a deployment has its own.
FANS_SITE: Final = "https://fans.example"
_PURPOSE: Final = "fan-links/v1"


class FanLinks:
    """Makes the links of one campaign.

    Args:
        key: Signs them.
        campaign: The campaign's key.
    """

    def __init__(self, key: bytes, campaign: str) -> None:
        self._key, self._entries = key, f"/campaigns/{campaign}/entries/"

    def registration(self, entry_id: object) -> str:
        """To the fan's registration for the campaign."""
        return self._signed(f"{self._entries}{entry_id}")

    def registration_parts(self) -> tuple[bytes, bytes, bytes]:
        """The same for `assets/steps/native`: the site, the path before the id, and the key."""
        return FANS_SITE.encode(), self._entries.encode(), self._key

    def preference_centre(self, account: str) -> str:
        """To what the fan allows, for all campaigns."""
        return self._signed(f"/preferences/{account}")

    def _signed(self, path: str) -> str:
        digest = hmac.digest(self._key, path.encode(), "sha256")
        signature = urlsafe_b64encode(digest).rstrip(b"=").decode()
        return f"{FANS_SITE}{path}?s={signature}"


def fan_links(reading: Reading, campaign: str) -> FanLinks:
    """The links of a campaign, with the key that the reading derives for them."""
    return FanLinks(reading.signing_key(_PURPOSE), campaign)
