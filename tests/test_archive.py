"""Reading an export's members within limits: zips that are never extracted, folders that are never left."""

import zipfile
import zlib
from pathlib import Path

import pytest

from incident_lib.errors import SourceError
from incident_lib.settings import Limits, Settings, Sources
from incident_lib.sources.archive import MEGABYTE, MemberError, open_archive, zip_names
from incident_lib.sources.reading import Source


def source_of(path: Path, **limits: int) -> Source:
    """Return a source with limits of its own."""
    return Source(path, path.name, Settings(sources=Sources(limits=Limits(**limits))))


@pytest.fixture
def zipped(tmp_path):
    """Return a function that writes a zip of the given members."""

    def write(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
        path = tmp_path / "export.zip"
        with zipfile.ZipFile(path, "w", method) as file:
            for name, content in members.items():
                file.writestr(name, content)
        return path

    return write


def test_members_of_a_zip_are_read_by_name(zipped):
    """A member's content comes back as it went in, and its pointer names archive and member."""
    with open_archive(source_of(zipped({"a/b.json": b"[1]", "c.json": b"{}"}))) as archive:
        assert archive.names == ("a/b.json", "c.json")
        assert archive.read("a/b.json") == b"[1]"
        assert archive.pointer("a/b.json") == "export.zip!a/b.json"


def test_members_of_a_folder_are_read_by_name(tmp_path):
    """A folder behaves like a zip; its pointers are paths."""
    (tmp_path / "export" / "a").mkdir(parents=True)
    (tmp_path / "export" / "a" / "b.json").write_bytes(b"[1]")
    with open_archive(source_of(tmp_path / "export")) as archive:
        assert archive.names == ("a/b.json",)
        assert archive.read("a/b.json") == b"[1]"
        assert archive.pointer("a/b.json") == "export/a/b.json"


def test_folders_inside_a_zip_are_no_members(zipped):
    """An entry for a folder is not listed."""
    with open_archive(source_of(zipped({"a/": b"", "a/b": b"x"}))) as archive:
        assert archive.names == ("a/b",)


def test_no_zip_is_refused(tmp_path):
    """A file that only looks like a zip is refused with one sentence."""
    path = tmp_path / "export.zip"
    path.write_bytes(b"PK\x03\x04 this is no zip")
    with pytest.raises(SourceError, match=r"export\.zip is not a complete zip file"), open_archive(source_of(path)):
        pass
    assert zip_names(source_of(path)) is None


def test_truncated_zip_is_refused(zipped):
    """A download that broke off is refused, not read in part."""
    path = zipped({"a.json": b"[1]" * 1000})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SourceError, match="export or copy it again"), open_archive(source_of(path)):
        pass


