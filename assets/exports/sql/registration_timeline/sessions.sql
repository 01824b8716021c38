-- Every step of every session that counts in a bucket and a market, each once.
-- Late and duplicate events are normal (DOMAIN.md 3): an event counts as it was told last.
-- A session counts in each of its markets; where it names none, or one that the campaign does not have,
-- in UNKNOWN. $unit and $minutes say how long a bucket is; it begins in UTC.
WITH steps AS (
    SELECT session_id, step, market_keys, occurred_at
    FROM (
        SELECT
            session_id, step, market_keys, occurred_at,
            row_number() OVER (
                PARTITION BY event_id ORDER BY occurred_at DESC, dt DESC, session_id, step
            ) AS place
        FROM registration_events
        WHERE campaign_id = '$campaign_id'
            AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
            AND occurred_at <= TIMESTAMP '$until'
    )
    WHERE place = 1
),
placed AS (
    SELECT
        date_add(
            'minute', -(minute(steps.occurred_at) % $minutes), date_trunc('$unit', steps.occurred_at)
        ) AS bucket_start,
        CASE WHEN named.market_key IN ($market_keys) THEN named.market_key ELSE 'UNKNOWN' END AS market_key,
        steps.session_id,
        steps.step
    FROM steps
    CROSS JOIN UNNEST(
        CASE WHEN cardinality(steps.market_keys) > 0 THEN steps.market_keys ELSE ARRAY[''] END
    ) AS named (market_key)
)
