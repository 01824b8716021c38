-- The independent count: distinct rows of each table, without ranking them.
WITH person AS (
    SELECT split(?, ',') AS entries, split(?, ',') AS users, split(?, ',') AS accounts
),
-- Steps before the registration was there name its session only; one that somebody else registered in is nobody's.
sessions AS (
    SELECT session_id
    FROM registration_events CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
    GROUP BY session_id
    HAVING count_if(contains(person.entries, entry_id)) > 0
        AND count_if(entry_id IS NOT NULL AND NOT contains(person.entries, entry_id)) = 0
),
counted AS (
    SELECT count(DISTINCT concat(evidence_id, '|', coalesce(action, ''))) AS held
    FROM consent_events CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND occurred_at <= TIMESTAMP '$until'
        AND (contains(person.entries, entry_id) OR contains(person.users, user_id))
    UNION ALL
    SELECT count(DISTINCT event_id) AS held
    FROM email_events CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND occurred_at <= TIMESTAMP '$until'
        AND (contains(person.entries, entry_id) OR contains(person.accounts, lower(subscriber_key)))
    UNION ALL
    SELECT count(DISTINCT event_id) AS held
    FROM sms_events CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND occurred_at <= TIMESTAMP '$until'
        AND (contains(person.entries, entry_id))
    UNION ALL
    SELECT count(DISTINCT event_id) AS held
    FROM boost_events CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND occurred_at <= TIMESTAMP '$until'
        AND (contains(person.entries, entry_id))
    UNION ALL
    SELECT count(DISTINCT event_id) AS held
    FROM registration_events CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND occurred_at <= TIMESTAMP '$until'
        AND (contains(person.entries, entry_id) OR session_id IN (SELECT session_id FROM sessions))
    UNION ALL
    SELECT count(DISTINCT visit_id) AS held
    FROM queue_visits CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND joined_at <= TIMESTAMP '$until'
        AND (contains(person.accounts, lower(account_id)))
    UNION ALL
    SELECT count(DISTINCT order_id) AS held
    FROM ticket_orders CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND ordered_at <= TIMESTAMP '$until'
        AND (contains(person.accounts, lower(account_id)))
    UNION ALL
    SELECT count(DISTINCT redemption_id) AS held
    FROM code_redemptions CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND redeemed_at <= TIMESTAMP '$until'
        AND (contains(person.accounts, lower(account_id)))
    UNION ALL
    SELECT count(DISTINCT event_id) AS held
    FROM codes_assigned CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND assigned_at <= TIMESTAMP '$until'
        AND (contains(person.entries, entry_id) OR contains(person.users, user_id))
)
SELECT sum(held) AS held
FROM counted
