"""What all pages share: the frame, macros, and how problems are shown."""
