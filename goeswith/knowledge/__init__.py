"""Knowledge: what teaches a student, and where it comes from."""
