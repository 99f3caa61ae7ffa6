"""PBXes that the hub talks to: what they accept, who is registered there, and orders that go through them."""
