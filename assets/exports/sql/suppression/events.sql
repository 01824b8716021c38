-- What messages and consents of one campaign say against, or for, writing to a fan. An event that came
-- again counts as it came first, so that it is in the file of one day only.
WITH told AS (
    SELECT
        event_id AS told_id, entry_id, subscriber_key, occurred_at, dt,
        CASE event_type WHEN 'unsubscribe' THEN 'global_opt_out' WHEN 'complaint' THEN 'complaint' ELSE 'hard_bounce' END
            AS reason,
        CAST(NULL AS varchar) AS consent_key,
        CAST(NULL AS varchar) AS promoter_id,
        CAST(NULL AS varchar) AS action
    FROM email_events
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND occurred_at <= TIMESTAMP '$until'
        AND (event_type IN ('unsubscribe', 'complaint') OR (event_type = 'bounce' AND bounce_class = 'hard'))
    UNION ALL
    SELECT
        event_id AS told_id, entry_id, CAST(NULL AS varchar) AS subscriber_key, occurred_at, dt,
        'sms_stop' AS reason,
        CAST(NULL AS varchar) AS consent_key,
        CAST(NULL AS varchar) AS promoter_id,
        CAST(NULL AS varchar) AS action
    FROM sms_events
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND occurred_at <= TIMESTAMP '$until'
        AND event_type = 'stop'
    UNION ALL
    SELECT
        evidence_id AS told_id, entry_id, CAST(NULL AS varchar) AS subscriber_key, occurred_at, dt,
        'consent' AS reason,
        consent_key,
        promoter_id,
        action
    FROM consent_events
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND occurred_at <= TIMESTAMP '$until'
)
SELECT told_id, entry_id, subscriber_key, occurred_at, dt, reason, consent_key, promoter_id, action
FROM (
    SELECT
        *,
        row_number() OVER (PARTITION BY reason, told_id, action ORDER BY dt, occurred_at, entry_id) AS place
    FROM told
)
WHERE place = 1
ORDER BY reason, told_id, action
