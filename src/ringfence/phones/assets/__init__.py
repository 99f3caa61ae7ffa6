"""Ring tones, wallpapers, languages and tones."""
