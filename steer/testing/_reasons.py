"""Why a layer breaks equivariance: found by trying what would mend it."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from steer.field import FieldType
from steer.nn import Pointwise
from steer.testing._calls import Call, Unmeasured
from steer.testing._compare import inner, relative, transformed

_MENDED = 1e-3  # of the error: what is left must be rounding beside it


def reason(call: Call, g: Tensor) -> str:
    """A sentence on why `L(g f)` and `g L(f)` differ for this element, with the way out."""
    probes: tuple[Callable[[Call, Tensor], str | None], ...] = (
        *(_not_finite, _random, _parity, _one_sided, _uneven, _bias, _by_its_kind),
    )
    for probe in probes:
        found = probe(call, g)
        if found is not None:
            return found
    return (
        f"declared as {call.kind_in} -> {call.kind_out or 'invariant'}, it does not transform like that: check the types, "
        "and what the layer computes"
    )


def between_layers(call: Call, g: Tensor, others: dict[str, Unmeasured]) -> str:
    """A sentence for a network whose measured layers all hold."""
    broken = _not_finite(call, g)
    if broken is not None:
        return broken
    free = [name for name, other in others.items() if _mixes_sites(other)]
    flat = [name for name, other in others.items() if _flattens(other)]
    found = []
    if free:
        found.append(
            f"the weights of {_named(others, free)} are free (not measured: the fields around have no type): use R1Conv, "
            "R2Conv or R3Conv of steer.nn"
        )
    if flat:
        found.append(
            f"{_named(others, flat)} makes channels of positions, which the group moves: pool to one site before it"
        )
    if found:
        return "; ".join(found)
    if others:
        return f"every measured layer holds; these have no field types and were not measured: {_named(others, list(others))}"
    return "every layer holds: look at what is done between them, and at the in_type and out_type of the network"


def _mixes_sites(other: Unmeasured) -> bool:
    """Whether free weights differ from one neighbouring site to the next."""
    size = getattr(other.layer, "kernel_size", None)
    is_conv = type(other.layer).__module__ == "torch.nn.modules.conv"
    return is_conv and other.sites > 1 and isinstance(size, tuple) and max(size) > 1


def _flattens(other: Unmeasured) -> bool:
    """Whether several sites become channels; of one site nothing is lost."""
    return isinstance(other.layer, torch.nn.Flatten) and other.layer.start_dim == 1 and other.sites > 1


def _named(others: dict[str, Unmeasured], names: list[str]) -> str:
    return ", ".join(f"{name} ({type(others[name].layer).__name__})" for name in names)


def _error(call: Call, g: Tensor, layer: torch.nn.Module | None = None, f: Tensor | None = None) -> float:
    layer, f = layer or call.layer, call.input if f is None else f
    space = call.kind_in.gspace
    y = call.again(f, layer)[0]
    moved = call.again(transformed(f, call.kind_in, space, g), layer)[0]
    return relative(moved, transformed(y, call.kind_out, space, g), y, inner(space, y) if _is_hexagonal(call) else None)


def _is_hexagonal(call: Call) -> bool:
    grid = call.kind_in.gspace.lattice
    return grid is not None and grid.kind == "hexagonal"


def _mends(call: Call, g: Tensor, layer: torch.nn.Module | None = None, f: Tensor | None = None) -> bool:
    try:
        return _error(call, g, layer, f) <= _MENDED * min(_error(call, g), 1.0)
    except (RuntimeError, ValueError):
        return False


def _not_finite(call: Call, g: Tensor) -> str | None:
    space = call.kind_in.gspace
    outputs = [*call.again(call.input), *call.again(transformed(call.input, call.kind_in, space, g))]
    if all(bool(y.isfinite().all()) for y in outputs):
        return None
    weights = [name for name, value in call.layer.state_dict().items() if not _is_finite(value)]
    why = f"nor are its numbers {', '.join(weights)}" if weights else "though its weights are: look for what overflows"
    return f"its output is not finite, {why}"


def _is_finite(value: object) -> bool:
    return not isinstance(value, Tensor) or bool(value.isfinite().all())


def _random(call: Call, g: Tensor) -> str | None:
    if torch.equal(call.again(call.input)[0], call.again(call.input)[0]):
        return None
    return "its output is random in this mode: measure in eval mode"


def _numbers(layer: torch.nn.Module, name: str, d: int) -> tuple[int, ...] | None:
    """An argument of the layer, or of the stock layer that it holds, as one number per axis."""
    value = next((getattr(inner, name) for inner in layer.modules() if hasattr(inner, name)), None)
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,) * d
    return tuple(value) if isinstance(value, (tuple, list)) and len(value) == d else None


def _parity(call: Call, g: Tensor) -> str | None:
    """A stride whose sites are not symmetric about the centre: exact again on an input that is cropped to fit."""
    d = call.kind_in.gspace.dimensionality
    steps, size = _numbers(call.layer, "stride", d), tuple(call.input.shape[2:])
    if d == 0 or len(size) != d or steps is None or max(steps) == 1:
        return None
    hexagonal = _is_hexagonal(call)
    for cut in range(1, 2 * max(steps) if hexagonal else max(steps)):
        if min(size) > cut and _mends(call, g, f=_cropped(call.input, cut)):
            fitting = "x".join(str(n - cut) for n in size)
            given = "x".join(str(n) for n in size)
            return (
                f"stride {steps[0]} on size {given}: its sites are not symmetric about the centre; size {fitting} would be, "
                f"as {'2s' if hexagonal else 's'} divides n + 2p - k, and centred=True of the layers of steer.nn fits every "
                f"{'odd ' if hexagonal else ''}size"
            )
    return None


def _cropped(x: Tensor, cut: int) -> Tensor:
    """Without the first samples along every spatial axis."""
    for axis in range(2, x.ndim):
        x = x.narrow(axis, cut, x.shape[axis] - cut)
    return x


def _one_sided(call: Call, g: Tensor) -> str | None:
    padding = getattr(call.layer, "padding", None)
    if isinstance(padding, (tuple, list)) and len(padding) == 2 * call.kind_in.gspace.dimensionality:
        pairs = list(zip(padding[::2], padding[1::2], strict=True))
        if any(before != after for before, after in pairs):
            return f"padding {tuple(padding)} adds more on one side than on the other, which moves the centre: pad equally"
    size = _numbers(call.layer, "kernel_size", call.kind_in.gspace.dimensionality)
    if padding == "same" and size is not None and any(k % 2 == 0 for k in size):
        return f"padding 'same' with the even kernel size {size} adds one sample on one side only: use an odd size"
    extra = _numbers(call.layer, "output_padding", call.kind_in.gspace.dimensionality)
    if extra is not None and any(extra):
        return f"output_padding {extra} adds samples on one side only: use an odd kernel size without it"
    return None


def _uneven(call: Call, g: Tensor) -> str | None:
    d = call.kind_in.gspace.dimensionality
    named = {name: _numbers(call.layer, name, d) for name in ("kernel_size", "stride", "padding", "dilation")}
    uneven = [f"{name}={value}" for name, value in named.items() if value is not None and len(set(value)) > 1]
    if not uneven:
        return None
    return f"{', '.join(uneven)} differ along axes that the group exchanges: give them one value, or take a smaller group"


def _bias(call: Call, g: Tensor) -> str | None:
    if not isinstance(getattr(call.layer, "bias", None), Tensor):
        return None
    without = copy.deepcopy(call.layer)
    with torch.no_grad():
        without.bias.zero_()  # type: ignore[operator]
    if not _mends(call, g, without):
        return None
    fields = _mixed(call.kind_out)
    return f"its bias acts on channels that are not invariant, of {fields}: use bias=False, or a layer of steer.nn"


def _by_its_kind(call: Call, g: Tensor) -> str | None:
    layer, kind = call.layer, type(call.layer).__name__
    home = type(layer).__module__
    mixed = _mixed(call.kind_in)
    if (home == "torch.nn.modules.activation" or isinstance(layer, Pointwise)) and mixed:
        return (
            f"{kind} acts on single channels, and the group mixes those of {mixed}: use NormNonLinearity, GatedNonLinearity "
            "or FourierPointwise"
        )
    if home == "torch.nn.modules.activation":
        return f"{kind} treats the channels of a field differently: share its parameters within fields"
    if home in ("torch.nn.modules.batchnorm", "torch.nn.modules.instancenorm", "torch.nn.modules.normalization"):
        return f"{kind} takes statistics and weights of single channels, not of fields: use InnerBatchNorm or NormBatchNorm"
    if home == "torch.nn.modules.pooling" and "Max" in kind and mixed:
        return f"{kind} compares single channels, and the group mixes those of {mixed}: use NormMaxPool or PointwiseAvgPool"
    if home in ("torch.nn.modules.conv", "torch.nn.modules.linear"):
        return f"the weights of {kind} are free: use R1Conv, R2Conv, R3Conv or Linear of steer.nn"
    return None


def _mixed(kind: FieldType | None) -> str:
    """The fields whose channels the group does not merely permute."""
    if kind is None:
        return "the output"
    return ", ".join(str(field) for field in dict.fromkeys(kind.representations) if not field.is_permutation)
