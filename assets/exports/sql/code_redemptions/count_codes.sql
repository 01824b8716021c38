-- The independent count: distinct codes that were assigned or used, without any join.
SELECT count(*) AS codes
FROM (
    SELECT code_id
    FROM codes_assigned
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND assigned_at <= TIMESTAMP '$until'
    UNION
    SELECT code_id
    FROM code_redemptions
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND redeemed_at <= TIMESTAMP '$until'
)
