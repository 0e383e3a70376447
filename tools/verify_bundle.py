#!/usr/bin/env python3
"""Checks a bundle of evidence without Dunwell, in the steps of docs/evidence.md; needs `pip install cryptography`.
    python3 verify_bundle.py BUNDLE TRUSTED [roots=PEM-FILE] [log=TILES-FOLDER] [manifest=DIGEST]
TRUSTED holds keys of the log and its witnesses (C2SP tlog-policy): take it from somebody else than the maker of the bundle.
roots: certificates of time-stamp authorities. log: all tiles of the log; they show whether anything was left out.
verify_formats.py, beside this file, reads the published formats."""
import json, os, re, sys
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from verify_formats import (NUMBER, Fault, canonical, certificates, climb, consistent, digests, entries_of_tiles, hashes,
                            head, need, sha, stamp, tried, trusted)

def select(st, entries):  # what belongs to the question, by a walk over entries (index and fields) from the first on
    kind, seen, others = st["scope"]["kind"], {}, []
    field = {"attempt": "attempt", "person": "person", "account": "debt", "campaign": "actor"}[kind]
    for index, e in entries:
        hit = e.get(field) in st["scope"]["ids"] and (kind != "campaign" or e["kind"] == "attempt.requested")
        within = st.get("from", "") <= e["at"] and ("until" not in st or e["at"] < st["until"])
        if "attempt" not in e: others += [index] * (hit and within)
        elif hit or kind != "attempt" and e.get("retry_of") in seen: seen.setdefault(e["attempt"], [[], False])
        if e.get("attempt") in seen: seen[e["attempt"]] = [seen[e["attempt"]][0] + [index], seen[e["attempt"]][1] or within]
    kept = {attempt: indices for attempt, (indices, within) in seen.items() if within}
    return list(kept), sorted(sum(kept.values(), others))

