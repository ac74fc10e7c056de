"""What music is here: what axes mean, rolls and note tables, harmony, chords, pieces. Needs numpy only."""
