"""What tests read of shared libraries, without binutils: 64-bit little-endian ELF files."""

import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

LOAD = 1  # kind of a segment
DYNAMIC_SECTION, DYNAMIC_SYMBOLS = 6, 11  # kinds of sections
SECTION_SYMBOL = 3  # kind of a symbol, without a name: GNU's linker writes some
NEEDED, SONAME, TEXTREL, FLAGS = 1, 14, 22, 30  # of entries of the dynamic section
HAS_TEXTREL = 4  # among the flags


class Section(NamedTuple):
    """Fields of a section's header."""

    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry: int


@dataclass(frozen=True)
class Library:
    """A shared library's bytes."""

    content: bytes

    @classmethod
    def read(cls, path: Path) -> "Library":
        library = cls(path.read_bytes())
        assert library.content[:6] == b"\x7fELF\x02\x01", f"{path} is no 64-bit little-endian ELF file"
        return library

    def table(self, layout: str, offset: int, count: int) -> list[tuple[int, ...]]:
        size = struct.calcsize(layout)
        return list(struct.iter_unpack(layout, self.content[offset : offset + count * size]))

    def text(self, offset: int) -> str:
        return self.content[offset : self.content.index(b"\0", offset)].decode()

    @cached_property
    def sections(self) -> list[Section]:
        offset, count = struct.unpack_from("<Q", self.content, 40)[0], struct.unpack_from("<H", self.content, 60)[0]
        return [Section(*fields) for fields in self.table("<IIQQQQIIQQ", offset, count)]

    @cached_property
    def section_names(self) -> list[str]:
        names = self.sections[struct.unpack_from("<H", self.content, 62)[0]]
        return [self.text(names.offset + section.name) for section in self.sections]

    @cached_property
    def load_alignments(self) -> list[int]:
        """Of the segments that are loaded."""
        offset, count = struct.unpack_from("<Q", self.content, 32)[0], struct.unpack_from("<H", self.content, 56)[0]
        return [fields[7] for fields in self.table("<IIQQQQQQ", offset, count) if fields[0] == LOAD]

    @cached_property
    def dynamic(self) -> list[tuple[int, ...]]:
        """(tag, value) of the dynamic section."""
        [section] = [section for section in self.sections if section.kind == DYNAMIC_SECTION]
        return self.table("<QQ", section.offset, section.size // 16)

    def named(self, tag: int) -> list[str]:
        """Names that the dynamic section has under a tag."""
        [section] = [section for section in self.sections if section.kind == DYNAMIC_SECTION]
        names = self.sections[section.link].offset
        return [self.text(names + value) for found, value in self.dynamic if found == tag]

    @property
    def soname(self) -> list[str]:
        return self.named(SONAME)

    @property
    def needed(self) -> list[str]:
        return self.named(NEEDED)

    @property
    def relocates_code(self) -> bool:
        return any(tag == TEXTREL or (tag == FLAGS and value & HAS_TEXTREL) for tag, value in self.dynamic)

    def symbols(self, defined: bool) -> set[str]:
        """Dynamic symbols that the library defines, or that it looks for elsewhere."""
        [section] = [section for section in self.sections if section.kind == DYNAMIC_SYMBOLS]
        names = self.sections[section.link].offset
        entries = self.table("<IBBHQQ", section.offset, section.size // 24)[1:]
        return {
            self.text(names + name)
            for name, info, _, section_index, _, _ in entries
            if (section_index != 0) == defined and info & 15 != SECTION_SYMBOL
        }
