#!/usr/bin/env python3
"""Checks a bundle of evidence without Dunwell, in the steps of docs/evidence.md; needs `pip install cryptography`.
    python3 verify_bundle.py BUNDLE TRUSTED [roots=PEM-FILE] [log=TILES-FOLDER] [head=FILE] [manifest=DIGEST]
TRUSTED: keys of the log and its witnesses (C2SP tlog-policy), from somebody else than the maker of the bundle.
roots: certificates of time-stamp authorities. log: all tiles of the log; they show whether anything was left out.
head: a signed head of the log that you kept from earlier or got elsewhere. manifest: the SHA-256 of the manifest.
verify_formats.py, beside this file, reads the published formats."""
import json, re, sys
from cryptography import x509
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from verify_formats import (NUMBER, STEP, canonical, climb, consistent, entries_of_tiles, files_of, head, manifest,
                            need, proof, root_of, sha, stamp, trusted)

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

def check(files, trust, roots=(), log=None, digest=None, kept=None):  # `files`: bytes by path. STEP tells what failed
    used, opened, times, last = {"README.txt", "certificate.pdf", "verify_bundle.py", "verify_formats.py"}, {}, {}, {}
    def take(name, step):  # a file; whatever is wrong with it from here on has the number of this step
        need(name in files, 42, name)
        need(used.add(name) is None, step, name)
        return files[name]
    # 1. The manifest, in its one form, and exactly the files that it names.
    listed = manifest(take("MANIFEST.sha256", 44))
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
    entries, known, all_entries, rest = {}, {size: root}, [], b"\n" + files["checkpoint.txt"]
    for n in st["entries"]:
        name, leaf = f"entries/{n}", sha(b"\0", take(f"entries/{n}.json", 47))
        entries[n] = canonical(files[name + ".json"])
        raw, top = take(name + ".tlog-proof", 52), f"c2sp.org/tlog-proof@v1\nindex {n}\n".encode()
        need(raw.endswith(rest))
        need(raw.startswith(top), 48, name + ".tlog-proof")
        path = proof(raw[len(top):-len(rest)])
        need(n < size, 49, name + ".json")
        need(climb(n, size - 1, path, leaf, leaf)[1] == root)
    # 5. They are the answer to the question, and the entries of each attempt name each other in turn.
    need(answer(st, entries.items()) == (st["attempts"], st["entries"]), 59, "statement.json")
    for n, e in entries.items():
        need("attempt" not in e or "record" in e and e.get("prev") == last.get(e["attempt"]), 53, f"entries/{n}.json")
        last[e.get("attempt")] = e.get("record")
    # 6. Sealed texts, where they can be opened, are what their entries committed to.
    for name in sorted(n for n in files if re.fullmatch(f"sealed/({NUMBER})\\.[a-z_]+", n)):
        n, field = name[len("sealed/"):].split(".")
        sealed, committed = take(name, 54), entries.get(int(n), {}).get(field)
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
        known[old] = old_root
        if name + ".tst" in files: times[old] = stamp(take(name + ".tst", 56), text, roots)
    # 9. to 11. There is no other file; nothing of the log was left out; a head from elsewhere is one of this log.
    for name in sorted(files): need(name in used, 41, name)
    if log:
        STEP[:] = 60, log
        all_entries = list(entries_of_tiles(log, size))
        leaves = [sha(b"\0", raw) for raw in all_entries]
        need(len(leaves) >= size and root_of(leaves[:size]) == root)
        need(answer(st, enumerate(map(json.loads, all_entries[:size]))) == (st["attempts"], st["entries"]), 59, log)
    if kept is not None:
        STEP[:] = 48, "head"
        _, other_origin, n, other_root, _ = head(kept, trust[0])
        need(other_origin == origin, 52, "head")
        if n not in known and 0 < n <= len(all_entries): known[n] = root_of(leaves[:n])
        need(known.get(n) == other_root, 58, "head")  # also where neither the bundle nor a log tells
    return st, seen, times, opened

def main(bundle, trust, *options):
    given = dict(option.split("=", 1) for option in options)
    roots = x509.load_pem_x509_certificates(open(given["roots"], "rb").read()) if "roots" in given else ()
    kept = open(given["head"], "rb").read() if "head" in given else None
    trust = trusted(open(trust, encoding="utf-8").read())
    try: st, seen, times, opened = check(files_of(bundle), trust, roots, given.get("log"), given.get("manifest"), kept)
    except Exception: return print("REFUSED:", *STEP) or STEP[0]
    print(f"holds: {len(st['entries'])} entries of {len(st['attempts'])} attempts, of {st['size']} in {st['origin']}")
    print("witnesses:", seen or "none", "\ntime stamps over heads of so many entries:", times or "none")
    print("nothing was left out" if "log" in given else "whether anything was left out was not checked (log=...)")
    for name, words in opened.items(): print(f"\n{name}\n{words}")

if __name__ == "__main__": sys.exit(main(*sys.argv[1:]))
