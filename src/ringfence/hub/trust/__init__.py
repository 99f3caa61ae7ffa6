"""An organisation's own trust: the keys behind its phones' trust lists, where they are kept, and the lists."""
