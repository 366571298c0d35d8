"""Nonlinearities that act on the norm of a field and keep its direction."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from steer.field import FieldType
from steer.nn._field_products import squared_norm
from steer.nn._fields import FieldGroups
from steer.nn._module import EquivariantModule

_FUNCTIONS = ("relu", "sigmoid", "squash")
_TINY = 1e-24  # added to squared norms, so that the gradient where a field vanishes is zero


class NormNonLinearity(EquivariantModule):
    """Changes the length of every field and keeps its direction, `f -> eta(|f|) f / |f|`.

    Law: `|rho(g) f| = |f|`, so it commutes with every orthogonal representation. Exact for the whole group, on every
    field; approximate for none. The norm of a trivial field is its absolute value.

    With a threshold `b > 0` per field, `b = elu(bias) + 1`, which starts at one half:

    | function | eta(n) |
    | --- | --- |
    | `"relu"` (or `"n_relu"`) | `relu(n - b)` |
    | `"sigmoid"` (or `"n_sigmoid"`) | `n sigmoid(n - b)` |
    | `"squash"` | `n^2 / (1 + n^2)`, without threshold |

    All are continuous with a bounded slope where `f = 0`, and the gradient there is finite.

    Args:
        in_type: any fields, over any number of dimensions: `[batch, channel, *space]`.
        function: one of the table.
        bias: whether the threshold is learned, one number per field; otherwise it is zero (and
            `"relu"` changes nothing).
    Raises:
        ValueError: if the function is unknown.
    Source: Worrall et al. 2017; Weiler and Cesa 2019, section 2.6.

    >>> import torch
    >>> from steer import gspaces, nn
    >>> layer = nn.NormNonLinearity(gspaces.rot2dOnR2(-1).type("2x0 + 3x1"))
    >>> layer(torch.zeros(1, 8, 5, 5)).shape, layer.bias.shape
    (torch.Size([1, 8, 5, 5]), torch.Size([5]))
    """

    bias: torch.nn.Parameter | None

    def __init__(
        self,
        in_type: FieldType,
        function: str = "relu",
        bias: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_type)
        name = function.removeprefix("n_") if isinstance(function, str) else function
        if not isinstance(name, str) or name not in _FUNCTIONS:
            raise ValueError(
                f"NormNonLinearity: function, one of {', '.join(_FUNCTIONS)}, is required; received {function!r}"
            )
        self.function = name
        self.groups, thresholds = self._groups()
        if bias and name != "squash":
            self.bias = torch.nn.Parameter(torch.empty(thresholds, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()
        if device is not None:
            self.to(device)

    def reset_parameters(self) -> None:
        """The initial value of the thresholds, one half."""
        if self.bias is not None:
            torch.nn.init.constant_(self.bias, math.log(0.5))

    def _groups(self) -> tuple[FieldGroups, int]:
        """What has a norm of its own, and the number of thresholds."""
        return FieldGroups(self.in_type), len(self.in_type)

    def _biases(self) -> Tensor | None:
        """One number per field of `groups`."""
        return self.bias

    def compute(self, x: Tensor) -> Tensor:
        pieces, biases = self.groups.split(x), self._biases()
        thresholds = [None] * len(pieces) if biases is None else self.groups.split_fields(F.elu(biases) + 1)
        found = [_stretched(f, b, self.function) for f, b in zip(pieces, thresholds, strict=True)]
        return self.groups.join_scaled([f for f, _ in found], [factor for _, factor in found])

    def extra_repr(self) -> str:
        return f"{self.in_type}, function={self.function!r}" + ("" if self.bias is not None else ", bias=False")


def _stretched(fields: Tensor, threshold: Tensor | None, function: str) -> tuple[Tensor, Tensor | None]:
    """Fields and the numbers to scale them by, `eta(|f|) / |f|`; or the result, and None."""
    if function == "relu" and threshold is None:
        return fields, None
    b = 0.0 if threshold is None else threshold.reshape(-1, *(1,) * (fields.ndim - 3))
    if fields.shape[2] == 1 and function == "relu":  # |f| - b with the sign of f, without a root
        length = (fields.abs() - b.to(fields.dtype).unsqueeze(1)).relu_()  # type: ignore[union-attr]
        # ONNX does not know copysign; compilers fuse either.
        return length * fields.sign() if torch.compiler.is_compiling() else torch.copysign(length, fields), None
    square = squared_norm(fields, _TINY)
    if function == "relu":
        factor = (square.rsqrt_() * -b).add_(1).relu_()
    elif function == "sigmoid":
        factor = (square.sqrt_() - b).sigmoid_()
    else:
        factor = square.sqrt() / (1 + square)
    return fields, factor
