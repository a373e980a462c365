"""The spaCy side: factories, the pipe, readers, scorers and callbacks."""
