"""Layers side by side, each on fields of its own."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor

from steer.nn._branches import join_channels, split_channels, sum_of_types
from steer.nn._module import EquivariantModule
from steer.nn._whole import export


class DirectSum(EquivariantModule):
    """The direct sum of layers: each sees its own fields and no others, `out = (L_1 f_1, L_2 f_2, ...)`.

    Law: a direct sum of representations acts on each part by itself. Exact for the elements that every one of its layers is
    exact for; approximate for those that one of them is approximate for. With a grouped convolution for every kind of field
    it is a depthwise convolution of mixed types, in which no field sees another.

    Args:
        layers: at least one, over one gspace, whose outputs are equally large.
    Attributes:
        in_type, out_type: the types of the layers one after another.
    Shapes: `[batch, in_type.size, *space]` to `[batch, out_type.size, *space]`.
    Raises:
        TypeError: if a layer has no types.
        ValueError: if there is no layer, or types of several gspaces come; when called, if the outputs of the layers do not
            fit together.

    >>> from steer import gspaces, nn
    >>> space = gspaces.rot2dOnR2(8)
    >>> numbers, functions = space.type("8xtrivial"), space.type("4xregular")
    >>> depthwise = nn.DirectSum(
    ...     nn.R2Conv(numbers, numbers, 5, padding=2, groups=8), nn.R2Conv(functions, functions, 5, padding=2, groups=4)
    ... )
    >>> print(depthwise.out_type)
    8x0 + 4xregular of cyclic(8) on square
    """

    def __init__(self, *layers: Any) -> None:
        name = type(self).__name__
        into = [getattr(layer, "in_type", None) for layer in layers]
        out = [getattr(layer, "out_type", None) for layer in layers]
        super().__init__(
            sum_of_types(into, f"{name}: the in_type of every layer"),  # type: ignore[arg-type]
            sum_of_types(out, f"{name}: the out_type of every layer"),  # type: ignore[arg-type]
        )
        for i, layer in enumerate(layers):
            self.add_module(str(i), layer)
        self.sizes = [layer.in_type.size for layer in layers]

    def compute(self, x: Tensor) -> Tensor:
        parts = split_channels(x, self.sizes)
        outputs = [layer(part) for layer, part in zip(self._layers(), parts, strict=True)]
        # Not in a graph, which would be for one size alone; torch refuses there what does not fit.
        if not torch.compiler.is_compiling() and len({(len(y), *y.shape[2:]) for y in outputs}) > 1:
            raise ValueError(
                f"DirectSum: outputs of one size are required; its layers gave {[tuple(y.shape) for y in outputs]}; give "
                "them the same stride, padding and size"
            )
        return join_channels(outputs)

    def export(self) -> torch.nn.Module:
        """The exports of its layers between a split and a concatenation, as a graph of torch alone."""
        layers = {f"part_{i}": export(layer) for i, layer in enumerate(self._layers())}
        graph = torch.fx.Graph()
        pieces = graph.call_function(torch.split, (graph.placeholder("x"), self.sizes), {"dim": 1})
        parts = [graph.call_function(operator.getitem, (pieces, i)) for i in range(len(layers))]
        outputs = [graph.call_module(name, (part,)) for name, part in zip(layers, parts, strict=True)]
        graph.output(graph.call_function(torch.cat, (outputs,), {"dim": 1}))
        return torch.fx.GraphModule(layers, graph, "DirectSum").train(self.training)

    def _layers(self) -> list[torch.nn.Module]:
        """The layers in order; one may stand at several places, and `children()` would give it once."""
        return [getattr(self, str(i)) for i in range(len(self.sizes))]

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}"
