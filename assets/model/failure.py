"""Why an export did not succeed: a stable code, a message for people, and whether to try again."""


class ExportFailed(Exception):
    """An export that must not be published.

    Args:
        code: UPPER_SNAKE, stable; callers may act on it.
        message: One sentence for people, without personal data, tokens or links.
        retryable: Whether another attempt could succeed.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retryable = retryable
