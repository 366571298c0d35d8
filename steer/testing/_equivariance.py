"""Measure equivariance, of a network and of each of its layers."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from steer.field import FieldType, GeometricTensor, GSpace
from steer.nn import BrokenSymmetryWarning, SteerableAttention
from steer.testing._calls import Call, record
from steer.testing._compare import inner, relative, transformed
from steer.testing._noise import rough_noise, smooth_noise
from steer.testing._reasons import between_layers, reason
from steer.testing._report import NETWORK, EquivarianceReport, Measurement

_SIZES = {0: 1, 1: 33, 2: 33, 3: 13}
_MOST_EXACT = 48
_MOST_OTHERS = 8
_ROUNDING = {torch.float64: 1e-10, torch.float32: 1e-3}  # what a layer at fault exceeds, whatever tolerance is asked later


@dataclass(frozen=True)
class _Element:
    """An element of the group, and whether it must hold to rounding on this grid."""

    matrix: Tensor
    exact: bool


def check_equivariance(
    module: torch.nn.Module,
    in_type: FieldType | None = None,
    out_type: Any = None,
    *,
    elements: Iterable[Tensor] | None = None,
    size: int | Sequence[int] | None = None,
    batch: int = 2,
    dtype: torch.dtype = torch.float64,
    train: bool = False,
    seed: int = 0,
    typed: bool | None = None,
) -> EquivarianceReport:
    """Compare `L(g f)` with `g L(f)` for a network and for every layer in it.

    Works on a copy on the CPU in `dtype`; the module itself is not touched. Elements that the grid supports must agree to
    rounding, on noise that fills the whole array (on hexagonal grids, whose array is not symmetric, on its inner half). For
    others the number is the error of sampling, which falls with resolution: smooth noise, compared on the inner half of the
    grid, beside the floor that resampling sets (what is lost when the output itself is turned there and back).

    Each layer that is called with one tensor alone is measured by itself, on the input that it gets in the network, so the
    first bad row is at fault, and the report says why. Stock `torch.nn` layers are measured too, where the fields around
    them are known.

    Args:
        module: any torch module that takes one tensor, and gives one or several in tuples, lists or dictionaries.
            Its `in_type` and `out_type` are used where it has them.
        in_type: how its input transforms.
        out_type: how its output transforms; None, or an output without space of another type, means invariant. For several
            tensors the same containers with a type, or None, for each; an output with a type of its own keeps that.
        elements: matrices of the group, at least one; by default those of the gspace, exact ones first.
        size: spatial size of the input, one number or one per axis; by default odd, so that its centre is a sample. Without
            base space the number of positions of a set, by default none (`[batch, channel]`) unless there is attention.
        batch: number of random inputs.
        dtype: precision of the measurement.
        train: measure in training mode (batch statistics) instead of eval mode.
        seed: of the random inputs.
        typed: call the module with a `GeometricTensor` (True) or a plain tensor (False); None tries the plain one first, and
            the other if `forward` cannot use it.
    Returns:
        A report that prints as a table; `report.assert_exact()` makes it a test, `report.error()` gives numbers.
    Raises:
        ValueError: if the module has no `in_type` and none is given, there is no element or one outside of the group, a
            number is out of range, or there is not one type, over the same group or a subgroup, for each of several outputs.
        TypeError: if the module is none, or gives no tensor.

    >>> from steer import check_equivariance, gspaces, nn
    >>> grey = gspaces.rot2dOnR2(4).type("trivial")
    >>> check_equivariance(nn.R2Conv(grey, grey, 5)).assert_exact()
    """
    into = in_type or getattr(module, "in_type", None)
    if not isinstance(into, FieldType):
        raise ValueError(
            f"check_equivariance: the field type of the input is required; {type(module).__name__} has no in_type, so pass "
            "in_type=..."
        )
    out = out_type or getattr(module, "out_type", None)
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"check_equivariance: a torch module is required; received {type(module).__name__}")
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ValueError(f"check_equivariance: dtype, such as torch.float64, is required; received {dtype!r}")
    if not isinstance(train, bool):
        raise ValueError(f"check_equivariance: train, True or False, is required; received {train!r}")
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ValueError(f"check_equivariance: seed, a whole number, is required; received {seed!r}")
    network = copy.deepcopy(module).to("cpu", dtype).train(train)
    space = _smallest(into.gspace, _declared(into, out), network)
    attends = any(isinstance(layer, SteerableAttention) for layer in network.modules())
    shape = _size(space.dimensionality, 7 if size is None and space.lattice is None and attends else size)
    if not _is_count(batch):
        raise ValueError(f"check_equivariance: batch, a whole number >= 1, is required; received {batch!r}")
    measurements: list[Measurement] = []
    constant: dict[str, None] = {}
    reasons: dict[str, str] = {}
    chosen = _elements(space, elements)
    for exact in (True, False):
        some = [element for element in chosen if element.exact is exact]
        if not some:
            continue
        whole = exact and space.lattice is not None and space.lattice.kind != "hexagonal"
        noise = rough_noise if whole or space.lattice is None else smooth_noise
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", BrokenSymmetryWarning)  # what follows measures it and says where
            x = noise(into, shape, batch, dtype, seed)
            if typed is None:
                typed = _wants_types(network, x, into)
            calls, others = record(network, x, into, out, NETWORK, typed)
            for call in calls:
                if all(_is_constant(y, call.input) for _, y in call.outputs):
                    constant[call.name] = None
                found = [_measure(call, element, whole) for element in some]
                measurements += found
                worst = max((m for m in found if m.exact), key=lambda m: _badness(m.error), default=None)
                if worst is not None and not worst.error <= _ROUNDING.get(dtype, 0.1):
                    whole_network = call.name == NETWORK
                    if not whole_network:
                        reasons[call.name] = reason(call, worst.element)
                    elif not reasons:
                        reasons[NETWORK] = between_layers(call, worst.element, others)
    order = list(dict.fromkeys(m.layer for m in measurements))
    measurements.sort(key=lambda m: order.index(m.layer))
    return EquivarianceReport(tuple(measurements), tuple(constant), tuple(reasons.items()), str(space))


def _wants_types(network: torch.nn.Module, x: Tensor, into: FieldType) -> bool:
    """Whether the network cannot use a plain tensor, but can use a typed one."""
    trial = copy.deepcopy(network)  # running statistics of the network must not see this
    try:
        trial(x.clone())
    except (AttributeError, TypeError):
        try:
            trial(GeometricTensor(x.clone(), into))
        except (AttributeError, TypeError):
            return False  # at fault is something else, which the plain call will say
        return True
    except Exception:  # likewise
        return False
    return False


def _declared(into: FieldType, out: Any) -> list[FieldType]:
    """The types that are given for the output.

    Raises:
        ValueError: if the group of one is no subgroup of that of the input: its law would be about other elements.
    """
    kinds = [kind for kind in pytree.tree_leaves(out) if isinstance(kind, FieldType)]
    for kind in kinds:
        if not kind.gspace.fibergroup <= into.gspace.fibergroup:
            raise ValueError(
                f"check_equivariance: an out_type over the group of the in_type, {into.gspace.fibergroup}, or over a "
                f"subgroup is required; received {kind}; out_type.restrict goes to a subgroup"
            )
    return kinds


def _smallest(space: GSpace, declared: list[FieldType], network: torch.nn.Module) -> GSpace:
    """The symmetry that is left at the end: layers may restrict the group on the way."""
    for kind in [*declared, *(getattr(layer, "out_type", None) for layer in network.modules())]:
        if isinstance(kind, FieldType) and kind.fibergroup != space.fibergroup and kind.fibergroup <= space.fibergroup:
            space = GSpace(kind.fibergroup, space.lattice)
    return space


def _elements(space: GSpace, elements: Iterable[Tensor] | None) -> list[_Element]:
    def supported(g: Tensor) -> bool:
        return space.lattice is None or bool(space.exact_group.contains(g))

    if elements is not None:
        d = space.fibergroup.d
        try:
            given = [torch.as_tensor(g, dtype=torch.float64, device="cpu") for g in elements]
        except (TypeError, ValueError, RuntimeError):
            given = [torch.empty(0)]
        if any(g.shape != (d, d) for g in given):
            raise ValueError(
                f"check_equivariance: elements, a list of matrices [{d}, {d}] of {space.fibergroup}, is required; received "
                f"{elements!r}; one matrix g is [g]"
            )
        if not all(bool(space.fibergroup.contains(g)) for g in given):
            raise ValueError(
                f"check_equivariance: elements of {space.fibergroup} are required; received a matrix that is none; "
                "group.contains(g) tells which"
            )
        if not given:
            raise ValueError("check_equivariance: elements, at least one matrix of the group, are required; received none")
        return [_Element(g, supported(g)) for g in given]
    every = [_Element(g, supported(g)) for g in space.testing_elements]
    exact = [element for element in every if element.exact][:_MOST_EXACT]
    return exact + [element for element in every if not element.exact][:_MOST_OTHERS]


def _size(d: int, size: int | Sequence[int] | None) -> tuple[int, ...]:
    if size is None:
        return (_SIZES[d],) * d
    shape = (size,) * max(d, 1) if not isinstance(size, Sequence) else tuple(size)
    if (d and len(shape) != d) or not all(_is_count(n) for n in shape):
        raise ValueError(
            f"check_equivariance: size, a whole number >= 1 or {d or 'several'} of them, is required; received {size!r}"
        )
    return shape


def _is_count(n: Any) -> bool:
    return isinstance(n, int) and not isinstance(n, bool) and n >= 1


def _is_constant(y: Tensor, x: Tensor) -> bool:
    """Whether nothing but rounding varies: of the output's own size, or of that of the input where terms cancel."""
    spread = (y - y.mean(dtype=torch.float64)).abs().max()
    return bool(spread <= max(1e-9 * y.abs().max(), 1e-14 * x.abs().max()))


def _measure(call: Call, element: _Element, whole: bool) -> Measurement:
    g, space = element.matrix, call.kind_in.gspace
    exact = element.exact and all(bool(group.contains(g)) for group in call.exact_groups())
    every = call.again(transformed(call.input, call.kind_in, space, g))
    errors, floors = [float("inf")] if len(every) != len(call.outputs) else [], [0.0]
    for moved, (kind, output) in zip(every, call.outputs, strict=False):
        expected = transformed(output, kind, space, g)
        where = None if whole else inner(space, output)
        if not element.exact:
            floors.append(relative(transformed(expected, kind, space, g.mT), output, output, where))
        errors.append(relative(moved, expected, output, where))
    return Measurement(call.name, type(call.layer).__name__, g, exact, max(errors, key=_badness), max(floors, key=_badness))


def _badness(error: float) -> float:
    return float("inf") if error != error else error
