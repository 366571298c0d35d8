"""Fields that hold functions on the group: their basis is fixed by where they are sampled."""

from __future__ import annotations

from steer.interop._fields import Changes
from steer.interop._file import Field
from steer.interop._pairs import Pair
from steer.interop._take import compare_function
from steer.nn import FourierPointwise
from steer.representation import Representation


def pin_functions(pairs: list[Pair], changes: Changes) -> None:
    """Let functions on the group be sampled where the peer samples them, and note how far that fails."""
    found: dict[tuple[Field, Representation], list[tuple[Pair, FourierPointwise]]] = {}
    for pair in pairs:
        layer, source, where = pair.layer, pair.source, pair.where
        if isinstance(layer, FourierPointwise):
            compare_function(layer.activation, source.settings, where)
            kinds = set(layer.in_type.representations)
            if len(kinds) != 1 or len(set(source.fields_in)) != 1 or len(layer.in_type) != len(source.fields_in):
                raise ValueError(
                    f"load_dense: {where}: {len(source.fields_in)} equal fields, each of them a function, are required; "
                    f"received {layer.in_type}; use copies of gspace.fourier_repr(max_degree)"
                )
            changes.check_space(source.fields_in[0].space, layer.in_type, where)
            found.setdefault((source.fields_in[0], kinds.pop()), []).append((pair, layer))
    for (theirs, ours), users in found.items():
        samples = [
            (pair.source.arrays["analysis"].double(), layer.matrices.sources["analysis_0"].double().cpu())
            for pair, layer in users
        ]
        for (pair, _), residual in zip(users, changes.pin(theirs, ours, samples, users[0][0].where), strict=True):
            pair.residual = residual
