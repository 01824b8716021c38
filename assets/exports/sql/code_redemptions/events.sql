-- The events of a campaign's codes, each once: assignments, uses and orders.
-- Late and duplicate events are normal (DOMAIN.md 3), so each table is reduced first; two versions of
-- one order bear no event id, so the order of all that differs decides, or files would not repeat.
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
            row_number() OVER (
                PARTITION BY redemption_id ORDER BY redeemed_at DESC, dt DESC, code_id, result, order_id
            ) AS place
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
        min(CASE result WHEN 'ok' THEN 1 WHEN 'exhausted' THEN 2 WHEN 'expired' THEN 3 WHEN 'wrong_account' THEN 4 END) AS best
    FROM uses
    GROUP BY code_id
),
orders AS (
    SELECT order_id, tickets, gross_amount, currency, resale_listed
    FROM (
        SELECT
            order_id, tickets, gross_amount, currency, resale_listed, status,
            row_number() OVER (
                PARTITION BY order_id
                ORDER BY ordered_at DESC, dt DESC, status, tickets DESC, gross_amount DESC, resale_listed DESC
            ) AS place
        FROM ticket_orders
        WHERE campaign_id = '$campaign_id'
            AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
            AND ordered_at <= TIMESTAMP '$until'
    )
    WHERE place = 1 AND status <> 'cancelled'
)
