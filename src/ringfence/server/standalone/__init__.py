"""``ringfence serve``: one folder, without a hub."""
