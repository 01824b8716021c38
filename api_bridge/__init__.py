"""Who asks: the HTTP bridge; never loads Dagster or polars."""
