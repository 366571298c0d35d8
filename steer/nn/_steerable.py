"""The weights of a linear equivariant map: one parameter, and the plan that makes it a dense kernel."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from steer.expansion import Plan, Sampling, dense_kernel, has_tangent, is_plain, plan, unwatched
from steer.field import FieldType
from steer.nn._constants import Constants
from steer.nn._fingerprint import Fingerprinted, fingerprint
from steer.nn._invariants import invariant_vectors
from steer.nn._module import EquivariantModule
from steer.nn._numbers import is_number
from steer.nn._precision import full_precision
from steer.nn._snapshot import Snapshot
from steer.nn._warn import warn_user
from steer.representation import Representation

Dense = tuple[Tensor, Tensor | None]


class UnreachableIrrepsWarning(UserWarning):
    """Some output fields receive no kernel at all, or some input fields are never read."""


class SteerableModule(Fingerprinted, EquivariantModule):
    """A layer with a steerable kernel and a bias on the invariants of its output.

    Law: kernel and bias solve their constraints, whatever the weights. Exact for the elements that
    the docstring of a layer names; approximate for others of its group, up to sampling.

    `weight` is one vector of coefficients, `bias` one number per invariant of the output. Bases are buffers that no
    checkpoint holds: they follow from the types, and are made again in full precision whenever the dtype changes.

    Args:
        fields_in: the input fields that the kernel sees.
        fields_out: the output fields in the order in which it writes them.
        sampling: where it is sampled.
        phases: number of classes of output sites among which the taps of the kernel are shared out, above 1 for a
            transposed convolution with a stride.
    """

    weight: torch.nn.Parameter
    bias: torch.nn.Parameter | None

    def __init__(
        self,
        in_type: FieldType,
        out_type: FieldType,
        fields_in: tuple[Representation, ...],
        fields_out: tuple[Representation, ...],
        sampling: Sampling,
        bias: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
        phases: int = 1,
    ) -> None:
        super().__init__(in_type, out_type)  # checks the types
        if in_type.gspace != out_type.gspace:
            raise ValueError(
                f"{type(self).__name__}: types over one gspace are required; received {in_type.gspace} and {out_type.gspace}"
            )
        self.plan: Plan = plan(fields_in, fields_out, sampling)
        self._warn_of_zeros()
        self.weight = torch.nn.Parameter(torch.empty(self.plan.size, device=device, dtype=dtype))
        invariants = invariant_vectors(fields_out)
        if bias and invariants.shape[1]:
            self.bias = torch.nn.Parameter(torch.zeros(invariants.shape[1], device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.constants = Bases(self.plan, invariants).to(self.weight)
        self._kept: Kept | None = None
        self._phases = phases
        self.reset_parameters()

    def _warn_of_zeros(self) -> None:
        for atoms, what, effect in (
            (self.plan.unreachable, "reaches output", f"from {self.in_type}; they stay zero"),
            (self.plan.unread, "reads input", f"for {self.out_type}; they have no effect"),
        ):
            if atoms:
                names = ", ".join(f"{count}x{atom}" if count > 1 else str(atom) for atom, count in atoms)
                way_out = "add fields that couple to them" + (
                    "" if self.plan.recipe[2].lattice is None else ", or raise band_limit or kernel_size"
                )
                warn_user(
                    f"{type(self).__name__}: no kernel {what} fields {names} {effect}; {way_out}",
                    UnreachableIrrepsWarning,
                )

    def reset_parameters(self, gain: float = 1.0) -> None:
        """Draw the weights anew: independent normal, such that the map keeps the variance of its input, times `gain^2`.

        Closed form, from the norms of the basis elements (`Plan.deviation`). Where a stride shares the taps out among the
        sites of the output, the variance is kept on average over them, with elements of equal variance. Use `gain=2**0.5`
        before rectifiers. The bias becomes zero.

        Raises:
            ValueError: if the gain is no number >= 0.
        """
        if not is_number(gain) or gain < 0:
            raise ValueError(f"{type(self).__name__}.reset_parameters: gain, a number >= 0, is required; received {gain!r}")
        with torch.no_grad():
            if self.weight.device.type != "meta":
                deviation = self.plan.deviation if self._phases == 1 else self.plan.even_deviation * self._phases**0.5
                self.weight.normal_().mul_(deviation.to(self.weight) * gain)
            if self.bias is not None:
                self.bias.zero_()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}

    @property
    def fingerprint(self) -> str:
        """Digest of the bases whose coefficients `weight` holds: gauge version, fields in order, group, grid, rings."""
        return fingerprint(self.plan)

    @property
    def probe(self) -> list[float]:
        """Two numbers that follow from the bases themselves, see `Plan.probe`."""
        return self.plan.probe

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Any:
        self._kept = None
        return super()._apply(fn, recurse)

    def expand_kernel(self) -> Tensor:
        """The dense kernel `[channels_out, channels_in, taps]` of the present weights, differentiable."""
        weight = self.weight
        return dense_kernel(self.plan, weight, self.constants.bases(weight))

    def expand_bias(self) -> Tensor | None:
        """The dense bias `[channels_out]`, or None."""
        return self.constants.bias(self.bias)

    @torch.no_grad()
    def from_dense(self, kernel: Tensor, bias: Tensor | None = None) -> float:
        """Take the weights whose dense kernel and bias come closest to given ones: of a peer's layer, or of a plain one.

        Args:
            kernel: `[out_type.size, in_type.size, *kernel_size]`, as in the stock layer that `export()` gives.
            bias: `[out_type.size]`; None for zero.
        Returns:
            The residual, `|given - taken| / |given|` over kernel and bias: zero if they were steerable already.
        Raises:
            TypeError: if one is no tensor.
            ValueError: if a shape does not fit, a number is not finite, or a bias is given to a layer without one.

        >>> from steer import gspaces, nn
        >>> kind = gspaces.rot2dOnR2(4).type("regular")
        >>> conv, other = nn.R2Conv(kind, kind, 3), nn.R2Conv(kind, kind, 3)
        >>> conv.from_dense(*other.dense()) < 1e-6
        True
        """
        for what, given in (("kernel", kernel), ("bias", bias)):
            if not isinstance(given, Tensor) and not (what == "bias" and given is None):
                raise TypeError(
                    f"{type(self).__name__}.from_dense: {what}, a torch tensor, is required; received {type(given).__name__}"
                )
        own_kernel, own_bias = (None if t is None else t.detach() for t in self.shared_dense())
        assert own_kernel is not None
        name = f"{type(self).__name__}.from_dense"
        if kernel.shape != own_kernel.shape:
            raise ValueError(f"{name}: a kernel {list(own_kernel.shape)} is required; received {list(kernel.shape)}")
        if bias is not None and (own_bias is None or bias.shape != own_bias.shape):
            needed = "no bias" if own_bias is None else f"a bias {list(own_bias.shape)}"
            raise ValueError(f"{name}: {needed} is required; received {list(bias.shape)}")
        for what, given in (("kernel", kernel), ("bias", bias)):
            if given is not None and not given.isfinite().all():
                raise ValueError(f"{name}: a {what} of finite numbers is required; received NaN or infinity")
        self.weight.copy_(self.plan.project(self._out_by_in(kernel).flatten(2)))
        if self.bias is not None:
            given = torch.zeros(self.out_type.size) if bias is None else bias.detach()
            basis = self.constants.sources["invariant"]
            self.bias.copy_((given.to(basis) @ basis) / basis.square().sum(0))
        taken = self.shared_dense()
        square = whole = 0.0
        for given_part, taken_part in zip((kernel, bias), taken, strict=True):
            if given_part is not None and taken_part is not None:
                square += float((given_part.to(taken_part) - taken_part).double().square().sum())
                whole += float(given_part.double().square().sum())
        return (square / whole) ** 0.5 if whole else 0.0

    @abstractmethod
    def _as_stock(self, kernel: Tensor) -> Tensor:
        """A dense kernel `[channels_out, channels_in, taps]` in the layout of the stock layer."""

    def _out_by_in(self, kernel: Tensor) -> Tensor:
        """A dense kernel in the layout of the stock layer as `[channels_out, channels_in, ...]`."""
        return kernel if kernel.ndim > 2 else kernel.unsqueeze(2)

    def dense(self) -> Dense:
        """Dense kernel and bias as the stock layer has them, in the precision of the weights whatever autocast says.

        They are the caller's own, and differentiable.
        """
        kernel, bias = self.shared_dense()
        return kernel.clone(), None if bias is None else bias.clone()

    def shared_dense(self) -> Dense:
        """What `dense` gives, but the layer's own: to compute with, and not to be written to.

        On the CPU the kernel is computed once and kept until a weight has another value, in training too: the parts of a
        batch that is taken in several passes, and the second pass of checkpointing, expand nothing again. On accelerators it
        is computed every time: to compare weights, the host would have to wait for the device, which also forbids the
        capture of graphs. `export()` gives a network that computes nothing twice.
        """
        weight, bias = self.weight, self.bias  # once: a parametrisation computes them whenever they are read
        if torch.compiler.is_compiling():
            return self._expand(weight, bias)
        trained = torch.is_grad_enabled() and (weight.requires_grad or (bias is not None and bias.requires_grad))
        kept = self._kept  # in a local name, as other threads may drop it
        if kept is not None and kept.serves(weight, bias):
            return self._expand(weight, bias, self._out_by_in(kept.dense[0]).flatten(2)) if trained else kept.dense
        if not (_may_keep(weight) and (bias is None or _may_keep(bias))):
            return self._expand(weight, bias)
        kept = self._kept = None  # before its successor is there: a layer never has two
        new = Kept(weight, bias)  # first, so that what another process writes to shared weights meanwhile is seen
        if trained:
            dense = self._expand(weight, bias)
        else:
            with torch.inference_mode(False), torch.no_grad():  # what is kept may serve a differentiated input later
                dense = self._expand(weight, bias)
        new.keep(dense)
        self._kept = new
        return dense

    def _expand(self, weight: Tensor, bias: Tensor | None, kept: Tensor | None = None) -> Dense:
        with full_precision(weight):
            kernel = dense_kernel(self.plan, weight, self.constants.bases(weight), kept)
            return self._as_stock(kernel), self.constants.bias(bias)


def _may_keep(parameter: Tensor) -> bool:
    """Whether what is made of a parameter depends on its value alone, and the value can be asked for."""
    if parameter.device.type != "cpu" or not is_plain(parameter) or has_tangent(parameter):
        return False
    return isinstance(parameter, torch.nn.Parameter) and not parameter.is_inference()


class Kept:
    """A dense kernel and bias, and the parameters and values that they were made from."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight, self._bias = weight, bias
        self._numbers = Snapshot(weight), None if bias is None else Snapshot(bias)
        self._watched = [t for t in (weight, bias) if t is not None]
        self._versions = [t._version for t in self._watched]

    def keep(self, dense: Dense) -> None:
        """What was made of them."""
        kernel, bias = dense
        self.dense = kernel.detach(), None if bias is None else bias.detach()

    def serves(self, weight: Tensor, bias: Tensor | None) -> bool:
        """Whether these are still the parameters, with the numbers of then, and nothing listens to what is done with them.

        A new version is taken for new numbers, or for a tangent; edits of `weight.data` make none, so the numbers count.
        Evaluation asks this in every layer, so what cannot change for the same parameters was asked once, when the kernel
        was made.
        """
        of_weight, of_bias = self._numbers
        return (
            weight is self._weight
            and bias is self._bias
            and unwatched()
            and self._versions == [t._version for t in self._watched]
            and of_weight.is_of(weight)
            and (bias is None or of_bias is None or of_bias.is_of(bias))
        )


