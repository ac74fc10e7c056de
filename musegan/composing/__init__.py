"""Composing: requests, the controls they come to, sampling, windows over long pieces, and the public `Model`."""
