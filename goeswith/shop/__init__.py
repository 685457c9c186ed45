"""Shop: an index over a catalogue, and the looks, swaps and reasons that it answers with."""
