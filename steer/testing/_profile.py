"""Where the time of a training step goes, by layer and by kind of work."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile, record_function

from steer import nn
from steer.field import FieldType, GeometricTensor
from steer.group import require
from steer.testing._calls import innermost, leaves, plain

_KINDS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("convolution", (nn.SteerableModule, torch.nn.modules.conv._ConvNd, torch.nn.Linear, nn.SteerableAttention)),
    (
        "norm",
        (
            *(nn.NormBatchNorm, nn.FieldInstanceNorm, nn.FieldGroupNorm, nn.FieldLayerNorm, nn.FieldRMSNorm),
            *(torch.nn.modules.batchnorm._NormBase, torch.nn.GroupNorm, torch.nn.LayerNorm),
        ),
    ),
    (
        "nonlinearity",
        (
            *(nn.Pointwise, nn.NormNonLinearity, nn.GatedNonLinearity, nn.FourierPointwise, nn.ConcatenatedReLU),
            *(nn.TensorProductNonLinearity, nn.VectorFieldNonLinearity),
            *(getattr(torch.nn.modules.activation, name) for name in torch.nn.modules.activation.__all__),
        ),
    ),
)
_BACKWARD = "autograd::engine::evaluate_function: "
_OUTSIDE = "(between layers)"
_Work = tuple[str, str]
"""Name of a layer, and kind of work."""


@dataclass(frozen=True)
class Share:
    """What one kind of work of one layer takes of a step.

    Attributes:
        layer: qualified name, or `(between layers)`, where gradients are also added up.
        kind: `expansion` of weights to a dense kernel, `convolution`, `norm`, `nonlinearity`, or `other`.
        forward, backward: milliseconds per step.
    """

    layer: str
    kind: str
    forward: float
    backward: float

    @property
    def time(self) -> float:
        """Milliseconds per step, both ways."""
        return self.forward + self.backward


@dataclass(frozen=True)
class StepProfile:
    """Where a step's time goes; prints as a table, layers in the order of the forward pass."""

    shares: tuple[Share, ...]

    @property
    def total(self) -> float:
        """Milliseconds per step."""
        return sum(share.time for share in self.shares)

    def by_kind(self) -> dict[str, float]:
        """Milliseconds per step of each kind of work, the longest first."""
        sums: dict[str, float] = defaultdict(float)
        for share in self.shares:
            sums[share.kind] += share.time
        return dict(sorted(sums.items(), key=lambda item: -item[1]))

    def __str__(self) -> str:
        rows = [("layer", "kind", "forward", "backward", "of the step")]
        for s in self.shares:
            rows.append((s.layer, s.kind, f"{s.forward:.2f} ms", f"{s.backward:.2f} ms", f"{s.time / self.total:.1%}"))
        for kind, time in self.by_kind().items():
            rows.append(("(all layers)", kind, "", f"{time:.2f} ms", f"{time / self.total:.1%}"))
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        lines = [
            "  ".join(cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True)))
            for row in rows
        ]
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def profile_step(module: torch.nn.Module, x: Tensor | GeometricTensor, steps: int = 5) -> StepProfile:
    """Time of a training step on the CPU, by layer and by kind of work: expansion, convolution, norm, nonlinearity.

    A copy of the module is run forwards and backwards under torch's profiler, whose bookkeeping adds microseconds to every
    operation: shares are what to read. Weights count as new in every step, as they are in training. Operations of the
    backward pass belong to the layer whose forward operation they differentiate.

    Args:
        module: any network, compiled ones excepted.
        x: an input, of the dtype of the weights.
        steps: that the times are a mean of, after one that is not counted.
    Raises:
        ValueError: if the module has nothing to train, or `steps` is below 1.

    >>> from steer import gspaces, nn
    >>> from steer.testing import profile_step
    >>> grey = gspaces.rot2dOnR2(4).type("trivial")
    >>> found = profile_step(nn.R2Conv(grey, grey, 3), torch.randn(1, 1, 9, 9), steps=1)
    >>> sorted(found.by_kind())
    ['convolution', 'expansion', 'other']
    """
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise ValueError(f"profile_step: steps, a whole number >= 1, is required; received {steps!r}")
    require(module, torch.nn.Module, "profile_step", "a module, a torch module,")
    network = copy.deepcopy(module).train()
    trained = [p for p in network.parameters() if p.requires_grad]
    if not trained:
        raise ValueError("profile_step: a module with weights that are trained is required; received one without")
    works: dict[str, _Work] = {}
    with ExitStack() as stack:
        named = dict(network.named_modules())
        inner = innermost(named)
        for name, layer in named.items():
            # A typed layer around others, such as attention, has work of its own; a chain has none.
            if name in inner or (hasattr(layer, "in_type") and not isinstance(layer, torch.nn.Sequential)):
                _mark(layer, name or type(layer).__name__, works, stack)
        _step(network, x, trained)
        with profile(activities=[ProfilerActivity.CPU]) as watched:
            for _ in range(steps):
                _step(network, x, trained)
    times: dict[_Work, list[float]] = {work: [0.0, 0.0] for work in works.values()}
    events = list(watched.events() or [])
    made_by: dict[int, _Work] = {}
    # Operations without a derivative carry the number of the next one that has one, so the last of a number made the node.
    for event in sorted(events, key=lambda event: event.time_range.start):
        work = next((works[a.name] for a in _upwards(event) if a.name in works), None)
        if work is not None and event.sequence_nr >= 0:
            made_by[event.sequence_nr] = work
    for event in events:
        ancestors = list(_upwards(event))
        node = next((a for a in ancestors if a.name.startswith(_BACKWARD)), None)
        work = made_by.get(node.sequence_nr) if node else next((works[a.name] for a in ancestors if a.name in works), None)
        times.setdefault(work or (_OUTSIDE, "other"), [0.0, 0.0])[node is not None] += event.self_cpu_time_total / 1e3
    return StepProfile(tuple(Share(*work, a / steps, b / steps) for work, (a, b) in times.items() if a + b))


