-- The independent count: buckets and markets in which anything happened, and the buckets alone.
SELECT
    (SELECT count(*) FROM (SELECT DISTINCT bucket_start, market_key FROM placed) AS pairs)
    + (SELECT count(DISTINCT bucket_start) FROM placed) AS counted
