"""What is beside a film's pictures: sound and subtitles bit for bit, and what files say of themselves."""

import shutil
from fractions import Fraction

import film_files
import pytest

av = pytest.importorskip("av", reason="PyAV is not installed: pip install '.[video]'")

from tvm_srq.cli import main  # noqa: E402

TAGS = {"title": "Ramp", "artist": "Nobody", "comment": "moves"}


@pytest.mark.parametrize(("suffix", "audio"), [(".mp4", "aac"), (".mkv", "libopus"), (".mkv", "flac"), (".webm", "libopus")])
def test_sound_is_copied_bit_for_bit(tmp_path, suffix, audio):
    codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
    source = film_files.write_film(tmp_path / f"a{suffix}", 25, codec, audio=audio)
    assert main(["run", "bicubic2", str(source), "-o", f"{tmp_path}/b{suffix}"]) == 0
    made = film_files.packets(tmp_path / f"b{suffix}", "audio")
    assert made == film_files.packets(source, "audio") and len(made) >= 10
    assert film_files.about(tmp_path / f"b{suffix}")["size"] == (64, 48)


def test_sound_that_begins_before_the_film_moves_nothing(tmp_path, capsys):
    """AAC begins 1024 samples before time 0, which decoders drop. Matroska holds that, in milliseconds."""
    source = film_files.write_film(tmp_path / "a.mp4", 25, audio="aac")
    assert main(["run", "bicubic2", str(source), "-o", f"{tmp_path}/b.mkv"]) == 0
    assert capsys.readouterr().err == ""
    before, after = film_files.packets(source, "audio"), film_files.packets(tmp_path / "b.mkv", "audio")
    assert before[0][0] == Fraction(-1024, 48000) and after[0][0] == Fraction(-21, 1000)
    assert [content for _, content in after] == [content for _, content in before]
    assert film_files.times(tmp_path / "b.mkv") == film_files.times(source)


def test_subtitles_attachments_chapters_and_tags(tmp_path, capsys):
    source = film_files.write_film(
        tmp_path / "a.mkv", 15, audio="flac", subtitles=True, attachment=True, chapters=True, tags={**TAGS, "CATALOGUE": "7"}
    )
    assert main(["run", "bicubic3", str(source), "-o", f"{tmp_path}/b.mkv"]) == 0
    assert capsys.readouterr().err == ""
    before, after = film_files.about(source), film_files.about(tmp_path / "b.mkv")
    assert after["streams"] == before["streams"] and len(after["streams"]) == 4
    assert after["chapters"] == ["first", "second"] and after["tags"] == before["tags"]
    assert film_files.packets(tmp_path / "b.mkv", "subtitle") == film_files.packets(source, "subtitle")
    assert [content for _, content in film_files.packets(source, "subtitle")] == [b"Good evening", b"and good night"]


def test_what_a_format_does_not_hold_is_told(tmp_path, capsys):
    source = film_files.write_film(
        tmp_path / "a.mkv", 15, subtitles=True, attachment=True, tags={**TAGS, "CATALOGUE": "7"}, aspect=Fraction(4, 3),
        rotation=90,
    )  # fmt: skip
    assert main(["run", "bicubic2", str(source), "-o", f"{tmp_path}/b.mp4"]) == 0
    assert capsys.readouterr().err == (
        f"tvm-srq: {source}: {tmp_path}/b.mp4 does not keep subtitle stream 1 (subrip), attachment stream 2 (font.ttf), "
        "the tag 'CATALOGUE'\n"
    )
    made = film_files.about(tmp_path / "b.mp4")
    assert (made["aspect"], made["rotation"]) == (Fraction(4, 3), 90)
    assert {key: made["tags"][key] for key in TAGS} == TAGS


def test_sound_that_a_format_does_not_hold_is_refused_before_anything_is_written(tmp_path, capsys):
    source = film_files.write_film(tmp_path / "a.mp4", audio="aac")
    assert main(["run", "bicubic2", str(source), "-o", f"{tmp_path}/b.webm"]) == 2
    assert capsys.readouterr().err == f"tvm-srq: {source} has aac audio, which webm does not hold; write .mkv, which does\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_aspect_rotation_and_colours(tmp_path, capsys, suffix):
    source = film_files.write_film(tmp_path / f"a{suffix}", aspect=Fraction(16, 11), rotation=-90, colours=(9, 2, 9, 16))
    assert main(["run", "bicubic2", str(source), "-o", f"{tmp_path}/b{suffix}"]) == 0
    assert capsys.readouterr().err == ""
    before, after = film_files.about(source), film_files.about(tmp_path / f"b{suffix}")
    for key in ("aspect", "rotation", "colours", "form", "codec", "rate"):
        assert after[key] == before[key]
    assert after["rotation"] == -90 and after["colours"] == (9, 2, 9, 16)


def test_timecodes_of_cameras(tmp_path, capsys):
    source = film_files.write_film(tmp_path / "a.mov", 12, tags={"timecode": "01:02:03:04"})
    assert main(["run", "bicubic2", str(source), "-o", f"{tmp_path}/b.mov"]) == 0
    assert film_files.about(tmp_path / "b.mov")["streams"] == film_files.about(source)["streams"]
    for path in (source, tmp_path / "b.mov"):
        with av.open(str(path)) as film:
            assert film.streams.video[0].metadata["timecode"] == "01:02:03:04"
    assert capsys.readouterr().err == ""


def test_cover_pictures_and_further_streams_are_told(tmp_path, capsys):
    with av.open(f"{tmp_path}/a.mkv", "w") as output:
        streams = [output.add_stream("ffv1", rate=25, width=32, height=24, pix_fmt="bgr0") for _ in range(2)]
        for number in range(3):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(film_files.picture(number), "rgb24").reformat(format="bgr0")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                output.mux(stream.encode(frame))
        for stream in streams:
            output.mux(stream.encode(None))
    assert main(["run", "bicubic2", f"{tmp_path}/a.mkv", "-o", f"{tmp_path}/b.mkv", "--codec", "ffv1"]) == 0
    assert capsys.readouterr().err.endswith("b.mkv does not keep further video stream 1 (ffv1)\n")


def test_aspect_that_the_file_does_not_hold_is_told(tmp_path, capsys):
    source = film_files.write_film(tmp_path / "a.mkv", aspect=Fraction(4, 3))
    assert main(["run", "bicubic2", str(source), "-o", f"{tmp_path}/b.webm"]) == 0
    assert capsys.readouterr().err.endswith("b.webm does not keep the pixels' aspect 4/3\n")


def test_a_damaged_film_is_upscaled_as_far_as_it_goes(tmp_path, capsys):
    source = film_files.write_film(tmp_path / "a.mkv", 50, codec="ffv1", form="bgr0")
    content = source.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
    assert main(["run", "bicubic2", f"{tmp_path}/cut.mkv", "-o", f"{tmp_path}/b.mkv"]) == 0
    assert 20 < len(film_files.frames(tmp_path / "b.mkv")) < 30
    shutil.copy(source, tmp_path / "text.mkv")
    (tmp_path / "text.mkv").write_text("no film")
    assert main(["run", "bicubic2", f"{tmp_path}/text.mkv", "-o", f"{tmp_path}/c.mkv"]) == 2
    assert f"{tmp_path}/text.mkv is not a readable film (Invalid data found when processing input)" in capsys.readouterr().err
