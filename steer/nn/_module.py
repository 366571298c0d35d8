"""What every layer is: a torch module with field types, for typed and for plain tensors."""

from __future__ import annotations

import copy
import textwrap
import warnings
from abc import abstractmethod
from collections.abc import Callable, Sequence
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any, overload

import torch
from torch import Tensor

from steer.field import FieldType, GeometricTensor
from steer.nn._constants import Constants, LocalConstants
from steer.nn._plain import Plain
from steer.nn._sets import over_positions
from steer.nn._traced import example, holds, traced

if TYPE_CHECKING:
    from steer.testing import EquivarianceReport


def require_fields(kind: FieldType, layer: str, role: str = "in_type") -> FieldType:
    """The type itself.

    Raises:
        TypeError: if it is none.
    """
    if isinstance(kind, FieldType):
        return kind
    if hasattr(kind, "fibergroup") and hasattr(kind, "type"):
        received, way_out = f"the gspace {kind}", "; build a type of it: gspace.type('4xtrivial')"
    else:
        received, way_out = f"{type(kind).__name__} {kind!r}", "; build one with gspace.type(...)"
    raise TypeError(f"{layer}: {role}, a FieldType, is required; received {received}{way_out}")


_LATER: Any = "set by the layer"  # and not None, which a user may pass by mistake


