"""The whole platform on real processes: what a person or a product tool sees."""
