"""What the serving process gives up before it reads a packet."""
