"""Solutions kept in files: packs of tensors that are read in place of being computed.

The first room, which imports no other. A pack is a safetensors file with a manifest; the packs of the package, of the
folders in `STEER_BASES` and of the user's folder are looked through in this order. What no pack holds is computed, with the
same numbers, and nothing is ever written here unless a function is told where. Law of the room: what is read is what was
written, bit by bit, or an error.

`__all__` is for users. For other rooms only, and subject to change: `Entry`, `EntryError`, `Form`, `cached`, `digest`,
`entry_name`, `files`, `find`, `group_name`, `missing_folders`, `probe`, `replace`, `same_bits`, `same_probe`, `sweep`,
`tensors`, `write`.
"""

from steer.store._cached import cached as cached
from steer.store._digest import digest as digest
from steer.store._file import replace as replace
from steer.store._file import sweep as sweep
from steer.store._form import EntryError as EntryError
from steer.store._form import Form as Form
from steer.store._form import tensors as tensors
from steer.store._pack import FORMAT, GAUGE, SUFFIX, Pack, PackError
from steer.store._pack import Entry as Entry
from steer.store._pack import same_bits as same_bits
from steer.store._pack import write as write
from steer.store._probe import probe as probe
from steer.store._probe import same_probe as same_probe
from steer.store._shelf import PackWarning, disabled, folders, forget, packs, user_folder
from steer.store._shelf import entry_name as entry_name
from steer.store._shelf import files as files
from steer.store._shelf import find as find
from steer.store._shelf import group_name as group_name
from steer.store._shelf import missing_folders as missing_folders

__all__ = [
    "FORMAT",
    "GAUGE",
    "SUFFIX",
    "Pack",
    "PackError",
    "PackWarning",
    "disabled",
    "folders",
    "forget",
    "packs",
    "user_folder",
]
