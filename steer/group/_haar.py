"""Haar measure of the connected pieces: exact quadrature and uniform sampling of SO(2) and SO(3)."""

import math

import numpy as np
import torch
from torch import Tensor

from steer.group._deterministic import deterministic
from steer.store import Form, find, tensors


def so2_matrices(angle: Tensor) -> Tensor:
    """Rotations of the plane, `[...] -> [..., 2, 2]`."""
    c, s = torch.cos(angle), torch.sin(angle)
    return torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2)


@deterministic
def so2_quadrature(degree: int) -> tuple[Tensor, Tensor]:
    """Equispaced angles, exact for trigonometric polynomials of frequency at most `degree`: `degree + 1` points."""
    n = degree + 1
    angle = torch.arange(n, dtype=torch.float64) * (2 * math.pi / n)
    return so2_matrices(angle), torch.full((n,), 1.0 / n, dtype=torch.float64)


@deterministic
def _about(axis: int, angle: Tensor) -> Tensor:
    """Rotations about a coordinate axis of space, `[n] -> [n, 3, 3]`."""
    out = torch.zeros(*angle.shape, 3, 3, dtype=torch.float64)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out[..., axis, axis] = 1.0
    out[..., i, i] = out[..., j, j] = torch.cos(angle)
    out[..., j, i] = torch.sin(angle)
    out[..., i, j] = -torch.sin(angle)
    return out


@deterministic
def gauss_legendre(n: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights on [-1, 1], `[n]` each, exact for polynomials of degree `2 n - 1`."""
    forms = {"nodes": Form((n,)), "weights": Form((n,))}
    known = find("gauss_legendre", lambda entry: tensors(entry, forms), detail=str(n))
    if known:
        return known["nodes"].clone(), known["weights"].clone()
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return torch.from_numpy(nodes), torch.from_numpy(weights)


@deterministic
def so3_quadrature(degree: int) -> tuple[Tensor, Tensor]:
    """Product rule `Rz(a) Ry(b) Rz(c)`, exact for matrix elements of every irrep of degree at most `degree`.

    Equispaced `a` and `c` with `degree + 1` points annihilate every order but zero; what remains is a Legendre
    polynomial of `cos(b)` of degree at most `degree`, for which Gauss-Legendre needs `degree // 2 + 1` nodes.
    """
    n = degree + 1
    nodes, weights = gauss_legendre(degree // 2 + 1)
    angle = torch.arange(n, dtype=torch.float64) * (2 * math.pi / n)
    a = _about(2, angle)
    b = _about(1, torch.arccos(nodes))
    points = torch.einsum("aij,bjk,ckl->abcil", a, b, a).reshape(-1, 3, 3)
    weight = weights / 2
    return points, weight[None, :, None].expand(n, -1, n).reshape(-1) / n**2


@deterministic
def so2_sample(n: int, generator: torch.Generator | None) -> Tensor:
    """`n` rotations of the plane, uniform."""
    return so2_matrices(2 * math.pi * torch.rand(n, dtype=torch.float64, generator=generator))


@deterministic
def so3_sample(n: int, generator: torch.Generator | None) -> Tensor:
    """`n` rotations of space, uniform: a normalised Gaussian quaternion is uniform on the 3-sphere."""
    return quaternion_to_matrix(torch.randn(n, 4, dtype=torch.float64, generator=generator))


def quaternion_to_matrix(quaternion: Tensor) -> Tensor:
    """Rotations of space from quaternions `(w, x, y, z)` of any non-zero length, `[..., 4] -> [..., 3, 3]`."""
    w, x, y, z = (quaternion / quaternion.norm(dim=-1, keepdim=True)).unbind(-1)
    rows = [
        torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], -1),
        torch.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], -1),
        torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], -1),
    ]
    return torch.stack(rows, -2)
