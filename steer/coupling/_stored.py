"""Irreps in the entries of packs, which name them by their labels."""

from steer.group import Group
from steer.representation import Irrep, irrep
from steer.store import Entry, EntryError


def stored_irreps(entry: Entry, key: str, group: Group) -> tuple[Irrep, ...]:
    """The irreps of a group whose labels an entry lists.

    Raises:
        EntryError: if there is no list, or something in it is no label of the group as it prints.
    """
    labels = entry.info.get(key)
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise EntryError(f"{key}: a list of labels is required; received {labels!r}")
    try:
        irreps = tuple(irrep(group, label) for label in labels)
    except ValueError as error:
        raise EntryError(f"{key}: labels of irreps are required; {error}") from None
    if [one.label for one in irreps] != labels:
        raise EntryError(f"{key}: labels as {group} prints them are required; received {labels}")
    return irreps
