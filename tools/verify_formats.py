"""Formats that others have published, for verify_bundle.py: canonical JSON (RFC 8785, restricted), keys and signed heads (C2SP
signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy), the Merkle tree (RFC 9162), time stamps (RFC 3161, RFC 5652)."""
import base64
import datetime
import hashlib
import json
import os
import re

from cryptography import x509
from cryptography.hazmat.primitives import hashes as algorithms
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding

NAME, B64, NUMBER = r"[^\s+\x00-\x1f\x7f-\x9f]+", "[A-Za-z0-9+/=]+", "0|[1-9][0-9]{0,18}"


class Fault(Exception): """A number of docs/evidence.md, and where."""


def need(holds, code, place):
    if not holds: raise Fault(code, place)


def tried(code, place, step, *arguments):  # whatever goes wrong in this step is that fault
    try: return step(*arguments)
    except Exception as e: raise e if isinstance(e, Fault) else Fault(code, place) from None


def sha(*parts): return hashlib.sha256(b"".join(parts)).digest()


def b64(text, size=None):
    data = base64.b64decode(text, validate=True)
    assert base64.b64encode(data).decode() == text and size in (None, len(data))
    return data


def canonical(raw):  # RFC 8785, restricted: one spelling, plain keys, whole numbers below 2^53
    def plain(pairs):
        assert all(re.fullmatch(r"[ !#-\[\]-~]*", key) for key, _ in pairs)
        return dict(pairs)
    def small(digits): return range(1 - 2**53, 2**53)[int(digits) + 2**53 - 1]
    value = json.loads(raw.decode(), object_pairs_hook=plain, parse_int=small, parse_float=small, parse_constant=small)
    assert json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == raw and type(value) is dict
    return value


def trusted(text):  # keys by name and id, groups of witnesses, and who must have seen the head
    keys, groups, quorum = {}, {}, "none"
    for word in filter(None, map(str.split, text.splitlines())):
        if word[0] in ("log", "witness"):
            name, key_id, data = next(w for w in word[1:] if w.count("+") > 1).split("+", 2)
            keys[name, key_id] = word[0] == "log", ed25519.Ed25519PublicKey.from_public_bytes(b64(data, 33)[1:]), word[1]
        elif word[0] == "group": groups[word[1]] = int({"any": 1, "all": len(word) - 3}.get(word[2], word[2])), word[3:]
        elif word[0] == "quorum": quorum = word[1]
    return keys, groups, quorum


def head(raw, keys, groups, quorum, place):  # a signed checkpoint: its text, log, size, root, and which witnesses saw it when
    def form():
        text, origin, size, root, rest = re.fullmatch(
            f"(({NAME})\n({NUMBER})\n({B64})\n)\n((?:\u2014 {NAME} {B64}\n){{1,64}})", raw.decode()).groups()
        lines = [(name, b64(data)) for name, data in (line.split(" ")[1:] for line in rest[:-1].split("\n"))]
        assert all(len(data) > 4 for _, data in lines)
        return text.encode(), origin, int(size), b64(root, 32), lines
    text, origin, size, root, lines = tried(48, place, form)
    signed, seen = False, {}
    for name, data in lines:  # those of unknown keys are passed over
        of_log, key, known_as = keys.get((name, data[:4].hex()), (False, None, ""))
        time = int.from_bytes(data[4:12], "big")
        message = text if of_log else b"cosignature/v1\ntime %d\n%s" % (time, text)
        if key: tried(50, place, key.verify, data[4 if of_log else 12:], message)
        if key and not of_log: seen.setdefault(known_as, time)
        signed = signed or of_log and name == origin
    def met(name): return sum(map(met, groups[name][1])) >= groups[name][0] if name in groups else name in seen
    need(signed, 50, place)
    need(quorum == "none" or met(quorum), 51, place)
    return text, origin, size, root, seen


def climb(at, last, path, old, new):  # RFC 9162, 2.1.3.2 and 2.1.4.2: from one node up to the roots of both trees
    for sibling in path:
        assert last
        if at & 1 or at == last:
            old, new = sha(b"\1", sibling, old), sha(b"\1", sibling, new)
            while at and not at & 1: at, last = at >> 1, last >> 1
        else: new = sha(b"\1", new, sibling)
        at, last = at >> 1, last >> 1
    assert last == 0
    return old, new


def consistent(old, old_root, new, new_root, path):
    at, last, path = old - 1, new - 1, path if old & old - 1 else [old_root, *path]
    while at & 1: at, last = at >> 1, last >> 1
    assert climb(at, last, path[1:], path[0], path[0]) == (old_root, new_root)


def hashes(raw, first=""):
    text = raw.decode("ascii")
    assert text.startswith(first) and text.endswith("\n")
    return [b64(line, 32) for line in text[len(first):].split("\n")[:-1]]


def digests(raw): return {found.decode() for found in re.findall(b'"([0-9a-f]{64})"', raw)}


