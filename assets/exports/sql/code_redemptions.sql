-- One row a code: what was assigned, how it was used, what was bought with it.
-- Late and duplicate events are normal (DOMAIN.md 3), so each table is reduced first.
-- $campaign_id, $from_date, $to_date and $until are validated literals: partition keys must be static.
WITH assigned AS (
    SELECT code_id, market_key, host_event_id, wave, assigned_at, valid_from
    FROM (
        SELECT
            code_id, market_key, host_event_id, wave, assigned_at, valid_from,
            row_number() OVER (PARTITION BY code_id ORDER BY assigned_at DESC, event_id DESC) AS place
        FROM codes_assigned
        WHERE campaign_id = '$campaign_id'
            AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
            AND assigned_at <= TIMESTAMP '$until'
    )
    WHERE place = 1
),
uses AS (
    SELECT redemption_id, code_id, redeemed_at, result, order_id
    FROM (
        SELECT
            redemption_id, code_id, redeemed_at, result, order_id,
            row_number() OVER (PARTITION BY redemption_id ORDER BY redeemed_at DESC, code_id DESC) AS place
        FROM code_redemptions
        WHERE campaign_id = '$campaign_id'
            AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
            AND redeemed_at <= TIMESTAMP '$until'
    )
    WHERE place = 1
),
used AS (
    SELECT
        code_id,
        min(CASE WHEN result = 'ok' THEN redeemed_at END) AS first_redeemed_at,
        count(*) AS redemption_attempts,
        count_if(result = 'wrong_account') AS wrong_account_attempts,
        min(CASE result WHEN 'ok' THEN 1 WHEN 'exhausted' THEN 2 WHEN 'expired' THEN 3 ELSE 4 END) AS best
    FROM uses
    GROUP BY code_id
),
orders AS (
    SELECT order_id, tickets, gross_amount, currency, resale_listed
    FROM (
        SELECT
            order_id, tickets, gross_amount, currency, resale_listed, status,
            row_number() OVER (PARTITION BY order_id ORDER BY ordered_at DESC, order_id DESC) AS place
        FROM ticket_orders
        WHERE campaign_id = '$campaign_id'
            AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
            AND ordered_at <= TIMESTAMP '$until'
    )
    WHERE place = 1 AND status <> 'cancelled'
),
bought AS (
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
