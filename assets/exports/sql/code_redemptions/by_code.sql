-- One row a code: what was assigned, how it was used, what was bought with it.
, bought AS (
    SELECT
        code_order.code_id,
        count(*) AS orders,
        sum(orders.tickets) AS tickets,
        sum(orders.gross_amount) AS gross_amount,
        min(orders.currency) AS currency,
        count(DISTINCT orders.currency) AS currencies,
        bool_or(orders.resale_listed) AS resale_listed
    FROM (SELECT DISTINCT code_id, order_id FROM uses WHERE result = 'ok') AS code_order
    INNER JOIN orders ON orders.order_id = code_order.order_id
    GROUP BY code_order.code_id
)
SELECT
    coalesce(assigned.code_id, used.code_id) AS code_id,
    assigned.market_key,
    assigned.host_event_id,
    assigned.wave,
    assigned.assigned_at,
    used.first_redeemed_at,
    coalesce(used.redemption_attempts, 0) AS redemption_attempts,
    CASE used.best WHEN 1 THEN 'ok' WHEN 2 THEN 'exhausted' WHEN 3 THEN 'expired' WHEN 4 THEN 'wrong_account' END
        AS result,
    coalesce(bought.orders, 0) AS orders,
    coalesce(bought.tickets, 0) AS tickets,
    -- Amounts in two currencies have no sum; the level `market` has a row for each.
    CASE WHEN bought.currencies = 1 THEN bought.gross_amount END AS gross_amount,
    CASE WHEN bought.currencies = 1 THEN bought.currency END AS currency,
    date_diff('minute', assigned.valid_from, used.first_redeemed_at) AS minutes_from_sale_start,
    coalesce(used.wrong_account_attempts, 0) AS wrong_account_attempts,
    bought.resale_listed
FROM assigned
FULL OUTER JOIN used ON used.code_id = assigned.code_id
LEFT JOIN bought ON bought.code_id = coalesce(assigned.code_id, used.code_id)
ORDER BY assigned.market_key NULLS LAST, coalesce(assigned.code_id, used.code_id)
