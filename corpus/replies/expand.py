"""Widens the hand-written answers of core/ as careless people write: the same bytes on every run, standard library only.

`python3 corpus/replies/expand.py` writes train.jsonl and heldout.jsonl, `--check` compares them with the core.
"""
import hashlib
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
MEANINGS = {
    "opt_out", "dispute", "already_paid", "wrong_person", "hardship", "counsel", "promise", "question", "complaint",
    "death", "minor", "insolvency",
}
BEFORE = {
    "zh-CN": ["你好,", "您好 ", "喂,", "麻烦了,", "哎 "],
    "zh-TW": ["您好,", "你好 ", "不好意思,"],
    "zh-HK": ["你好,", "唔好意思,", "hi "],
    "en": ["Hi, ", "hello ", "Hey ", "Sorry but ", "Sir, "],
}
AFTER = {
    "zh-CN": [",谢谢", "。谢谢!", "!!", "~", "😡", "…", " 谢谢合作"],
    "zh-TW": [",謝謝", "!", "~", "🙏", "喔"],
    "zh-HK": [",唔該", "!", "🙏", " thx"],
    "en": [" thanks", ". Thank you", "!!", "!!!", " 🙏", " pls", "..."],
}


def chance(*parts):
    return int.from_bytes(hashlib.sha256("|".join(map(str, parts)).encode()).digest()[:6], "big")


def wide(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def hidden(text, n):
    at = 1 + n % max(1, len(text) - 1)
    return text[:at] + "\u200b" + text[at:]


def slip(text, n):
    """Swaps, doubles or drops a letter inside one long word."""
    words = text.split(" ")
    long = [i for i, w in enumerate(words) if len(w) >= 6 and w.isascii() and w.isalpha()]
    if not long:
        return None
    i = long[n % len(long)]
    w, at = words[i], 1 + n % (len(words[i]) - 3)
    words[i] = [w[:at] + w[at + 1] + w[at] + w[at + 2:], w[:at] + w[at] + w[at:], w[:at] + w[at + 1:]][n % 3]
    return " ".join(words)


def messy(lang, text, n):
    """One untidy form of a line, with its name."""
    kind = ["polite", "after", "case", "wide", "hidden", "slip", "blank", "both"][n % 8]
    n //= 8
    if kind == "polite":
        return kind, BEFORE[lang][n % len(BEFORE[lang])] + text
    if kind == "after":
        return kind, text + AFTER[lang][n % len(AFTER[lang])]
    if kind == "case":
        new = text.upper() if n % 2 else text.lower()
        return (kind, new) if new != text else ("after", text + AFTER[lang][n % len(AFTER[lang])])
    if kind == "wide":
        new = wide(text)
        return (kind, new) if new != text else ("polite", BEFORE[lang][n % len(BEFORE[lang])] + text)
    if kind == "hidden":
        return (kind, hidden(text, n)) if len(text) > 1 else ("after", text + AFTER[lang][n % len(AFTER[lang])])
    if kind == "slip":
        new = slip(text, n)
        return (kind, new) if new and new != text else ("after", text + AFTER[lang][n % len(AFTER[lang])])
    if kind == "blank":
        return kind, "  " + text + " \n"
    return kind, BEFORE[lang][n % len(BEFORE[lang])] + text + AFTER[lang][n % len(AFTER[lang])]


def read(path):
    scenario = lang = None
    means, may = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("@"):
            try:
                scenario, lang, words = line[1:].split(" ")
            except ValueError:
                sys.exit(f"{path.name}:{number}: found `{line}`\n  expected `@scenario language meanings`")
            words = [] if words == "-" else words.removeprefix("-,").split(",")
            means = [w for w in words if not w.startswith("~")]
            may = [w[1:] for w in words if w.startswith("~")]
            wrong = [w for w in means + may if w not in MEANINGS]
            if wrong or lang not in BEFORE:
                sys.exit(f"{path.name}:{number}: found `{line}`\n  expected known meanings and a known language")
            continue
        yield scenario, lang, means, may, line


def made(prefix, times, known=frozenset()):
    """The forms of all lines; what is `known` already is left out."""
    out, seen = [], set(known)
    for path in sorted((HERE / "core").glob(f"{prefix}_*.txt")):
        for scenario, lang, means, may, text in read(path):
            forms = [(None, text)]
            forms += [messy(lang, text, chance(prefix, scenario, lang, text, k)) for k in range(times)]
            for kind, form in forms:
                key = (lang, form)
                if key in seen:
                    continue
                seen.add(key)
                out.append({
                    "id": f"{prefix}-{len(out) + 1:05}", "lang": lang, "text": form, "means": means, "may": may,
                    "scenario": scenario, "messy": kind,
                })
    return "".join(json.dumps(o, ensure_ascii=False) + "\n" for o in out)


def main():
    train = made("train", 1)
    learnt = {(o["lang"], o["text"]) for o in map(json.loads, train.splitlines())}
    files = {"train.jsonl": train, "heldout.jsonl": made("held", 3, learnt)}
    for name, text in files.items():
        path = HERE / name
        if "--check" in sys.argv:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                sys.exit(f"corpus/replies/{name} is not what expand.py makes of core/")
        else:
            path.write_text(text, encoding="utf-8")
            print(name, text.count("\n"))


if __name__ == "__main__":
    main()
