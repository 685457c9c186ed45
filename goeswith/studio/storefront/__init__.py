"""Storefront: looks for the product pages of a shop: an API with a public key, a script, static files."""
