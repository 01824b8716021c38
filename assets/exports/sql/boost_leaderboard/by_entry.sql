),
-- Late and duplicate events are normal (DOMAIN.md 3): of one event the last version counts, and where
-- two are of one moment the order of all that can differ decides, or files would not repeat.
events AS (
    SELECT event_id, entry_id, boost_key, points, occurred_at, accepted
    FROM (
        SELECT
            event_id, entry_id, boost_key, points, occurred_at, coalesce(accepted, false) AS accepted,
            row_number() OVER (
                PARTITION BY event_id
                ORDER BY occurred_at DESC, dt DESC, coalesce(accepted, false), entry_id, boost_key, points
            ) AS version
        FROM boost_events
        WHERE campaign_id = '$campaign_id'
            AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
            AND occurred_at <= TIMESTAMP '$until'
    )
    WHERE version = 1
),
-- The place of an accepted activity among those of its kind and its day in UTC.
placed AS (
    SELECT
        entry_id, boost_key, points, occurred_at, accepted,
        row_number() OVER (
            PARTITION BY entry_id, boost_key, CAST(occurred_at AS date), accepted
            ORDER BY occurred_at, event_id
        ) AS place
    FROM events
),
judged AS (
    SELECT
        placed.entry_id, placed.points, placed.occurred_at, placed.accepted,
        placed.accepted AND (caps.daily_cap IS NULL OR placed.place <= caps.daily_cap) AS counts
    FROM placed
    LEFT JOIN caps ON caps.boost_key = placed.boost_key
)
SELECT
    entry_id,
    sum(CASE WHEN counts THEN coalesce(points, 0) ELSE 0 END) AS points,
    count_if(NOT accepted) AS rejected_events,
    count_if(accepted AND NOT counts) AS beyond_cap,
    max(CASE WHEN counts THEN occurred_at END) AS last_activity_at
FROM judged
WHERE entry_id IS NOT NULL
GROUP BY entry_id
ORDER BY entry_id
