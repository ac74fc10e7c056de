"""A local web page on which music is made by listening; `docs/studio.md` describes it and its messages."""
