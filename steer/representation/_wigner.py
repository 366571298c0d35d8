"""Irreps of SO(3) from the rotation matrix, in the basis of e3nn: degree 1 is (x, y, z)."""

from functools import cache
from math import sqrt

import numpy as np
import torch
from torch import Tensor

from steer.group import deterministic, working
from steer.store import Form, cached, find, tensors


@deterministic
def real_harmonics_from_complex(degree: int) -> Tensor:
    """Unitary `U` with `Y_real = U Y_complex` for `m = -l .. l`, `[2l+1, 2l+1]` complex.

    Complex harmonics carry the Condon-Shortley phase about the polar axis; the real ones are positive multiples of
    `cos(m phi)` (m > 0) and `sin(|m| phi)` (m < 0).
    """
    u = np.zeros((2 * degree + 1, 2 * degree + 1), dtype=np.complex128)
    u[degree, degree] = 1.0
    for m in range(1, degree + 1):
        sign = (-1) ** m / sqrt(2)
        u[degree + m, degree + m], u[degree + m, degree - m] = sign, 1 / sqrt(2)
        u[degree - m, degree + m], u[degree - m, degree - m] = -1j * sign, 1j / sqrt(2)
    return torch.from_numpy(u)


def gradient_coupling(degree: int) -> Tensor:
    """The isometry `A` from (degree - 1) times vector onto degree, `[2l+1, 2l-1, 3]`.

    The gradient of a solid harmonic of degree l is a vector of harmonics of degree l - 1, `d_i Y_m = sum_n G_mni Y_n`,
    and rotating the argument shows that G intertwines. In the complex basis, with `S_lm` orthonormal up to a factor of
    l alone, `d_z S_lm = sqrt((l+m)(l-m)) S_{l-1,m}` and `(d_x +- i d_y) S_lm = +- sqrt((l-+m)(l-+m-1)) S_{l-1,m+-1}`.
    Source: docs/theory/representations.
    """
    return _gradient_coupling(degree).clone()


@cache
@deterministic
def _gradient_coupling(degree: int) -> Tensor:
    shape = (2 * degree + 1, 2 * degree - 1)
    along, up, down = (torch.zeros(shape, dtype=torch.complex128) for _ in range(3))
    for m in range(-degree, degree + 1):
        row, column = m + degree, m + degree - 1
        if abs(m) < degree:
            along[row, column] = sqrt((degree + m) * (degree - m))
        if m + 1 <= degree - 1:
            up[row, column + 1] = sqrt((degree - m) * (degree - m - 1))
        if m - 1 >= 1 - degree:
            down[row, column - 1] = -sqrt((degree + m) * (degree + m - 1))
    # e3nn's polar axis is y: its (x, y, z) are the (y, z, x) of the usual harmonics.
    gradient = torch.stack([(up - down) / 2j, along, (up + down) / 2])
    left, right = real_harmonics_from_complex(degree), real_harmonics_from_complex(degree - 1)
    coupling = (left @ gradient @ right.mH).real.permute(1, 2, 0)
    return (coupling / coupling.flatten(1).norm(dim=1)[:, None, None]).contiguous()


def wigner_d(degree: int, rotation: Tensor) -> Tensor:
    """Matrix of a rotation on harmonics of one degree: `Y(R x) = D(R) Y(x)`, `[..., 3, 3] -> [..., 2l+1, 2l+1]`.

    `D^l = A_l (D^(l-1) x R) A_l^T` starting from `D^0 = 1`: a polynomial in the entries of R, so it is differentiable,
    batched, and free of the poles of Euler angles. Exact for every degree up to rounding.

    Args:
        degree: at least 0.
        rotation: rotations of space; the values have their dtype, float64 for integers.
    Raises:
        ValueError: if the degree is no whole number >= 0, or the matrices are not 3 x 3.
    """
    _degree(degree, "wigner_d")
    rotation = rotation if isinstance(rotation, Tensor) else torch.as_tensor(rotation, dtype=torch.float64)
    if rotation.shape[-2:] != (3, 3):
        raise ValueError(f"wigner_d: rotations of space, [..., 3, 3], are required; received shape {tuple(rotation.shape)}")
    dtype = rotation.dtype if rotation.is_floating_point() else torch.float64
    rotation = working(rotation)
    batch = rotation.shape[:-2]
    d = rotation.new_ones(*batch, 1, 1)
    for level in range(1, degree + 1):
        a = _gradient_coupling(level).to(rotation)
        rows, inner, _ = a.shape
        left = (a.permute(0, 2, 1).reshape(-1, inner) @ d).reshape(*batch, rows, 3, inner)  # A_mni D_nk
        both = rotation.mT.unsqueeze(-3) @ left  # sum over i, [..., m, j, k]
        d = both.transpose(-1, -2).reshape(*batch, rows, 3 * inner) @ a.reshape(rows, -1).mT
    return d.to(dtype)


def _degree(degree: int, what: str) -> None:
    if not isinstance(degree, int) or isinstance(degree, bool) or degree < 0:
        raise ValueError(f"{what}: a degree that is a whole number >= 0 is required; received {degree!r}")


def wigner_j(degree: int) -> Tensor:
    """Matrix of the half turn about the line `x = y`, `z = 0` on harmonics of one degree, `[2l+1, 2l+1]`, float64.

    Half turns are their own inverses, and this one exchanges the polar axis y with x: a rotation about x is one about y
    between two of these. Exact to rounding. Source: Pinchon and Hoggan 2007; Cohen et al., lie_learn.

    Raises:
        ValueError: if the degree is no whole number >= 0.
    """
    _degree(degree, "wigner_j")
    return _wigner_j(degree).clone()


@cached(256)
@deterministic
def _wigner_j(degree: int) -> Tensor:
    form = Form((2 * degree + 1, 2 * degree + 1))
    known = find("wigner_j", lambda entry: tensors(entry, {"j": form})["j"], detail=str(degree))
    if known is not None:
        return known
    exchange = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]], dtype=torch.float64)
    return wigner_d(degree, exchange)


def wigner_d_from_angles(degree: int, alpha: Tensor, beta: Tensor, gamma: Tensor) -> Tensor:
    """`D(R)` for `R = Ry(alpha) Rx(beta) Ry(gamma)`, angles `[...]` in radians, `[..., 2l+1, 2l+1]`, differentiable.

    The same as `wigner_d` at these rotations, in two products of matrices for every degree: rotations about the polar axis
    y are planar ones of every order, and those about x follow by `wigner_j`. Exact for every degree up to rounding.

    Raises:
        ValueError: if the degree is no whole number >= 0.
    """
    _degree(degree, "wigner_d_from_angles")
    j = _wigner_j(degree).to(beta)
    return _about_pole(degree, alpha) @ (j @ _about_pole(degree, beta) @ j) @ _about_pole(degree, gamma)


def _about_pole(degree: int, angle: Tensor) -> Tensor:
    """Rotations about y: order m and -m turn into each other by m times the angle."""
    m = torch.arange(-degree, degree + 1, device=angle.device)
    turned = angle[..., None] * m
    return torch.diag_embed(turned.cos()) - torch.diag_embed(turned.sin()).flip(-1)
