"""Exported layers inside of networks whose own code works with geometric tensors."""

from __future__ import annotations

import dis
from itertools import pairwise
from types import CodeType, FunctionType
from typing import Any

import torch

from steer.field import GeometricTensor


class Typed(torch.nn.Module):
    """A module for plain tensors that gives geometric tensors of the types of a layer where it is given some.

    Args:
        module: what the layer was exported to.
        layer: a layer with `in_type` and `out_type`, or with `out_types` if it gives several tensors; code may ask for them.
    """

    def __init__(self, module: torch.nn.Module, layer: torch.nn.Module) -> None:
        super().__init__()
        self.module = module
        self.in_type = getattr(layer, "in_type", None)
        self.out_type, self.out_types = getattr(layer, "out_type", None), getattr(layer, "out_types", None)
        self.train(layer.training)

    def forward(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        several = isinstance(x, (list, tuple))
        if not all(isinstance(item, GeometricTensor) for item in (x if several else [x])):
            return self.module(x, *args, **kwargs)
        out = self.module([item.tensor for item in x] if several else x.tensor, *args, **kwargs)
        if self.out_types is not None:
            return [GeometricTensor(part, kind) for part, kind in zip(out, self.out_types, strict=True)]
        return out if self.out_type is None else GeometricTensor(out, self.out_type)


def works_with_fields(cls: type) -> bool:
    """Whether the code of a class names geometric tensors, or takes the tensor out of one (`x.tensor`)."""
    own: dict[str, object] = {}
    for base in reversed(cls.__mro__):  # what a subclass replaces does not count
        own |= vars(base)
    return any(_names_fields(function.__code__) for function in own.values() if isinstance(function, FunctionType))


def _names_fields(code: CodeType) -> bool:
    steps = list(dis.get_instructions(code))
    # Any attribute of this name but `torch.tensor`.
    reads = (now.argval == "tensor" and before.argval != "torch" for before, now in pairwise(steps) if "ATTR" in now.opname)
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))  # comprehensions, functions
    return "GeometricTensor" in code.co_names or any(reads) or any(map(_names_fields, inner))
