"""802.1X at the phone's port: who shows the phone's own key there, and who is let in."""
