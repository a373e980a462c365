"""Processes: what a pipe sees to where `nlp.pipe(n_process=...)` runs it."""

from __future__ import annotations

import multiprocessing

import torch


def spare_threads() -> None:
    """Compute in one thread from now on, in a process that another one has started.

    A process forked from one that has used several threads would wait for them forever.
    """
    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(1)
