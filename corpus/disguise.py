"""Nine ways in which wording is hidden from word lists. The other three (synonym, paraphrase, code_switch) are written
by hand in core/. Each way answers None where it cannot change the text. The tables are of this file's own making, so
that the guard is not tried with the very tables it folds by."""
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
HAN = re.compile(r"[\u4e00-\u9fff]")


def syllables():
    table = {}
    for line in (HERE / "syllables.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            syllable, chars = line.split(" ", 1)
            for c in chars:
                table.setdefault(c, syllable)
    return table


def traditional():
    pairs = (HERE.parent / "src/policy")
    found = next(p for p in (pairs / "fold/traditional.txt", pairs / "traditional.txt") if p.exists())
    table = {}
    for line in found.read_text(encoding="utf-8").splitlines():
        for i in range(0, len(line) - 1, 2):
            table.setdefault(line[i + 1], line[i])
    # First choices that people really write.
    table.update({"后": "後", "里": "裡", "面": "面", "只": "只", "个": "個", "发": "發", "干": "幹", "台": "台", "征": "徵", "系": "系",
                  "于": "於", "余": "餘", "借": "借", "家": "家", "私": "私", "才": "才", "么": "麼", "你": "你", "账": "帳", "了": "了"})
    return table


SYLLABLES, TRADITIONAL = syllables(), traditional()
# Characters that only traditional texts have.
OLD_FORMS = {old for new, old in TRADITIONAL.items() if old != new} - set(TRADITIONAL)
SOUNDS = "弄农 死四 打达 腿褪 手守 杀沙 命名 家佳 门闷 车撤 父付 母姆 妈麻 爸罢 儿而 女钕 老佬 婆坡 公工 司丝 同桐 事式 邻林 居拘 法发 院苑 警景 察查 检捡 律侣 师狮 抓爪 坐座 牢劳 监间 狱玉 判叛 刑型 骗片 子仔 废费 物勿 狗苟 猪朱 滚磙 贱践 脸敛 私思 人仁 户互 卡咖 微薇 信芯 支枝 付副 宝保 现县 金今 转赚 钱前 扫嫂 码马 密蜜 身申 份分 证正 验宴 号浩 减剪 免勉 利力 息西 费废 服扶 务物 辛新 苦哭 银引 行航 我窝 本夲 征争 黑嘿 名明 单丹 停廷 学血 校笑 孩害 上尚 后厚 果裹 小晓 心新 收受 拾十 砸咋 断段 毁悔 堵赌 还环 不布 欠歉 债寨 告搞 诉素 通痛 录路 领岭 导岛 单丹 位未 亲青 戚期 朋鹏 友有 起启 冻动 结节 拘居 留流 包苞 裹果 中钟 奖将"
EMOJI = {"刀": "🔪", "死": "💀", "打": "👊", "火": "🔥", "家": "🏠", "车": "🚗", "钱": "💰", "手": "✋", "腿": "🦵", "狗": "🐶", "猪": "🐷", "警": "👮", "法院": "⚖️", "律师": "👨‍⚖️", "电话": "📞", "手机": "📱",
         "银行": "🏦", "卡": "💳", "微信": "💚", "二维码": "🔳", "密码": "🔑", "身份证": "🪪", "照片": "📷", "孩子": "👶", "儿子": "👦", "女儿": "👧", "老婆": "👩", "媳妇": "👩", "爹": "👴", "妈": "👩‍🦳", "爸": "👨", "牢": "⛓️", "抓": "🚔",
         "血": "🩸", "门": "🚪", "快递": "📦", "包裹": "📦", "奖": "🎁", "学校": "🏫", "公司": "🏢", "单位": "🏢", "滚": "🌀", "乌龟": "🐢", "眼": "👁️", "嘴": "👄", "红包": "🧧", "现金": "💵", "比特币": "🪙", "垃圾": "🗑️", "驗證碼": "🔢", "码": "🔢",
         "knife": "🔪", "kill": "🔪", "dead": "💀", "fire": "🔥", "burn": "🔥", "house": "🏠", "home": "🏠", "car": "🚗", "money": "💰", "cash": "💵", "phone": "📞", "police": "👮", "court": "⚖️", "judge": "👨‍⚖️", "jail": "⛓️", "prison": "⛓️",
         "bank": "🏦", "card": "💳", "code": "🔢", "password": "🔑", "passport": "🛂", "dog": "🐶", "pig": "🐷", "rat": "🐀", "wife": "👩", "kids": "👶", "school": "🏫", "door": "🚪", "parcel": "📦", "bitcoin": "🪙", "scum": "🗑️", "clown": "🤡", "liar": "🤥", "teeth": "🦷", "blood": "🩸", "bat": "🏏", "boss": "👔", "HR": "👔", "won": "🎁", "gift": "🎁"}
PARTS = {"好": "女子", "强": "弓虽", "你": "亻尔", "他": "亻也", "们": "亻门", "信": "亻言", "付": "亻寸", "债": "亻责", "你们": "亻尔亻门", "法": "氵去", "没": "氵殳", "打": "扌丁", "抓": "扌爪", "扣": "扌口", "找": "扌戈", "扫": "扌彐", "拍": "扌白", "报": "扌𠬝", "骗": "马扁",
         "砸": "石匝", "破": "石皮", "码": "石马", "死": "歹匕", "狗": "犭句", "猪": "犭者", "狱": "犭言犬", "钱": "钅戋", "银": "钅艮", "转": "车专", "账": "贝长", "贱": "贝戋", "验": "马佥", "证": "讠正", "诉": "讠斥", "讨": "讠寸", "记": "讠己", "警": "敬言", "明": "日月",
         "鬼": "白儿厶", "妈": "女马", "奶": "女乃", "婆": "波女", "妇": "女彐", "烧": "火尧", "灯": "火丁", "刑": "开刂", "判": "半刂", "剁": "朵刂", "到": "至刂", "弄": "王廾", "命": "人叩", "冻": "冫东", "家": "宀豕", "害": "宀丰口", "密": "宓山", "微": "彳山一几攵", "行": "彳亍", "後": "彳幺夂", "催": "亻崔", "停": "亻亭", "保": "亻呆", "护": "扌户", "理": "王里", "现": "王见", "私": "禾厶", "和": "禾口", "利": "禾刂", "种": "禾中", "支": "十又", "卡": "上卜", "吓": "口下", "吃": "口乞", "骂": "口口马", "邻": "令阝", "院": "阝完", "阳": "阝日", "脸": "月佥", "腿": "月退", "脚": "月却", "臭": "自犬"}
LEET_ZH = {"微信": "VX", "支付宝": "ZFB", "银行卡": "YHK", "身份证": "SFZ", "验证码": "YZM", "密码": "MM", "转账": "Z账", "弄死": "N死", "打死": "D死", "杀": "S", "妈的": "MD", "他妈": "TM", "操你": "C你", "傻": "S", "逼": "B", "废物": "F物", "垃圾": "LJ", "老赖": "LL", "警察": "JC", "法院": "FY", "律师": "LS", "公安": "GA", "坐牢": "Z牢", "判": "P", "抓": "Z", "爆": "B", "通讯录": "TXL", "征信": "ZX", "黑名单": "HMD", "滚": "G", "死": "4", "不要脸": "BYL", "现金": "XJ", "私下": "S下", "手续费": "SXF", "服务费": "FWF", "减免": "JM", "本行": "B行", "我行": "W行", "起诉": "QS", "骗子": "P子", "单位": "DW", "老婆": "LP", "全家": "QJ", "砸": "Z", "打断": "D断"}
LEET_EN = str.maketrans({"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7"})
SOUNDS_EN = {"break": "brake", "your": "yore", "you": "yew", "pay": "pey", "know": "no", "we": "wee", "will": "wil", "kill": "kil", "police": "poleece", "court": "cort", "money": "munny", "knife": "nife", "burn": "bern", "sue": "soo", "jail": "jale", "liar": "lyre", "wife": "wyfe", "boss": "bawss", "send": "sennd", "code": "coad", "password": "passwerd", "account": "akount", "cash": "cashe", "fee": "phee", "arrest": "arest", "warrant": "warent", "judge": "juj", "family": "famly", "bank": "banc", "scum": "skum", "stupid": "stoopid", "owe": "oh", "debt": "det", "house": "howse", "door": "dore", "here": "hear", "come": "cum", "for": "4", "to": "2", "be": "b", "before": "b4"}
SMALL = str.maketrans({c: chr(ord(c) + 0xFEE0) for c in map(chr, range(0x21, 0x7F))})


def spacing(lang, text, rng):
    mark = rng.choice([" ", ".", "-", "*", "|", "·", "_"])
    if lang == "en":
        return re.sub(r"[A-Za-z]{3,}", lambda m: mark.join(m.group()), text)
    return re.sub(r"[\u4e00-\u9fff]{2,}", lambda m: mark.join(m.group()), text)


def homophone(lang, text, rng):
    if lang == "en":
        return swapped(text, SOUNDS_EN, rng, whole=True)
    table = {pair[0]: pair[1] for pair in SOUNDS.split()}
    out, changed = [], 0
    for c in text:
        swap = c in table and rng.random() < 0.75
        changed += swap
        out.append(table[c] if swap else c)
    return "".join(out) if changed >= 2 else None


def pinyin(lang, text, rng):
    if lang == "en" or not HAN.search(text):
        return None
    gap = rng.choice([" ", " ", ""])
    whole = rng.random() < 0.6
    def latin(m):
        run = m.group()
        if not whole and rng.random() < 0.5:
            return run
        return gap.join(SYLLABLES.get(c, c) for c in run)
    return re.sub(r"[\u4e00-\u9fff]{1,4}", latin, text)


def to_traditional(lang, text, rng):
    return "".join(TRADITIONAL.get(c, c) for c in text) if lang == "zh-CN" else None


def fullwidth(lang, text, rng):
    return text.translate(SMALL) if re.search(r"[A-Za-z0-9]{3}", text) else None


def emoji(lang, text, rng):
    return swapped(text, EMOJI, rng, whole=lang == "en")


def leetspeak(lang, text, rng):
    if lang != "en":
        return swapped(text, LEET_ZH, rng)
    return re.sub(r"[A-Za-z]{3,}", lambda m: m.group().lower().translate(LEET_EN) if rng.random() < 0.8 else m.group(), text)


def split(lang, text, rng):
    return swapped(text, PARTS, rng) if lang != "en" else None


def zero_width(lang, text, rng):
    mark = rng.choice("\u200b\u200c\u200d\u2060\ufeff\u00ad")
    return "".join(c + (mark if c.isalpha() and rng.random() < 0.5 else "") for c in text)


def swapped(text, table, rng, whole=False):
    """Every key of the table in the text replaced, longest first; None if there is none."""
    keys = "|".join(sorted(map(re.escape, table), key=len, reverse=True))
    pattern = re.compile(rf"\b(?:{keys})\b", re.I) if whole else re.compile(keys)
    low = {k.lower(): v for k, v in table.items()}
    new, count = pattern.subn(lambda m: low[m.group().lower()], text)
    return new if count else None


DISGUISES = {
    "spacing": spacing, "homophone": homophone, "pinyin": pinyin, "traditional": to_traditional, "fullwidth": fullwidth,
    "emoji": emoji, "leetspeak": leetspeak, "split": split, "zero_width": zero_width,
}


def lightly(lang, text, rng):
    """A proper text as careless or playful people write it: some full width, old forms, a picture, a spaced heading, an
    abbreviation, a syllable in Latin letters. So that odd writing by itself is no reason."""
    kind = rng.choice(["fullwidth", "traditional", "emoji", "spaced", "latin", "typo", "zwsp_free"])
    if kind == "fullwidth":
        out = re.sub(r"[0-9]+", lambda m: m.group().translate(SMALL), text)
    elif kind == "traditional":
        out = to_traditional(lang, text, rng)
    elif kind == "emoji":
        out = rng.choice(["\U0001F60A", "\U0001F64F", "\u2728", "\U0001F4CC", "\U0001F4DE"]) + text if rng.random() < 0.5 else emoji(lang, text, rng)
    elif kind == "spaced" and lang != "en":
        runs = [m for m in re.finditer(r"[\u4e00-\u9fff]{2,4}", text)]
        m = rng.choice(runs) if runs else None
        out = m and text[:m.start()] + " ".join(m.group()) + text[m.end():]
    elif kind == "latin" and lang != "en":
        found = [m for m in HAN.finditer(text) if m.group() in SYLLABLES]
        m = rng.choice(found) if found else None
        out = m and text[:m.start()] + SYLLABLES[m.group()] + text[m.end():]
    elif kind == "typo" and lang != "en":
        table = {pair[0]: pair[1] for pair in SOUNDS.split()}
        found = [i for i, c in enumerate(text) if c in table]
        i = rng.choice(found) if found else None
        out = text[:i] + table[text[i]] + text[i + 1:] if found else None
    elif kind == "typo":
        words = [m for m in re.finditer(r"\b[a-z]{5,}\b", text)]
        m = rng.choice(words) if words else None
        cut = m and rng.randrange(m.start() + 1, m.end() - 1)
        out = m and text[:cut] + text[cut + 1:]
    else:
        out = text.replace(" ", "  ") if lang == "en" else text.replace(",", " , ")
    return out if out and out != text else None


def disguise(kind, lang, text, rng):
    """The text hidden in this way, or None."""
    hidden = DISGUISES[kind](lang, text, rng)
    return hidden if hidden and hidden != text else None
