"""Rules: what goes on top of what, in a file that a person can edit; mined, checked and matched to items."""
