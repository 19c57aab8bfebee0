"""What pyproject.toml cannot say: the paper's tables go with the package, where it is copied.

In place (`pip install -e .`) they are read where they lie, in data/paper.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithTables(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        folder = Path(self.build_lib) / "rslib" / "paper"
        folder.mkdir(parents=True, exist_ok=True)
        for table in Path(__file__).parent.glob("data/paper/*.csv"):
            shutil.copy(table, folder)


setup(cmdclass={"build_py": WithTables})
