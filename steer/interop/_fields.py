"""Which field of the peer is which field here, and the change of basis between them."""

from __future__ import annotations

import torch
from torch import Tensor

from steer.field import FieldType
from steer.interop._change import change_of_basis, change_of_functions, distance_of_samples, is_permutation
from steer.interop._file import Field, Space
from steer.representation import Representation

_ELEMENT = 1e-4


class Changes:
    """Changes of basis of fields, each found once and used wherever the field occurs."""

    def __init__(self) -> None:
        self._found: dict[tuple[Field, Representation], Tensor] = {}
        self._spaces: set[tuple[Space, FieldType]] = set()

    def check_space(self, space: Space, kind: FieldType, where: str) -> None:
        """Raise `ValueError` unless a group of the peer is the group of a type."""
        group = kind.fibergroup
        dimension = kind.gspace.dimensionality
        if space.dimension != dimension:
            raise ValueError(
                f"load_dense: {where}: fields over {space.dimension} dimension(s) are required, as in the file; the network "
                f"has {dimension}"
            )
        fits = space.elements.shape[-1] == group.d and space.order == group.order
        if not fits or not bool(group.contains(space.elements, _ELEMENT).all()):
            if space.order == group.order and space.elements.shape[-1] == group.d:
                way_out = (
                    "its elements lie elsewhere: build on gspaces.on(s.group()) for this one of read_dense(path).spaces"
                )
            else:
                way_out = "build the network over the same group"
            raise ValueError(
                f"load_dense: {where}: the group of the file, {space.name} with {space.order} elements, is required; the "
                f"network has {group} with {group.order}; {way_out}"
            )

    def pin(self, theirs: Field, ours: Representation, samples: list[tuple[Tensor, Tensor]], where: str) -> list[float]:
        """Fix the change of basis of a field that holds functions, by the samples of its layers.

        Args:
            theirs, ours: the field.
            samples: of every layer, the peer's and ours.
            where: for messages.
        Returns:
            How far the samples of every layer lie from ours.
        """
        if theirs.size == ours.dim:
            values = ours.matrices(theirs.space.elements.clone())
            try:
                found = [change_of_functions(theirs.values, values, *pair) for pair in samples]
            except ValueError:
                pass
            else:
                change, _ = min(found, key=lambda item: item[1])
                self._found[theirs, ours] = change
                return [distance_of_samples(change, *pair) for pair in samples]
        raise ValueError(
            f"load_dense: {where}: functions like {theirs.name} of the file, {theirs.size} coefficients, are required, with "
            f"their irreps, their scale, and on cosets their samples; the network has {ours}, {ours.dim} channels"
        )

    def of_field(self, theirs: Field, ours: Representation, where: str) -> Tensor:
        """The matrix from the peer's basis of a field to ours, `[dim, dim]`."""
        if (theirs, ours) not in self._found:
            change = None
            if theirs.size == ours.dim:
                elements = theirs.space.elements
                # The peers' matrices carry rounding; the nearest element has none.
                change = change_of_basis(theirs.values, ours.matrices(elements.clone()))
            if change is None:
                raise ValueError(
                    f"load_dense: {where}: a field like {theirs.name} of the file, {theirs.size} channels, is required; the "
                    f"network has {ours}, {ours.dim} channels; list the fields in the order of the file, see "
                    "print(read_dense(path))"
                )
            self._found[theirs, ours] = change
        return self._found[theirs, ours]

    def of_fields(self, theirs: tuple[Field, ...], kind: FieldType, where: str, order: list[int] | None = None) -> Tensor:
        """The matrix from the peer's channels to ours, `[channels, channels]`.

        Args:
            theirs: fields of the peer.
            kind: fields here.
            where: for messages.
            order: for every field here, the number of the peer's; the same order by default.
        """
        if len(theirs) != len(kind):
            raise ValueError(
                f"load_dense: {where}: {len(theirs)} fields are required, as in the file; the network has {len(kind)}, "
                f"{kind}"
            )
        for space in {source.space for source in theirs}:
            self.check_space(space, kind, where)
        starts = [0]
        for source in theirs:
            starts.append(starts[-1] + source.size)
        change = torch.zeros(kind.size, starts[-1], dtype=torch.float64)
        for i, (field, span) in enumerate(kind.channels()):
            j = i if order is None else order[i]
            change[span, starts[j] : starts[j + 1]] = self.of_field(theirs[j], field, f"{where}, field {i}")
        return change

    def known(self, theirs: Field) -> list[Tensor]:
        """All changes found for a field of the peer."""
        return [change for (field, _), change in self._found.items() if field is theirs]


def is_unit(change: Tensor) -> bool:
    """Whether a change of basis changes nothing."""
    return bool(torch.equal(change, torch.eye(len(change), dtype=change.dtype)))


def permutes(change: Tensor) -> bool:
    """Whether a change of basis only permutes channels."""
    return is_permutation(change[None])