class Bases(Constants):
    """The constants of a plan, and the invariant vectors of the output; a copy or a pickle holds the recipe alone."""

    def __init__(self, plan: Plan, invariants: Tensor) -> None:
        torch.nn.Module.__init__(self)
        self.plan, self.invariants = plan, invariants
        self._load(torch.get_default_dtype(), torch.get_default_device())

    @property
    def sources(self) -> dict[str, Tensor]:
        return {**{str(i): constant for i, constant in enumerate(self.plan.constants)}, "invariant": self.invariants}

    def bases(self, weight: Tensor) -> tuple[Tensor, ...]:
        """The constants of the plan, in the dtype and on the device of a weight."""
        return tuple(self.like(str(i), weight) for i in range(len(self.plan.constants)))

    def bias(self, bias: Tensor | None) -> Tensor | None:
        """The dense bias of one number per invariant.

        Raises:
            ValueError: if a bias that was assigned has another number of them.
        """
        if bias is None:
            return None
        number = self.invariants.shape[1]
        if tuple(bias.shape) != (number,):
            way_out = "; channels are not its unit, from_dense takes a dense bias" if number else "; set bias to None"
            raise ValueError(
                f"bias: one number per invariant of the output, [{number}], is required; received {list(bias.shape)}"
                + way_out
            )
        return self.like("invariant", bias) @ bias
