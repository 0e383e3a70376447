#!/usr/bin/env python3
"""Widens the hand-written messages in core/ into train.jsonl and heldout.jsonl.

Standard library only, and the same bytes on every run: all choices come from one seed and the order of the files.
    python3 corpus/expand.py            writes both files
    python3 corpus/expand.py --check    says whether they are what this program makes
The format of core/ and the meaning of every field stand in README.md beside this file.
"""
import hashlib
import json
import random
import re
import sys
from collections import Counter
from pathlib import Path

from disguise import DISGUISES, OLD_FORMS, disguise, lightly

HERE = Path(__file__).resolve().parent
SEED = 20261
HELD_SHARE = 25  # per cent of the scenarios of each category
LONG_SHARE = 0.3  # of the lines, told once more inside a long message
NEAR = 0.6  # trigram likeness above which a train line may not stand beside a held-back one

REGISTERS = {
    "b": ("zh-CN", "plain"), "o": ("zh-CN", "oblique"), "f": ("zh-CN", "formal"), "c": ("zh-CN", "chatty"),
    "s": ("zh-CN", "slang"), "t": ("zh-TW", "taiwan"), "h": ("zh-TW", "hongkong"), "e": ("en", "plain"),
    "p": ("en", "oblique"), "m": ("mixed", "mixed"),
}

# ---- the cast: all invented ----

BANKS = {
    "zh-CN": [("望川银行", "望川银行股份有限公司", "望川银行营业部"), ("青禾农商银行", "青禾农村商业银行股份有限公司", "青禾农商银行清算中心"),
              ("云栖海银行", "云栖海银行股份有限公司", "云栖海银行总行"), ("北澜银行", "北澜银行股份有限公司", "北澜银行总行营业部")],
    "tw": [("嘉穗商業銀行", "嘉穗商業銀行股份有限公司", "嘉穗商業銀行營業部"), ("瀧川銀行", "瀧川商業銀行股份有限公司", "瀧川銀行總行")],
    "hk": [("海崖銀行", "海崖銀行有限公司", "海崖銀行總行"), ("雋海信貸銀行", "雋海信貸銀行有限公司", "雋海信貸銀行")],
    "en": [("Larkfield Bank", "Larkfield Bank plc", "Larkfield Bank"), ("Prairie Union Bank", "Prairie Union Bank NA", "Prairie Union Bank"),
           ("Coralside Mutual Bank", "Coralside Mutual Bank Ltd", "Coralside Mutual Bank")],
}
TRADERS = {
    "zh-CN": [("拾麦消费金融", "拾麦消费金融有限公司"), ("帆远融资租赁", "帆远融资租赁有限公司"), ("百汀物业", "百汀物业服务有限公司"),
              ("启潮商贸", "启潮商贸有限公司"), ("橙叶培训", "橙叶教育科技有限公司"), ("川屿建材", "川屿建材有限公司")],
    "tw": [("豐隅租賃", "豐隅租賃股份有限公司"), ("禾葉家電", "禾葉家電股份有限公司")],
    "hk": [("翠嶼傢俬", "翠嶼傢俬有限公司"), ("凱翎財務", "凱翎財務有限公司")],
    "en": [("Fernhill Energy", "Fernhill Energy Ltd"), ("Barrow & Finch", "Barrow & Finch Supplies Ltd"),
           ("Maplegate Homes", "Maplegate Homes LLC"), ("Kestrel Leasing", "Kestrel Leasing Inc")],
}
AGENCIES = {
    "zh-CN": ["衡诺信用管理", "瑞岚企业服务", "安睦外包", "中衢商务咨询"], "tw": ["誠遠資產管理", "宏澤管理顧問"],
    "hk": ["澄海賬務服務", "卓濤顧問"], "en": ["Alder Recovery", "Northmoor Receivables", "Tamarack Group"],
}
FIRMS = {
    "zh-CN": ["恪言律师事务所", "竹律律师事务所"], "tw": ["明恕法律事務所"], "hk": ["楊許律師行"],
    "en": ["Pell & Haddon LLP", "Quayside Solicitors"],
}
FAMILY = {"zh-CN": "赵孙吴汪沈陶范方石姚邹熊", "tw": "葉蘇簡游曾賴", "hk": "鄺譚麥伍招鄒", "en": ""}
GIVEN = {"zh-CN": ["文涛", "雨桐", "国栋", "晓岚", "建业", "思敏"], "tw": ["宜蓁", "冠廷", "淑芬"], "hk": ["嘉欣", "志強", "美玲"]}
EN_NAMES = ["Nora Quill", "Tobias Marsh", "Leah Ostrow", "Victor Pennant", "June Abara", "Callum Reyes", "Priya Holt", "Marcus Dunne"]
CITIES = {"zh-CN": ["云陵", "清棠", "北澜", "澄阳"], "tw": ["嘉嵐", "新澤"], "hk": ["東嶼"], "en": ["Ashmere"]}
SUBJECTS = {"zh-CN": ["账务事宜", "请您查阅", "关于本期款项", "沟通函"], "tw": ["帳務通知", "請您查閱"], "hk": ["戶口事宜", "通知"],
            "en": ["Your account", "Please read", "Following up", "A note from us"], "mixed": ["账单 Notice", "Reminder 提醒"]}
