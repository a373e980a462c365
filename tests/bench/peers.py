"""Other people's packages that ours is measured beside, each in a virtual environment of its own."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
from pathlib import Path

from tests.bench.fresh import ROOT

HAYSTACK = "transformers-haystack==2.0.0"


class PeerError(Exception):
    """A package could not be installed; the message is pip's."""


def haystack() -> str:
    """The interpreter of an environment with transformers-haystack: that of `CASCADE_HAYSTACK`, or one made now.

    It has all that ours has, the same torch and the same transformers among it.

    Raises:
        PeerError: It cannot be installed.
    """
    return os.environ.get("CASCADE_HAYSTACK") or str(installed(ROOT / "runs" / "peers" / "haystack", HAYSTACK))


def installed(folder: Path, *packages: str) -> Path:
    """Install packages into an environment that sees ours behind its own, unless it is there already.

    Args:
        folder: Where it is made.
        *packages: As pip has them.

    Returns:
        Its interpreter.

    Raises:
        PeerError: They cannot be installed.
    """
    python, done = folder / "bin" / "python", folder / "installed"
    if done.is_file() and done.read_text().split() == list(packages):
        return python
    venv.create(folder, clear=True, with_pip=True)
    inside = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (inside / "ours.pth").write_text(sysconfig.get_path("purelib"))
    command = [str(python), "-m", "pip", "install", "--quiet", *packages]
    pip = subprocess.run(command, capture_output=True, text=True)
    if pip.returncode:
        raise PeerError(f"{' '.join(packages)}: {pip.stderr.strip()[-500:]}")
    done.write_text(" ".join(packages))
    return python
