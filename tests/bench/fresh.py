"""Functions that run in a process of their own: nothing that ran before has a part in what they measure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
SET_FOR_TESTS = ("OMP_NUM_THREADS", "TOKENIZERS_PARALLELISM")
SCRIPT = """
import json, sys
from importlib import import_module
module, name, arguments = json.loads(sys.argv[1])
print(json.dumps(getattr(import_module(module), name)(*arguments)))
"""


def environment() -> dict[str, str]:
    """The environment with `CASCADE_THREADS` threads, all by default: speed is measured as users have it.

    What `tests/conftest.py` sets for the other tests is left out.
    """
    kept = {name: value for name, value in os.environ.items() if name not in SET_FOR_TESTS}
    threads = os.environ.get("CASCADE_THREADS")
    return {**kept, "OMP_NUM_THREADS": threads} if threads else kept


def in_fresh_process(function: Callable[..., Any], *arguments: Any, python: str = sys.executable) -> Any:
    """Call a function of a module; arguments and result travel as JSON.

    Args:
        function: The function.
        *arguments: What it is given.
        python: The interpreter, of an environment that has what the function needs.

    Raises:
        RuntimeError: It has failed; its traceback is on standard error.
    """
    call = json.dumps([function.__module__, function.__name__, arguments])
    command = [python, "-W", "ignore", "-c", SCRIPT, call]
    done = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"{function.__name__}{arguments} failed, see its traceback above")
    return json.loads(done.stdout.splitlines()[-1])
