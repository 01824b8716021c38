-- Distinct sessions by bucket and market, and in the row TOTAL by bucket alone: a session of two
-- markets is one session.
, counted AS (
    SELECT bucket_start, market_key, session_id, step
    FROM placed
    UNION ALL
    SELECT bucket_start, 'TOTAL' AS market_key, session_id, step
    FROM placed
)
SELECT
    bucket_start,
    market_key,
    count(DISTINCT session_id) AS sessions,
    count(DISTINCT CASE WHEN step = 'started' THEN session_id END) AS started,
    count(DISTINCT CASE WHEN step = 'submitted' THEN session_id END) AS submitted,
    count(DISTINCT CASE WHEN step = 'verified_phone' THEN session_id END) AS verified_phone,
    count(DISTINCT CASE WHEN step = 'completed' THEN session_id END) AS completed,
    count(DISTINCT CASE WHEN step = 'withdrawn' THEN session_id END) AS withdrawn
FROM counted
GROUP BY bucket_start, market_key
