"""Training: the loop, what teaches a student beside its own outfits, and the runs that come out."""
