"""Ships the packs of `bases/packs` inside the package, as `steer/packs`. All else is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithPacks(build_py):
    """An installation from a clone in editable mode reads them where they are."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "steer" / "packs"
            shutil.rmtree(target, ignore_errors=True)  # packs of an earlier build
            target.mkdir(parents=True)
            for pack in sorted((Path(__file__).parent / "bases" / "packs").glob("*.safetensors")):
                shutil.copyfile(pack, target / pack.name)


setup(cmdclass={"build_py": BuildWithPacks})
