"""The form of an entry: which tensors it has, of which type and shape. Their numbers are checked by nothing here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from steer.store._pack import Entry


class EntryError(ValueError):
    """An entry whose bytes are those that were written, and that is not what its name says: what is required, what came."""


@dataclass(frozen=True)
class Form:
    """What a tensor has to be. Its numbers are finite.

    Args:
        shape: sizes of its axes; where a size is not known before, a word, which stands for one size in the whole entry.
        dtype: its type.
    """

    shape: tuple[int | str, ...]
    dtype: torch.dtype = torch.float64

    def __str__(self) -> str:
        return f"{self.dtype} [{', '.join(map(str, self.shape))}]"


def tensors(entry: Entry, forms: Mapping[str, Form]) -> dict[str, Tensor]:
    """The tensors of an entry, if they are these and have these forms.

    Raises:
        EntryError: if one is missing, is one too many, has another type or shape, or has a number that is not finite.
    """
    if set(entry.tensors) != set(forms):
        raise EntryError(f"tensors named {sorted(forms)} are required; received {sorted(entry.tensors)}")
    sizes: dict[str, int] = {}
    for name, form in forms.items():
        value = entry.tensors[name]
        fits = value.dtype == form.dtype and value.ndim == len(form.shape)
        for wanted, size in zip(form.shape, value.shape, strict=False):
            fits &= size == (sizes.setdefault(wanted, size) if isinstance(wanted, str) else wanted)
        if not fits:
            known = f" with {sizes}" if sizes else ""
            received = Form(tuple(value.shape), value.dtype)
            raise EntryError(f"{name}: {form} is required{known}; received {received}")
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise EntryError(f"{name}: finite numbers are required; received NaN, or infinite ones")
    return entry.tensors
