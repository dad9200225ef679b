"""Media as members of a sample: at training size, cut out of a film, or the original bytes as they are.

At training size pictures and frames are JPEG, sounds 16 kHz mono FLAC. Original bytes are not read here: a member says
where they lie, and the writer of the tar takes them from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from m5tools import objects
from m5tools.media import audio, image, source, video
from m5tools.media.guard import LIMITS, DecodeError
from m5tools.shards.clip import cut_out
from m5tools.shards.config import FRAMES_A_SECOND, SAMPLE_RATE, Encoding
from m5tools.shards.writer import Member, Stretch
from m5tools.stage import Work
from m5tools.vocabulary import Modality, Reason

SUFFIXES: Final = dict(
    line.split()
    for line in """\
image/jpeg jpg
image/png png
image/gif gif
image/bmp bmp
image/tiff tif
image/webp webp
image/avif avif
image/heic heic
image/heif heif
image/jp2 jp2
image/j2k j2k
image/x-icon ico
image/vnd.adobe.photoshop psd
video/mp4 mp4
video/quicktime mov
video/webm webm
video/x-msvideo avi
video/x-flv flv
video/mpeg mpg
video/ogg ogv
audio/wav wav
audio/flac flac
audio/mpeg mp3
audio/ogg ogg
audio/aac aac
audio/mp4 m4a
audio/aiff aiff
audio/wavpack wv
audio/ape ape
""".splitlines()
)
UNKNOWN: Final = "bin"
"""The suffix of what could be decoded though no signature tells its type."""


class File(NamedTuple):
    """A file that goes into a sample.

    Attributes:
        modality: what it is used as.
        track: it is the sound track of a film.
        asset_id: the file, sha256 of its bytes in hex.
        uri, offset, length: where its bytes lie.
        mime: media type judged by the bytes.
        width, height: pixels of a picture or film, upright; null for sounds.
        duration_s: seconds of a film or sound.
    """

    modality: Modality
    track: bool
    asset_id: str
    uri: str
    offset: int
    length: int
    mime: str
    width: int | None
    height: int | None
    duration_s: float | None


class Encoder:
    """Makes members of files.

    Args:
        encoding: how.
        work: names the item at hand, and the items that killed a worker before.
    """

    def __init__(self, encoding: Encoding, work: Work) -> None:
        self._how = encoding
        self._film = encoding.video_form
        self._work = work
        self._root = str(work.dataset.root)

    def members(self, file: File, number: int) -> Sequence[Member]:
        """The members that a file becomes.

        Args:
            file: the file.
            number: how many members of its modality the sample has already.

        Raises:
            DecodeError: with the reason to record.
        """
        if self.untouched(file):
            return (self._untouched(file, number),)
        if file.asset_id in self._work.blamed:
            raise DecodeError(self._work.blamed[file.asset_id], "it ended its worker twice")
        # Before the item is named: how long a store takes to answer is not held against the file.
        data = source.read(self._work.dataset.root, file.uri, file.offset, file.length, sha256=file.asset_id)
        with self._work.item(file.asset_id):
            if file.modality is Modality.IMAGE:
                return (self._picture(file, data, number),)
            if file.modality is Modality.AUDIO:
                return (self._sound(file, data, number),)
            if self._film == "clip":
                return (self._clip(file, data, number),)
            return self._frames(file, data, number)

    def untouched(self, file: File) -> bool:
        """Whether a file's own bytes are its member; a sound track has none of its own."""
        if file.modality is Modality.VIDEO:
            return self._film == "untouched"
        return self._how.media == "untouched" and not file.track

    def _untouched(self, file: File, number: int) -> Member:
        if file.length > LIMITS.bytes:
            raise DecodeError(Reason.TOO_LARGE, f"{file.length:,} bytes")
        path = file.uri.removeprefix("file://")
        if not path.startswith(("/", objects.S3)):
            path = f"{self._root}/{path}"  # a Path costs as much as the reading
        name = f"{file.modality.value}_{number}.{SUFFIXES.get(file.mime, UNKNOWN)}"
        stretch = Stretch(path, file.offset, file.length, file.asset_id)
        return Member(name, file.modality, stretch, file.asset_id, file.width, file.height, file.duration_s)

    def _picture(self, file: File, data: bytes, number: int) -> Member:
        longest = self._how.image_long_side
        return self._jpeg(file, number, image.fit(image.decode(data, at_least=longest).rgb, longest))

    def _frames(self, file: File, data: bytes, number: int) -> Sequence[Member]:
        every_s = 1 / FRAMES_A_SECOND
        film = video.decode(data, every_s, max_frames=self._how.max_frames, long_side=self._how.image_long_side)
        return [self._jpeg(file, k, frame, every_s) for k, frame in enumerate(film.frames, start=number)]

    def _jpeg(self, file: File, number: int, rgb: image.Rgb, duration_s: float | None = None) -> Member:
        height, width = rgb.shape[:2]
        data = image.encode_jpeg(rgb, self._how.image_quality)
        name = f"{file.modality.value}_{number}.jpg"
        return Member(name, file.modality, data, file.asset_id, width, height, duration_s)

    def _sound(self, file: File, data: bytes, number: int) -> Member:
        samples = audio.decode(data, rate=SAMPLE_RATE, max_s=self._how.max_audio_seconds).samples
        flac = audio.encode_flac(samples, SAMPLE_RATE)
        seconds = len(samples) / SAMPLE_RATE
        return Member(f"{Modality.AUDIO}_{number}.flac", Modality.AUDIO, flac, file.asset_id, duration_s=seconds)

    def _clip(self, file: File, data: bytes, number: int) -> Member:
        clip = cut_out(data, self._how.clip_seconds, self._how.clip_start_s)
        name = f"{Modality.VIDEO}_{number}.{clip.suffix}"
        return Member(name, Modality.VIDEO, clip.data, file.asset_id, file.width, file.height, clip.duration_s)
