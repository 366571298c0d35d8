"""Equivariant linear maps of fibres."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from steer.expansion import POINT
from steer.field import FieldType
from steer.nn._irrep_products import irrep_products
from steer.nn._module import require_fields
from steer.nn._plain import hand_over
from steer.nn._sets import over_channels
from steer.nn._steerable import SteerableModule


class Linear(SteerableModule):
    """The general equivariant linear map `W x + b` with an invariant bias.

    Law: `rho_out(g) W = W rho_in(g)` and `rho_out(g) b = b`. Exact for the whole group, on every field; approximate for
    none. Acts on `[batch, channel]`: on fields without base space, or on features whose space was pooled away. Fields
    without base space may also be sets, `[batch, channel, *position]`; every position is mapped alike.

    Args:
        in_type, out_type: field types over one gspace.
        bias: whether to add a bias on the invariants of the output.
        device, dtype: as in `torch.nn.Linear`.
    Raises:
        ValueError: if the types belong to different gspaces.
    Source: Schur's lemma; docs/theory/couplings.
    """

    def __init__(
        self,
        in_type: FieldType,
        out_type: FieldType,
        bias: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        require_fields(in_type, "Linear")
        fields = in_type.representations, require_fields(out_type, "Linear", "out_type").representations
        super().__init__(in_type, out_type, *fields, POINT, bias, device, dtype)
        self.products = irrep_products(self.plan, self.weight)

    def _check(self, x: Tensor) -> None:
        if x.ndim < 2 or (x.ndim > 2 and self.in_type.gspace.lattice is not None) or x.shape[1] != self.in_type.size:
            raise ValueError(
                f"Linear: a tensor [batch, {self.in_type.size}] is required for {self.in_type}; received {tuple(x.shape)}; "
                "over a grid use a convolution with kernel_size=1, or pool space away first"
            )

    def _as_stock(self, kernel: Tensor) -> Tensor:
        return kernel[:, :, 0]

    def compute(self, x: Tensor) -> Tensor:
        if self.products is not None and self.products.pays(x, self.weight):
            return self.products(x, self.weight, self.expand_bias())
        if x.ndim == 2:
            return F.linear(x, *self.shared_dense())
        return F.linear(x.movedim(1, -1), *self.shared_dense()).movedim(-1, 1)

    def export(self) -> torch.nn.Module:
        """The stock layer; for fields without base space a graph that moves channels to the last axis and back."""
        kernel, bias = self.shared_dense()
        stock = torch.nn.Linear(self.in_type.size, self.out_type.size, bias=bias is not None, device="meta")
        hand_over(stock, self, weight=kernel, bias=bias)
        return over_channels(stock) if self.in_type.gspace.lattice is None else stock

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}" + (", bias=False" if self.bias is None else "")
