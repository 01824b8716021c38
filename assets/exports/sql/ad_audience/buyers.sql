-- The accounts that have bought: the latest version of each order counts, and not if it was cancelled.
-- Late and duplicate events are normal (DOMAIN.md 3); two versions of one order bear no event id, so
-- the order of all that differs decides.
SELECT DISTINCT account_id
FROM (
    SELECT
        account_id, status,
        row_number() OVER (
            PARTITION BY order_id ORDER BY ordered_at DESC, dt DESC, status, account_id
        ) AS place
    FROM ticket_orders
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND ordered_at <= TIMESTAMP '$until'
)
WHERE place = 1 AND status <> 'cancelled'
