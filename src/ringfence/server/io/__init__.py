"""The loop, the sockets, and the relay that answers awaited acknowledgements."""
