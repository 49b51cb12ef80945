#!/usr/bin/env python3
"""Opens a package of every format with other people's programs and compares what they find with messages.jsonl.

    exports.py PACKAGE

Needs notmuch, xmllint (libxml2-utils), unzip, bsdtar (libarchive-tools) and python3-jsonschema. With chromium, and with
a Python that has slack-export-viewer and duckdb (named by MUNIMENT_VIEWERS_PYTHON), these are asked too; where they are
not there that is said. Prints one line a format; the exit code is 1 if any of them finds something else than is there.

  MUNIMENT_SCREENSHOTS   a directory to leave Chromium's pictures of pages in
"""
import csv, email.parser, email.policy, html, io, json, mailbox, os, re, shutil, subprocess, sys, tempfile, zipfile
from pathlib import Path

package = Path(sys.argv[1])
failures = []


def check(what, condition, detail=""):
    print(("ok    " if condition else "FAIL  ") + what + (f": {detail}" if detail else ""))
    if not condition:
        failures.append(what)


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, **options)


lines = [json.loads(line) for line in open(package / "messages.jsonl", encoding="utf-8")]
created = [line for line in lines if line["type"] == "message.created"]
edits = [line for line in lines if line["type"] == "message.edited"]
sealed = [line for line in created if "sealed" in line["body"]]
plain = {line["message_id"]: line["body"]["plain"] for line in created if "plain" in line["body"]}
versions = len(created) + len(edits)


