-- Who bought in which market: accounts of orders that stand, each order by its last version. Two
-- versions bear no event id, so the day of arrival and the status decide.
SELECT DISTINCT account_id, market_key
FROM (
    SELECT
        account_id, market_key, status,
        row_number() OVER (PARTITION BY order_id ORDER BY ordered_at DESC, dt DESC, status) AS place
    FROM ticket_orders
    WHERE campaign_id = '$campaign_id'
        AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
        AND ordered_at <= TIMESTAMP '$until'
)
WHERE place = 1 AND status <> 'cancelled'
