"""Pages about ring tones, wallpapers, languages and other assets."""
