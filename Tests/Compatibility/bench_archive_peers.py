#!/usr/bin/env python3
"""What people would archive a chat with in the product's place, over the same lines. Run by `muniment bench archive`.

    bench_archive_peers.py DIRECTORY CORPUS FORM PEER

DIRECTORY is an empty one of the peer's own, CORPUS a file of messages, one JSON object a line. FORM is `plain`, or
`sealed`: contents are base64 of what a client has sealed. PEER is one of:

    tar_zstd_age   tar, `zstd -3` and age, one after another, to one recipient
    borg           `borg create -C zstd,3` into an encrypted repository
    restic         `restic backup` into a repository, which it always encrypts
    duckdb         Parquet with zstd by DuckDB's Python package, not encrypted
    pyarrow        Parquet with zstd by pyarrow, not encrypted

Each writes the archive, reads all of it back, which is compared with what went in, and then makes an archive without
the author who wrote most, as none of them can leave out a part. The answer is JSON on standard output: `bytes` of all
that was written, `write_seconds`, `read_seconds`, `erase_seconds`. A peer that is not there says so in `skipped`."""
import collections
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

PIECE = 1 << 20


class Missing(Exception):
    pass


def program(name):
    path = shutil.which(name)
    if path is None:
        raise Missing(f"{name} is not installed")
    return path


def timed(body):
    start = time.perf_counter()
    result = body()
    return result, time.perf_counter() - start


def size(path):
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)


def digest(stream):
    """Of everything in a stream."""
    found = hashlib.blake2b()
    while piece := stream.read(PIECE):
        found.update(piece)
    return found.hexdigest()


def digest_of(path):
    with open(path, "rb") as file:
        return digest(file)


def prolific(corpus):
    """Who wrote most."""
    counts = collections.Counter()
    with open(corpus, encoding="utf-8") as lines:
        for line in lines:
            counts[json.loads(line)["sender_id"]] += 1
    return counts.most_common(1)[0][0]


def without(lines, author, output):
    for line in lines:
        if json.loads(line)["sender_id"] != author:
            output.write(line)


def version(*words):
    found = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True, text=True)
    return found.stdout.splitlines()[0].strip()


class Pipeline:
    """Programs one behind the other."""

    def __init__(self, *commands, source=None, sink=subprocess.PIPE, environment=None):
        self.processes = []
        for number, command in enumerate(commands):
            last = number == len(commands) - 1
            before = self.processes[-1].stdout if self.processes else source
            process = subprocess.Popen(
                command, stdin=before, stdout=sink if last else subprocess.PIPE, env=environment)
            if self.processes:
                before.close()
            self.processes.append(process)

    @property
    def output(self):
        return self.processes[-1].stdout

    def end(self):
        for process in self.processes:
            if process.wait() != 0:
                raise RuntimeError(f"{process.args[0]} failed")


# --- tar, zstd and age ------------------------------------------------------------------------------------------------

def tar_zstd_age(folder, corpus, form):
    tar, zstd, age = program("tar"), program("zstd"), program("age")
    identity, archive, filtered = (f"{folder}/{name}" for name in ("identity", "archive.age", "messages.ndjson"))
    subprocess.run([program("age-keygen"), "-o", identity], check=True, stderr=subprocess.DEVNULL)
    recipient = version("age-keygen", "-y", identity)
    directory, name = os.path.split(corpus)

    def write(directory, name, archive):
        Pipeline(
            [tar, "-C", directory, "-cf", "-", name], [zstd, "-q", "-3"], [age, "-r", recipient, "-o", archive]).end()

    def opened():
        return Pipeline([age, "-d", "-i", identity, archive], [zstd, "-q", "-d"], [tar, "-xOf", "-"])

    def read():
        pipeline = opened()
        found = digest(pipeline.output)
        pipeline.end()
        return found

    def erase():
        pipeline = opened()
        with open(filtered, "wb") as output:
            without(pipeline.output, author, output)
        pipeline.end()
        write(folder, os.path.basename(filtered), archive + ".new")
        os.replace(archive + ".new", archive)

    author = prolific(corpus)
    _, write_seconds = timed(lambda: write(directory, name, archive))
    written = size(archive)
    found, read_seconds = timed(read)
    assert found == digest_of(corpus), "what was read back is not what went in"
    _, erase_seconds = timed(erase)
    return {
        "name": "tar, zstd -3, age " + version("age", "--version").removeprefix("v"), "bytes": written, "write_seconds": write_seconds,
        "read_seconds": read_seconds, "erase_seconds": erase_seconds,
        "note": "one encrypted file; a page costs all of it, so does erasing"}


# --- borg and restic --------------------------------------------------------------------------------------------------

def repository(folder, corpus, environment, commands, erased):
    """Both are used in the same way. `commands` are those that make it, write into it and read from it; `erased` gets
    the path of the lines that stay, in the place of the first."""
    environment = {**os.environ, **environment}
    # Paths in the repository are those of the files: each has a directory of its own.
    place = f"{folder}/in"
    os.mkdir(place)
    lines = f"{place}/messages.ndjson"
    os.link(corpus, lines)

    def run(command):
        done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed: {done.stderr}")

    def read():
        pipeline = Pipeline(commands["read"](lines), environment=environment)
        found = digest(pipeline.output)
        pipeline.end()
        return found

    def erase():
        pipeline = Pipeline(commands["read"](lines), environment=environment)
        with open(lines + ".new", "wb") as output:
            without(pipeline.output, author, output)
        pipeline.end()
        os.replace(lines + ".new", lines)
        for command in erased(lines):
            run(command)

    author = prolific(corpus)
    run(commands["make"])
    _, write_seconds = timed(lambda: run(commands["write"](lines)))
    written = size(f"{folder}/repository")
    found, read_seconds = timed(read)
    assert found == digest_of(corpus), "what was read back is not what went in"
    _, erase_seconds = timed(erase)
    return {
        "bytes": written, "write_seconds": write_seconds, "read_seconds": read_seconds, "erase_seconds": erase_seconds}


