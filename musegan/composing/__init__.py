"""The model and what is asked of it: windows over a piece of any length, requests, the model file."""
