"""Training: the trainer, masks, the loop, run folders, several processes."""
