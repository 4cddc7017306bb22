"""What a file is, by its first bytes and never by its name; what is not an image gets its own sentence.

Decoding is `medeval.cases.decode`.
"""

from typing import Literal

from medeval.errors import ImageError

Format = Literal["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "DICOM"]

HEAD_BYTES = 4096

_MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
)

_ACCEPTED_ZH = "PNG、JPEG、WebP、TIFF、BMP、GIF 或 DICOM"
_ACCEPTED_EN = "PNG, JPEG, WebP, TIFF, BMP, GIF or DICOM"


def sniff(head: bytes) -> Format:
    """The format that the first bytes (up to HEAD_BYTES) declare.

    Raises:
        ImageError: One sentence that says what the file is instead, without its name.
    """
    if not head:
        raise ImageError("文件是空的（0 字节） / the file is empty (0 bytes)")
    if head[128:132] == b"DICM":  # Asked first: the 128 bytes before may imitate another format.
        return "DICOM"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    zh, en = _what_else(head)
    raise ImageError(f"{zh}，请换成 {_ACCEPTED_ZH} 图像 / {en}; use a {_ACCEPTED_EN} image")


def _what_else(head: bytes) -> tuple[str, str]:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if b"<svg" in start and start.startswith(b"<"):
        return "这是 SVG 矢量图，不是像素图像", "this is an SVG drawing, not an image of pixels"
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "这是网页（HTML），不是图像", "this is a web page (HTML), not an image"
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"hevc"):
        return "不支持 HEIC/AVIF 图像", "HEIC/AVIF images are not read"
    if head.startswith(b"%PDF"):
        return "这是 PDF 文件，不是图像", "this is a PDF file, not an image"
    if head.startswith((b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")):
        return "这是压缩包，不是图像", "this is an archive, not an image"
    if _is_text(head):
        return "这是文本文件，不是图像", "this is a text file, not an image"
    return "无法识别的文件，不是图像或已损坏", "this is no image of a known kind, or it is damaged"


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    for cut in range(4):  # The head may end within a character.
        try:
            head[: len(head) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return True
    return False
