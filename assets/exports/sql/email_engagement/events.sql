-- The events of a campaign's e-mails and texts, each once, by fan and kind of message.
-- Late and duplicate events are normal (DOMAIN.md 3), so each table is reduced first: an event counts
-- as it was told last. `fan` is the entry, or the subscriber where the sender knows no entry. `newest`
-- is 1 for the last event of its type, whose class or error is shown.
WITH mails AS (
    SELECT
        coalesce(message_kind, '') AS message_kind,
        coalesce(entry_id, subscriber_key, '') AS fan,
        entry_id, subscriber_key, coalesce(job_id, '') AS job_id, event_type, occurred_at, bounce_class,
        row_number() OVER (
            PARTITION BY message_kind, coalesce(entry_id, subscriber_key, ''), event_type
            ORDER BY occurred_at DESC, event_id DESC
        ) AS newest
    FROM (
        SELECT
            event_id, message_kind, entry_id, subscriber_key, job_id, event_type, occurred_at, bounce_class,
            row_number() OVER (
                PARTITION BY event_id
                ORDER BY occurred_at DESC, dt DESC, event_type, bounce_class, entry_id, message_kind, job_id
            ) AS place
        FROM email_events
        WHERE campaign_id = '$campaign_id'
            AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
            AND occurred_at >= TIMESTAMP '$from_date 00:00:00'
            AND occurred_at <= TIMESTAMP '$until'
    )
    WHERE place = 1
),
texts AS (
    SELECT
        coalesce(message_kind, '') AS message_kind,
        coalesce(entry_id, '') AS fan,
        entry_id, event_type, error_code,
        row_number() OVER (
            PARTITION BY message_kind, entry_id, event_type ORDER BY occurred_at DESC, event_id DESC
        ) AS newest
    FROM (
        SELECT
            event_id, message_kind, entry_id, event_type, occurred_at, error_code,
            row_number() OVER (
                PARTITION BY event_id
                ORDER BY occurred_at DESC, dt DESC, event_type, error_code, entry_id, message_kind
            ) AS place
        FROM sms_events
        WHERE campaign_id = '$campaign_id'
            AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
            AND occurred_at >= TIMESTAMP '$from_date 00:00:00'
            AND occurred_at <= TIMESTAMP '$until'
    )
    WHERE place = 1
)
