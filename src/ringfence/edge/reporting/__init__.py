"""What an edge tells: its journal for the hub, its status for people."""
