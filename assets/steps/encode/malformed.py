"""What is found in a file that this project cannot have written."""


class Malformed(ValueError):
    """Stored bytes that this project cannot have written.

    Args:
        reason: A bounded lower_snake reason, never a piece of the file.
        record: The number of the record, the header being 1; 0 where none can be named.
    """

    def __init__(self, reason: str, record: int = 0) -> None:
        super().__init__(f"{reason} (record {record})" if record else reason)
        self.reason = reason
        self.record = record
