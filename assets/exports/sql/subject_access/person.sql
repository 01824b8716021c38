-- Everything that the lake holds of one person in one campaign: what names one of the registrations, the users or the
-- accounts, which come as lists in one text each. A row that came twice counts once. Why a boost was refused is
-- about distrust and not read.
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
held AS (
    SELECT
        'consent' AS kind, concat(evidence_id, '|', coalesce(action, '')) AS held_id, evidence_id AS event_id, entry_id,
        occurred_at, CAST(NULL AS timestamp) AS ended_at, consent_key AS name, action AS state,
        CAST(NULL AS varchar) AS detail, text_version AS reference, CAST(NULL AS integer) AS number,
        CAST(NULL AS decimal(12, 2)) AS amount, CAST(NULL AS varchar) AS currency, promoter_id, locale,
        source AS medium, ip_country AS country, CAST(NULL AS boolean) AS used_code, CAST(NULL AS boolean) AS resale_listed
    FROM consent_events CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND occurred_at <= TIMESTAMP '$until'
        AND (contains(person.entries, entry_id) OR contains(person.users, user_id))
    UNION ALL
    SELECT
        'email' AS kind, event_id AS held_id, event_id, entry_id,
        occurred_at, CAST(NULL AS timestamp) AS ended_at, message_kind AS name, event_type AS state,
        bounce_class AS detail, url_label AS reference, CAST(NULL AS integer) AS number,
        CAST(NULL AS decimal(12, 2)) AS amount, CAST(NULL AS varchar) AS currency, CAST(NULL AS varchar) AS promoter_id,
        CAST(NULL AS varchar) AS locale, 'email' AS medium, CAST(NULL AS varchar) AS country,
        CAST(NULL AS boolean) AS used_code, CAST(NULL AS boolean) AS resale_listed
    FROM email_events CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND occurred_at <= TIMESTAMP '$until'
        AND (contains(person.entries, entry_id) OR contains(person.accounts, lower(subscriber_key)))
    UNION ALL
    SELECT
        'sms' AS kind, event_id AS held_id, event_id, entry_id,
        occurred_at, CAST(NULL AS timestamp) AS ended_at, message_kind AS name, event_type AS state,
        error_code AS detail, carrier AS reference, CAST(NULL AS integer) AS number,
        CAST(NULL AS decimal(12, 2)) AS amount, CAST(NULL AS varchar) AS currency, CAST(NULL AS varchar) AS promoter_id,
        CAST(NULL AS varchar) AS locale, 'sms' AS medium, CAST(NULL AS varchar) AS country,
        CAST(NULL AS boolean) AS used_code, CAST(NULL AS boolean) AS resale_listed
    FROM sms_events CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND occurred_at <= TIMESTAMP '$until'
        AND contains(person.entries, entry_id)
    UNION ALL
    SELECT
        'boost' AS kind, event_id AS held_id, event_id, entry_id,
        occurred_at, CAST(NULL AS timestamp) AS ended_at, boost_key AS name,
        CASE WHEN accepted THEN 'accepted' ELSE 'rejected' END AS state,
        CAST(NULL AS varchar) AS detail, CAST(NULL AS varchar) AS reference, points AS number,
        CAST(NULL AS decimal(12, 2)) AS amount, CAST(NULL AS varchar) AS currency, CAST(NULL AS varchar) AS promoter_id,
        CAST(NULL AS varchar) AS locale, CAST(NULL AS varchar) AS medium, CAST(NULL AS varchar) AS country,
        CAST(NULL AS boolean) AS used_code, CAST(NULL AS boolean) AS resale_listed
    FROM boost_events CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND occurred_at <= TIMESTAMP '$until'
        AND contains(person.entries, entry_id)
    UNION ALL
    SELECT
        'registration' AS kind, event_id AS held_id, event_id, entry_id,
        occurred_at, CAST(NULL AS timestamp) AS ended_at, step AS name, CAST(NULL AS varchar) AS state,
        device_class AS detail, referrer AS reference, CAST(NULL AS integer) AS number,
        CAST(NULL AS decimal(12, 2)) AS amount, CAST(NULL AS varchar) AS currency, CAST(NULL AS varchar) AS promoter_id,
        CAST(NULL AS varchar) AS locale, CAST(NULL AS varchar) AS medium, country,
        CAST(NULL AS boolean) AS used_code, CAST(NULL AS boolean) AS resale_listed
    FROM registration_events CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND occurred_at <= TIMESTAMP '$until'
        AND (contains(person.entries, entry_id) OR session_id IN (SELECT session_id FROM sessions))
    UNION ALL
    SELECT
        'queue' AS kind, visit_id AS held_id, visit_id AS event_id, CAST(NULL AS varchar) AS entry_id,
        joined_at AS occurred_at, admitted_at AS ended_at, market_key AS name, outcome AS state,
        CAST(NULL AS varchar) AS detail, CAST(NULL AS varchar) AS reference, CAST(NULL AS integer) AS number,
        CAST(NULL AS decimal(12, 2)) AS amount, CAST(NULL AS varchar) AS currency, CAST(NULL AS varchar) AS promoter_id,
        CAST(NULL AS varchar) AS locale, CAST(NULL AS varchar) AS medium, CAST(NULL AS varchar) AS country,
        CAST(NULL AS boolean) AS used_code, CAST(NULL AS boolean) AS resale_listed
    FROM queue_visits CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND joined_at <= TIMESTAMP '$until'
        AND contains(person.accounts, lower(account_id))
    UNION ALL
    SELECT
        'order' AS kind, order_id AS held_id, order_id AS event_id, CAST(NULL AS varchar) AS entry_id,
        ordered_at AS occurred_at, CAST(NULL AS timestamp) AS ended_at, market_key AS name, status AS state,
        CAST(NULL AS varchar) AS detail, host_event_id AS reference, tickets AS number,
        gross_amount AS amount, currency, CAST(NULL AS varchar) AS promoter_id,
        CAST(NULL AS varchar) AS locale, CAST(NULL AS varchar) AS medium, CAST(NULL AS varchar) AS country,
        used_code, resale_listed
    FROM ticket_orders CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND ordered_at <= TIMESTAMP '$until'
        AND contains(person.accounts, lower(account_id))
    UNION ALL
    SELECT
        'redemption' AS kind, redemption_id AS held_id, redemption_id AS event_id, CAST(NULL AS varchar) AS entry_id,
        redeemed_at AS occurred_at, CAST(NULL AS timestamp) AS ended_at, CAST(NULL AS varchar) AS name, result AS state,
        code_id AS detail, host_event_id AS reference, tickets AS number,
        CAST(NULL AS decimal(12, 2)) AS amount, CAST(NULL AS varchar) AS currency, CAST(NULL AS varchar) AS promoter_id,
        CAST(NULL AS varchar) AS locale, CAST(NULL AS varchar) AS medium, CAST(NULL AS varchar) AS country,
        CAST(NULL AS boolean) AS used_code, CAST(NULL AS boolean) AS resale_listed
    FROM code_redemptions CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND redeemed_at <= TIMESTAMP '$until'
        AND contains(person.accounts, lower(account_id))
    UNION ALL
    SELECT
        'assigned' AS kind, event_id AS held_id, event_id, entry_id,
        assigned_at AS occurred_at, valid_until AS ended_at, market_key AS name, state,
        code_id AS detail, host_event_id AS reference, wave AS number,
        CAST(NULL AS decimal(12, 2)) AS amount, CAST(NULL AS varchar) AS currency, CAST(NULL AS varchar) AS promoter_id,
        CAST(NULL AS varchar) AS locale, channel AS medium, CAST(NULL AS varchar) AS country,
        CAST(NULL AS boolean) AS used_code, CAST(NULL AS boolean) AS resale_listed
    FROM codes_assigned CROSS JOIN person
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND assigned_at <= TIMESTAMP '$until'
        AND (contains(person.entries, entry_id) OR contains(person.users, user_id))
)
SELECT
    kind, event_id, entry_id, occurred_at, ended_at, name, state, detail, reference, number, amount, currency,
    promoter_id, locale, medium, country, used_code, resale_listed
FROM (
    SELECT *, row_number() OVER (PARTITION BY kind, held_id ORDER BY occurred_at DESC, event_id DESC, entry_id DESC) AS place
    FROM held
)
WHERE place = 1
ORDER BY kind, held_id
