from musegan.midi.write import from_pretty_midi, to_pretty_midi, write_midi

__all__ = ["from_pretty_midi", "to_pretty_midi", "write_midi"]
