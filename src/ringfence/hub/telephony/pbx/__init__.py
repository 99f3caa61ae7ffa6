"""PBXes that the hub speaks to: what they accept, who is registered there, and orders that go through them."""
