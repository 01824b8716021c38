-- The totals of every campaign at the end of a day and of the day before. A job that ran twice wrote
-- two rows of one day; totals only grow, so the row with the largest is the later one.
WITH figures AS (
    SELECT *
    FROM (
        SELECT
            *,
            row_number() OVER (
                PARTITION BY campaign_id, dt
                ORDER BY
                    entries DESC, verified DESC, rejected DESC, selected DESC, waitlisted DESC,
                    codes_issued DESC, codes_redeemed DESC, tickets DESC, opt_ins DESC, unsubscribes DESC
            ) AS version
        FROM campaign_daily
        WHERE dt BETWEEN DATE '$from_date' AND DATE '$to_date'
    )
    WHERE version = 1
),
before AS (
    SELECT campaign_id, entries
    FROM (
        SELECT campaign_id, entries, row_number() OVER (PARTITION BY campaign_id ORDER BY dt DESC) AS place
        FROM figures
        WHERE dt < DATE '$to_date'
    )
    WHERE place = 1
)
SELECT
    latest.campaign_id, latest.dt, latest.entries, coalesce(before.entries, 0) AS entries_before,
    latest.verified, latest.rejected, latest.selected, latest.waitlisted, latest.codes_issued,
    latest.codes_redeemed, latest.tickets, latest.opt_ins, latest.unsubscribes
FROM (
    SELECT *, row_number() OVER (PARTITION BY campaign_id ORDER BY dt DESC) AS place
    FROM figures
) AS latest
LEFT JOIN before ON before.campaign_id = latest.campaign_id
WHERE latest.place = 1
ORDER BY latest.campaign_id
