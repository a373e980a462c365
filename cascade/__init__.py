"""Directed acyclic graphs of NLP tasks over one shared encoder."""
