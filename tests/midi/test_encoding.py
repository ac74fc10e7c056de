"""Names in the encodings in which files have them."""

import pytest
from midibytes import chunk, meta, notes, program, smf, track

from musegan.midi.encoding import decode_document, find_encoding
from musegan.midi.read import read_score
from musegan.midi.song import read
from musegan.midi.stems import split_stems
from musegan.midi.tracks import read_tracks, tracks_to_bytes

NAMES = [
    ("shift_jis", ["ピアノ"]),
    ("shift_jis", ["ドラム", "歪みギター", "Bass"]),
    ("euc_jp", ["ピアノ", "ドラム"]),
    ("latin-1", ["Ténor"]),
    ("latin-1", ["là", "Flöte", "Guitarra acústica"]),
    ("latin-1", ["© 1998", "Caisse"]),
    ("gbk", ["主旋律"]),
    ("gbk", ["钢琴", "吉他", "贝司", "鼓组"]),
    ("big5", ["鋼琴", "主旋律"]),
    ("euc_kr", ["피아노", "드럼"]),
    ("cp1251", ["Пианино"]),
    ("cp1251", ["БАС", "ГИТАРА"]),
    ("utf-8", ["Ténor", "ピアノ", "Plain"]),
    ("utf-8-sig", ["Ténor"]),
    ("utf-16", ["ピアノ", "Bass"]),
    ("utf-16-le", ["Ténor", "Bass"]),
    ("utf-16-be", ["Ténor"]),
]


def make_file(encoding, names):
    return smf(
        *(
            track([(0, meta(3, text.encode(encoding))), (0, program(8 * i, i)), *notes((0, 90, 60), channel=i)])
            for i, text in enumerate(names)
        )
    )


@pytest.mark.parametrize(("encoding", "names"), NAMES)
def test_names_are_shown_and_found_and_their_bytes_stay(encoding, names):
    data = make_file(encoding, names)
    assert [part.name for part in read_score(data).parts] == names
    song = read(data, None)
    assert [part.name for part in song.parts] == names
    assert song.choose_parts([names[-1]])[1] == [names[-1]]
    assert tracks_to_bytes(read_tracks(data, "x.mid"), 96).count(names[0].encode(encoding)) == 1


def test_stems_are_called_as_their_tracks(tmp_path):
    files = split_stems(make_file("shift_jis", ["ピアノ", "ドラム"]), tmp_path / "song.mid")
    assert [path.name for path in files] == ["song-ピアノ.mid", "song-ドラム.mid"]


def test_all_texts_of_a_file_tell_its_encoding():
    """Two Chinese letters alone might be many things."""
    lyrics = [(0, meta(5, "我爱你中国的歌".encode("gbk")))]
    data = smf(track(lyrics), track([(0, meta(3, "钢琴".encode("gbk"))), *notes((0, 90, 60))]))
    assert read_score(data).parts[0].name == "钢琴"


def test_texts_that_are_none_do_no_harm():
    assert find_encoding([]) == "utf-8"
    assert find_encoding([b"\x00\x01", b"plain"]) == "utf-8"
    for content in (bytes(range(128, 256)), b"\xff", b"\x80\x81", b"\xff\xfe", b"\xff\xfe\x00", bytes(9)):
        body = b"\0" + meta(3, content) + b"\0\x90\x3c\x40\x30\x3c\0\0" + meta(0x2F, b"")
        assert isinstance(read_score(smf(chunk(b"MTrk", body))).parts[0].name, str)


@pytest.mark.parametrize("declared", ["ISO-8859-1", "Shift_JIS", "UTF-8", "windows-1251", "UTF-16"])
def test_an_xml_declaration_is_obeyed(declared):
    text = {"Shift_JIS": "ピアノ", "windows-1251": "Ёж"}.get(declared, "Ténor")
    document = f'<?xml version="1.0" encoding="{declared}"?><name>{text}</name>'
    assert decode_document(document.encode(declared)) == document


def test_a_wrong_xml_declaration_is_not():
    document = '<?xml version="1.0" encoding="UTF-8"?><name>Ténor</name>'
    assert decode_document(document.encode("latin-1")) == document
    assert decode_document(document.replace("UTF-8", "no-such").encode()) == document.replace("UTF-8", "no-such")
