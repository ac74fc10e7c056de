"""Many composed pieces with labels, as data for other models."""
