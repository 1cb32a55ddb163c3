"""Taking a model out of Pairsmith."""
