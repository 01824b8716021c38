"""The numbers in which a plan is told to `_rows.c` and to its twin in Python (`twin.py`)."""

from enum import IntEnum


class Op(IntEnum):
    """What a cell is made of (`_rows.c`, OP_UNLESS_ABSENT and the following)."""

    UNLESS_ABSENT = 0
    VALUE = 1
    PRESENT = 2
    MARKET = 3
    WISHES = 4
    WISH_MARKET = 5
    WISH_EVENTS = 6
    WISH_QUANTITY = 7
    GRANTED = 8
    GRANTED_TO = 9
    ANSWER = 10
    USER = 11
    BAND = 12
    SAME = 13
    ELSE = 14
    HAS_CODE = 15
    LAST_CODE = 16
    RANK_OF = 17
    LINK = 18


class Form(IntEnum):
    """How a value is written (`_rows.c`, F_NONE and the following)."""

    NONE = 0
    ID = 1
    TEXT = 2
    ENUM = 3
    EMAIL = 4
    PHONE = 5
    DIGITS = 6
    LOCAL = 7
    UTC = 8
    TRUTH = 9
    INTEGER = 10
    LIST = 11
    LOCALE = 12
    COUNTRY = 13
    DAY = 14
    TRUE_FALSE = 15
    HASH = 16


class RuleKind(IntEnum):
    """What keeps a row (`_rows.c`, R_ABSENT and the following)."""

    ABSENT = 0
    NOT_TEXT = 1
    NOT_FALSE = 2
    NOT_ERASED_USER = 3
    ONE_OF = 4
    SINCE = 5
    BEFORE = 6
    HAS_CODE = 7
    NO_FLAG = 8
    MARKETS = 9
    SAME = 10
    USER = 11
    KNOWN_USER = 12
    EMAIL = 13
    NOT_STOPPED = 14
    GRANTED = 15


class KeyKind(IntEnum):
    """A part of a sort key (`_rows.c`, K_REGISTERED and the following)."""

    REGISTERED = 0
    ID = 1
    SAME = 2
    USER = 3
    NUMBER = 4
    HAS_CODE = 5


class Input(IntEnum):
    """What a table is looked at for (`_rows_tables.h`, I_VALUE and the following)."""

    VALUE = 0
    PRESENT = 1
    WISH = 2


class UserBit(IntEnum):
    """What is told of an account (`_rows.c`, USER_ERASED and the following)."""

    ERASED = 1
    FLAGGED = 2
    UNUSUAL = 4


class Kept(IntEnum):
    """Lists whose items are kept (`_rows.c`, L_PREFERENCES and the following)."""

    PREFERENCES = 0
    CONSENTS = 1
    ANSWERS = 2
    CODES = 3
