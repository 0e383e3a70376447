"""Runs tools/verify_bundle.py over many changed bundles in one process: the number of the fault of each, 0 where it holds."""
import base64, hashlib, json, sys

sys.path.insert(0, sys.argv[1])
import verify_bundle
import verify_formats
from cryptography import x509

with open(sys.argv[2]) as file:
    job = json.load(file)
base = {path: base64.b64decode(raw) for path, raw in job["files"].items()}
trust = verify_formats.trusted(job["trust"])
roots = x509.load_pem_x509_certificates(job["roots"].encode()) if job["roots"] else ()


def changed(raw, at, how):
    if how < 256:
        return raw[:at] + bytes([raw[at] ^ how]) + raw[at + 1:]
    return raw[:at] + {256: b"", 257: raw[at:at + 1] * 2, 258: b"\n" + raw[at:at + 1]}[how] + raw[at + 1:]


def code(files):
    try:
        verify_bundle.check(files, trust, roots, None, job.get("manifest"))
        return 0
    except Exception:
        return verify_formats.STEP[0]


found = []
digests = {path: hashlib.sha256(raw).hexdigest() for path, raw in base.items()}
for path, at, how, remade in job["mutations"]:
    files = dict(base)
    if path:
        files[path] = changed(base[path], at, how)
        if remade:
            named = {**digests, path: hashlib.sha256(files[path]).hexdigest()}
            lines = (f"{named[p]}  {p}\n" for p in sorted(files) if p != "MANIFEST.sha256")
            files["MANIFEST.sha256"] = "".join(lines).encode()
    found.append(code(files))
print(json.dumps(found))
