"""What every layer of a network saw and gave, and how both transform."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from steer.field import FieldType, GeometricTensor
from steer.group import FiniteGroup


@dataclass
class Call:
    """The first call of a layer in a forward pass.

    Attributes:
        name: qualified name of the layer in the network.
        kind_in: how the input transforms.
        kind_out: how the output transforms; None if it is invariant.
        input, output: copies of what went in and came out.
        typed: whether the layer is called with a geometric tensor.
        others: type and copy of what a network gives besides, if it gives several tensors.
    """

    name: str
    layer: torch.nn.Module
    kind_in: FieldType
    kind_out: FieldType | None
    input: Tensor
    output: Tensor
    typed: bool = False
    others: tuple[tuple[FieldType | None, Tensor], ...] = ()

    @property
    def outputs(self) -> list[tuple[FieldType | None, Tensor]]:
        """Type and copy of everything that came out."""
        return [(self.kind_out, self.output), *self.others]

    def again(self, x: Tensor, layer: torch.nn.Module | None = None) -> list[Tensor]:
        """What the layer, or a changed copy of it, gives for another input."""
        return [plain(y) for y in leaves((layer or self.layer)(GeometricTensor(x, self.kind_in) if self.typed else x))]

    def exact_groups(self) -> list[FiniteGroup]:
        """The groups of those layers inside that promise less than the grid supports."""
        groups = [getattr(inner, "exact_group", None) for inner in self.layer.modules()]
        return [group for group in groups if isinstance(group, FiniteGroup)]


@dataclass(frozen=True)
class Unmeasured:
    """A stock layer between fields of unknown type, and at how many sites its input lives."""

    layer: torch.nn.Module
    sites: int


def plain(x: Tensor | GeometricTensor) -> Tensor:
    """The tensor of a geometric tensor."""
    return x.tensor if isinstance(x, GeometricTensor) else x


def leaves(y: Any) -> list[Tensor | GeometricTensor]:
    """The tensors of an output, inside of tuples, lists and dictionaries too.

    Raises:
        TypeError: if there is none.
    """
    inside = pytree.tree_leaves(y, is_leaf=lambda leaf: isinstance(leaf, GeometricTensor))
    found = [leaf for leaf in inside if isinstance(leaf, (Tensor, GeometricTensor))]
    if not found:
        raise TypeError(
            "check_equivariance: an output of tensors, or tuples, lists and dictionaries of them, is required; received "
            f"{type(y).__name__}"
        )
    return found


def _kinds(y: Any, out: Any) -> list[FieldType | None]:
    """How each tensor of an output transforms.

    Raises:
        ValueError: if there is not one type for each of several.
    """
    found = leaves(y)
    if out is None or isinstance(out, FieldType):
        given = [out] * (len(found) if out is None else 1)
    else:
        given = pytree.tree_leaves(out, is_leaf=lambda kind: kind is None)
    same_keys = not (isinstance(y, dict) and isinstance(out, dict)) or list(y) == list(out)
    if len(given) != len(found) or not same_keys or not all(kind is None or isinstance(kind, FieldType) for kind in given):
        raise ValueError(
            f"check_equivariance: out_type, one field type (None: invariant) for each of the {len(found)} tensors of the "
            f"output, in containers of the same form, is required; received {out!r}"
        )
    return [leaf.type if isinstance(leaf, GeometricTensor) else kind for leaf, kind in zip(found, given, strict=True)]


def record(
    network: torch.nn.Module, x: Tensor, into: FieldType, out: Any, whole: str, typed: bool
) -> tuple[list[Call], dict[str, Unmeasured]]:
    """Run a network and keep the calls of its innermost layers, in order, then that of the network itself.

    Layers of `steer` say how their input and output transform. A stock layer gets the type of the tensor that it is called
    with, if that came from a layer of known type; its output has the type that the next layer asks for, or else the same
    one if the number of channels is the same. Without that it is not measured; such layers come second.
    """
    recorder = _Recorder(x, into)
    handles = []
    try:
        for name, layer in network.named_modules():
            if layer is not network and (_is_typed(layer) or not any(layer.children())):
                handles.append(layer.register_forward_pre_hook(recorder.before(name), with_kwargs=True))
                handles.append(layer.register_forward_hook(recorder.after(name)))
        y = network(GeometricTensor(x.clone(), into) if typed else x.clone())
    finally:
        for handle in handles:
            handle.remove()
    called = innermost(recorder.seen)
    made = list(zip(_kinds(y, out), (plain(leaf) for leaf in leaves(y)), strict=True))
    for kind, leaf in made:
        recorder.finish(leaf, kind)
    calls = [call for call in recorder.known() if call.name in called]
    measured = {call.name for call in calls}
    others = {name: Unmeasured(layer, recorder.sites[name]) for name, layer in called.items() if name not in measured}
    (kind, leaf), *more = [(kind, leaf.clone()) for kind, leaf in made]
    return [*calls, Call(whole, network, into, kind, x, leaf, typed, tuple(more))], others


def innermost(called: dict[str, torch.nn.Module]) -> dict[str, torch.nn.Module]:
    """Of layers by name: typed ones in which there is no other typed one of them, and stock layers in none of those."""
    typed = {id(layer) for layer in called.values() if _is_typed(layer)}
    inside: set[int] = set()
    for layer in called.values():
        below = {id(child) for child in layer.modules() if child is not layer}
        if id(layer) in typed:
            inside |= {id(layer)} if below & typed else below
    return {name: layer for name, layer in called.items() if id(layer) not in inside}


def _is_typed(layer: torch.nn.Module) -> bool:
    return isinstance(getattr(layer, "in_type", None), FieldType)


class _Recorder:
    """Follows field types through a forward pass by the identity of tensors."""

    def __init__(self, x: Tensor, into: FieldType) -> None:
        self.seen: dict[str, torch.nn.Module] = {}
        self.sites: dict[str, int] = {}
        self._calls: dict[str, Call] = {}
        self._inputs: dict[str, tuple[Tensor, Tensor, FieldType]] = {}
        self._kinds: dict[int, FieldType] = {}
        self._made_by: dict[int, Call] = {}
        self._keep: list[Tensor] = []  # so that no identity is used twice
        self._into, self._first = into, tuple(x.shape)

    def before(self, name: str) -> Any:
        def hook(layer: torch.nn.Module, args: tuple[Any, ...], options: dict[str, Any]) -> None:
            if name in self._calls or not args or not isinstance(plain(args[0]), Tensor):
                return
            if len(args) > 1 or options:  # such as the size of a skip: only the network knows how it moves along
                return
            x = plain(args[0])
            self.seen[name], self.sites[name] = layer, math.prod(x.shape[2:])
            own = getattr(layer, "in_type", None)
            kind = own if isinstance(own, FieldType) else self._kinds.get(id(x))
            if kind is None and not self._calls and tuple(x.shape) == self._first:
                kind = self._into
            if isinstance(args[0], GeometricTensor):
                kind = args[0].type
            maker = self._made_by.get(id(x))
            if maker is not None and kind is not None and not _is_typed(maker.layer):
                maker.kind_out = kind
            if kind is not None:
                self._inputs[name] = (x, x.clone(), kind)

        return hook

    def after(self, name: str) -> Any:
        def hook(layer: torch.nn.Module, args: Any, output: Any) -> None:
            y = plain(output)
            if name in self._calls or name not in self._inputs or not isinstance(y, Tensor):
                return
            _, x, kind = self._inputs[name]
            kind_out = getattr(layer, "out_type", None) if _is_typed(layer) else kind
            call = Call(name, layer, kind, kind_out, x, y.clone(), isinstance(args[0], GeometricTensor))
            self._calls[name] = call
            self._keep.append(y)
            maker = self._made_by.get(id(y))
            if maker is None or all(maker.layer is not inner for inner in layer.modules()):
                self._made_by[id(y)] = call  # a container gives what its last layer made
            if kind_out is not None and y.ndim >= 2 and y.shape[1] == kind_out.size:
                self._kinds[id(y)] = kind_out

        return hook

    def finish(self, y: Tensor, out: FieldType | None) -> None:
        """Tell the stock layer that made an output of the network how this output transforms."""
        last = self._made_by.get(id(y))
        if last is not None and not _is_typed(last.layer):
            last.kind_out = out

    def known(self) -> list[Call]:
        """The calls whose types are known."""
        return [call for call in self._calls.values() if _fits(call)]


def _fits(call: Call) -> bool:
    """Whether the type of a stock layer's output is known: it holds as many channels."""
    if _is_typed(call.layer) or call.kind_out is None:
        return True
    return call.output.ndim >= 2 and call.output.shape[1] == call.kind_out.size
