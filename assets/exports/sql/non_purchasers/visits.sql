-- How the last visit of each account to the waiting room of a market ended; a visit whose event came
-- again counts as it was told last.
SELECT account_id, market_key, outcome
FROM (
    SELECT
        account_id, market_key, outcome,
        row_number() OVER (PARTITION BY account_id, market_key ORDER BY joined_at DESC, visit_id DESC) AS place
    FROM (
        SELECT
            visit_id, account_id, market_key, joined_at, outcome,
            row_number() OVER (
                PARTITION BY visit_id ORDER BY joined_at DESC, dt DESC, admitted_at DESC, outcome
            ) AS version
        FROM queue_visits
        WHERE campaign_id = '$campaign_id'
            AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
            AND joined_at <= TIMESTAMP '$until'
    )
    WHERE version = 1
)
WHERE place = 1
