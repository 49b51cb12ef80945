#!/usr/bin/env python3
"""What people would use in the product's place, over the same documents and readers: SQLite FTS5 by Python's own
sqlite3 module, and tantivy where its Python package is installed. Run by `muniment bench search`.

    bench_peers.py DIRECTORY PEER     PEER: sqlite or tantivy

DIRECTORY holds `documents.tsv` (conversation, sender, created_at, words; a document's id is its line's number) and
`queries.json`. The answer is JSON on standard output; a peer that cannot run says so in `skipped`."""
import json
import os
import re
import sys
import time

LIMIT = 50


def documents(folder):
    with open(folder + "/documents.tsv", encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            conversation, sender, created_at, words = line.rstrip("\n").split("\t")
            yield number, int(conversation), int(sender), int(created_at), words


def measured(plan, answer):
    """Times and answers by case, each for as many queries as the budget allows, after one to warm up."""
    cases = []
    for queries in plan["cases"]:
        for query in queries[:1]:
            answer(query)
        times, answers, began = [], [], time.perf_counter()
        for query in queries:
            if times and time.perf_counter() - began > plan["seconds_a_case"]:
                break
            start = time.perf_counter()
            found = answer(query)
            times.append(time.perf_counter() - start)
            answers.append(found)
        cases.append({"times": times, "answers": answers})
    return cases


def size(folder):
    return {name: os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)}


# --- SQLite -----------------------------------------------------------------------------------------------------------

# Words come as tokens already: a space alone divides them. Quotes are doubled for where they stand.
MARKS = "".join(chr(c) for c in range(1, 127) if not chr(c).isalnum() and chr(c) not in " \t\n")
MARKS = MARKS.replace("'", "''").replace('"', '""')


def sqlite_build(plan, folder, path):
    import sqlite3
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-262144", "temp_store=MEMORY"):
        database.execute("PRAGMA " + pragma)
    detail = "none" if plan["blinded"] else "full"
    database.execute(
        f"""CREATE VIRTUAL TABLE words USING fts5(text, content='', detail={detail}, columnsize=0,
            tokenize="ascii tokenchars '{MARKS}'")""")
    database.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, conversation INT, sender INT, created_at INT)")
    database.execute("""CREATE TABLE member (reader INT, conversation INT, since INT,
                        PRIMARY KEY (reader, conversation)) WITHOUT ROWID""")
    start = time.perf_counter()
    count = 0
    database.execute("BEGIN")
    for number, conversation, sender, created_at, text in documents(folder):
        database.execute("INSERT INTO message VALUES (?, ?, ?, ?)", (number, conversation, sender, created_at))
        database.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, text))
        count += 1
    database.execute("INSERT INTO words (words) VALUES ('optimize')")
    database.execute("COMMIT")
    seconds = time.perf_counter() - start
    for reader in plan["readers"]:
        database.executemany(
            "INSERT INTO member VALUES (?, ?, ?)", [(reader["number"], c, since) for c, since in reader["windows"]])
    database.execute("ANALYZE")
    return database, count / seconds


def quoted(word):
    return '"' + word.replace('"', '""') + '"'


def sqlite_match(query):
    if query["sets"] is not None:
        return " OR ".join("(" + " AND ".join(map(quoted, words)) + ")" if len(words) > 1 else quoted(words[0])
                           for words in query["sets"])
    if query["prefix"]:
        return quoted(query["prefix"]) + " *"
    if query["kind"] == "phrase":
        return " + ".join(map(quoted, query["words"]))
    return " AND ".join(map(quoted, query["words"]))


def sqlite(plan, folder):
    import sqlite3
    path = folder + "/sqlite.db"
    database, rate = sqlite_build(plan, folder, path)
    # CROSS JOIN keeps the order: words newest first, then the message, then whether its reader may see it.
    statement = """SELECT words.rowid FROM words CROSS JOIN message ON message.id = words.rowid
        CROSS JOIN member ON member.reader = ? AND member.conversation = message.conversation
          AND member.since <= message.created_at
        WHERE words MATCH ? ORDER BY words.rowid DESC LIMIT 50"""

    def answer(query):
        return [row[0] for row in database.execute(statement, (query["reader"], sqlite_match(query)))]

    cases = measured(plan, answer)
    pages = database.execute("SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'words%'").fetchone()[0] \
        if has_dbstat(database) else 0
    total = os.path.getsize(path)
    return {
        "name": f"SQLite {sqlite3.sqlite_version} FTS5", "documents_per_second": rate,
        "bytes": {"words": pages, "messages, members": total - pages},
        "note": "by Python's sqlite3; contentless, no journal, one transaction, optimized", "cases": cases}


