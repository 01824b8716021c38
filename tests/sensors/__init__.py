"""When things happen: the decisions, and the sensors around them."""
