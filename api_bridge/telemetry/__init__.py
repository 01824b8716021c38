"""Numbers about the bridge and the exports, as Prometheus reads them."""
