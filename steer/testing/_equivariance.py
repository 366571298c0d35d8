"""Measure equivariance, of a network and of each of its layers."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from steer.expansion import transform
from steer.field import FieldType, GeometricTensor, GSpace
from steer.nn import EquivariantModule
from steer.testing._report import NETWORK, EquivarianceReport, Measurement

_SIZES = {0: 1, 1: 33, 2: 33, 3: 13}
_MOST_EXACT = 48
_MOST_OTHERS = 8


def check_equivariance(
    module: torch.nn.Module,
    in_type: FieldType | None = None,
    out_type: FieldType | None = None,
    *,
    elements: Iterable[Tensor] | None = None,
    size: int | Sequence[int] | None = None,
    batch: int = 2,
    dtype: torch.dtype = torch.float64,
    train: bool = False,
    seed: int = 0,
) -> EquivarianceReport:
    """Compare `L(g f)` with `g L(f)` for a network and for every layer in it.

    Works on a copy in `dtype`; the module itself is not touched. Elements that the grid supports must agree to rounding;
    for others, compared on the inner half of the grid, the number is the error of sampling, which falls with resolution.
    Each layer is measured by itself, on the input that it gets in the network, so the first bad row is at fault.

    Args:
        module: any torch module. Its `in_type` and `out_type` are used where it has them.
        in_type: how its input transforms.
        out_type: how its output transforms; None, or an output without space of another type, means invariant.
        elements: matrices of the group; by default those of the gspace, exact ones first.
        size: spatial size of the input, one number or one per axis; by default odd, so that its centre is a sample.
        batch: number of random inputs.
        dtype: precision of the measurement.
        train: measure in training mode (batch statistics) instead of eval mode.
        seed: of the random inputs.
    Returns:
        A report that prints as a table; `report.assert_exact()` makes it a test, `report.error()` gives numbers.
    Raises:
        ValueError: if the module has no `in_type` and none is given.
    """
    network = copy.deepcopy(module).to(dtype).train(train)
    into = in_type or getattr(module, "in_type", None)
    if not isinstance(into, FieldType):
        raise ValueError(
            f"check_equivariance: the field type of the input is required; {type(module).__name__} has no in_type, so pass "
            "in_type=..."
        )
    out = out_type or getattr(module, "out_type", None)
    space = into.gspace
    chosen, exact = _elements(into, elements)
    x = _smooth_noise(into, _size(space.dimensionality, size), batch, dtype, seed)
    with torch.no_grad():
        layers, y = _record(network, x)
        pieces: list[tuple[str, Any, FieldType, FieldType | None, Tensor, Tensor]] = [
            (name, layer, layer.in_type, layer.out_type, *io) for name, (layer, io) in layers.items()
        ]
        pieces.append((NETWORK, network, into, out, x, y))
        measurements = []
        constant = []
        for name, layer, kind_in, kind_out, f, reference in pieces:
            if float((reference - reference.mean()).abs().max()) < 1e-9 * (1 + float(reference.abs().max())):
                constant.append(name)
            for g, is_exact in zip(chosen, exact, strict=True):
                moved = _plain(layer(kind_in.transform(f, g)))
                expected = _transformed(reference, kind_out, space, g)
                whole = is_exact and space.lattice is not None and space.lattice.kind != "hexagonal"
                error = _relative(moved, expected, reference, None if whole else _inner(space, reference))
                measurements.append(Measurement(name, type(layer).__name__, g, is_exact, error))
    return EquivarianceReport(tuple(measurements), tuple(constant))


def _elements(into: FieldType, elements: Iterable[Tensor] | None) -> tuple[list[Tensor], list[bool]]:
    space = into.gspace
    exact_group = space.exact_group
    if elements is not None:
        chosen = [torch.as_tensor(g, dtype=torch.float64) for g in elements]
        return chosen, [bool(exact_group.contains(g)) or space.lattice is None for g in chosen]
    every = space.testing_elements
    exact = [g for g in every if space.lattice is None or bool(exact_group.contains(g))][:_MOST_EXACT]
    others = [g for g in every if space.lattice is not None and not bool(exact_group.contains(g))][:_MOST_OTHERS]
    return exact + others, [True] * len(exact) + [False] * len(others)


def _size(d: int, size: int | Sequence[int] | None) -> tuple[int, ...]:
    chosen = _SIZES[d] if size is None else size
    return (chosen,) * d if isinstance(chosen, int) else tuple(chosen)


def _smooth_noise(kind: FieldType, size: tuple[int, ...], batch: int, dtype: torch.dtype, seed: int) -> Tensor:
    """Random fields, smooth on the scale of a few samples, that fade out towards the border of the inscribed ball."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, kind.size, *size, dtype=torch.float64, generator=generator)
    grid = kind.gspace.lattice
    if grid is None:
        return x.to(dtype)
    offsets = torch.arange(-6, 7, dtype=torch.float64)
    window = torch.exp(-(offsets**2) / (2 * 2.0**2))
    for axis in range(2, x.ndim):
        x = torch.nn.functional.pad(x.movedim(axis, -1), (6, 6)).unfold(-1, 13, 1) @ (window / window.norm())
        x = x.movedim(-1, axis)
    distance = _distance(kind.gspace, size)
    return (x * torch.cos(distance.clamp(max=1) * torch.pi / 2)).to(dtype)


