"""Who asks, as the token says, and what that allows.

Scopes say which verbs; the `campaigns` claim says on what. `exports:admin` stands for every
`exports:` scope, never for a `pii:` one, and never widens the campaigns.
"""

from dataclasses import dataclass

from api_bridge.protocol.problems import Code, ProblemError

READ = "exports:read"
DOWNLOAD = "exports:download"
CANCEL = "exports:cancel"
ADMIN = "exports:admin"
CREATE_ANY = "exports:create:*"
EVERY_CAMPAIGN = "*"


def create_scope(type_name: str) -> str:
    """The scope to ask for one kind of export."""
    return f"exports:create:{type_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The authenticated caller.

    Attributes:
        subject: The `sub` claim.
        client: The `client_id` or `azp` claim.
        scopes: The words of the `scope` claim.
        campaigns: The `campaigns` claim: keys, or `*` alone for all.
        expires: The `exp` claim: seconds since 1970 when the token is no longer one.
    """

    subject: str
    client: str | None
    scopes: frozenset[str]
    campaigns: frozenset[str]
    expires: int

    @property
    def sees_every_campaign(self) -> bool:
        """Whether the token is not limited to some campaigns."""
        return EVERY_CAMPAIGN in self.campaigns

    def sees(self, campaign: str | None) -> bool:
        """Whether an export of this campaign is the caller's; None is an export of all of them."""
        return self.sees_every_campaign or (campaign is not None and campaign in self.campaigns)

    def may(self, scope: str) -> bool:
        """Whether the scopes allow what `scope` names."""
        if scope in self.scopes:
            return True
        if scope.startswith("exports:create:") and CREATE_ANY in self.scopes:
            return True
        return scope.startswith("exports:") and ADMIN in self.scopes

    def require(self, scope: str) -> None:
        """Go on only if the scopes allow it.

        Raises:
            ProblemError: 403 that names the scope.
        """
        if not self.may(scope):
            raise insufficient_scope([scope])


def insufficient_scope(
    required: list[str], denied_columns: list[str] | None = None
) -> ProblemError:
    """The 403: which scopes are missing, and which columns they would open."""
    return ProblemError(
        Code.INSUFFICIENT_SCOPE,
        "Ask for a token with the scopes in `required_scopes`, or for less.",
        headers={
            "WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{" ".join(required)}"'
        },
        members={"required_scopes": required, "denied_columns": denied_columns or []},
    )