class EquivariantModule(LocalConstants):
    """A layer that maps fields of `in_type` to fields of `out_type`, equivariantly.

    Law: `layer(g f) = g layer(f)`, with the actions that `in_type` and `out_type` stand for. Exact for the elements that
    the docstring of a layer names; approximate for others of its group, up to sampling.

    A `GeometricTensor` in gives a `GeometricTensor` out, a plain tensor a plain tensor, with the same numbers. Subclasses
    define `compute`, on plain tensors, and `export` where there is a stock module.

    Args:
        in_type, out_type: how input and output transform; without `out_type` as the input. A subclass that computes its
            types sets the attributes instead.
    """

    in_type: FieldType
    out_type: FieldType

    def __init__(self, in_type: FieldType = _LATER, out_type: FieldType = _LATER) -> None:
        super().__init__()
        if in_type is not _LATER:
            self.in_type = require_fields(in_type, type(self).__name__)
            self.out_type = in_type if out_type is _LATER else require_fields(out_type, type(self).__name__, "out_type")

    @abstractmethod
    def compute(self, x: Tensor) -> Tensor:
        """The layer on plain tensors, `[batch, in_type.size, *space] -> [batch, out_type.size, *space]`."""

    @overload
    def forward(self, x: GeometricTensor) -> GeometricTensor: ...
    @overload
    def forward(self, x: Tensor) -> Tensor: ...
    def forward(self, x: GeometricTensor | Tensor) -> GeometricTensor | Tensor:
        """Apply the layer.

        Raises:
            TypeError: if it is no tensor, or one of integers or complex numbers.
            ValueError: if the type, or the number of channels or axes, is not that of `in_type`.
        """
        return self._typed(x, self.compute)

    def _typed(self, x: GeometricTensor | Tensor, compute: Callable[[Tensor], Tensor]) -> GeometricTensor | Tensor:
        """A function of plain tensors on typed or plain ones, with the types checked."""
        if isinstance(x, GeometricTensor):
            if x.type != self.in_type:
                raise ValueError(f"{type(self).__name__}: fields of type {self.in_type} are required; received {x.type}")
            return GeometricTensor(self._checked(x.tensor, compute), self.out_type)
        if not isinstance(x, Tensor):
            raise TypeError(
                f"{type(self).__name__}: a torch tensor or a GeometricTensor is required; received {type(x).__name__}"
                + ("; torch.from_numpy makes one" if type(x).__name__ == "ndarray" else "")
            )
        return self._checked(x, compute)

    def _checked(self, x: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
        if not x.is_floating_point():
            raise TypeError(
                f"{type(self).__name__}: real numbers in floating point are required; received {x.dtype}; "
                + ("real and imaginary parts are two channels" if x.is_complex() else "x.float() makes them")
            )
        self._check(x)
        y = compute(x)
        return y if x.is_contiguous() else _laid_out_like(y, x)

    def _check(self, x: Tensor) -> None:
        self.in_type.check(x)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)
        own = [*self.parameters(recurse=False), *self.buffers(recurse=False)]
        numbers = next((tensor for tensor in own if tensor.is_floating_point() and not tensor.is_meta), None)
        if local_metadata.get("assign_to_params_buffers") and numbers is not None:
            for module in self.modules():  # assigned tensors bring their dtype and device along
                if isinstance(module, Constants):
                    module.follow(numbers)

    def check_equivariance(self, **options: Any) -> EquivarianceReport:
        """Measure the layer, or the whole network that it is: `steer.check_equivariance(self, **options)`.

        Returns:
            A report that prints as a table; `report.assert_exact()` makes it a test.
        Raises:
            TypeError: if it has no such option; a tolerance is one of `assert_exact`.

        >>> from steer import gspaces, nn
        >>> kind = gspaces.rot2dOnR2(4).type("regular")
        >>> nn.R2Conv(kind, kind, 3).check_equivariance(size=7).assert_exact()
        """
        # The layers are what the measurement knows, so they open the door to it by name, when they are asked to.
        measure = import_module("steer.testing").check_equivariance
        unknown = [name for name in options if name not in signature(measure).parameters]
        if unknown:
            way_out = (
                ""
                if not {"atol", "rtol"} & set(unknown)
                else ("; tolerances are for what is found: check_equivariance().assert_exact(tolerance)")
            )
            raise TypeError(
                f"{type(self).__name__}.check_equivariance: options of steer.check_equivariance are required; received "
                f"{', '.join(unknown)}{way_out}"
            )
        report: EquivarianceReport = measure(self, **options)
        return report

    def evaluate_output_shape(self, input_shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of the output for one of the input, `[batch, in_type.size, *space]`, without computing it.

        Raises:
            ValueError: if the layer does not take inputs of this shape.

        >>> from steer import gspaces, nn
        >>> kind = gspaces.rot2dOnR2(4).type("regular")
        >>> nn.R2Conv(kind, kind, 5, stride=2).evaluate_output_shape((1, 4, 33, 33))
        (1, 4, 15, 15)
        """
        name = f"{type(self).__name__}.evaluate_output_shape"
        shape = list(input_shape) if isinstance(input_shape, Sequence) else [None]
        if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in shape):
            raise ValueError(f"{name}: whole numbers [batch, channel, *space] are required; received {input_shape!r}")
        x = torch.empty(shape, device="meta")
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # whoever calls the layer itself is warned
            try:
                y = copy.deepcopy(self).to("meta", torch.float32).eval()(x)
            except RuntimeError as error:
                raise ValueError(f"{name}: a shape that the layer takes is required; received {shape}: {error}") from error
        return tuple(y.shape)

    def __repr__(self) -> str:
        # Index lists and constants are of no interest to a reader: a layer that holds nothing else prints on one line.
        shown = [(name, child) for name, child in self.named_children() if not getattr(child, "is_machinery", False)]
        if not shown:
            return f"{type(self).__name__}({self.extra_repr()})"
        lines = [self.extra_repr(), *(f"({name}): {child!r}" for name, child in shown)]
        return f"{type(self).__name__}(\n" + textwrap.indent("\n".join(line for line in lines if line), "  ") + "\n)"

    def _spelled_out(self, x: Tensor) -> Tensor:
        """`compute` for tracing: the same numbers, for layers whose operations autocast must not touch by others."""
        return self.compute(x)

    def export(self) -> torch.nn.Module:
        """The same map without field types, on plain tensors, in the present mode and dtype, made of torch alone.

        A stock module of `torch.nn` where there is one, otherwise a graph of tensor operations (`torch.fx`). Neither needs
        `steer` to be loaded from a file. Layers that work differently for different sizes (centred strides, antialiased
        pooling, attention) become a module that calls a function of `steer`.
        """
        x = example(self, self.in_type.size, self.in_type.gspace.dimensionality or 1)  # without base space: a set
        with torch.no_grad():
            graph = traced(self._spelled_out, x)
            # On a copy: running statistics of this layer must not see the test.
            if graph is not None and holds(graph, copy.deepcopy(self).compute, x):
                return over_positions(graph.train(self.training), self.in_type)
        return Plain(_compute, layer=self)


def _laid_out_like(y: Tensor, x: Tensor) -> Tensor:
    """The output with channels last if the input has them last: the convolution that follows would have to copy it."""
    if torch.compiler.is_compiling() or x.ndim < 4 or y.ndim != x.ndim:
        return y
    # Moved axes and not a memory format, which torch.vmap cannot be asked for.
    return y.movedim(1, -1).contiguous().movedim(-1, 1) if x.movedim(1, -1).is_contiguous() else y


def _compute(x: Tensor, layer: EquivariantModule) -> Tensor:
    return layer.compute(x)
