-- What the events say of every code, each once: its last assignment (DOMAIN.md 3).
SELECT code_id, entry_id, market_key, seq
FROM (
    SELECT
        code_id, entry_id, market_key, seq,
        row_number() OVER (PARTITION BY code_id ORDER BY assigned_at DESC, event_id DESC) AS place
    FROM codes_assigned
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND assigned_at <= TIMESTAMP '$until'
)
WHERE place = 1
