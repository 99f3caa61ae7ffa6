"""OpenID Connect, as the hub asks a provider who somebody is."""
