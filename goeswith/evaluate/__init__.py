"""Evaluation: measures, intervals, floors and shortcuts, and what a run learned of its rules."""
