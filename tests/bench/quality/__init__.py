"""What tuning is worth: base, the recipe that articles print, and ours, on three collections with an oracle as the expert (`make bench-quality`)."""