def check_csv():
    csv.field_size_limit(1 << 24)
    with open(package / "csv/messages.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    check("csv: messages", sum(row["record"] == "message" for row in rows) == len(created))
    check("csv: edits", sum(row["record"] == "edit" for row in rows) == len(edits))
    check("csv: sealed", sum(row["record"] == "message" and row["sealed"] == "yes" for row in rows) == len(sealed))
    check("csv: no formula", not any(cell[:1] in "=+-@\t\r" for row in rows for cell in row.values() if cell))


def check_dat():
    raw = (package / "VOL001/DATA/loadfile.dat").read_bytes().decode("utf-8-sig")
    table = list(csv.reader(io.StringIO(raw, newline=""), delimiter="\x14", quotechar="\u00fe", strict=True))
    header, rows = table[0], [dict(zip(table[0], row)) for row in table[1:]]
    check("dat: documents", len(rows) == len(created) and all(len(row) == len(header) for row in table))
    images = (package / "VOL001/DATA/loadfile.opt").read_text().splitlines()
    check("dat: images", [image.split(",")[0] for image in images] == [row["BEGDOC"] for row in rows])
    for row in rows:
        for field in ("TEXTPATH", "NATIVEPATH"):
            if not (package / "VOL001" / row[field].replace("\\", "/")).is_file():
                return check("dat: files", False, row["BEGDOC"])
    tiffs = list((package / "VOL001/IMAGES").rglob("*.tif"))
    check("dat: files", len(tiffs) == len(rows))
    header = tiffs[0].read_bytes()[:4]
    check("dat: slip sheets are TIFF", header == b"II*\0" and "TIFF" in run("file", "-b", str(tiffs[0])).stdout)


def text_of(message):
    body = message.get_body(("plain",))
    return body.get_content() if body else ""


def check_mail():
    ids, texts = set(), {}
    parser = email.parser.BytesParser(policy=email.policy.default)
    files = list((package / "eml").rglob("*.eml"))
    for file in files:
        message = parser.parsebytes(file.read_bytes())
        for part in message.walk():
            if part.defects:
                return check("eml: defects", False, str(part.defects))
        ids.add(message["Message-ID"])
        if not message["X-Chat-Replaces"]:
            texts[str(message["X-Chat-Message-Id"])] = unix(text_of(message))
    check("eml: messages", len(files) == versions and len(ids) == versions)
    same = [key for key, text in plain.items() if texts.get(key, "").rstrip("\n") == unix(text).rstrip("\n")]
    check("eml: texts", len(same) == len(plain), f"{len(same)} of {len(plain)}")
    found, boxes = 0, sorted((package / "mbox").glob("*.mbox"))
    for box in boxes:
        for message in mailbox.mbox(box, create=False):
            found += 1
            if message["Message-ID"] not in ids:
                return check("mbox: ids", False)
    check("mbox: messages", found == versions, f"{found}")


def unix(text):
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_notmuch():
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config")
        config.write_text(
            f"[database]\npath={package / 'eml'}\nmail_root={package / 'eml'}\n[user]\nname=x\n"
            "primary_email=x@example.org\n[new]\ntags=new\n")
        environment = dict(os.environ, NOTMUCH_CONFIG=str(config), HOME=folder, NOTMUCH_DATABASE=folder)
        config.write_text(config.read_text().replace(f"path={package / 'eml'}", f"path={folder}"))
        new = run("notmuch", "new", env=environment)
        count = run("notmuch", "count", "*", env=environment).stdout.strip()
        check("notmuch: messages", count == str(versions), count + " " + new.stderr.strip()[:200])
        thread_of = {}
        found = run("notmuch", "search", "--output=threads", "*", env=environment).stdout.split()
        for thread in found:
            for name in run("notmuch", "search", "--output=messages", thread, env=environment).stdout.split():
                thread_of[name.removeprefix("id:")] = thread
        parser = email.parser.BytesParser(policy=email.policy.default)
        replies = 0
        for file in (package / "eml").rglob("*.eml"):
            message = parser.parsebytes(file.read_bytes())
            parent = str(message["In-Reply-To"] or "").strip("<>")
            if parent in thread_of:
                replies += 1
                if thread_of[parent] != thread_of[message["Message-ID"].strip("<>")]:
                    return check("notmuch: threads", False)
        check("notmuch: threads", replies > 0, f"{replies} replies in their threads")


RSMF = {
    "type": "object", "required": ["version", "participants", "conversations", "events"],
    "additionalProperties": False,
    "properties": {
        "version": {"const": "2.0.0"}, "eventcollectionid": {"$ref": "#/definitions/id"},
        "participants": {"type": "array", "items": {
            "type": "object", "required": ["id"], "additionalProperties": False, "properties": {
                "id": {"$ref": "#/definitions/id"}, "display": {"type": "string"}, "email": {"type": "string"},
                "avatar": {"type": "string"}, "account_id": {"type": "string"},
                "custom": {"$ref": "#/definitions/custom"}}}},
        "conversations": {"type": "array", "items": {
            "type": "object", "required": ["id", "platform", "participants"], "additionalProperties": False,
            "properties": {
                "id": {"$ref": "#/definitions/id"}, "platform": {"$ref": "#/definitions/id"},
                "display": {"type": "string"}, "type": {"enum": ["direct", "channel"]},
                "participants": {"type": "array", "items": {"$ref": "#/definitions/id"}},
                "custodian": {"$ref": "#/definitions/id"}, "custom": {"$ref": "#/definitions/custom"},
                "icon": {"type": "string"}}}},
        "events": {"type": "array", "items": {
            "type": "object", "required": ["type"], "additionalProperties": False, "properties": {
                "type": {"enum": ["message", "disclaimer", "join", "leave", "history", "unknown"]},
                "id": {"$ref": "#/definitions/id"}, "parent": {"$ref": "#/definitions/id"},
                "body": {"type": "string"}, "participant": {"$ref": "#/definitions/id"},
                "conversation": {"$ref": "#/definitions/id"},
                "timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
                "deleted": {"type": "boolean"}, "importance": {"enum": ["normal", "high"]},
                "direction": {"enum": ["incoming", "outgoing"]}, "custom": {"$ref": "#/definitions/custom"},
                "reactions": {"type": "array", "items": {
                    "type": "object", "required": ["value"], "additionalProperties": False, "properties": {
                        "value": {"type": "string", "minLength": 1}, "count": {"type": "integer"},
                        "participants": {"type": "array", "items": {"$ref": "#/definitions/id"}}}}},
                "attachments": {"type": "array", "items": {
                    "type": "object", "required": ["id"], "additionalProperties": False, "properties": {
                        "id": {"$ref": "#/definitions/id"}, "display": {"type": "string"},
                        "size": {"type": "integer"}}}},
                "edits": {"type": "array", "items": {
                    "type": "object", "required": ["participant"], "additionalProperties": False, "properties": {
                        "participant": {"$ref": "#/definitions/id"}, "timestamp": {"type": "string"},
                        "previous": {"type": "string"}, "new": {"type": "string"}}}}}}}},
    "definitions": {
        "id": {"type": "string", "minLength": 1},
        "custom": {"type": "array", "items": {
            "type": "object", "required": ["name", "value"], "additionalProperties": False,
            "properties": {"name": {"type": "string", "minLength": 1}, "value": {"type": "string"}}}}}}


def check_rsmf():
    import jsonschema
    validator = jsonschema.Draft7Validator(RSMF)
    parser = email.parser.BytesParser(policy=email.policy.default)
    messages, ciphertexts, files = 0, 0, list((package / "rsmf").rglob("*.rsmf"))
    for file in files:
        mail = parser.parsebytes(file.read_bytes())
        parts = [part for part in mail.iter_attachments() if part.get_filename() == "rsmf.zip"]
        if len(parts) != 1 or mail["X-RSMF-Version"] != "2.0.0":
            return check("rsmf: container", False, str(file))
        archive = zipfile.ZipFile(io.BytesIO(parts[0].get_content()))
        manifest = json.loads(archive.read("rsmf_manifest.json"))
        errors = [error.message for error in validator.iter_errors(manifest)]
        if errors or archive.testzip():
            return check("rsmf: schema", False, errors[0][:200] if errors else "damaged")
        people = {person["id"] for person in manifest["participants"]}
        days = set()
        for event in manifest["events"]:
            if event["participant"] not in people:
                return check("rsmf: participants", False)
            if event["type"] == "message":
                messages += 1
                days.add(event["timestamp"][:10])
            for attachment in event.get("attachments", []):
                ciphertexts += attachment["id"].endswith(".bin") and len(archive.read(attachment["id"])) > 0
        if len(days) != 1 or int(mail["X-RSMF-EventCount"]) != len(manifest["events"]):
            return check("rsmf: slices", False)
    check("rsmf: messages", messages == len(created), f"{len(files)} files")
    check("rsmf: ciphertext", ciphertexts >= len(sealed))


def check_slack():
    path = str(package / "slack.zip")
    check("slack: unzip -t", run("unzip", "-tqq", path).returncode == 0)
    listed = run("bsdtar", "-tf", path, env=dict(os.environ, LC_ALL="C.UTF-8")).stdout.split("\n")
    archive = zipfile.ZipFile(path)
    check("slack: bsdtar -t", sorted(filter(None, listed)) == sorted(archive.namelist()))
    users = {user["id"] for user in json.loads(archive.read("users.json"))}
    count, names = 0, set()
    for kind in ("channels", "groups", "dms", "mpims"):
        for place in json.loads(archive.read(kind + ".json")):
            names.add(place.get("name", place["id"]))
            if not set(place["members"]) <= users:
                return check("slack: members", False)
    for name in archive.namelist():
        parts = name.split("/")
        if len(parts) == 2:
            messages = json.loads(archive.read(name))
            stamps = [message["ts"] for message in messages]
            if (parts[0] not in names or len(set(stamps)) != len(stamps)
                    or not re.fullmatch(r"\d{4}-\d\d-\d\d\.json", parts[1])
                    or any(message["user"] not in users for message in messages)):
                return check("slack: conversations", False, name)
            count += len(messages)
    check("slack: messages", count == len(created))


def check_actiance():
    path = str(package / "actiance/actiance_export.xml")
    result = run("xmllint", "--noout", "--huge", path)
    check("actiance: xmllint", result.returncode == 0, result.stderr[:200])
    count = run("xmllint", "--huge", "--xpath", "count(//Message[not(UpdatedType='Deleted')])", path).stdout
    check("actiance: messages", count.strip() == str(versions), count.strip())
    entered = run("xmllint", "--huge", "--xpath", "count(//ParticipantEntered)-count(//ParticipantLeft)", path).stdout
    check("actiance: whoever entered left", entered.strip() == "0", entered.strip())


def check_globalrelay():
    parser = email.parser.BytesParser(policy=email.policy.default)
    count = ciphertexts = 0
    for file in (package / "globalrelay").rglob("*.eml"):
        mail = parser.parsebytes(file.read_bytes())
        count += int(mail["X-Muniment-Messages"])
        html = mail.get_body(("html",)).get_content()
        if 'class="message"' not in html or not mail["X-GlobalRelay-MsgType"] or not mail["To"]:
            return check("globalrelay: form", False, str(file))
        ciphertexts += sum(part.get_filename().endswith(".bin") for part in mail.iter_attachments() if part.get_filename())
    check("globalrelay: messages", count == len(created))
    check("globalrelay: ciphertext", ciphertexts >= len(sealed))


VIEWER = """
import json, sys
from slackviewer.config import Config
from slackviewer.reader import Reader
reader = Reader(Config({"archive": sys.argv[1], "hide_channels": None}))
kinds = [reader.compile_channels(), reader.compile_groups(), reader.compile_dm_messages(), reader.compile_mpim_messages()]
reader.compile_dm_users(), reader.compile_mpim_users()
messages = [m for kind in kinds for chat in kind.values() for m in chat]
for message in messages:
    str(message.msg), message.username, message.time, message.reactions
print(json.dumps({"messages": len(messages), "chats": sum(len(kind) for kind in kinds)}))
"""

DUCK = """
import duckdb, sys
package = sys.argv[1]
def count(sql, path):
    return duckdb.sql(sql.format(path=path.replace("'", "''"))).fetchall()[0][0]
csv = "SELECT count(*) FROM read_csv('{path}', header=true, all_varchar=true, max_line_size=16777216) WHERE record = 'message'"
json = "SELECT count(*) FROM read_ndjson_objects('{path}') WHERE json->>'type' = 'message.created'"
print(count(csv, package + "/csv/messages.csv"), count(json, package + "/messages.jsonl"))
"""


def viewers(name, module, program, *arguments):
    """What a program says that needs a library from PyPI; None where that is not there."""
    python = os.environ.get("MUNIMENT_VIEWERS_PYTHON", sys.executable)
    if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode:
        print(f"skip  {name}: no {module} here")
        return None
    result = run(python, "-c", program, *arguments)
    if result.returncode:
        check(name, False, result.stderr[-400:])
        return None
    return result.stdout.strip().split("\n")[-1]


def check_viewers():
    with tempfile.TemporaryDirectory() as folder:
        # The reader unpacks beside what it reads.
        copied = shutil.copy(package / "slack.zip", folder)
        seen = viewers("slack-export-viewer", "slackviewer", VIEWER, copied)
    if seen:
        check("slack-export-viewer: messages", json.loads(seen)["messages"] == len(created), seen)
    counts = viewers("duckdb", "duckdb", DUCK, str(package))
    if counts:
        check("duckdb: csv and jsonl", counts == f"{len(created)} {len(created)}", counts)


def check_chromium():
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if not browser:
        return print("skip  chromium: not here")
    pages = sorted((package / "html").rglob("????-??.html"))
    wanted = os.environ.get("MUNIMENT_SCREENSHOTS")
    with tempfile.TemporaryDirectory() as folder:
        flags = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                 f"--user-data-dir={folder}/profile", "--window-size=900,2400", "--virtual-time-budget=5000"]
        text = ""
        for page in pages:
            dumped = run(*flags, "--dump-dom", page.as_uri())
            text += html.unescape(re.sub(r"<[^>]*>", "", dumped.stdout))
        # White space is the browser's; what is not a control character has to be there.
        flat = re.sub(r"\s+", "", text)
        lost = [key for key, body in plain.items()
                if not all(part in flat for part in re.split(r"[\s\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]+", body)
                           if part.isprintable())]
        check("chromium: texts", pages and not lost, f"{len(pages)} pages; lost {lost[:3]}")
        for number, page in enumerate(pages[:12]):
            picture = Path(wanted or folder, f"page-{number}.png")
            run(*flags, f"--screenshot={picture}", page.as_uri())
            if not picture.is_file() or picture.read_bytes()[:8] != b"\x89PNG\r\n\x1a\n":
                return check("chromium: pictures", False, page.name)
        check("chromium: pictures", True, f"{min(len(pages), 12)} pages")


for test in (check_viewers, check_chromium, check_csv, check_dat, check_mail, check_notmuch, check_rsmf, check_slack, check_actiance,
             check_globalrelay):
    test()
print(f"{len(failures)} failures; {len(created)} messages, {len(edits)} edits, {len(sealed)} sealed")
sys.exit(1 if failures else 0)
