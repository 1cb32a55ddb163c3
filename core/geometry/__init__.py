"""Does a model tell the domain's documents apart: measures in the original space, the clumping rule, and the map that locates what they find."""
