"""ImageNet as TFRecord shards, in the keys of Google's TPU scripts or of TFDS; without TensorFlow.

A record is its length (8 bytes, little-endian), a checksum of that, the data, and a checksum of it.
The data is a tf.train.Example: a protocol buffer of named features. Only lengths are followed: the
images themselves are not read before they are asked for.
"""

import re
import struct
from typing import NamedTuple

from rslib.config import InputError
from rslib.data.formats.shards import Entry, mapped

WNID = re.compile(r"n\d{8}")
HEADER, FOOTER = 12, 4
NEGATIVE = 1 << 63  # from here on numbers are less than 0
TEXT, WHOLE = 1, 3  # a Feature's fields: bytes_list and int64_list


class Style(NamedTuple):
    """Which keys hold what, and where labels begin."""

    image: str
    label: str
    name: str
    synset: str | None
    first: int


STYLES = (
    # 0 is "background", so labels are 1 … 1000
    Style("image/encoded", "image/class/label", "image/filename", "image/class/synset", 1),
    Style("image", "label", "file_name", None, 0),
)


class Damaged(InputError):
    """A file that is no whole sequence of records."""


def records(file):
    """Yield the `Entry`s of a shard. Raises Damaged, InputError for keys of neither style."""
    with mapped(file) as data:
        for begin, end in frames(data, file):
            try:
                features = example(data, begin, end)
            except (IndexError, KeyError, ValueError, TypeError) as error:
                raise Damaged(f"{file}: the record at byte {begin} is no Example") from error
            yield entry_of(features, data, file)


def frames(data, file):
    """(begin, end) of each record's data; the checksum of its length is verified."""
    at = 0
    while at < len(data):
        header = data[at : at + HEADER]
        if len(header) < HEADER:
            raise Damaged(f"{file} ends in mid-record, at byte {at}; fetch it again")
        length, check = struct.unpack("<QI", header)
        if check != masked(header[:8]):
            raise Damaged(f"{file}: wrong checksum at byte {at}; fetch it again")
        begin, end = at + HEADER, at + HEADER + length
        if end + FOOTER > len(data):
            raise Damaged(f"{file} ends in mid-record, at byte {at}; fetch it again")
        yield begin, end
        at = end + FOOTER


def verify(file):
    """Compare all of a shard with its checksums: True. Raises Damaged where data differ."""
    with mapped(file) as data:
        for begin, end in frames(data, file):
            (check,) = struct.unpack("<I", data[end : end + FOOTER])
            if check != masked(data[begin:end]):
                raise Damaged(f"{file}: wrong checksum of the record at byte {begin}")
    return True


def masked(content):
    """TensorFlow's checksum: CRC-32C, turned by 15 bits, plus a constant."""
    import google_crc32c  # no other format needs it

    crc = google_crc32c.value(content)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def entry_of(features, data, file):
    for style in STYLES:
        if style.image in features and style.label in features:
            image, label = features[style.image], features[style.label]
            text, synset = features.get(style.name, ()), features.get(style.synset, ())
            if not all(isinstance(held, tuple) for held in (image, text, synset)):
                keys = [key for key in (style.image, style.name, style.synset) if key]
                raise Damaged(f"{file}: one of {keys} is no bytes")
            if not isinstance(label, int) or label >= NEGATIVE:
                raise Damaged(f"{file}: {style.label} is no number from 0 on")
            name = words(data, text) if text else ""
            return Entry(
                name=name,
                label=label - style.first,
                offset=image[0],
                length=image[1] - image[0],
                synset=words(data, synset) if synset else wnid_of(name),
            )
    raise InputError(f"{file} has the keys {sorted(features)[:6]}; ImageNet's are others")


def wnid_of(name):
    """The class in a training image's name, n01440764_10026.JPEG; None if there is none."""
    match = WNID.match(name.rpartition("/")[2])
    return match[0] if match else None


def words(data, where):
    return data[slice(*where)].decode("utf-8", "surrogateescape")


def example(data, begin, end):
    """{key: (begin, end) of its bytes, or its whole number} of an Example's features."""
    found = {}
    for _, features in fields(data, begin, end):
        for _, entry in fields(data, *features):
            pair = dict(fields(data, *entry))
            key = words(data, pair[1])
            for kind, values in fields(data, *pair[2]):
                first = next(fields(data, *values), None)
                if first is None or first[1] == (values[1], values[1]):
                    continue  # an empty list, as of boxes where there is none
                if kind == TEXT:
                    found[key] = first[1]
                elif kind == WHOLE:  # packed, or alone
                    packed = isinstance(first[1], tuple)
                    found[key] = varint(data, first[1][0])[0] if packed else first[1]
    return found


def fields(data, at, end):
    """Yield (number, value) of a protocol buffer: (begin, end) of bytes, or a whole number."""
    while at < end:
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 2:
            size, at = varint(data, at)
            if at + size > end:
                raise IndexError("a field is longer than what holds it")
            yield tag >> 3, (at, at + size)
            at += size
        elif kind == 0:
            value, at = varint(data, at)
            yield tag >> 3, value
        else:  # fixed numbers of 8 and 4 bytes; no other kind is left in use
            at += {1: 8, 5: 4}[kind]


def varint(data, at):
    """(number, place behind it): seven bits a byte, lowest first, the eighth says "go on"."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
