"""A number with labels, as Prometheus reads it."""

from collections.abc import Mapping

from prometheus_client.core import GaugeMetricFamily

# The values of a gauge by those of its labels.
Values = Mapping[tuple[str, ...], float]


def gauge(
    name: str,
    said: str,
    values: Values,
    labels: tuple[str, ...] = (),
) -> GaugeMetricFamily:
    """A gauge with its values.

    Args:
        name: Its name.
        said: What it tells.
        values: By the values of its labels.
        labels: The names of these.
    """
    made = GaugeMetricFamily(name, said, labels=labels)
    for key, value in sorted(values.items()):
        made.add_metric(key, value)
    return made
