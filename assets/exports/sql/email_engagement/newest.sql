-- The newest day on which events of the campaign arrived.
SELECT max(dt) AS newest
FROM (
    SELECT dt
    FROM email_events
    WHERE campaign_id = '$campaign_id' AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
    UNION ALL
    SELECT dt
    FROM sms_events
    WHERE campaign_id = '$campaign_id' AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
)
