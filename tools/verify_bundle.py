#!/usr/bin/env python3
"""Checks a bundle of evidence without Dunwell, in the steps of docs/evidence.md; needs `pip install cryptography`.
    python3 verify_bundle.py BUNDLE TRUSTED [roots=PEM-FILE] [log=TILES-FOLDER] [manifest=DIGEST]
TRUSTED: keys of the log and its witnesses (C2SP tlog-policy), from somebody else than the maker of the bundle.
roots: certificates of time-stamp authorities. log: all tiles of the log; they show whether anything was left out.
verify_formats.py, beside this file, reads the published formats."""
import itertools, json, pathlib, re, sys
from cryptography import x509
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from verify_formats import (NUMBER, STEP, canonical, climb, consistent, entries_of_tiles, head, need, proof, root_of,
                            sha, stamp, trusted)

def answer(st, entries):  # what belongs to the question: found by a walk over the entries, index and fields
    kind, ids, found = st["scope"]["kind"], st["scope"]["ids"], {}
    field = {"attempt": "attempt", "person": "person", "account": "debt", "campaign": "actor"}[kind]
    for n, e in entries:
        hit = e.get(field) in ids and (kind != "campaign" or e["kind"] == "attempt.requested")
        retried = kind != "attempt" and "attempt" in e and e.get("retry_of") in found
        within = st.get("from", "") <= e["at"] and ("until" not in st or e["at"] < st["until"])
        whole = e.get("attempt", n)  # an attempt is taken whole; an entry of none stands for itself
        if hit or retried or whole in found: found.setdefault(whole, []).append((n, within))
    kept = {whole: [n for n, _ in parts] for whole, parts in found.items() if any(within for _, within in parts)}
    return [whole for whole in kept if type(whole) is str], sorted(sum(kept.values(), []))

