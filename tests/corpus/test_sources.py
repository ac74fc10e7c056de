"""Finding music files, and archives read in place, the malicious ones too."""

import io
import os
import tarfile
import zipfile

import pytest
from midibytes import band

from musegan.corpus import sources
from musegan.corpus.labels import Label, Labels
from musegan.corpus.sources import FoundFile, find_files, read_items
from musegan.errors import DatasetError
from musegan.midi import repair

SONG = band(n_bars=1)


def make_tar(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def make_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def items(*paths):
    return list(read_items(find_files(paths)))


def test_folders_are_searched_through(tmp_path):
    top = tmp_path / "music"
    for name in (
        "b.MID",
        "a.kar",
        "deep/er/c.rmi",
        "deep/d.musicxml",
        "notes.txt",
        ".hidden.mid",
        ".git/e.mid",
        "f.ZIP",
    ):
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    found = find_files([top])
    assert [file.name for file in found] == [
        "music/a.kar",
        "music/b.MID",
        "music/deep/d.musicxml",
        "music/deep/er/c.rmi",
        "music/f.ZIP",
    ]
    assert find_files([top / "b.MID", top, top]) == sorted([FoundFile("b.MID", str(top / "b.MID")), *found])


def test_the_order_of_sources_does_not_matter(tmp_path):
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder in folders:
        folder.mkdir()
        (folder / "x.mid").write_bytes(SONG)
    assert find_files(folders) == find_files(folders[::-1])


def test_links_are_not_followed_into_circles(tmp_path):
    (tmp_path / "x.mid").write_bytes(SONG)
    os.symlink(tmp_path, tmp_path / "again")
    assert len(find_files([tmp_path])) == 1


def test_wrong_sources(tmp_path):
    with pytest.raises(DatasetError, match="no file or folder"):
        find_files([tmp_path / "nothing"])
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(DatasetError, match="neither music"):
        find_files([tmp_path / "x.txt"])


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2"])
def test_archives_are_read_in_place(tmp_path, suffix):
    members = {"z.mid": SONG, "in/a.MID": b"MThd", "in/readme.txt": b"no", "more.zip": b"PK", ".x.mid": b"no"}
    path = tmp_path / f"songs{suffix}"
    if suffix == ".zip":
        make_zip(path, members)
    else:
        kind = {".tar": "", ".tgz": "gz", ".txz": "xz", ".tbz2": "bz2"}.get(suffix, suffix.rpartition(".")[2])
        make_tar(path, members, f"w:{kind}")
    assert [(item.name, item.content) for item in items(path)] == [
        (f"songs{suffix}/z.mid", SONG),
        (f"songs{suffix}/in/a.MID", b"MThd"),
    ]
    assert os.listdir(tmp_path) == [f"songs{suffix}"]


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_paths_cannot_leave_the_archive(tmp_path, make):
    path = make(
        tmp_path / f"evil{'.zip' if make is make_zip else '.tgz'}", {"../../up.mid": SONG, "/root/abs.mid": SONG}
    )
    assert [item.name.split("/", 1)[1] for item in items(path)] == ["up.mid", "root/abs.mid"]


def test_only_plain_files_of_a_tar_are_read(tmp_path):
    with tarfile.open(tmp_path / "links.tar", "w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
            info = tarfile.TarInfo("x.mid")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert items(tmp_path / "links.tar") == []


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_large_members_are_left_out(tmp_path, monkeypatch, make):
    monkeypatch.setattr(repair, "MAX_BYTES", len(SONG))
    path = make(tmp_path / f"a{'.zip' if make is make_zip else '.tgz'}", {"a.mid": SONG + b"1", "b.mid": SONG})
    assert [(item.content is None, item.problem) for item in items(path)] == [(True, "too large"), (False, "")]


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_bombs_are_stopped(tmp_path, monkeypatch, make):
    monkeypatch.setattr(sources, "MIN_EXPANSION_BYTES", 300_000)
    monkeypatch.setattr(sources, "MAX_EXPANSION", 2)
    members = {"a.mid": SONG, **{f"{i}.mid": bytes(100_000) for i in range(9)}}
    found = items(make(tmp_path / f"bomb{'.zip' if make is make_zip else '.tgz'}", members))
    assert found[0].content == SONG
    assert len(found) <= 4
    assert (found[-1].content, found[-1].problem) == (None, "archive expands too far")


def test_what_is_not_music_counts_too_in_a_tar(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MIN_EXPANSION_BYTES", 300_000)
    monkeypatch.setattr(sources, "MAX_EXPANSION", 2)
    found = items(make_tar(tmp_path / "bomb.tgz", {"video": bytes(1_000_000), "a.mid": SONG}))
    assert [item.problem for item in found] == ["archive expands too far"]


def test_a_zip_that_lies_about_sizes_gives_no_more(tmp_path):
    path = make_zip(tmp_path / "lie.zip", {"a.mid": bytes(50_000)})
    data = path.read_bytes().replace((50_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(data)
    (item,) = items(path)
    assert item.problem == "damaged archive" or len(item.content) <= 10


@pytest.mark.parametrize("name", ["b.mid", "video"])
@pytest.mark.parametrize("size", [2**62, 2**40, -512])
def test_sizes_that_no_archive_has_end_it_before_they_are_skipped(tmp_path, name, size):
    path = tmp_path / "big.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for member, headers in (("a.mid", {}), (name, {"size": str(size)}), ("c.mid", {})):
            info = tarfile.TarInfo(member)
            info.size, info.pax_headers = len(SONG), headers
            archive.addfile(info, io.BytesIO(SONG))
    found = items(path)
    assert found[0].content == SONG
    assert [item.problem for item in found[1:]] in (["archive expands too far"], ["damaged archive"])


def test_walking_through_an_archive_has_a_limit_of_time_but_for_that_of_others(tmp_path, monkeypatch):
    clock = iter(range(0, 10**9, 10))
    monkeypatch.setattr(sources.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(sources, "WALK_SECONDS", 100)
    path = make_tar(tmp_path / "slow.tar", {f"{index}.mid": bytes(20_000) for index in range(30)}, "w")
    walk = read_items(find_files([path]))
    assert next(walk).problem == ""
    for _ in range(50):
        next(clock)  # what the reader of the items takes
    assert next(walk).problem == ""
    assert [item.problem for item in walk][-1] == "archive takes too long"


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tar.xz", ".tar.bz2"])
def test_damaged_archives_are_told(tmp_path, suffix):
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(b"this is not an archive at all" * 40)
    (item,) = items(path)
    assert (item.name, item.content, item.problem) == (f"bad{suffix}", None, "damaged archive")


def test_a_cut_archive_gives_what_it_has(tmp_path):
    path = make_tar(tmp_path / "cut.tar", {"a.mid": SONG, "b.mid": SONG, "c.mid": SONG}, "w")
    path.write_bytes(path.read_bytes()[:2600])
    found = items(path)
    assert [item.content == SONG for item in found] == [True, True, False]
    assert found[-1].problem == "damaged archive"


def test_encrypted_members_are_told(tmp_path):
    path = make_zip(tmp_path / "e.zip", {"a.mid": SONG})
    data = bytearray(path.read_bytes())
    data[6] |= 1  # local header
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert [(item.content, item.problem) for item in items(path)] == [(None, "encrypted")]


def test_music21_corpus():
    with pytest.raises(DatasetError, match="no works of 'nobody'"):
        find_files(["music21:nobody"])
    found = find_files(["music21:schoenberg"])
    assert found
    assert all(file.name.startswith("music21:schoenberg/") for file in found)


def test_labels_match_the_end_of_a_path(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(
        "file,other,genre,license,split\n"
        "a/x.mid,1,rock,MIT,valid\n"
        "x.mid,2,pop,,\n"
        "b\\a\\x.mid,3,jazz,,train\n"
        ",4,none,,\n"
    )
    labels = Labels.load(path)
    assert labels.find_label("c/a/x.mid") == Label("a/x.mid", "valid", "rock", "MIT")
    assert labels.find_label("top/b/a/x.mid").style == "jazz"
    assert labels.find_label("c/x.mid") == Label("x.mid", None, "pop", None)
    assert labels.find_label("x.mid").style == "rock"  # the first that fits
    assert labels.find_label("y.mid") == Label()
    assert labels.find_label("ax.mid") == Label()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,split\n", "no column 'file'"),
        ("", "no column"),
        ("file,split\na.mid,exam\n", "line 2: split is 'exam'"),
    ],
)
def test_wrong_labels(tmp_path, text, message):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        Labels.load(path)
    with pytest.raises(DatasetError, match="cannot be read"):
        Labels.load(tmp_path / "none.csv")
