"""What may be given out, on evidence, and the sentence that explains it, with no I/O."""
