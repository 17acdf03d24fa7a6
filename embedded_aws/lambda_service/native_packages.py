"""Native packages for a function whose own are for Lambda's Python: those of this interpreter, by the same names.

`sam build` leaves them out for the embedded AWS and names them in the function's package (tools/build.py).
"""

from importlib.metadata import distribution
from pathlib import Path

LIST = "native-packages.txt"


def link_native_packages(package: Path, folder: Path) -> bool:
    """Link what the package asks for into the folder; return False if it asks for nothing."""
    wanted = package / LIST
    if not wanted.exists():
        return False
    folder.mkdir(parents=True, exist_ok=True)
    for name in wanted.read_text().split():
        _link(name, folder)
    return True


def _link(name: str, folder: Path) -> None:
    found = distribution(name)
    tops = {file.parts[0] for file in found.files or () if file.parts[0] != ".." and file.parts[0] != "__pycache__"}
    for top in tops:
        link = folder / top
        if not link.is_symlink():
            link.symlink_to(Path(str(found.locate_file(top))))
