"""The tunnel's other end, beside the PBX: its boxes as peers, and a fence that holds whatever a box does."""