MONTHS = ["January", "March", "April", "June", "July", "September", "October", "November"]


# ---- reading core ----

class Scenario:
    """One situation, told in several registers."""

    def __init__(self, name, category, options):
        self.name, self.categories, self.options, self.lines = name, category, options, []

    @property
    def bad(self):
        return bool(self.categories)


def options_of(words):
    return dict(word.split("=", 1) for word in words)


def read_core():
    scenarios, pairs = [], []
    for path in sorted((HERE / "core").glob("*.txt")):
        for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            try:
                if line[0] == "@":
                    name, categories, *rest = line[1:].split()
                    listed = [] if categories == "-" else categories.split(",")
                    scenarios.append(Scenario(name, listed, options_of(rest)))
                elif line[0] == "=":
                    pairs.append({"name": line[1:].strip(), "text": None, "sides": []})
                elif line[0] == ">":
                    categories, _, rest = line[1:].partition("|")
                    listed = [] if categories.strip() == "-" else categories.strip().split(",")
                    pairs[-1]["sides"].append((listed, options_of(rest.split())))
                elif path.name.endswith("pairs.txt"):
                    pairs[-1]["text"] = line.replace("\\n", "\n")
                else:
                    register, text = line.split(" ", 1)
                    lang, name = REGISTERS[register]
                    scenarios[-1].lines.append((lang, name, text.strip().replace("\\n", "\n")))
            except (ValueError, KeyError, IndexError) as e:
                sys.exit(f"{path.name}:{number}: cannot read `{line}`: {e}")
    return scenarios, pairs


# ---- the split ----

def rank(name):
    return hashlib.sha256(f"{SEED}/{name}".encode()).hexdigest()


