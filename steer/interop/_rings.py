"""The rings of the peers' convolutions."""

from __future__ import annotations

import math
from typing import Any


def escnn_rings(kernel_size: int, d: int = 2, dilation: int = 1) -> dict[str, Any]:
    """The arguments `rings`, `widths` and `band_limit` with which a convolution spans the default kernels of the peers.

    With `k` taps the rings lie at `n = ceil(k / 2)` radii from 0 to `(k - 1) // 2`, also for even k, where steer's defaults
    lie half a tap further out. Widths are 0.6, and 0.4 for the outermost ring, in samples: a dilation narrows them in taps.
    Band limits are, at radius r in samples and with `R = k // 2`, 0 at the origin; in the plane `2 r - ((r + 1) mod 2)`, and
    at most 2 where `r = R`; in space at most `2 r` and `R - r + 2`. For odd sizes without dilation the defaults of steer
    span the same kernels in the plane, and more in space, so that nothing need be passed.

    Args:
        kernel_size: taps along each axis, at least 1.
        d: dimension of the grid, 2 or 3.
        dilation: of the layer.
    Returns:
        Keyword arguments of `R2Conv`, `R3Conv` and the transposed ones, for a grid of unit spacing.
    Raises:
        ValueError: if a number is out of range.
    Source: the defaults of escnn 1.0.11 and e2cnn 0.2.3, read from the bases of exported networks.

    >>> from steer.interop import escnn_rings
    >>> escnn_rings(5)
    {'rings': [0.0, 1.0, 2.0], 'widths': [0.005, 0.6, 0.4], 'band_limit': [0, 2, 2]}
    """
    if kernel_size < 1 or d not in (2, 3) or dilation < 1:
        raise ValueError(
            "escnn_rings: kernel_size >= 1, d of 2 or 3 and dilation >= 1 are required; "
            f"received {kernel_size}, {d}, {dilation}"
        )
    count, last, edge = math.ceil(kernel_size / 2), (kernel_size - 1) // 2, kernel_size // 2
    radii = [dilation * last * i / (count - 1) if count > 1 else 0.0 for i in range(count)]
    widths = [0.005 if r == 0 else 0.4 if i == count - 1 else 0.6 for i, r in enumerate(radii)]
    limits = [_limit(r, edge, d) for r in radii]
    return {"rings": [r / dilation for r in radii], "widths": [w / dilation for w in widths], "band_limit": limits}


def _limit(r: float, edge: int, d: int) -> int:
    if r == 0:
        return 0
    limit = min(2 * r, edge - r + 2) if d == 3 else 2 if r == edge else 2 * r - (r + 1) % 2
    return max(0, math.floor(min(2 * r, limit) + 1e-9))
