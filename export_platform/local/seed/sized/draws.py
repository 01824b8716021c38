"""Counter-based random numbers: a value is f(seed, field, index) and nothing else (DOMAIN.md 10.1).

Two rounds of SplitMix64's finaliser over `index * odd constant + BLAKE2(seed:field)`. No state, so
chunk size, order and process count cannot matter. Distributions come from quantile tables and
linear interpolation: only + - * / on doubles, which every machine rounds alike; not so `log`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Indexes = NDArray[np.uint64]
Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIERS: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS: Final = (np.uint64(30), np.uint64(27), np.uint64(31))
_TO_UNIT: Final = 1.0 / (1 << 53)

PROBABILITIES: Final = (
    *(0.0, 0.001, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5),
    *(0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.999, 1.0),
)
"""Where the quantile tables below are given."""

QUANTILES: Final[Mapping[str, Sequence[float]]] = {
    # Beta(8, 1.6), Beta(1.5, 6) and Beta(4, 1.2) from 4 million samples, four digits.
    "beta_good": (
        *(0.156, 0.3646, 0.4921, 0.5561, 0.611, 0.6728, 0.7434, 0.7898, 0.8261, 0.8568),
        *(0.884, 0.9094, 0.9342, 0.9602, 0.9752, 0.9843, 0.9913, 0.998, 1.0),
    ),
    "beta_bad": (
        *(0.0, 0.0019, 0.0092, 0.0172, 0.0278, 0.0458, 0.0774, 0.1078, 0.1392, 0.1728),
        *(0.2104, 0.2547, 0.3108, 0.3945, 0.4662, 0.5281, 0.5986, 0.7302, 0.9408),
    ),
    "beta_late": (
        *(0.0196, 0.1618, 0.2907, 0.367, 0.4383, 0.5242, 0.6286, 0.7001, 0.7569, 0.805),
        *(0.8475, 0.8863, 0.923, 0.9589, 0.9775, 0.9875, 0.9942, 0.9992, 1.0),
    ),
    # -log(1 - p), and exp(z) of the standard normal, cut at one in 10,000.
    "exponential": (
        *(0.0, 0.001, 0.0101, 0.0253, 0.0513, 0.1054, 0.2231, 0.3567, 0.5108, 0.6931),
        *(0.9163, 1.204, 1.6094, 2.3026, 2.9957, 3.6889, 4.6052, 6.9078, 9.2103),
    ),
    "lognormal": (
        *(0.0243, 0.0455, 0.0977, 0.1409, 0.193, 0.2776, 0.431, 0.5919, 0.7762, 1.0),
        *(1.2883, 1.6894, 2.3201, 3.6022, 5.1803, 7.0991, 10.2405, 21.9822, 41.2238),
    ),
}


@dataclass(frozen=True, slots=True)
class Draws:
    """The random numbers of a seed."""

    seed: str

    def bits(self, field: str, index: Indexes) -> Indexes:
        """64 random bits for each index."""
        digest = hashlib.blake2b(f"{self.seed}:{field}".encode(), digest_size=8).digest()
        value = index * _GOLDEN + np.uint64(int.from_bytes(digest, "big"))
        for _ in range(2):
            value = (value ^ (value >> _SHIFTS[0])) * _MULTIPLIERS[0]
            value = (value ^ (value >> _SHIFTS[1])) * _MULTIPLIERS[1]
            value ^= value >> _SHIFTS[2]
        return value

    def uniform(self, field: str, index: Indexes) -> Floats:
        """Doubles in [0, 1)."""
        return (self.bits(field, index) >> np.uint64(11)).astype(np.float64) * _TO_UNIT

    def below(self, field: str, index: Indexes, bound: int) -> Whole:
        """Whole numbers in [0, bound); bound up to 2**32, bias under 2**-32."""
        high = self.bits(field, index) >> np.uint64(32)
        return ((high * np.uint64(bound)) >> np.uint64(32)).astype(np.int64)

    def chance(self, field: str, index: Indexes, probability: float) -> NDArray[np.bool_]:
        """True with a probability."""
        return self.uniform(field, index) < probability

    def pick(self, field: str, index: Indexes, weights: Sequence[float]) -> Whole:
        """Positions in `weights`, each as often as its weight."""
        edges = np.cumsum(np.array(weights, dtype=np.float64))
        found = np.searchsorted(edges[:-1], self.uniform(field, index) * edges[-1], side="right")
        return found.astype(np.int64)

    def quantile(self, field: str, index: Indexes, table: str) -> Floats:
        """Values of a distribution of `QUANTILES`."""
        return np.interp(self.uniform(field, index), PROBABILITIES, QUANTILES[table])


def indexes(start: int, stop: int) -> Indexes:
    """The counters of a chunk."""
    return np.arange(start, stop, dtype=np.uint64)
