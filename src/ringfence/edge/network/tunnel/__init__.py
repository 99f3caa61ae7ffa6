"""The tunnel for calls: a box's end of it, and what it shares with a concentrator's."""