def test_encrypted_zip_is_refused(zipped):
    """A zip with a password says so."""
    path = zipped({"a.json": b"[1]"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(SourceError, match="encrypted; save it without a password"), open_archive(source_of(path)):
        pass


def test_member_named_twice_is_refused(tmp_path):
    """Two members of one name would let one tool see what another doesn't."""
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.json", b"[1]")
        with pytest.warns(UserWarning):
            file.writestr("a.json", b"[2]")
    with pytest.raises(SourceError, match=r"holds 'a\.json' twice"), open_archive(source_of(path)):
        pass


def test_damaged_member_costs_that_member(zipped):
    """A wrong checksum is found, and the other members stay readable."""
    path = zipped({"a.json": b"[1, 2, 3]", "b.json": b"[4]"}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"[1, 2, 3]", b"[1, 2, 4]"))
    with open_archive(source_of(path)) as archive:
        with pytest.raises(MemberError, match=r"export\.zip!a\.json is damaged: bad CRC"):
            archive.read("a.json")
        assert archive.read("b.json") == b"[4]"


def test_unusual_compression_costs_that_member(zipped):
    """Methods that can be slow on purpose are not read."""
    with (
        open_archive(source_of(zipped({"a": b"x" * 99}, zipfile.ZIP_LZMA))) as archive,
        pytest.raises(MemberError, match="use deflate"),
    ):
        archive.read("a")


def test_member_beyond_its_limit_is_refused(zipped):
    """The size is counted on what comes out."""
    content = bytes(range(256)) * 8000
    with (
        open_archive(source_of(zipped({"a": content}), member_megabytes=1)) as archive,
        pytest.raises(SourceError, match="member_megabytes"),
    ):
        archive.read("a")


def test_member_that_unpacks_to_too_much_is_refused(zipped):
    """A zip bomb is stopped by its ratio long before its end."""
    path = zipped({"a": b"0" * (30 * MEGABYTE)})
    with open_archive(source_of(path)) as archive, pytest.raises(SourceError, match="archive_ratio"):
        archive.read("a")


def test_small_repetitive_member_is_no_bomb(zipped):
    """Below a megabyte the ratio doesn't count: a quiet bot repeats itself."""
    with open_archive(source_of(zipped({"a": b"0" * 900_000}))) as archive:
        assert len(archive.read("a")) == 900_000


def test_header_that_understates_its_size_is_found(zipped):
    """What the archive says about a member's size is not believed."""
    path = zipped({"a": b"0123456789" * 300})
    content = bytearray(path.read_bytes())
    for place in (content.index(b"PK\x01\x02") + 24, content.index(b"PK\x03\x04") + 22):
        content[place : place + 4] = (10).to_bytes(4, "little")
    path.write_bytes(content)
    with open_archive(source_of(path)) as archive, pytest.raises(MemberError, match="damaged"):
        archive.read("a")


@pytest.mark.parametrize("packed", [True, False])
def test_total_beyond_the_limit_is_refused(packed, zipped, tmp_path):
    """Many members of allowed size may still be too much."""
    content = bytes(range(256)) * 3000
    members = {str(number): content + bytes([number]) for number in range(3)}
    path = zipped(members)
    if not packed:
        path = tmp_path / "export"
        path.mkdir()
        for name, one in members.items():
            (path / name).write_bytes(one)
    with open_archive(source_of(path, archive_megabytes=1)) as archive:
        archive.read("0")
        with pytest.raises(SourceError, match="archive_megabytes"):
            archive.read("1")


@pytest.mark.parametrize("packed", [True, False])
def test_too_many_members_are_refused(packed, zipped, tmp_path):
    """The number of members has a limit."""
    path = zipped({str(number): b"" for number in range(12)})
    if not packed:
        path = tmp_path / "export"
        path.mkdir()
        for number in range(12):
            (path / str(number)).write_bytes(b"")
    with pytest.raises(SourceError, match="more than 10 members"), open_archive(source_of(path, archive_members=10)):
        pass


def test_zip_larger_than_the_file_limit_is_refused(zipped):
    """The file itself has a limit."""
    path = zipped({"a": zlib.compress(b"") + bytes(range(256)) * 8000}, zipfile.ZIP_STORED)
    with pytest.raises(SourceError, match="file_megabytes"), open_archive(source_of(path, file_megabytes=1)):
        pass


def test_link_out_of_the_folder_is_not_followed(tmp_path):
    """A link to a file elsewhere is refused; one within the folder is fine; a linked folder is not looked into."""
    (tmp_path / "secret.json").write_text("[1]")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.json").write_text("[2]")
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "a.json").write_text("[3]")
    (folder / "out.json").symlink_to(tmp_path / "secret.json")
    (folder / "in.json").symlink_to(folder / "a.json")
    (folder / "dir").symlink_to(tmp_path / "other")
    with open_archive(source_of(folder)) as archive:
        assert archive.names == ("a.json", "in.json", "out.json")
        assert archive.read("in.json") == b"[3]"
        with pytest.raises(MemberError, match="leads out of the folder"):
            archive.read("out.json")


def test_member_that_went_away_costs_that_member(tmp_path):
    """A file deleted meanwhile is a problem of that file."""
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "a.json").write_text("[3]")
    with open_archive(source_of(folder)) as archive:
        (folder / "a.json").unlink()
        with pytest.raises(MemberError, match="No such file"):
            archive.read("a.json")