def _distance(space: GSpace, size: tuple[int, ...]) -> Tensor:
    """Distance of every sample from the centre in units of the radius of the inscribed ball, `[*size]`."""
    grid = space.lattice
    assert grid is not None
    reach = min(max(n - 1, 1) / 2 * s for n, s in zip(size, grid.spacing, strict=True))
    reach *= 3**0.5 / 2 if grid.kind == "hexagonal" else 1.0
    return (grid.positions(size).norm(dim=1) / reach).reshape(size)


def _inner(space: GSpace, reference: Tensor) -> Tensor | None:
    """Where moved and original samples are compared if the array itself is not symmetric: away from its border."""
    if space.lattice is None or reference.ndim != 2 + space.dimensionality:
        return None
    return _distance(space, tuple(reference.shape[2:])) <= 0.5


def _record(
    network: torch.nn.Module, x: Tensor
) -> tuple[dict[str, tuple[EquivariantModule, tuple[Tensor, Tensor]]], Tensor]:
    """Run the network and keep what the first call of every innermost equivariant layer saw and gave."""
    seen: dict[str, tuple[EquivariantModule, tuple[Tensor, Tensor]]] = {}
    handles = []
    for name, layer in network.named_modules():
        inner = any(isinstance(child, EquivariantModule) for child in layer.modules() if child is not layer)
        if layer is network or inner or not isinstance(layer, EquivariantModule):
            continue

        def hook(module: Any, args: Any, output: Any, name: str = name) -> None:
            seen.setdefault(name, (module, (_plain(args[0]).clone(), _plain(output).clone())))

        handles.append(layer.register_forward_hook(hook))
    try:
        y = _plain(network(x))
    finally:
        for handle in handles:
            handle.remove()
    return seen, y


def _plain(x: Tensor | GeometricTensor) -> Tensor:
    return x.tensor if isinstance(x, GeometricTensor) else x


def _transformed(y: Tensor, kind: FieldType | None, space: GSpace, g: Tensor) -> Tensor:
    if kind is None:
        return transform(y, space.lattice, g) if space.lattice is not None and y.ndim == 2 + space.dimensionality else y
    if y.ndim == 2:
        return kind.transform_fibers(y, g)
    return kind.transform(y, g)


def _relative(moved: Tensor, expected: Tensor, reference: Tensor, where: Tensor | None) -> float:
    if moved.shape != expected.shape:
        return float("inf")
    difference = (moved - expected).abs()
    if where is not None:
        difference = difference * where
    return float(difference.max()) / max(float(reference.abs().max()), 1e-300)
