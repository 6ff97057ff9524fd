"""A film that is being made, as closed parts in a folder beside it, so that what is done survives Ctrl-C and kill -9.

Every part is encoded by itself and begins with a frame that depends on no other, so parts that follow each other are one stream.
A part is written under a temporary name and renamed when it is whole. FFmpeg's file formats would round times or lose durations,
so parts hold packets as they are: for each a header and its bytes.
"""

import fcntl
import json
import os
import shutil
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from av.packet import Packet
from av.video.frame import VideoFrame

from tvm_srq.errors import UserError
from tvm_srq.films.encoder import Encoder

FORMAT = 1
HEADER = struct.Struct("<qqI?")
UNFINISHED = "unfinished"


class Coded(NamedTuple):
    """A packet of a part: times in units of the encoder's time base, and where its bytes are."""

    pts: int
    duration: int
    keyframe: bool
    place: int
    size: int


class Parts:
    """The folder of parts of one film, locked while it is open.

    Attributes:
        frames: how many are in whole parts.

    Raises:
        UserError: another process makes the film, the folder is not one of parts, or what is there is of something else.
    """

    def __init__(self, output: Path, identity: dict[str, Any], resume: bool):
        self.folder = Path(f"{output}.parts")
        self.state = self.folder / "film.json"
        identity = json.loads(json.dumps({"format": FORMAT, **identity}))
        if self.folder.exists() and not self.state.is_file() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise UserError(f"{self.folder} is where the film's parts go, and it holds something else; move it away")
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write {self.folder}: {error.strerror}; choose another output") from error
        self.lock = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self.lock)
            raise UserError(f"{output} is being made by another process, in {self.folder}; wait for it") from error
        except OSError:
            pass  # a file system without locks
        try:
            self.begin(identity, resume)
        except BaseException:
            os.close(self.lock)
            raise
        self.frames = sum(count for _, _, count in self.listed())

    def begin(self, identity: dict[str, Any], resume: bool) -> None:
        """Keep what is there if it is to be kept, and remove it if not."""
        if resume and self.state.is_file():
            try:
                found = json.loads(self.state.read_text())
            except (OSError, ValueError) as error:
                raise UserError(f"{self.state} is damaged; leave --resume out to begin anew") from error
            differing = [key for key in identity if found.get(key) != identity[key]]
            if differing:
                what = ", ".join(differing)
                raise UserError(f"{self.folder} holds parts of another {what}; leave --resume out to begin anew")
            return
        for path in self.folder.iterdir():
            path.unlink()
        temporary = self.folder / UNFINISHED
        temporary.write_text(json.dumps(identity, indent=1) + "\n")
        temporary.replace(self.state)

    def listed(self) -> list[tuple[Path, int, int]]:
        """Whole parts in order: the file, its first frame's number, how many frames."""
        found, following = [], 0
        for path in sorted(self.folder.glob("*.packets")):
            first, count = map(int, path.stem.split("-"))
            if first != following:
                break
            found.append((path, first, count))
            following += count
        return found

    def close(self, finished: bool) -> None:
        """Unlock the folder; remove it where the film is finished, or nothing is worth keeping."""
        try:
            if finished or not self.frames:
                shutil.rmtree(self.folder, ignore_errors=True)
        finally:
            os.close(self.lock)


class PartWriter:
    """Encodes frames into the parts of a film that follow those there are."""

    def __init__(self, parts: Parts, encoder: Encoder, longest: int):
        self.parts, self.encoder, self.longest = parts, encoder, longest
        self.context, self.count, self.durations = encoder.opened(), 0, {}  # type: ignore[var-annotated]
        self.file = (parts.folder / UNFINISHED).open("wb")

    def add(self, frame: VideoFrame) -> None:
        """Encode a frame, whose time and duration are in the encoder's time base."""
        if self.count == self.longest:
            self.finish()
            self.context = self.encoder.opened()
            self.file = (self.parts.folder / UNFINISHED).open("wb")
        assert frame.pts is not None
        self.durations[frame.pts] = frame.duration
        self.write(self.context.encode(frame))
        self.count += 1

    def write(self, packets: list[Packet]) -> None:
        for packet in packets:
            assert packet.pts is not None
            duration = self.durations.pop(packet.pts, 0)
            self.file.write(HEADER.pack(packet.pts, duration, packet.size, packet.is_keyframe))
            self.file.write(bytes(packet))

    def finish(self) -> None:
        """End a part and give it its name."""
        if self.count:
            self.write(self.context.encode(None))
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        if self.count:
            (self.parts.folder / UNFINISHED).replace(self.parts.folder / f"{self.parts.frames:010d}-{self.count}.packets")
        self.parts.frames += self.count
        self.count, self.durations = 0, {}

    def abandon(self) -> None:
        """Let an unfinished part go."""
        with suppress(OSError):  # what it still holds may not fit on the disk
            self.file.close()
        (self.parts.folder / UNFINISHED).unlink(missing_ok=True)


def index_of(path: Path) -> list[Coded]:
    """The packets of a part in the order in which they are decoded."""
    found, end = [], path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < end:
            pts, duration, size, keyframe = HEADER.unpack(file.read(HEADER.size))
            found.append(Coded(pts, duration, keyframe, file.tell(), size))
            file.seek(size, os.SEEK_CUR)
    return found


def packets_of(parts: Parts) -> Iterator[Packet]:
    """Packets of all parts as one stream, with times at which to decode them and durations, and not yet of an output.

    Encoders count those times from the beginning of each part, where they would overlap with the part before if frames come at
    varying intervals. So they are made again: the times of frames in order, as much earlier as frames are reordered. Those before
    the first frame mirror the last intervals, so that the whole lasts as long as it is shown, which is what MP4 files say.
    A frame lasts until the next one is shown: what MP4 says of frames that are reordered is how long they are the last decoded.
    """
    indices = [(path, index_of(path)) for path, _, _ in parts.listed()]
    times = [coded.pts for _, index in indices for coded in index]
    ordered = sorted(times)
    rank = {pts: place for place, pts in enumerate(ordered)}
    depth = max((place - rank[pts] for place, pts in enumerate(times)), default=0)
    early = [ordered[0] - (ordered[-1] - ordered[place - depth - 1]) for place in range(depth)]
    durations = {coded.pts: coded.duration for _, index in indices[-1:] for coded in index}
    last = durations[ordered[-1]] or (ordered[-1] - ordered[-2] if len(ordered) > 1 else 0)
    place = 0
    for path, index in indices:
        with path.open("rb") as file:
            for coded in index:
                file.seek(coded.place)
                packet = Packet(file.read(coded.size))
                packet.pts, packet.is_keyframe = coded.pts, coded.keyframe
                packet.dts = early[place] if place < depth else ordered[place - depth]
                following = rank[coded.pts] + 1
                at_end = following == len(ordered) or place == len(times) - 1  # shown last, or decoded last
                packet.duration = last if at_end else ordered[following] - coded.pts
                yield packet
                place += 1