def check(files, trust, roots=(), log=None, digest=None):
    """Everything in the order of the manual; `files` holds bytes by path. Gives what was proven."""
    used = {"MANIFEST.sha256", "README.txt", "certificate.pdf", "verify_bundle.py", "verify_formats.py"}
    def take(name):
        need(name in files, 42, name)
        used.add(name)
        return files[name]
    def manifest():
        lines = take("MANIFEST.sha256").decode().split("\n")[:-1]
        listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
        assert all(re.fullmatch("[!-~]+", n) and re.fullmatch("[0-9a-f]{64}", d) for n, d in listed.items()) and listed
        assert "".join(f"{listed[n]}  {n}\n" for n in sorted(listed)).encode() == files["MANIFEST.sha256"]
        return listed
    def statement():
        st = canonical(take("statement.json"))
        assert set(st) - {"from", "until", "reference"} == set("attempts entries form language origin root scope size".split())
        assert st["form"] == "dunwell-bundle/1" and all(type(n) is int and n < st["size"] for n in st["entries"])
        assert set(st["scope"]) == {"ids", "kind"} and st["scope"]["kind"] in ("attempt", "person", "account", "campaign")
        return st
    listed = tried(44, "MANIFEST.sha256", manifest)
    for name in sorted(listed): need(name in files, 42, name)
    for name in sorted(files): need(name in listed or name == "MANIFEST.sha256", 41, name)
    for name in sorted(listed): need(sha(files[name]).hex() == listed[name], 43, name)
    need(digest in (None, sha(files["MANIFEST.sha256"]).hex()), 45, "MANIFEST.sha256")
    st = tried(46, "statement.json", statement)
    text, origin, size, root, seen = head(take("checkpoint.txt"), *trust, "checkpoint.txt")
    need((origin, size, root.hex()) == (st["origin"], st["size"], st["root"]), 52, "statement.json")
    entries, opened, last, times = {}, {}, {}, {}
    for n in st["entries"]:
        name, proof = f"entries/{n}.json", f"entries/{n}.tlog-proof"
        entries[n], leaf = tried(47, name, canonical, take(name)), sha(b"\0", files[name])
        need(take(proof).endswith(b"\n" + files["checkpoint.txt"]), 52, proof)
        top = files[proof][:-len(files["checkpoint.txt"]) - 1]
        path = tried(48, proof, hashes, top, f"c2sp.org/tlog-proof@v1\nindex {n}\n")
        need(tried(49, name, climb, n, size - 1, path, leaf, leaf)[1] == root, 49, name)
    need(tried(59, "statement.json", select, st, entries.items()) == (st["attempts"], st["entries"]), 59, "statement.json")
    for n, e in entries.items():
        need("attempt" not in e or "record" in e and e.get("prev") == last.get(e["attempt"]), 53, f"entries/{n}.json")
        last[e.get("attempt")] = e.get("record")
    for name in sorted(files):
        found = re.fullmatch(f"sealed/({NUMBER})\\.([a-z_]+)", name)
        if not found: continue
        sealed, key, named = take(name), files.get(name + ".key"), entries.get(int(found[1]), {}).get(found[2])
        need(type(named) is str, 54, name)
        if key is None: continue
        bound = take(name + ".key")[32:]
        plain = tried(54, name, lambda: ChaCha20Poly1305(key[:32]).decrypt(bytes(4) + sealed[:8], sealed[8:], bound))
        need(sha(plain).hex() == named, 54, name)
        opened[name] = plain[32:].decode(errors="replace")  # what a provider sent need not be text
    objects = {name: sha(take(name)).hex() for name in files if name.startswith("objects/")}
    names = [digests(files[f"entries/{n}.json"]) for n in entries] + [digests(words.encode()) for words in opened.values()]
    for n, e in entries.items():
        for field in ("context", "findings", "trace", "zones_sha256"):
            need(field not in e or e[field] in objects.values(), 55, f"entries/{n}.json")
    while hits := [name for name in objects if objects[name] in set().union(*names)]:
        names += [digests(files[name]) for name in hits if objects.pop(name)]
    need(not objects, 55, min(objects, default=""))
    if "checkpoint.tst" in files:
        times[size] = stamp(take("checkpoint.tst"), text, roots, "checkpoint.tst")
    for old in sorted(int(m[1]) for m in map(re.compile(f"older/({NUMBER})\\.txt").fullmatch, files) if m):
        name = f"older/{old}"
        text, old_origin, old_size, old_root, _ = head(take(name + ".txt"), trust[0], {}, "none", name + ".txt")
        need((old_origin, old_size) == (origin, old) and old < size, 52, name + ".txt")
        path = tried(48, name + ".proof", lambda: hashes(take(name + ".proof")))
        tried(58, name + ".proof", consistent, old, old_root, size, root, path)
        if name + ".tst" in files: times[old] = stamp(take(name + ".tst"), text, roots, name + ".tst")
    for name in sorted(files): need(name in used, 41, name)
    if log: walk(log, st)
    return st, seen, times, opened

def walk(log, st):  # all entries of the log, out of its tiles: nothing was left out
    entries, root = tried(60, log, entries_of_tiles, log, st["size"])
    need(root.hex() == st["root"], 60, log)
    need(select(st, enumerate(map(json.loads, entries))) == (st["attempts"], st["entries"]), 59, log)

def read(folder):
    files = {}
    for place, folders, names in os.walk(folder):
        for name in names + [f for f in folders if os.path.islink(os.path.join(place, f))]:
            path = os.path.join(place, name)
            need(os.path.isfile(path) and not os.path.islink(path), 40, path)
            files[os.path.relpath(path, folder).replace(os.sep, "/")] = open(path, "rb").read()
    return files

def main(bundle, trust, *options):
    options = dict(o.split("=", 1) for o in options)
    roots = certificates(open(options["roots"], "rb").read()) if "roots" in options else ()
    trust = trusted(open(trust, encoding="utf-8").read())
    try: st, seen, times, opened = check(read(bundle), trust, roots, options.get("log"), options.get("manifest"))
    except Fault as e: return print("REFUSED:", *e.args) or e.args[0]
    print(f"holds: {len(st['entries'])} entries of {len(st['attempts'])} attempts among the {st['size']} entries of {st['origin']}")
    print("witnesses:", seen or "none", "\ntime stamps over heads of so many entries:", times or "none")
    print("nothing was left out" if "log" in options else "whether anything was left out was not checked (log=...)")
    for name, words in opened.items(): print(f"\n{name}\n{words}")
    return 0
if __name__ == "__main__": sys.exit(main(*sys.argv[1:]))
