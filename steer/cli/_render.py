"""A digit as a smooth function of the plane, sampled on a turned grid: rotation without a second interpolation.

An image stands for `f(x) = sum_i a_i G(x - x_i)` with a Gaussian G of `BLUR` pixels, wide enough for the sum over the
pixel grid to be smooth. The turned digit is `f(g^-1 x)` at the sites of the new grid: linear in the pixels, so that one
matrix serves all images. Upright and turned digits are made in the same way, so no angle is blurred more than another.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from steer.expansion import lattice
from steer.group import planar_rotation

BLUR = 0.55
SIZE = 33  # odd at every resolution of the network: 33, 17, 9
INK_INSIDE = 0.999


def field_of_view(images: Tensor) -> float:
    """Radius in pixels of the disc about the centre that holds all but a thousandth of the ink.

    Args:
        images: `[image, row, column]`.
    """
    distance = lattice("square", 2).positions(images.shape[1:]).norm(dim=1)
    order = distance.argsort()
    share = images.double().mean(0).flatten()[order].cumsum(0)
    inside = int((share < INK_INSIDE * share[-1]).sum())
    return float(distance[order][min(inside, len(order) - 1)]) + 0.5


def operator(pixels: int, angle: float, radius: float, size: int = SIZE) -> Tensor:
    """The matrix from the pixels of an image to the samples of it turned, `[size * size, pixels * pixels]`, float64.

    Args:
        pixels: rows and columns of the image.
        angle: in radians, counter-clockwise.
        radius: of the field of view, in pixels: where the disc inscribed in the new grid lies.
        size: rows and columns of the new grid.
    """
    grid = lattice("square", 2)
    sites = grid.positions((size, size)) * (radius / (size / 2)) @ planar_rotation(angle)  # g^-1 x, as rows
    square = torch.cdist(sites, grid.positions((pixels, pixels)), compute_mode="donot_use_mm_for_euclid_dist").square()
    return torch.exp(-square / (2 * BLUR**2)) / (2 * math.pi * BLUR**2)


def render(images: Tensor, angle: float, radius: float, size: int = SIZE) -> Tensor:
    """Images turned by an angle, `[image, row, column] -> [image, 1, size, size]`.

    Args:
        images: square, on a background of zeros.
        angle: in degrees, counter-clockwise.
        radius: as for `operator`.
        size: as for `operator`.
    """
    matrix = operator(images.shape[-1], math.radians(angle), radius, size).to(images)
    return (images.flatten(1) @ matrix.mT).reshape(-1, 1, size, size)
