-- The independent count: pairs of a fan and a kind of message in either table, without joining them.
SELECT count(*) AS pairs
FROM (
    SELECT message_kind, fan FROM mails
    UNION
    SELECT message_kind, fan FROM texts
)
