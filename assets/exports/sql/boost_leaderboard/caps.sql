-- How many activities of a kind count a day, from the campaign; a row for each follows.
WITH caps AS (
    SELECT CAST(NULL AS varchar) AS boost_key, CAST(NULL AS integer) AS daily_cap