def check(files, trust, roots=(), log=None, digest=None):
    """All steps of the manual; `files` holds bytes by path. STEP tells which one it was that failed."""
    used, opened, times, last = {"README.txt", "certificate.pdf", "verify_bundle.py", "verify_formats.py"}, {}, {}, {}
    def take(name, step):  # a file; whatever is wrong with it from here on has the number of this step
        need(name in files, 42, name)
        need(used.add(name) is None, step, name)
        return files[name]
    # 1. The manifest, in its one form, and exactly the files that it names.
    listed = dict(line.split("  ")[::-1] for line in take("MANIFEST.sha256", 44).decode().split("\n")[:-1])
    need(listed and all(re.fullmatch("[!-~]+", n) and re.fullmatch("[0-9a-f]{64}", listed[n]) for n in listed))
    need("".join(f"{listed[n]}  {n}\n" for n in sorted(listed)).encode() == files["MANIFEST.sha256"])
    for name in sorted(listed): need(name in files, 42, name)
    for name in sorted(files): need(name in listed or name == "MANIFEST.sha256", 41, name)
    for name in sorted(listed): need(sha(files[name]).hex() == listed[name], 43, name)
    need(digest in (None, sha(files["MANIFEST.sha256"]).hex()), 45, "MANIFEST.sha256")
    # 2. and 3. The statement, and the signed head that it names.
    st = canonical(take("statement.json", 46))
    must = {"attempts", "entries", "form", "language", "origin", "root", "scope", "size"}
    need(set(st) - {"from", "until", "reference"} == must)
    need(all(type(st[key]) is str for key in set(st) - {"attempts", "entries", "scope", "size"}))
    need(st["form"] == "dunwell-bundle/1" and all(type(n) is int and 0 <= n < st["size"] for n in st["entries"]))
    need(set(st["scope"]) == {"ids", "kind"} and st["scope"]["kind"] in ("attempt", "person", "account", "campaign"))
    need(all(type(id) is str for id in st["scope"]["ids"] + st["attempts"]))
    text, origin, size, root, seen = head(take("checkpoint.txt", 48), *trust)
    need((origin, size, root.hex()) == (st["origin"], st["size"], st["root"]), 52, "statement.json")
    # 4. Each entry is in the tree of the head.
    entries = {}
    for n in st["entries"]:
        name, leaf = f"entries/{n}", sha(b"\0", take(f"entries/{n}.json", 47))
        entries[n] = canonical(files[name + ".json"])
        raw, rest = take(name + ".tlog-proof", 52), b"\n" + files["checkpoint.txt"]
        need(raw.endswith(rest))
        top, path = f"c2sp.org/tlog-proof@v1\nindex {n}\n".encode(), raw[:-len(rest)]
        need(path.startswith(top), 48, name + ".tlog-proof")
        path = proof(path[len(top):])
        need(n < size, 49, name + ".json")
        need(climb(n, size - 1, path, leaf, leaf)[1] == root)
    # 5. They are the answer to the question, and the entries of each attempt name each other in turn.
    need(answer(st, entries.items()) == (st["attempts"], st["entries"]), 59, "statement.json")
    for n, e in entries.items():
        need("attempt" not in e or "record" in e and e.get("prev") == last.get(e["attempt"]), 53, f"entries/{n}.json")
        last[e.get("attempt")] = e.get("record")
    # 6. Sealed texts, where they can be opened, are what their entries committed to.
    for name in sorted(files):
        place = re.fullmatch(f"sealed/({NUMBER})\\.([a-z_]+)", name)
        if not place: continue
        sealed, committed = take(name, 54), entries.get(int(place[1]), {}).get(place[2])
        need(type(committed) is str)
        if name + ".key" not in files: continue
        key = take(name + ".key", 54)  # 32 bytes that open this text alone, and what its seal is bound to
        plain = ChaCha20Poly1305(key[:32]).decrypt(bytes(4) + sealed[:8], sealed[8:], key[32:])
        need(sha(plain).hex() == committed, 54, name)
        opened[name] = plain[32:].decode(errors="replace")
    # 7. Every object is one that is named by its digest, and what entries name is there.
    objects = {name: sha(take(name, 55)).hex() for name in files if name.startswith("objects/")}
    for n, e in entries.items():
        for field in {"context", "findings", "trace", "zones_sha256"} & set(e):
            need(e[field] in objects.values(), 55, f"entries/{n}.json")
    texts = [files[name].decode(errors="replace") for name in (*objects, *(f"entries/{n}.json" for n in entries))]
    named = {digest for text in (*texts, *opened.values()) for digest in re.findall('"([0-9a-f]{64})"', text)}
    for name in objects: need(objects[name] in named, 55, name)
    # 8. Time stamps, and older heads that the log only grew from.
    if "checkpoint.tst" in files: times[size] = stamp(take("checkpoint.tst", 56), text, roots)
    for old in sorted({int(found[1]) for found in map(re.compile(f"older/({NUMBER})[.]").match, files) if found}):
        name = f"older/{old}"
        text, old_origin, old_size, old_root, _ = head(take(name + ".txt", 48), trust[0])
        need((old_origin, old_size) == (origin, old) and 0 < old < size, 52, name + ".txt")
        path = proof(take(name + ".proof", 48)) or need(False)
        consistent(old, old_root, size, root, path, name + ".proof")
        if name + ".tst" in files: times[old] = stamp(take(name + ".tst", 56), text, roots)
    # 9. and 10. There is no other file; and nothing of the log was left out.
    for name in sorted(files): need(name in used, 41, name)
    if log:
        STEP[:] = 60, log
        all_entries = list(itertools.islice(entries_of_tiles(log), size))
        need(len(all_entries) == size and root_of([sha(b"\0", raw) for raw in all_entries]) == root)
        need(answer(st, enumerate(map(json.loads, all_entries))) == (st["attempts"], st["entries"]), 59, log)
    return st, seen, times, opened

def read(folder):
    paths = sorted(pathlib.Path(folder).rglob("*"))
    for path in paths: need(not path.is_symlink() and (path.is_dir() or path.is_file()), 40, str(path))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.is_file()}

def main(bundle, trust, *options):
    options = dict(option.split("=", 1) for option in options)
    roots = x509.load_pem_x509_certificates(open(options["roots"], "rb").read()) if "roots" in options else ()
    trust = trusted(open(trust, encoding="utf-8").read())
    try: st, seen, times, opened = check(read(bundle), trust, roots, options.get("log"), options.get("manifest"))
    except Exception: return print("REFUSED:", *STEP) or STEP[0]
    print(f"holds: {len(st['entries'])} entries of {len(st['attempts'])} attempts, of {st['size']} in {st['origin']}")
    print("witnesses:", seen or "none", "\ntime stamps over heads of so many entries:", times or "none")
    print("nothing was left out" if "log" in options else "whether anything was left out was not checked (log=...)")
    for name, words in opened.items(): print(f"\n{name}\n{words}")
    return 0

if __name__ == "__main__": sys.exit(main(*sys.argv[1:]))
