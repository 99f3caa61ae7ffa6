"""Jobs that the hub asks for: what this machine allows of them, and how they are done."""
