"""Arguments that other libraries have and this one sets otherwise: refused, with a word on where to go."""

from __future__ import annotations

from typing import Any

_HERE = {
    "sigma": "widths, one standard deviation per ring in physical units, beside rings, their radii,",
    "frequencies_cutoff": "band_limit, one degree, one per ring, or a function of the radius in samples,",
    "maximum_offset": "a smaller band_limit",
    "basis_filter": "a smaller band_limit, or other rings,",
    "initialize": "no argument (weights are drawn in closed form; reset_parameters() draws them anew)",
    "recompute": "no argument (bases are kept for all layers of one shape)",
}


def refuse_foreign(layer: str, given: dict[str, Any]) -> None:
    """Raise `TypeError` if there is an argument.

    Args:
        layer: its name, for the message.
        given: keyword arguments that the layer does not have.
    """
    for name, value in given.items():
        if name in _HERE:
            raise TypeError(
                f"{layer}: {_HERE[name]} is required in place of {name} of other libraries; received {name}={value!r}; "
                "docs/migration lists all names"
            )
        raise TypeError(f"{layer}: arguments of this layer are required; received an unknown one, {name}={value!r}")
