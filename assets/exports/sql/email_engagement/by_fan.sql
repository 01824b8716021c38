-- One row a fan and kind of message; a message that was sent again is the same kind (DOMAIN.md 7.15).
-- An open before two seconds after the delivery of the same sending is a machine's: a privacy proxy
-- fetches what is in a mail when it arrives.
, arrivals AS (
    SELECT message_kind, fan, job_id, min(occurred_at) AS delivered_at
    FROM mails
    WHERE event_type = 'delivered'
    GROUP BY message_kind, fan, job_id
),
mailed AS (
    SELECT
        mails.message_kind,
        mails.fan,
        max(mails.entry_id) AS entry_id,
        max(mails.subscriber_key) AS subscriber_key,
        min(CASE WHEN mails.event_type = 'sent' THEN mails.occurred_at END) AS sent_at,
        min(CASE WHEN mails.event_type = 'delivered' THEN mails.occurred_at END) AS delivered_at,
        min(CASE WHEN mails.event_type = 'open' THEN mails.occurred_at END) AS first_open_at,
        min(CASE WHEN mails.event_type = 'click' THEN mails.occurred_at END) AS first_click_at,
        count_if(mails.event_type = 'open') AS opens,
        count_if(mails.event_type = 'click') AS clicks,
        count_if(
            mails.event_type = 'open' AND mails.occurred_at < arrivals.delivered_at + INTERVAL '2' SECOND
        ) AS machine_opens,
        max(CASE WHEN mails.event_type = 'bounce' AND mails.bounce_class = 'hard' THEN 'hard' END) AS hard_bounce,
        max(CASE WHEN mails.event_type = 'bounce' AND mails.newest = 1 THEN mails.bounce_class END) AS last_bounce,
        count_if(mails.event_type = 'unsubscribe') AS unsubscribes,
        count_if(mails.event_type = 'complaint') AS complaints
    FROM mails
    LEFT JOIN arrivals
        ON arrivals.message_kind = mails.message_kind
        AND arrivals.fan = mails.fan
        AND arrivals.job_id = mails.job_id
    GROUP BY mails.message_kind, mails.fan
),
texted AS (
    SELECT
        message_kind,
        fan,
        max(entry_id) AS entry_id,
        max(
            CASE event_type
                WHEN 'stop' THEN 5 WHEN 'delivered' THEN 4 WHEN 'failed' THEN 3 WHEN 'sent' THEN 2 WHEN 'queued' THEN 1
            END
        ) AS state,
        max(CASE WHEN event_type = 'failed' AND newest = 1 THEN error_code END) AS sms_error
    FROM texts
    GROUP BY message_kind, fan
)
SELECT
    coalesce(mailed.message_kind, texted.message_kind) AS message_kind,
    coalesce(mailed.entry_id, texted.entry_id) AS entry_id,
    mailed.subscriber_key,
    mailed.sent_at,
    mailed.delivered_at,
    mailed.first_open_at,
    mailed.first_click_at,
    coalesce(mailed.opens, 0) AS opens,
    coalesce(mailed.clicks, 0) AS clicks,
    coalesce(mailed.machine_opens, 0) AS machine_opens,
    coalesce(mailed.hard_bounce, mailed.last_bounce) AS bounce_class,
    coalesce(mailed.unsubscribes, 0) AS unsubscribes,
    coalesce(mailed.complaints, 0) AS complaints,
    CASE texted.state
        WHEN 5 THEN 'stop' WHEN 4 THEN 'delivered' WHEN 3 THEN 'failed' WHEN 2 THEN 'sent' WHEN 1 THEN 'queued'
    END AS sms_state,
    texted.sms_error
FROM mailed
FULL OUTER JOIN texted ON texted.message_kind = mailed.message_kind AND texted.fan = mailed.fan
