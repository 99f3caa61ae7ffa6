"""Pages about boxes: what each told last."""
