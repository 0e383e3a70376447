"""Formats that others have published, for verify_bundle.py beside it: canonical JSON (RFC 8785), keys and signed heads
(C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy), the Merkle tree (RFC 9162) and its files (C2SP
tlog-tiles), time stamps (RFC 3161, RFC 5652). Whatever does not hold raises an exception."""
import base64, datetime, hashlib, json, pathlib, re
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.x509 import verification

NAME, B64, NUMBER = r"[^\s+\x00-\x1f\x7f-\x9f]+", "[A-Za-z0-9+/=]+", "0|[1-9][0-9]{0,15}"
STEP = [40, "."]  # the check that is under way: its number in docs/evidence.md, and the file it looks at

def need(holds, *step):
    STEP[:] = step or STEP
    if not holds: raise ValueError("refused")

def sha(*parts): return hashlib.sha256(b"".join(parts)).digest()

def b64(text, size=None):  # base64 has one spelling
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text and size in (None, len(data)))
    return data

def plain(v):  # what every reader of JSON understands alike
    if type(v) is dict: return all(re.fullmatch(r"[ !#-\[\]-~]*", key) and plain(v[key]) for key in v)
    return all(map(plain, v)) if type(v) is list else type(v) in (str, bool) or type(v) is int and abs(v) < 2**53

def canonical(raw):  # one value has one spelling, so what is written again must be what was read
    value = json.loads(raw.decode())
    need(type(value) is dict and plain(value))
    need(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == raw)
    return value

def trusted(text):  # keys by name and id, groups of witnesses, and who must have seen the head
    keys, groups, quorum = {}, {}, "none"
    for word, *rest in filter(None, map(str.split, text.splitlines())):
        if word in ("log", "witness"):
            name, key_id, data = next(w for w in rest if w.count("+") > 1).split("+", 2)
            keys[name, key_id] = word, rest[0], ed25519.Ed25519PublicKey.from_public_bytes(b64(data, 33)[1:])
        elif word == "group": groups[rest[0]] = int({"any": 1, "all": len(rest) - 2}.get(rest[1], rest[1])), rest[2:]
        elif word == "quorum": quorum = rest[0]
    return keys, groups, quorum

def head(raw, keys, groups={}, quorum="none"):  # the signed text, log, size, root, and which witnesses saw it when
    text, origin, size, root, lines = re.fullmatch(
        f"(({NAME})\n({NUMBER})\n({B64})\n)\n((?:\u2014 {NAME} {B64}\n){{1,64}})", raw.decode()).groups()
    text, root, signed, seen = text.encode(), b64(root, 32), False, {}
    lines = [(name, b64(data)) for _, name, data in (line.split(" ") for line in lines[:-1].split("\n"))]
    need(all(len(data) > 4 for _, data in lines))
    STEP[0] = 50
    for name, data in lines:  # a line of a known key must fit; those of unknown keys are passed over
        kind, known_as, key = keys.get((name, data[:4].hex()), (None, None, None))
        time = int.from_bytes(data[4:12], "big")
        if kind == "log": key.verify(data[4:], text)
        if kind == "witness": key.verify(data[12:], b"cosignature/v1\ntime %d\n%s" % (time, text))
        if kind == "witness": seen.setdefault(known_as, time)
        signed = signed or kind == "log" and name == origin
    def met(who): return sum(map(met, groups[who][1])) >= groups[who][0] if who in groups else who in seen
    need(signed)
    need(quorum == "none" or met(quorum), 51, STEP[1])
    return text, origin, int(size), root, seen

def proof(raw):  # its hashes, one a line
    *lines, rest = raw.decode("ascii").split("\n")
    need(not rest and len(lines) < 64)
    return [b64(line, 32) for line in lines]

def climb(at, last, path, old, new):  # RFC 9162, 2.1.3.2 and 2.1.4.2: from one node up to the roots of both trees
    for sibling in path:
        need(last)
        if at & 1 or at == last:
            old, new = sha(b"\1", sibling, old), sha(b"\1", sibling, new)
            while at and not at & 1: at, last = at >> 1, last >> 1
        else: new = sha(b"\1", new, sibling)
        at, last = at >> 1, last >> 1
    need(last == 0)
    return old, new

def consistent(old, old_root, new, new_root, path, place):  # the older tree is the beginning of the newer one
    need(0 < old < new, 58, place)
    at, last, path = old - 1, new - 1, path if old & old - 1 else [old_root, *path]
    while at & 1: at, last = at >> 1, last >> 1
    need(climb(at, last, path[1:], path[0], path[0]) == (old_root, new_root))

def root_of(nodes):
    while len(nodes) > 1:  # an odd one at the end goes up as it is
        pairs = [sha(b"\1", *pair) for pair in zip(nodes[::2], nodes[1::2])]
        nodes = pairs + nodes[len(pairs) * 2:]
    return nodes[0]

def entries_of_tiles(folder, size):  # those of the tiles up to the one with so many entries, and of all that follow
    for tile in range(10**12):
        steps = [f"x{tile // 10**digits % 1000:03}" for digits in (9, 6, 3) if tile >= 10**digits]
        name = pathlib.Path(folder, "tile", "entries", *steps, f"{tile % 1000:03}")
        partial = sorted(name.with_name(name.name + ".p").glob("*"), key=lambda path: int(path.name))
        if not name.exists() and not partial: return need(tile * 256 >= size)
        raw = (name if name.exists() else partial[-1]).read_bytes()
        while raw:
            end = 2 + int.from_bytes(raw[:2], "big")
            need(end <= len(raw))
            yield raw[2:end]
            raw = raw[end:]
        if not name.exists(): return  # a tile that is not full is the last

