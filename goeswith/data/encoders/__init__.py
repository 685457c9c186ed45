"""Encoders: pictures and words to features."""
