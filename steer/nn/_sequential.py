"""A chain of layers whose types fit."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from steer.field import FieldType, GeometricTensor
from steer.nn._module import EquivariantModule


class Sequential(torch.nn.Sequential, EquivariantModule):
    """A `torch.nn.Sequential` that checks, when it is built, that every layer takes the fields the one before gives.

    Law: a composition of equivariant layers is equivariant. Exact for the elements that all its layers are exact for;
    approximate for all others.

    A typed input gives a typed output, a plain tensor a plain tensor. Stock `torch.nn` modules, which know nothing of
    fields, may follow after the last equivariant layer (a classifier on invariants, say); a sequence that ends in them
    gives plain tensors for every input, and its `out_type` is None.

    Args:
        modules: layers, or one ordered dictionary of named layers, as in `torch.nn.Sequential`. `append`, `insert`,
            `extend`, slices and item assignment work and check in the same way.
    Attributes:
        in_type, out_type: those of the first and of the last layer; None for an empty sequence.
    Raises:
        ValueError: if two layers do not fit, or a stock module comes before an equivariant one.

    >>> import torch
    >>> from steer import gspaces, nn
    >>> space = gspaces.rot2dOnR2(4)
    >>> hidden = space.type("2xregular")
    >>> net = nn.Sequential(nn.R2Conv(space.type("1x0"), hidden, 3), nn.ReLU(hidden), nn.GroupPooling(hidden))
    >>> print(net.out_type)
    2x0 of cyclic(4) on square
    """

    @property
    def in_type(self) -> FieldType | None:  # type: ignore[override]
        first = next(iter(self._modules.values()), None)
        return getattr(first, "in_type", None)

    @property
    def out_type(self) -> FieldType | None:  # type: ignore[override]
        last = next(reversed(self._modules.values()), None)
        return getattr(last, "out_type", None)

    def forward(self, x: Any) -> Any:
        for module in self:
            if isinstance(x, GeometricTensor) and not _typed(module):
                x = x.tensor
            x = module(x)
        return x

    def compute(self, x: Tensor) -> Tensor:
        return self.forward(x)

    def export(self) -> torch.nn.Sequential:
        """A `torch.nn.Sequential` of the exports of its layers, under their names; stock modules stay what they are."""
        out = torch.nn.Sequential()
        for name, module in self._modules.items():  # unlike named_children, every use of a layer that occurs twice
            assert module is not None
            typed = _typed(module) and hasattr(module, "export")
            out.add_module(name, module.export() if typed else copy.deepcopy(module))  # type: ignore[operator]
        return out.train(self.training)

    def add_module(self, name: str, module: torch.nn.Module | None) -> None:
        replaced = {**self._modules, name: module}
        _check([(key, item) for key, item in replaced.items() if item is not None])
        super().add_module(name, module)

    def insert(self, index: int, module: torch.nn.Module) -> Sequential:
        layers = list(self)
        layers.insert(index, module)
        _check(_numbered(layers))
        super().insert(index, module)
        return self

    def __setitem__(self, index: int, module: torch.nn.Module) -> None:
        layers = list(self)
        layers[index] = module
        _check(_numbered(layers))
        super().__setitem__(index, module)

    def __delitem__(self, index: int | slice) -> None:
        layers = list(self)
        del layers[index]
        _check(_numbered(layers))
        super().__delitem__(index)

    def __add__(self, other: Iterable[torch.nn.Module]) -> Sequential:
        return Sequential(*self, *other)

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*torch.nn.Sequential.__mul__(self, times))

    __rmul__ = __mul__


SequentialModule = Sequential


def _typed(module: torch.nn.Module) -> bool:
    # By its attributes, so that compiled and otherwise wrapped layers count.
    return isinstance(getattr(module, "in_type", None), FieldType)


def _numbered(layers: list[torch.nn.Module]) -> list[tuple[str, torch.nn.Module]]:
    return [(str(i), layer) for i, layer in enumerate(layers)]


def _check(layers: list[tuple[str, torch.nn.Module]]) -> None:
    """Raise `ValueError` at the first layer that does not take what the one before gives."""
    for name, layer in layers:
        if not isinstance(layer, torch.nn.Module):
            way_out = "; unpack lists: Sequential(*layers)" if isinstance(layer, (list, tuple)) else ""
            raise TypeError(f"Sequential: modules are required; number {name} is {type(layer).__name__}{way_out}")
    for (before, a), (name, b) in pairwise(layers):
        if not _typed(b):
            continue
        gives = getattr(a, "out_type", None)
        if not isinstance(gives, FieldType):
            raise ValueError(
                f"Sequential: stock torch modules may only follow after the last equivariant layer; {type(a).__name__} "
                f"({before}) comes before {type(b).__name__} ({name}); use the layer of this name in steer.nn"
            )
        if gives != b.in_type:
            raise ValueError(
                f"Sequential: {type(b).__name__} ({name}) takes {b.in_type}, but {type(a).__name__} ({before}) before it "
                f"gives {gives}; build it with the out_type of the layer before"
            )
