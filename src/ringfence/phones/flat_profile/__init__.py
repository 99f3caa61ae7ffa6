"""Cisco's small-business (SPA) and multiplatform (MPP) phones and analogue adapters: their XML profiles.

All read a flat list of parameters; a parameter of a line ends in ``_n_``. They ignore names that they do not know,
keep what a profile does not name, and fetch by rules with macros (PHONES.md sections 8 and 8b).
"""
