"""A box's own network at the phone's port: its fence, its addresses, and the helper of root's that makes both."""