def has_dbstat(database):
    import sqlite3
    try:
        database.execute("SELECT 1 FROM dbstat LIMIT 1").fetchone()
        return True
    except sqlite3.OperationalError:
        return False


# --- tantivy ----------------------------------------------------------------------------------------------------------

def tantivy_build(plan, folder, path):
    import tantivy
    os.mkdir(path)
    builder = tantivy.SchemaBuilder()
    for name in ("id", "conversation", "created_at"):
        builder.add_integer_field(name, fast=True, indexed=True)
    builder.add_text_field(
        "text", tokenizer_name="spaces", index_option="basic" if plan["blinded"] else "position")
    schema = builder.build()
    index = tantivy.Index(schema, path=path)
    index.register_tokenizer(
        "spaces", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
    start = time.perf_counter()
    writer = index.writer(heap_size=256 << 20, num_threads=2)
    count = 0
    for number, conversation, _, created_at, words in documents(folder):
        document = tantivy.Document()
        document.add_integer("id", number)
        document.add_integer("conversation", conversation)
        document.add_integer("created_at", created_at)
        document.add_text("text", words)
        writer.add_document(document)
        count += 1
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index, schema, count / (time.perf_counter() - start)


def tantivy_scope(schema, reader):
    import tantivy
    must, should = tantivy.Occur.Must, tantivy.Occur.Should
    parts = []
    by_time = {}
    for conversation, since in reader["windows"]:
        by_time.setdefault(since, []).append(conversation)
    earliest = min(by_time)
    for since, conversations in by_time.items():
        named = tantivy.Query.term_set_query(schema, "conversation", conversations)
        if since > earliest or since > 0:
            times = tantivy.Query.range_query(
                schema, "created_at", tantivy.FieldType.Integer, lower_bound=since, upper_bound=2**62)
            named = tantivy.Query.boolean_query([(must, named), (must, times)])
        parts.append((should, named))
    return tantivy.Query.boolean_query(parts)


def tantivy_words(schema, query):
    import tantivy
    must, should = tantivy.Occur.Must, tantivy.Occur.Should

    def term(word):
        return tantivy.Query.term_query(schema, "text", word, index_option="basic")

    if query["sets"] is not None:
        return tantivy.Query.boolean_query([
            (should, term(words[0]) if len(words) == 1 else
             tantivy.Query.boolean_query([(must, term(word)) for word in words])) for words in query["sets"]])
    if query["prefix"]:
        return tantivy.Query.regex_query(schema, "text", re.escape(query["prefix"]) + ".*")
    if query["kind"] == "phrase" and len(query["words"]) > 1:
        return tantivy.Query.phrase_query(schema, "text", query["words"])
    return tantivy.Query.boolean_query([(must, term(word)) for word in query["words"]])


def tantivy_peer(plan, folder):
    try:
        import tantivy
    except ImportError:
        return {"name": "tantivy", "skipped": "its Python package is not installed (pip install tantivy)"}
    path = folder + "/tantivy"
    index, schema, rate = tantivy_build(plan, folder, path)
    searcher = index.searcher()
    must = tantivy.Occur.Must
    scopes = {reader["number"]: tantivy_scope(schema, reader) for reader in plan["readers"]}

    def answer(query):
        asked = tantivy.Query.boolean_query(
            [(must, tantivy_words(schema, query)), (must, scopes[query["reader"]])])
        found = searcher.search(asked, LIMIT, count=False, order_by_field="id", order=tantivy.Order.Desc)
        return [order for order, _ in found.hits]

    cases = measured(plan, answer)
    version = re.search(r"[0-9.]+", getattr(tantivy, "__version__", "")) or ["of unknown version"]
    return {
        "name": f"tantivy {version[0]}", "documents_per_second": rate,
        "bytes": {"segments": sum(size(path).values())},
        "note": "by its Python package; the writer has two threads, the scope of a reader is built beforehand",
        "cases": cases}


def main():
    folder, peer = sys.argv[1], sys.argv[2]
    with open(folder + "/queries.json", encoding="utf-8") as file:
        plan = json.load(file)
    json.dump({"sqlite": sqlite, "tantivy": tantivy_peer}[peer](plan, folder), sys.stdout)


if __name__ == "__main__":
    main()
