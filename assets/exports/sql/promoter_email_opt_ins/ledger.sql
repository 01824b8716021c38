-- What the consent ledger says of one promoter: every grant, and when it was withdrawn since.
-- Late and duplicate events are normal (DOMAIN.md 3): one act has one evidence id. Whatever is not a
-- grant counts as a withdrawal, and of two acts of one moment the withdrawal counts.
WITH acts AS (
    SELECT entry_id, consent_key, evidence_id, action, occurred_at
    FROM (
        SELECT
            entry_id, consent_key, evidence_id, action, occurred_at,
            row_number() OVER (
                PARTITION BY evidence_id, entry_id, consent_key
                ORDER BY occurred_at DESC, dt DESC, action DESC
            ) AS place
        FROM consent_events
        WHERE campaign_id = '$campaign_id'
            AND dt BETWEEN DATE '$from_date' AND DATE '$to_date'
            AND occurred_at <= TIMESTAMP '$until'
            AND promoter_id = ?
    )
    WHERE place = 1
)
SELECT
    entry_id, consent_key, evidence_id,
    CASE WHEN withdrawn_at >= occurred_at THEN withdrawn_at END AS withdrawn_at
FROM (
    SELECT
        entry_id, consent_key, evidence_id, action, occurred_at,
        max(CASE WHEN action <> 'granted' THEN occurred_at END) OVER (
            PARTITION BY entry_id, consent_key
        ) AS withdrawn_at
    FROM acts
)
WHERE action = 'granted'
