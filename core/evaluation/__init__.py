"""Is the tuned model better, and can one say so: measures, intervals, the verdict."""
