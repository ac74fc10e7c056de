"""Many composed pieces and what is in each, as data for other models."""
