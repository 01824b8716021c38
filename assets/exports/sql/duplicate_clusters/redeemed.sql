-- Codes that let somebody in, each use by its last version.
SELECT DISTINCT code_id
FROM (
    SELECT
        code_id, result,
        row_number() OVER (
            PARTITION BY redemption_id ORDER BY redeemed_at DESC, dt DESC, code_id, result
        ) AS place
    FROM code_redemptions
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND redeemed_at <= TIMESTAMP '$until'
)
WHERE place = 1 AND result = 'ok' AND code_id IS NOT NULL
