"""Move a sampled function: `(g f)(x) = f(g^-1 x)`, exactly where the lattice allows it."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.expansion._lattice import Lattice
from steer.group import deterministic


def moves_exactly(grid: Lattice, g: Tensor, shape: tuple[int, ...]) -> bool:
    """Whether g maps the samples of an array of this shape to samples, so that no interpolation is needed."""
    return _exact_source(grid, g.detach().to("cpu", torch.float64), shape) is not None


def transform(values: Tensor, grid: Lattice, g: Tensor, mode: str = "bilinear") -> Tensor:
    """Rotate or reflect functions on a grid about its centre, `[..., *space] -> [..., *space]`.

    Exact (a permutation of samples) for elements of the lattice's point group; then the spatial shape turns along (a
    quarter turn swaps height and width). Otherwise interpolated onto the same array. Zero outside.

    Args:
        values: the last `grid.d` axes are space.
        g: `[d, d]`.
        mode: interpolation, "bilinear" (trilinear in 3D), "nearest", or "bicubic" (2D only).
    Raises:
        ValueError: if the matrix has another size than the grid, or the values have fewer axes than it.
    """
    if g.shape != (grid.d, grid.d) or values.ndim < grid.d:
        raise ValueError(
            f"transform: a matrix [{grid.d}, {grid.d}] and values with {grid.d} axes or more are required on {grid}; "
            f"received shapes {tuple(g.shape)} and {tuple(values.shape)}"
        )
    g = g.detach().to("cpu", torch.float64)
    d = grid.d
    shape = tuple(values.shape[values.ndim - d :])
    lead = values.shape[: values.ndim - d]
    exact = _exact_source(grid, g, shape)
    if exact is not None:
        new_shape, index, inside = exact
        flat = values.reshape(*lead, -1).index_select(-1, index.to(values.device))
        if not bool(inside.all()):
            flat = flat * inside.to(flat)
        return flat.reshape(*lead, *new_shape)
    sampling = _normalised_source(grid, g, shape).to(values)
    if d == 1:  # only reached for a tap between samples of a line: never for +-1
        raise ValueError("transform: a line is moved by +1 or -1 only")
    flat = values.reshape(1, -1, *shape)
    moved = torch.nn.functional.grid_sample(flat, sampling, mode=mode, padding_mode="zeros", align_corners=True)
    return moved.reshape(values.shape)


@deterministic
def _normalised_source(grid: Lattice, g: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Where every output sample comes from, in the coordinates of `grid_sample`, `[1, *shape, d]`."""
    source = grid.offsets(shape) @ _index_map(grid, g).mT
    scale = torch.tensor([max((n - 1) / 2, 0.5) for n in shape], dtype=torch.float64)
    return (source / scale).flip(-1).reshape(1, *shape, grid.d)


def _index_map(grid: Lattice, g: Tensor) -> Tensor:
    """`M^-1 g^-1 M`: from offsets in the moved array to offsets in the original."""
    return torch.linalg.inv(grid.matrix) @ g.mT @ grid.matrix


@deterministic
def _exact_source(grid: Lattice, g: Tensor, shape: tuple[int, ...]) -> tuple[tuple[int, ...], Tensor, Tensor] | None:
    step = _index_map(grid, g)
    rounded = step.round()
    if float((step - rounded).abs().max()) > 1e-7:
        return None
    new_shape = shape
    if bool((rounded.abs().sum(1) == 1).all()):  # a signed permutation: the array turns along
        new_shape = tuple(shape[int(rounded[:, axis].abs().argmax())] for axis in range(len(shape)))
    half = torch.tensor([(n - 1) / 2 for n in shape], dtype=torch.float64)
    source = grid.offsets(new_shape) @ rounded.mT + half
    index = source.round()
    if float((source - index).abs().max()) > 1e-7:
        return None
    limits = torch.tensor(shape, dtype=torch.float64)
    inside = ((index >= 0) & (index < limits)).all(1)
    index = torch.where(inside[:, None], index, torch.zeros(()).double()).long()
    flat = torch.zeros(len(index), dtype=torch.long)
    for axis, n in enumerate(shape):
        flat = flat * n + index[:, axis]
    return new_shape, flat, inside