def held_back(scenarios, pairs):
    """A quarter of the scenarios of each category, chosen by the hash of their names; rules were written beside `seen=1`."""
    held = set()
    groups = {}
    for s in (s for s in scenarios if "seen" not in s.options):
        groups.setdefault(",".join(s.categories) or "proper", []).append(s.name)
    groups["pair"] = [p["name"] for p in pairs]
    for names in groups.values():
        names.sort(key=rank)
        held.update(names[: max(1, len(names) * HELD_SHARE // 100)])
    return held


def grams(text):
    bare = re.sub(r"[\W\d_]+", "", re.sub(r"\{\w+\}", "", text)).lower()
    return {bare[i:i + 3] for i in range(len(bare) - 2)}


def without_near(scenarios, held):
    """Leaves out train lines that are nearly the same as a held-back line."""
    kept = [grams(text) for s in scenarios if s.name in held for _, _, text in s.lines]
    kept = [g for g in kept if len(g) > 3]
    having = {}
    for i, g in enumerate(kept):
        for gram in g:
            having.setdefault(gram, []).append(i)

    def near(text):
        mine = grams(text)
        if len(mine) <= 3:
            return False
        shared = Counter(i for gram in mine for i in having.get(gram, ()))
        return any(n > NEAR * min(len(mine), len(kept[i])) for i, n in shared.items())

    dropped = 0
    for s in scenarios:
        if s.name in held:
            continue
        before = len(s.lines)
        s.lines = [line for line in s.lines if not near(line[2])]
        dropped += before - len(s.lines)
    return dropped


# ---- filling in ----

def luhn(body):
    total = sum(sum(divmod(int(c) * 2, 10)) if i % 2 == 0 else int(c) for i, c in enumerate(reversed(body)))
    return body + str(-total % 10)


def digits(rng, n, first=""):
    return first + "".join(rng.choice("0123456789") for _ in range(n - len(first)))


def citizen_number(rng):
    """An invented mainland number with a right check character; 110101 is used, the dates are chance."""
    body = "110101" + f"19{rng.randint(60, 99)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}" + digits(rng, 3)
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    return body + "10X98765432"[sum(int(c) * w for c, w in zip(body, weights)) % 11]


def taiwan_number(rng):
    body = "1" + digits(rng, 7)
    total = 1 + sum(int(c) * w for c, w in zip(body, range(8, 0, -1)))  # the letter A counts 1
    return "A" + body + str(-total % 10)


def card_number(rng):
    return rng.choice(["4111111111111111", "5555555555554444", "4012888888881881",
                       luhn("622200" + digits(rng, 12)), luhn("621700" + digits(rng, 12))])


def place_of(lang, register, rng):
    if lang == "en":
        return "en"
    if lang == "zh-TW":
        return "hk" if register == "hongkong" else "tw"
    return "zh-CN"


def spaced(rng, number):
    parts = [number[i:i + 4] for i in range(0, len(number), 4)]
    return rng.choice([" ", "-"]).join(parts)


def money(rng, place):
    value = rng.choice([rng.randint(80, 999), rng.randint(1000, 9999), rng.randint(10000, 89999)])
    cents = f".{rng.randint(1, 99):02}" if rng.random() < 0.4 else ""
    if place == "zh-CN":
        return rng.choice([f"{value}{cents}元", f"{value:,}{cents}元", f"¥{value:,}{cents}"])
    if place == "tw":
        return rng.choice([f"{value:,}元", f"NT${value:,}", f"新臺幣{value}元"])
    if place == "hk":
        return rng.choice([f"HK${value:,}{cents}", f"港幣{value:,}元"])
    return rng.choice(["$", "£", "€", "A$"]) + f"{value:,}{cents}"


def day(rng, place):
    month, date = rng.randint(1, 12), rng.randint(1, 28)
    if place == "en":
        name = rng.choice(MONTHS)
        return rng.choice([f"{date} {name}", f"{name} {date}", f"{date} {name[:3]}", f"{month}/{date}/2026"])
    return rng.choice([f"{month}月{date}日", f"2026年{month}月{date}日", f"{month}/{date}"])


def phone(rng, place):
    n = rng.randint(100, 199)
    return {"zh-CN": rng.choice([f"400-555-1{n}", f"021-5550{rng.randint(1000, 9999)}"]), "tw": f"(02)5550-0{n}",
            "hk": f"5550 0{n}", "en": rng.choice([f"555-0{n}", f"020 7946 0{n}"])}[place]


def handle(rng, place):
    letters = "".join(rng.choice("abcdefghkmnpqrstwxyz") for _ in range(rng.randint(2, 5)))
    own = letters + digits(rng, rng.randint(2, 5))
    return rng.choice([own, own, "138000" + digits(rng, 5, "00") if place == "zh-CN" else own])


class Stage:
    """Who writes to whom for whom, and what the placeholders become."""

    def __init__(self, rng, lang, register, options, category):
        self.rng, self.lang, self.options = rng, lang, options
        self.place = place_of(lang, register, rng)
        kind = options.get("sender") or rng.choice(self.kinds(options, category))
        bank_wanted = kind == "b" or category == "impersonating_bank" and kind != "c"
        is_bank = bank_wanted or (kind in "al" and rng.random() < 0.65)
        if is_bank:
            self.creditor, self.holder, self.bank = rng.choice(BANKS[self.place])
        else:
            self.creditor, self.holder = rng.choice(TRADERS[self.place])
            self.bank = rng.choice(BANKS[self.place])[2]
        self.is_bank = is_bank
        self.kind = {"a": "agency", "b": "creditor", "c": "creditor", "l": "law_firm"}[kind]
        self.sender = {"a": lambda: rng.choice(AGENCIES[self.place]), "l": lambda: rng.choice(FIRMS[self.place])}.get(
            kind, lambda: self.creditor)()
        self.role = {"d": "debtor", "g": "guarantor", "t": "third_party"}[options.get("role", "d")]
        self.account = digits(rng, rng.choice([14, 16, 17, 19]) if self.place != "hk" else 12, rng.choice("123568"))
        self.addressee = self.person_addressed()

    @staticmethod
    def kinds(options, category):
        if "senders" in options:
            return options["senders"]
        return "aaaaabbccl" if category else "aabbcc"

    def letter(self):
        """Who speaks, as `senders=` writes it."""
        if self.kind == "creditor":
            return "b" if self.is_bank else "c"
        return "a" if self.kind == "agency" else "l"

    def person(self):
        if self.place == "en":
            return self.rng.choice(EN_NAMES)
        return self.rng.choice(FAMILY[self.place]) + self.rng.choice(GIVEN[self.place])

    def person_addressed(self):
        if self.place == "en":
            return self.person()
        titles = ["先生", "女士"] if self.place == "zh-CN" else ["先生", "小姐"]
        return self.rng.choice(FAMILY[self.place]) + self.rng.choice(titles)

    def fill(self, text):
        rng, place = self.rng, self.place
        other = lambda: digits(rng, len(self.account), rng.choice("4679"))
        masked = {"zh-CN": "110101********" + digits(rng, 4), "en": "XXX-XX-" + digits(rng, 4)}
        idx, full = self.options.get("idx"), self.options.get("acc")
        table = {
            "S": lambda: self.sender, "C": lambda: self.creditor, "N": lambda: self.addressee, "PN": self.person,
            "A": lambda: money(rng, place), "D": lambda: day(rng, place), "T": lambda: phone(rng, place),
            "L4": lambda: digits(rng, 4), "OK": lambda: self.account, "OKS": lambda: spaced(rng, self.account),
            "OKH": lambda: self.holder, "OKB": lambda: self.bank, "BAD": other, "WX": lambda: handle(rng, place),
            "ACC": lambda: rng.choice([self.account, spaced(rng, self.account)]) if full == "ok" else other(),
            "ID": lambda: citizen_number(rng), "TWID": lambda: taiwan_number(rng),
            "SSN": lambda: f"987-65-43{rng.randint(20, 29)}", "NINO": lambda: "QQ 12 34 56 C",
            "CARD": lambda: card_number(rng) if rng.random() < 0.5 else spaced(rng, card_number(rng)),
            "IDX": lambda: citizen_number(rng) if idx == "full" else masked["zh-CN"],
            "SSNX": lambda: f"987-65-43{rng.randint(20, 29)}" if idx == "full" else masked["en"],
            "CARDX": lambda: card_number(rng) if idx == "full" else "**** " + digits(rng, 4),
            "WALLET": lambda: rng.choice(["T" + "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz123456789") for _ in range(33)),
                                          "0x" + "".join(rng.choice("0123456789abcdef") for _ in range(40))]),
            "CITY": lambda: rng.choice(CITIES[place]), "YEAR": lambda: "2026",
        }
        return re.sub(r"\{(\w+)\}", lambda m: table[m.group(1)](), text)

    def dressed(self, text):
        """The message as it goes out: a signed SMS, an e-mail or a letter."""
        rng, opts = self.rng, self.options
        channel = rng.choice(opts["chan"].split(",")) if "chan" in opts else rng.choice(["sms"] * 16 + ["email"] * 3 + ["letter"])
        whole = "\n" in text or opts.get("bare") == "1"
        if channel == "sms":
            signed = not whole and rng.random() < 0.6
            sign = f"{self.sender}: " if self.lang == "en" else f"【{self.sender}】"
            return channel, sign + text if signed else text
        if whole:
            return channel, text
        colon, subject = (":", "Subject: ") if self.lang in ("en", "mixed") else (":", "主旨:" if self.place in ("tw", "hk") else "主题:")
        gap = "\n\n" if self.lang == "en" else "\n"
        addressee = self.person_addressed() if self.role == "third_party" else self.addressee
        greeting = addressee + ("," if self.lang == "en" else colon)
        head = subject + rng.choice(SUBJECTS.get(self.lang if self.lang == "mixed" else self.place)) + "\n" if channel == "email" else ""
        return channel, f"{head}{gap[1:] if head else ''}{greeting}{gap}{text}{gap}{self.sender}"

    def accounts(self):
        return [{"holder": self.holder, "bank": self.bank, "number": self.account}]


def message(stage, text, scenario, register, categories, evasion, pair=""):
    channel, text = stage.dressed(text)
    return {
        "lang": stage.lang, "channel": channel,
        "sender": {"kind": stage.kind, "name": stage.sender, "creditor_name": stage.creditor, "creditor_is_bank": stage.is_bank},
        "recipient_role": stage.role, "authorised_accounts": stage.accounts(), "text": text,
        "expect": "block" if categories else "allow", "categories": categories, "evasion": evasion,
        "source": "authored", "note": "", "scenario": scenario, "register": register, "pair": pair,
    }


# ---- widening ----

def own_evasion(scenario, lang, register):
    if not scenario.bad:
        return None
    return {"oblique": "paraphrase", "slang": "synonym", "mixed": "code_switch"}.get(register)


def base(rng, s, line):
    lang, register, text = line
    stage = Stage(rng, lang, register, s.options, s.categories[0] if s.bad else "")
    return message(stage, stage.fill(text), s.name, register, s.categories, own_evasion(s, lang, register))


def disguised(rng, s, line, kinds):
    lang, register, text = line
    stage = Stage(rng, lang, register, s.options, s.categories[0] if s.bad else "")
    for kind in rng.sample(kinds, len(kinds)):
        hidden = disguise(kind, lang, stage.fill(text), rng)
        if hidden:
            return message(stage, hidden, s.name, register, s.categories, kind)
    return None


def careless(rng, s, line):
    lang, register, text = line
    stage = Stage(rng, lang, register, s.options, "")
    odd = lightly(lang, stage.fill(text), rng)
    return message(stage, odd, s.name, register, s.categories, None) if odd else None


def joined(rng, s, line, fillers):
    """The line beside a proper clause of the same language, before or after it."""
    lang, register, text = line
    stage = Stage(rng, lang, register, s.options, s.categories[0] if s.bad else "")
    fitting = fillers.get((lang, stage.letter(), s.options.get("role", "d"), register if lang == "zh-TW" else ""), [])
    if not fitting or "\n" in text:
        return None
    other, beside = rng.choice(fitting)
    if other == text:
        return None
    other, text = stage.fill(other), stage.fill(text)
    gap = " " if lang == "en" else ""
    text = rng.choice([f"{other}{gap}{text}", f"{text}{gap}{other}"])
    return message(stage, text, f"{s.name}+{beside}", register + "+", s.categories, own_evasion(s, lang, register))


def among(rng, s, line, fillers):
    """The line inside a long message: two to five proper clauses of the same speaker around it, in sentences or in paragraphs."""
    lang, register, text = line
    stage = Stage(rng, lang, register, s.options, s.categories[0] if s.bad else "")
    fitting = fillers.get((lang, stage.letter(), s.options.get("role", "d"), register if lang == "zh-TW" else ""), [])
    if len(fitting) < 8 or "\n" in text:
        return None
    others = [one for one in rng.sample(fitting, rng.randint(2, 5)) if one[0] != text]
    parts = [stage.fill(other) for other, _ in others]
    parts.insert(rng.randint(0, len(parts)), stage.fill(text))
    gap = rng.choice(["\n", "\n\n"]) if rng.random() < 0.4 else " " if lang == "en" else ""
    beside = "+".join(sorted({name for _, name in others}))
    return message(stage, gap.join(parts), f"{s.name}+{beside}", register + "+", s.categories, own_evasion(s, lang, register))


def fillers_of(scenarios):
    """Proper clauses by language, sender and role, for joining."""
    out = {}
    for s in scenarios:
        if s.bad or s.options.get("chan"):
            continue
        for lang, register, text in s.lines:
            if "\n" in text or len(text) > 90:
                continue
            for kind in s.options.get("senders", "abc"):
                key = (lang, kind, s.options.get("role", "d"), register if lang == "zh-TW" else "")
                out.setdefault(key, []).append((text, s.name))
    return out


def of_pair(rng, pair):
    text = pair["text"]
    lang = language(text)
    register = "hongkong" if lang == "zh-TW" and re.search("[閣抬賬]|入稟|卡數|律師行|豁免", text) else "plain"
    seed = rng.random()
    for n, (categories, options) in enumerate(pair["sides"]):
        own = random.Random(f"{seed}/{options.get('sender', 'c')}")
        options = {**options, "bare": options.get("bare", "0"), "chan": "sms"}
        options.setdefault("sender", "c")
        stage = Stage(own, lang, register, options, categories[0] if categories else "")
        yield message(stage, stage.fill(text), pair["name"], "pair", categories, None, pair["name"])


def language(text):
    han = re.findall(r"[\u4e00-\u9fff]", text)
    latin = re.findall(r"[A-Za-z]{3,}", re.sub(r"\{\w+\}", "", text))
    if not han:
        return "en"
    if latin:
        return "mixed"
    written = sum(c in OLD_FORMS for c in text)
    return "zh-TW" if written >= 2 else "zh-CN"


def train_rows(rng, scenarios, pairs):
    fillers = fillers_of(scenarios)
    kinds = list(DISGUISES)
    for s in scenarios:
        for line in s.lines:
            yield base(rng, s, line)
            if s.bad:
                if line[1] in ("plain", "slang", "chatty", "taiwan", "hongkong"):
                    yield disguised(rng, s, line, kinds)
                if rng.random() < 0.6:
                    yield joined(rng, s, line, fillers)
                if rng.random() < LONG_SHARE:
                    yield among(rng, s, line, fillers)
            else:
                yield base(rng, s, line)
                yield joined(rng, s, line, fillers)
                yield joined(rng, s, line, fillers)
                if rng.random() < LONG_SHARE:
                    yield among(rng, s, line, fillers)
                if rng.random() < 0.5:
                    yield careless(rng, s, line)
    for pair in pairs:
        for _ in range(3):
            yield from of_pair(rng, pair)


def held_rows(rng, scenarios, pairs):
    fillers = fillers_of(scenarios)
    kinds = list(DISGUISES)
    for s in scenarios:
        for line in s.lines:
            yield base(rng, s, line)
            if not s.bad:
                yield base(rng, s, line)
                yield joined(rng, s, line, fillers)
            elif line[1] in ("plain", "slang", "chatty", "taiwan", "hongkong"):
                yield disguised(rng, s, line, kinds)
            if rng.random() < LONG_SHARE / 2:
                yield among(rng, s, line, fillers)
    for pair in pairs:
        yield from of_pair(rng, pair)


def numbered(prefix, rows):
    seen = set()
    for row in rows:
        key = row and (row["text"], row["sender"]["kind"], row["recipient_role"], row["pair"], row["expect"])
        if row is None or key in seen:
            continue
        seen.add(key)
        yield {"id": f"{prefix}{len(seen):05}", **row}


def main():
    scenarios, pairs = read_core()
    held = held_back(scenarios, pairs)
    dropped = without_near(scenarios, held)
    of = lambda which: ([s for s in scenarios if (s.name in held) == which], [p for p in pairs if (p["name"] in held) == which])
    files = {
        "train.jsonl": numbered("T", train_rows(random.Random(SEED), *of(False))),
        "heldout.jsonl": numbered("H", held_rows(random.Random(SEED + 1), *of(True))),
    }
    check = "--check" in sys.argv[1:]
    for name, rows in files.items():
        rows = list(rows)
        text = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
        path = HERE / name
        if check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                sys.exit(f"{name} is not what expand.py makes; run it without --check")
        else:
            path.write_text(text, encoding="utf-8")
        bad = sum(row["expect"] == "block" for row in rows)
        print(f"{name}: {len(rows)} messages, {bad} to stop, {len(rows) - bad} to pass")
    lines = sum(len(s.lines) for s in scenarios)
    print(f"core: {lines + dropped} lines in {len(scenarios)} scenarios, {len(pairs)} pairs, {dropped} left out as too near to held-back ones")


if __name__ == "__main__":
    main()
