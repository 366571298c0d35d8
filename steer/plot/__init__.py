"""Pictures of what the library makes: feature fields, kernels, band limits, accuracy against angle.

Needs matplotlib (`pip install 'steer[plot]'`), which is imported when a function is called. Every function draws into the
axes it is given, or into a new figure, and returns them.
"""

from steer.plot._accuracy import accuracy_by_angle
from steer.plot._band_limit import band_limit
from steer.plot._feature_field import direction_colours, feature_field, feature_vectors
from steer.plot._kernels import kernels
from steer.plot._style import FAINT, INK, PLAIN, STEERABLE, require_matplotlib

__all__ = [
    "FAINT",
    "INK",
    "PLAIN",
    "STEERABLE",
    "accuracy_by_angle",
    "band_limit",
    "direction_colours",
    "feature_field",
    "feature_vectors",
    "kernels",
    "require_matplotlib",
]
