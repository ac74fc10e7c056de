"""Playing along: clocks, listening, composing the next bar, and sending it on the beat."""
