"""Torch modules that know no Doc."""
