"""``ringfence-portable``: one file that serves one home's phones from an encrypted bundle, on whatever Python is there.

It needs the standard library, the pure packages of ours that it imports, and two pure libraries beside it.
"""