def _step(network: torch.nn.Module, x: Tensor | GeometricTensor, trained: list[torch.nn.Parameter]) -> None:
    with torch.no_grad():
        for parameter in trained:
            parameter.grad = None
            parameter.mul_(1 + 1e-6)  # kept kernels are made anew, as after a step of an optimizer
    torch.stack([plain(y).square().mean() for y in leaves(network(x))]).sum().backward()


def _kind(layer: torch.nn.Module) -> str:
    return next((kind for kind, classes in _KINDS if isinstance(layer, classes)), "other")


def _mark(layer: torch.nn.Module, name: str, works: dict[str, _Work], stack: ExitStack) -> None:
    """Put the forward pass of a layer, and its expansion, into ranges of the profiler that `works` knows by name."""
    if not isinstance(getattr(layer, "in_type", None), FieldType) and any(layer.children()):
        return  # a container of stock layers
    label = f"layer {name}"
    works[label] = (name, _kind(layer))
    open_ranges: list[record_function] = []

    def before(*_: Any) -> None:
        open_ranges.append(record_function(label).__enter__())

    def after(*_: Any) -> None:
        open_ranges.pop().__exit__(None, None, None)

    stack.callback(layer.register_forward_pre_hook(before).remove)
    stack.callback(layer.register_forward_hook(after, always_call=True).remove)
    if isinstance(layer, nn.SteerableModule):
        works[f"{label} expansion"] = (name, "expansion")
        stack.enter_context(_expansion_marked(layer, f"{label} expansion"))


@contextmanager
def _expansion_marked(layer: nn.SteerableModule, label: str) -> Iterator[None]:
    expand = layer.shared_dense

    def marked() -> Any:
        with record_function(label):
            return expand()

    layer.shared_dense = marked  # type: ignore[method-assign]
    try:
        yield
    finally:
        del layer.shared_dense


def _upwards(event: Any) -> Iterator[Any]:
    """An event of the profiler, and those that it happened in, from the inside."""
    while event is not None:
        yield event
        event = event.cpu_parent
