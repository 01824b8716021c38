-- The newest day of orders that has arrived.
SELECT max(dt) AS newest
FROM ticket_orders
WHERE campaign_id = '$campaign_id'
    AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
    AND ordered_at <= TIMESTAMP '$until'
