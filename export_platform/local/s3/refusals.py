"""What the strict layer refuses, in S3's own words and XML (S3 API reference, error responses)."""

from collections.abc import Mapping
from xml.sax.saxutils import escape


class RefusalError(Exception):
    """A request that S3 would refuse.

    Args:
        status: HTTP status, such as `403 Forbidden`.
        code: S3 error code.
        message: S3's sentence for it.
        extra: Further elements of the error document.
    """

    def __init__(
        self, status: str, code: str, message: str, extra: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.status = status
        self._elements = {"Code": code, "Message": message, **(extra or {})}

    def document(self, resource: str) -> bytes:
        """The XML body; `resource` is the path that was asked for."""
        elements = {**self._elements, "Resource": resource, "RequestId": "local"}
        inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in elements.items())
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()


def forbidden(code: str, message: str, extra: Mapping[str, str] | None = None) -> RefusalError:
    """A refusal with status 403."""
    return RefusalError("403 Forbidden", code, message, extra)


def bad_request(code: str, message: str, extra: Mapping[str, str] | None = None) -> RefusalError:
    """A refusal with status 400."""
    return RefusalError("400 Bad Request", code, message, extra)
