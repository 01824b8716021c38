-- One row a market and currency. What is counted in codes stands in the first row of its market, so
-- that every column adds up to that of the level `code`.
, coded AS (
    SELECT
        coalesce(assigned.code_id, used.code_id) AS code_id,
        assigned.market_key,
        assigned.code_id IS NOT NULL AS is_assigned,
        used.first_redeemed_at IS NOT NULL AS is_redeemed,
        coalesce(used.redemption_attempts, 0) AS redemption_attempts,
        coalesce(used.wrong_account_attempts, 0) AS wrong_account_attempts
    FROM assigned
    FULL OUTER JOIN used ON used.code_id = assigned.code_id
),
counted AS (
    SELECT
        market_key,
        count_if(is_assigned) AS codes_assigned,
        count_if(is_redeemed) AS codes_redeemed,
        sum(redemption_attempts) AS redemption_attempts,
        sum(wrong_account_attempts) AS wrong_account_attempts
    FROM coded
    GROUP BY market_key
),
sold AS (
    SELECT
        coded.market_key,
        orders.currency,
        count(*) AS orders,
        sum(orders.tickets) AS tickets,
        sum(orders.gross_amount) AS gross_amount,
        bool_or(orders.resale_listed) AS resale_listed,
        row_number() OVER (PARTITION BY coded.market_key ORDER BY orders.currency) AS place
    FROM (SELECT DISTINCT code_id, order_id FROM uses WHERE result = 'ok') AS code_order
    INNER JOIN orders ON orders.order_id = code_order.order_id
    INNER JOIN coded ON coded.code_id = code_order.code_id
    GROUP BY coded.market_key, orders.currency
)
SELECT
    counted.market_key,
    CASE WHEN coalesce(sold.place, 1) = 1 THEN counted.codes_assigned ELSE 0 END AS codes_assigned,
    CASE WHEN coalesce(sold.place, 1) = 1 THEN counted.codes_redeemed ELSE 0 END AS codes_redeemed,
    CASE WHEN coalesce(sold.place, 1) = 1 THEN counted.redemption_attempts ELSE 0 END AS redemption_attempts,
    coalesce(sold.orders, 0) AS orders,
    coalesce(sold.tickets, 0) AS tickets,
    sold.gross_amount,
    sold.currency,
    CASE WHEN coalesce(sold.place, 1) = 1 THEN counted.wrong_account_attempts ELSE 0 END AS wrong_account_attempts,
    sold.resale_listed
FROM counted
LEFT JOIN sold ON coalesce(sold.market_key, '') = coalesce(counted.market_key, '')
ORDER BY counted.market_key NULLS LAST, sold.currency
