"""Playing along: clocks, what is heard, what is composed to it, and sending it on the beat."""
