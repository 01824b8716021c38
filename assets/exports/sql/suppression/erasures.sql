-- Subjects that were erased, each once: by user, and guests by the hash of their address. A row that
-- came again counts as it came first.
SELECT user_id, email_sha256, completed_at, dt
FROM (
    SELECT
        user_id, email_sha256, completed_at, dt,
        row_number() OVER (PARTITION BY coalesce(user_id, email_sha256) ORDER BY dt, completed_at) AS place
    FROM erasure_ledger
    WHERE dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND completed_at <= TIMESTAMP '$until'
)
WHERE place = 1
ORDER BY coalesce(user_id, email_sha256)