def manifest(raw):  # digests by path, as sha256sum lists them; sorted, in one form
    listed = dict(line.split("  ")[::-1] for line in raw.decode().split("\n")[:-1])
    need(listed and all(re.fullmatch("[!-~]+", n) and re.fullmatch("[0-9a-f]{64}", listed[n]) for n in listed))
    need("".join(f"{listed[n]}  {n}\n" for n in sorted(listed)).encode() == raw)
    return listed

def files_of(folder):  # by path; nothing but plain files in plain folders
    paths = sorted(pathlib.Path(folder).rglob("*"))
    for path in paths: need(not path.is_symlink() and (path.is_dir() or path.is_file()), 40, str(path))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.is_file()}

SHA2 = "6086480165030402"  # the names of hashes begin so; each OID as hex digits
HASH = {SHA2 + "01": hashes.SHA256(), SHA2 + "02": hashes.SHA384(), SHA2 + "03": hashes.SHA512()}
SIGNED_DATA, TST_INFO = "2a864886f70d010702", "2a864886f70d0109100104"
CONTENT_TYPE, MESSAGE_DIGEST = "2a864886f70d010903", "2a864886f70d010904"

def der(data, shape):  # the elements of DER data, each as content and whole; a pattern over their tags
    tags, found = b"", []
    while data:
        size, at = data[1], 2
        if size > 127:  # the long form of a length, and only where the short one does not do
            at, size = size - 126, int.from_bytes(data[2:size - 126], "big")
            need(2 < at < 7 and data[2] and size > 127)
        need(at + size <= len(data))
        tags, found, data = tags + data[:1], found + [(data[at:at + size], data[:at + size])], data[at + size:]
    need(re.fullmatch(shape, tags, re.S))
    return found

def made(cert, signature, message, algorithm):  # whether the key of this certificate made the signature
    try:
        key = x509.load_der_x509_certificate(cert).public_key()
        how = (ec.ECDSA(algorithm),) if isinstance(key, ec.EllipticCurvePublicKey) else (padding.PKCS1v15(), algorithm)
        return key.verify(signature, message, *how) is None
    except Exception: return False

def readable(cert):
    try: return x509.load_der_x509_certificate(cert)
    except Exception: return None

def vouched(cert, others, roots, when):  # the certificate was for time stamps, and leads to a root, at that time
    def authority(policy, cert, basic): need(basic.ca)
    def for_stamps(policy, cert, usage): need(x509.ExtendedKeyUsageOID.TIME_STAMPING in usage)
    STEP[0], free, either = 57, verification.ExtensionPolicy.permit_all(), verification.Criticality.AGNOSTIC
    rules = verification.PolicyBuilder().store(verification.Store(roots)).time(when).extension_policies(
        ca_policy=free.require_present(x509.BasicConstraints, either, authority),
        ee_policy=free.require_present(x509.ExtendedKeyUsage, either, for_stamps))
    rules.build_client_verifier().verify(x509.load_der_x509_certificate(cert), [c for c in map(readable, others) if c])

def stamp(raw, text, roots):  # when it was seen: SignedData of RFC 5652, 5, around TSTInfo of RFC 3161, 2.4.2
    (kind, _), (box, _) = der(der(raw, b"\x30")[0][0], b"\x06\xa0")
    signed = der(der(box, b"\x30")[0][0], b"\x02\x31\x30\xa0?\xa1?\x31")
    (name, _), (box, _) = der(signed[2][0], b"\x06\xa0")
    info = der(box, b"\x04")[0][0]
    signer = der(der(signed[-1][0], b"\x30")[0][0], b"\x02.\x30\xa0\x30\x04\xa1?")
    algorithm = HASH[der(signer[2][0], b"\x06.*")[0][0].hex()]
    attributes = [der(content, b"\x06\x31.*") for content, _ in der(signer[3][0], b"\x30*")]
    said = [(name.hex(), der(values, b".+")[0][0]) for (name, _), (values, _), *_ in attributes]
    fields = der(der(info, b"\x30")[0][0], b"\x02\x06\x30\x02\x18.*")
    (imprint, _), (digest, _), *_ = der(fields[2][0], b"\x30\x04.*")
    need([kind.hex(), name.hex()] == [SIGNED_DATA, TST_INFO])
    need([value.hex() for key, value in said if key == CONTENT_TYPE] == [TST_INFO])
    need([value for key, value in said if key == MESSAGE_DIGEST] == [hashlib.new(algorithm.name, info).digest()])
    need(hashlib.new(HASH[der(imprint, b"\x06.*")[0][0].hex()].name, text).digest() == digest)  # it is over `text`
    when = re.fullmatch("([0-9]{14})([.][0-9]*)?Z", fields[4][0].decode("ascii"))[1]
    when = datetime.datetime.strptime(when + "+0000", "%Y%m%d%H%M%S%z")
    found = [cert for box, whole in signed[3:-1] if whole[0] == 0xA0 for _, cert in der(box, b"\x30*")]
    message = b"\x31" + signer[3][1][1:]  # the signed attributes, under the tag of a SET
    mine = next(cert for cert in found if made(cert, signer[5][0], message, algorithm))
    if roots: vouched(mine, found, roots, when)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
