-- The independent count: distinct events of each table, without joining or ranking them.
SELECT
    (
        SELECT count(DISTINCT event_id)
        FROM email_events
        WHERE campaign_id = '$campaign_id'
            AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
            AND occurred_at <= TIMESTAMP '$until'
            AND event_type = 'unsubscribe'
    ) + (
        SELECT count(DISTINCT event_id)
        FROM email_events
        WHERE campaign_id = '$campaign_id'
            AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
            AND occurred_at <= TIMESTAMP '$until'
            AND event_type = 'complaint'
    ) + (
        SELECT count(DISTINCT event_id)
        FROM email_events
        WHERE campaign_id = '$campaign_id'
            AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
            AND occurred_at <= TIMESTAMP '$until'
            AND event_type = 'bounce'
            AND bounce_class = 'hard'
    ) + (
        SELECT count(DISTINCT event_id)
        FROM sms_events
        WHERE campaign_id = '$campaign_id'
            AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
            AND occurred_at <= TIMESTAMP '$until'
            AND event_type = 'stop'
    ) + (
        SELECT count(DISTINCT concat(evidence_id, '|', coalesce(action, '')))
        FROM consent_events
        WHERE campaign_id = '$campaign_id'
            AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
            AND occurred_at <= TIMESTAMP '$until'
    ) AS events
