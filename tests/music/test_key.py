"""Keys."""

import numpy as np
import pytest

from musegan.errors import ConfigError
from musegan.music.key import Key, canonical_shifts, estimate_key, key_scores

C_MAJOR = np.array([4, 0, 2, 0, 3, 2, 0, 3, 0, 2, 0, 1.0])
A_MINOR = np.array([3, 0, 1, 0, 3, 1, 0, 1, 0.5, 4, 0, 1.0])


@pytest.mark.parametrize("tonic", range(12))
def test_every_key_is_found_and_leads_home(tonic):
    major, minor = np.roll(C_MAJOR, tonic), np.roll(A_MINOR, tonic)
    assert estimate_key(major) == Key(tonic)
    assert estimate_key(minor) == Key((9 + tonic) % 12, is_minor=True)
    for shares, home in ((major, 0), (minor, 9)):
        key = estimate_key(shares)
        assert (key.tonic + key.to_canonical) % 12 == home
        assert -6 <= key.to_canonical <= 5
    both = np.stack([major, minor])
    assert canonical_shifts(both).tolist() == [estimate_key(row).to_canonical for row in both]


def test_scores_are_correlations():
    scores = key_scores(np.stack([C_MAJOR, C_MAJOR * 7, np.zeros(12)]))
    assert scores.shape == (3, 24)
    assert scores[0] == pytest.approx(scores[1])
    assert scores[0].max() > 0.9
    assert not scores[2].any()
    assert estimate_key(np.zeros(12)) == Key(0)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("C", Key(0)),
        ("Am", Key(9, True)),
        ("f# minor", Key(6, True)),
        ("Bb major", Key(10)),
        ("B♭", Key(10)),
        ("Cb", Key(11)),
        (" E min ", Key(4, True)),
        ("G M", Key(7)),
    ],
)
def test_keys_are_read(text, key):
    assert Key.parse(text) == key
    assert Key.parse(str(key)) == key


@pytest.mark.parametrize("text", ["", "H", "C blues", "1", "m"])
def test_other_words_are_refused(text):
    with pytest.raises(ConfigError, match="not a key"):
        Key.parse(text)


@pytest.mark.parametrize(
    ("key", "sharps"),
    [("C", 0), ("Am", 0), ("Eb", -3), ("F#m", 3), ("F#", 6), ("Db", -5), ("Bbm", -5), ("Ebm", -6), ("G#m", 5)],
)
def test_key_signatures(key, sharps):
    assert Key.parse(key).sharps == sharps
    assert Key.from_signature(sharps, Key.parse(key).is_minor) == Key.parse(key)


def test_notes_are_spelled_in_their_key():
    assert Key.parse("C").note_names()[8] == "Ab"
    assert Key.parse("Am").note_names()[8] == "G#"
    assert Key.parse("F#").note_names()[5] == "E#"
    assert Key.parse("Db").note_names()[11] == "Cb"
    assert [str(Key.parse(text)) for text in ("Dbm", "D#m", "A#")] == ["C# minor", "Eb minor", "Bb major"]


@pytest.mark.parametrize("number", range(24))
def test_every_pitch_class_has_a_name_that_is_read_as_itself(number):
    key = Key(number % 12, number >= 12)
    for names in (key.note_names(), key.note_names(plain=True)):
        assert [Key.parse(name).tonic for name in names] == list(range(12))
    assert not {"E#", "B#", "Cb", "Fb"} & set(names)
    assert max(map(len, names)) == 2
