"""The moves of an export, by who makes them: sensors, workers, people, and requests that share."""