def borg(folder, corpus, form):
    borg, path = program("borg"), f"{folder}/repository"
    create = [borg, "create", "-C", "zstd,3"]
    commands = {
        "make": [borg, "init", "-e", "repokey-blake2", path],
        "write": lambda lines: create + [path + "::all", lines],
        "read": lambda lines: [borg, "extract", "--stdout", path + "::all"]}
    found = repository(
        folder, corpus, {"BORG_PASSPHRASE": "bench", "BORG_BASE_DIR": folder, "BORG_EXIT_CODES": "legacy"}, commands,
        lambda lines: [
            create + [path + "::rest", lines], [borg, "delete", path + "::all"], [borg, "compact", path]])
    return {
        "name": version("borg", "--version"), **found,
        "note": "zstd,3; erasing: a new archive of the others, the old one deleted, compacted"}


def restic(folder, corpus, form):
    path = f"{folder}/repository"
    restic = [program("restic"), "-q", "-r", path, "--cache-dir", f"{folder}/cache"]
    commands = {
        "make": restic + ["init"], "write": lambda lines: restic + ["backup", lines],
        "read": lambda lines: restic + ["dump", "latest", lines]}
    found = repository(
        folder, corpus, {"RESTIC_PASSWORD": "bench"}, commands,
        lambda lines: [restic + ["backup", lines], restic + ["forget", "--keep-last", "1", "--prune"]])
    return {
        "name": " ".join(version("restic", "version").split()[:2]), **found,
        "note": "compression as it comes; erasing: a backup of the others, the old one forgotten and pruned"}


# --- Parquet ----------------------------------------------------------------------------------------------------------

def parquet(folder, corpus, write, read, erase):
    author = prolific(corpus)
    path = f"{folder}/archive.parquet"
    messages, write_seconds = timed(lambda: write(path))
    written = size(path)
    found, read_seconds = timed(lambda: read(path))
    assert found == messages, "what was read back is not what went in"
    _, erase_seconds = timed(lambda: erase(path, author))
    return {
        "bytes": written, "write_seconds": write_seconds, "read_seconds": read_seconds, "erase_seconds": erase_seconds,
        "note": "zstd as it comes; not encrypted; erasing: a file of the others"}


def duckdb(folder, corpus, form):
    try:
        import duckdb
    except ImportError:
        raise Missing("its Python package is not installed (pip install duckdb)") from None
    database = duckdb.connect()
    parquet_form = "(FORMAT parquet, COMPRESSION zstd)"
    columns = "* REPLACE (from_base64(content) AS content)" if form == "sealed" else "*"
    source = f"read_json_auto('{corpus}', format='newline_delimited')"
    with open(corpus, "rb") as lines:
        messages = sum(1 for _ in lines)

    def write(path):
        database.execute(f"COPY (SELECT {columns} FROM {source}) TO '{path}' {parquet_form}")
        return messages

    def read(path):
        # Every value is looked at, as a count alone reads next to nothing.
        return database.execute(f"SELECT count(*) FROM (SELECT hash(COLUMNS(*)) FROM '{path}')").fetchone()[0]

    def erase(path, author):
        kept = f"COPY (SELECT * FROM '{path}' WHERE sender_id <> ?) TO '{path}.new' {parquet_form}"
        database.execute(kept, [author])
        os.replace(path + ".new", path)

    return {"name": f"DuckDB {duckdb.__version__} Parquet", **parquet(folder, corpus, write, read, erase)}


def pyarrow(folder, corpus, form):
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.json
        import pyarrow.parquet
    except ImportError:
        raise Missing("its Python package is not installed (pip install pyarrow)") from None

    def write(path):
        table = pyarrow.json.read_json(corpus)
        if form == "sealed":
            import base64
            contents = pyarrow.array([base64.b64decode(text.as_py()) for text in table["content"]], pyarrow.binary())
            table = table.set_column(table.column_names.index("content"), "content", contents)
        pyarrow.parquet.write_table(table, path, compression="zstd")
        return table.num_rows

    def read(path):
        return pyarrow.parquet.read_table(path).num_rows

    def erase(path, author):
        table = pyarrow.parquet.read_table(path)
        kept = table.filter(pyarrow.compute.not_equal(table["sender_id"], author))
        pyarrow.parquet.write_table(kept, path, compression="zstd")

    return {"name": f"pyarrow {pyarrow.__version__} Parquet", **parquet(folder, corpus, write, read, erase)}


PEERS = {"tar_zstd_age": tar_zstd_age, "borg": borg, "restic": restic, "duckdb": duckdb, "pyarrow": pyarrow}


def main():
    folder, corpus, form, peer = sys.argv[1:5]
    try:
        answer = PEERS[peer](folder, corpus, form)
    except Missing as missing:
        answer = {"name": peer, "skipped": str(missing)}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
