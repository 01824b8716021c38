-- The independent count of the level `market`: a row a currency, at least one a market.
SELECT coalesce(sum(greatest(1, currencies)), 0) AS market_rows
FROM (
    SELECT assigned.market_key, count(DISTINCT orders.currency) AS currencies
    FROM assigned
    FULL OUTER JOIN (SELECT DISTINCT code_id FROM uses) AS any_use ON any_use.code_id = assigned.code_id
    LEFT JOIN uses
        ON uses.code_id = coalesce(assigned.code_id, any_use.code_id) AND uses.result = 'ok'
    LEFT JOIN orders ON orders.order_id = uses.order_id
    GROUP BY assigned.market_key
)
