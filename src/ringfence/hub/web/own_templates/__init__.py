"""Pages of operators' own templates."""
