"""Music as arrays: ensembles, rolls, notes, cells, keys, chords, controls, pieces. Needs numpy only."""