def entries_of_tiles(folder, size):
    """The first entries of a log and the root over them, out of its tiles (C2SP tlog-tiles)."""
    peaks, entries = [], []
    for tile in range((size + 255) // 256):
        steps = [f"x{tile // 10**digits % 1000:03}" for digits in (9, 6, 3) if tile >= 10**digits]
        name = os.path.join(folder, "tile", "entries", *steps, f"{tile % 1000:03}")
        if not os.path.exists(name):
            name = os.path.join(name + ".p", max(os.listdir(name + ".p"), key=int))
        with open(name, "rb") as file:
            raw, at = file.read(), 0
        while at < len(raw) and len(entries) < size:
            begin, at = at + 2, at + 2 + int.from_bytes(raw[at:at + 2], "big")
            node, n = sha(b"\0", raw[begin:at]), len(entries)
            entries.append(raw[begin:at])
            while n & 1:
                node, n = sha(b"\1", peaks.pop(), node), n >> 1
            peaks.append(node)
    assert len(entries) == size
    root = peaks.pop()
    while peaks:
        root = sha(b"\1", peaks.pop(), root)
    return entries, root


HASH = {
    bytes.fromhex("608648016503040201"): algorithms.SHA256(),
    bytes.fromhex("608648016503040202"): algorithms.SHA384(),
    bytes.fromhex("608648016503040203"): algorithms.SHA512(),
}
SIGNED, INFO = bytes.fromhex("2a864886f70d010702"), bytes.fromhex("2a864886f70d0109100104")
KIND, DIGEST = bytes.fromhex("2a864886f70d010903"), bytes.fromhex("2a864886f70d010904")


def der(data, tags=b".*"):
    """The elements of `data`, each as content and whole; their tags have this shape, lengths their shortest form."""
    seen, found = b"", []
    while data:
        size, at = data[1], 2
        if size > 127:
            size, at = int.from_bytes(data[2:size - 126], "big"), size - 126
            assert 2 < at < 7 and data[2] and size > 127
        assert at + size <= len(data)
        seen, found, data = seen + data[:1], found + [(data[at:at + size], data[:at + size])], data[at + size:]
    assert re.fullmatch(tags, seen, re.S)
    return found


def parts(raw, text):
    """Time, message, signature, its hash, and the certificates of a token over `text`."""
    kind, box = der(der(raw, b"\x30")[0][0], b"\x06\xa0")
    signed = der(der(box[0], b"\x30")[0][0], b"\x02\x31\x30\xa0?\xa1?\x31")
    name, inner = der(signed[2][0], b"\x06\xa0")
    info = der(inner[0], b"\x04")[0][0]
    signer = der(der(signed[-1][0], b"\x30")[0][0], b"\x02.\x30\xa0\x30\x04\xa1?")
    algorithm = HASH[der(signer[2][0], b"\x06.*")[0][0]]
    says = [(a[0][0], der(a[1][0])[0][0]) for a in (der(whole[0], b"\x06\x31.*") for whole in der(signer[3][0], b"\x30*"))]
    fields = der(der(info, b"\x30")[0][0], b"\x02\x06\x30\x02\x18.*")
    imprint = der(fields[2][0], b"\x30\x04.*")
    assert (kind[0], name[0]) == (SIGNED, INFO)
    assert [v for k, v in says if k == KIND] == [INFO]
    assert [v for k, v in says if k == DIGEST] == [hashlib.new(algorithm.name, info).digest()]
    assert hashlib.new(HASH[der(imprint[0][0], b"\x06.*")[0][0]].name, text).digest() == imprint[1][0]
    certificates = [whole for content, box in signed[3:-1] if box[0] == 0xA0 for _, whole in der(content, b"\x30*")]
    whole = re.fullmatch("([0-9]{14})(?:[.][0-9]*)?Z", fields[4][0].decode("ascii"))
    time = datetime.datetime.strptime(whole[1], "%Y%m%d%H%M%S").replace(tzinfo=datetime.timezone.utc)
    return time, b"\x31" + signer[3][1][1:], signer[5][0], algorithm, certificates


def made(key, signature, message, algorithm):
    """Whether this key made the signature."""
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(algorithm))
        else:
            key.verify(signature, message, padding.PKCS1v15(), algorithm)
        return True
    except Exception:
        return False


def issued(certificate, others, roots, time, depth=4):
    """Whether the certificate leads to a root, by authorities among the others."""
    def by(issuer):
        signed = certificate.signature, certificate.tbs_certificate_bytes, certificate.signature_hash_algorithm
        return certificate.issuer == issuer.subject and made(issuer.public_key(), *signed)

    def authority(c):
        try:
            return c.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except Exception:
            return False

    begin, end = (getattr(certificate, name + "_utc", None) or getattr(certificate, name).replace(tzinfo=datetime.timezone.utc)
                  for name in ("not_valid_before", "not_valid_after"))
    if not begin <= time <= end:
        return False
    return any(map(by, roots)) or depth > 0 and any(
        authority(c) and by(c) and issued(c, others, roots, time, depth - 1) for c in others)


def readable(certificates):
    for der_bytes in certificates:
        try:
            certificate = x509.load_der_x509_certificate(der_bytes)
            certificate.public_key()
            yield certificate
        except Exception:
            pass


def stamp(raw, text, roots, place):
    """The moment at which the authority saw `text`. Without roots only the certificate in the token is looked at."""
    try:
        time, message, signature, algorithm, certificates = parts(raw, text)
        mine = next(c for c in readable(certificates) if made(c.public_key(), signature, message, algorithm))
    except Exception:
        raise Fault(56, place) from None
    if roots:
        try:
            usage = mine.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            assert x509.oid.ExtendedKeyUsageOID.TIME_STAMPING in usage
            assert issued(mine, list(readable(certificates)), roots, time)
        except Exception:
            raise Fault(57, place) from None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def certificates(pem):
    found = re.findall(b"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", pem, re.S)
    return [x509.load_der_x509_certificate(base64.b64decode(body)) for body in found]
