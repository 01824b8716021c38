-- The independent count of the erased subjects.
SELECT count(DISTINCT coalesce(user_id, email_sha256)) AS subjects
FROM erasure_ledger
WHERE dt BETWEEN DATE '$from_date' AND DATE '$to_date'
    AND completed_at <= TIMESTAMP '$until'
