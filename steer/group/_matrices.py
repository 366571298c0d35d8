"""Named constructors of orthogonal matrices: the only place where angles enter the library."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from steer.group._checks import numbers
from steer.group._deterministic import deterministic


@deterministic
def snap(matrix: Tensor, tolerance: float = 1e-14) -> Tensor:
    """Replace entries within `tolerance` of a multiple of one half by that multiple.

    `cos(pi / 2)` is 6e-17 in floating point; grid symmetries must map grid points to grid points exactly.
    """
    halves = torch.round(2 * matrix) / 2
    return torch.where((matrix - halves).abs() < tolerance, halves, matrix) + 0.0


def _finite(angle: float, what: str) -> None:
    try:
        finite = not isinstance(angle, str) and math.isfinite(angle)
    except (TypeError, ValueError):  # no number, or several
        finite = False
    if not finite:
        raise ValueError(f"{what}: a finite number of radians is required; received {angle!r}")


@deterministic
def planar_rotation(angle: float) -> Tensor:
    """Counter-clockwise rotation of the plane by `angle` radians, `[2, 2]`."""
    _finite(angle, "planar_rotation(angle)")
    c, s = math.cos(angle), math.sin(angle)
    return snap(torch.tensor([[c, -s], [s, c]], dtype=torch.float64))


@deterministic
def planar_reflection(axis: float = 0.0) -> Tensor:
    """Reflection of the plane across the line through the origin at `axis` radians from the x axis, `[2, 2]`."""
    _finite(axis, "planar_reflection(axis)")
    c, s = math.cos(2 * axis), math.sin(2 * axis)
    return snap(torch.tensor([[c, s], [s, -c]], dtype=torch.float64))


@deterministic
def rotation(axis: Sequence[float], angle: float) -> Tensor:
    """Right-handed rotation of space by `angle` radians about `axis` (any non-zero length), `[3, 3]`.

    Rodrigues' formula `R = 1 + sin(a) K + (1 - cos(a)) K^2` with `K v = axis x v`.
    """
    vector = numbers(axis, "axis", "three finite numbers, not all zero, are").to("cpu", torch.float64)
    if vector.shape != (3,) or not 0 < float(vector.norm()) < math.inf:
        raise ValueError(f"axis: three finite numbers, not all zero, are required; received {axis!r}")
    _finite(angle, "rotation(axis, angle)")
    x, y, z = (vector / vector.norm()).tolist()
    k = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    return snap(torch.eye(3, dtype=torch.float64) + math.sin(angle) * k + (1 - math.cos(angle)) * (k @ k))


@deterministic
def reflection_across(normal: Sequence[float]) -> Tensor:
    """Reflection across the hyperplane orthogonal to `normal`: `1 - 2 n n^T`, `[d, d]`."""
    vector = numbers(normal, "normal", "a finite, non-zero vector is").to("cpu", torch.float64)
    if vector.ndim != 1 or not 0 < float(vector.norm()) < math.inf:
        raise ValueError(f"normal: a finite, non-zero vector is required; received {normal!r}")
    n = vector / vector.norm()
    return snap(torch.eye(len(n), dtype=torch.float64) - 2 * torch.outer(n, n))


@deterministic
def block_diagonal(a: Tensor, b: Tensor) -> Tensor:
    """Batched direct sum of square matrices, `[..., m, m] + [..., n, n] -> [..., m + n, m + n]`."""
    m, n = a.shape[-1], b.shape[-1]
    batch = (a[..., 0, 0] + b[..., 0, 0]).shape  # torch.broadcast_shapes would import sympy, which takes a second
    out = a.new_zeros(*batch, m + n, m + n)
    out[..., :m, :m] = a
    out[..., m:, m:] = b
    return out
