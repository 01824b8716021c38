    UNION ALL SELECT CAST(? AS varchar), CAST(? AS integer)
