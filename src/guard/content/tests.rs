use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::domain::SenderKind;
use crate::policy::{Pack, PackFiles};

static LEXICONS: LazyLock<Lexicons> = LazyLock::new(|| {
    let pack = Pack::parse(&PackFiles {
        name: "house-safe-default",
        policy: include_str!("../../../policies/house-safe-default/policy.toml"),
        lexicon: include_str!("../../../policies/house-safe-default/lexicon.toml"),
        cases: "",
    });
    Lexicons::compile(&[&pack.unwrap_or_else(|e| panic!("{e}")).lexicon])
});

fn agency() -> ContentContext {
    ContentContext::new(SenderKind::Agency, "甲咨询", "乙银行", true)
}

fn judged(cx: &ContentContext, text: &str) -> ContentReview {
    let rules = ContentRules {
        lexicons: &LEXICONS,
        speaks: None,
        classifier: None,
    };
    check(cx, &[Part::plain("text", text)], &rules)
}

#[test]
fn what_is_offered_instead_passes() {
    for entry in LEXICONS.entries() {
        let Some(instead) = &entry.rule.head.instead else {
            continue;
        };
        for text in instead.split(" / ") {
            let found = judged(&agency(), text);
            assert_eq!(found.verdict, Verdict::Cleared, "{text}: {:?}", found.findings);
        }
    }
}

#[test]
fn the_same_words_depend_on_who_speaks_and_who_reads() {
    let check = |cx: &ContentContext, text: &str, expected: Verdict| {
        let found = judged(cx, text);
        assert_eq!(found.verdict, expected, "{text}: {:?}", found.findings);
    };
    let mut bank = ContentContext::new(SenderKind::Creditor, "乙银行", "乙银行", true);
    check(&agency(), "本行已停用您的卡片。", Verdict::Blocked);
    check(&bank, "本行已停用您的卡片。", Verdict::Cleared);
    check(&bank, "您的贷款已逾期,请尽快还款。", Verdict::Cleared);
    bank.audience = crate::policy::Audience::ThirdParty;
    check(&bank, "您的贷款已逾期,请尽快还款。", Verdict::Blocked);
    bank.audience = crate::policy::Audience::Guarantor;
    check(&bank, "您的贷款已逾期,请尽快还款。", Verdict::Cleared);
    let account = "请付至账号3100 0765-4321 0987 654。";
    check(&bank, account, Verdict::Blocked);
    bank.pay_to(vec![crate::policy::PayeeNumber {
        holder: "乙银行股份有限公司".to_owned(),
        bank: "乙银行".to_owned(),
        number: "3100076543210987654".to_owned(),
    }]);
    check(&bank, account, Verdict::Cleared);
}

#[test]
fn data_of_others_is_not_blamed_on_the_template() {
    let check = |text: &str, name: &str, expected: Verdict, blamed: bool| {
        let start = text.find(name).unwrap();
        let variables = [Variable {
            name: ("债务人姓名", "the debtor's name"),
            span: start..start + name.len(),
        }];
        let part = Part {
            variables: &variables,
            ..Part::plain("text", text)
        };
        let rules = ContentRules {
            lexicons: &LEXICONS,
            speaks: None,
            classifier: None,
        };
        let found = super::check(&agency(), &[part], &rules);
        assert_eq!(found.verdict, expected, "{text}: {:?}", found.findings);
        assert!(
            found.findings.iter().all(|f| f.variable.is_some() == blamed),
            "{text}"
        );
    };
    check(
        "尊敬的打断你的腿,请按期还款。",
        "打断你的腿",
        Verdict::Review,
        true,
    );
    check("王小明,打断你的腿。", "王小明", Verdict::Blocked, false);
    check("打断王小明的腿。", "王小明", Verdict::Blocked, false);
    check("王小明,请按期还款。", "王小明", Verdict::Cleared, false);
}

/// Is sure of one category, whatever the words.
struct Sure(Category);

impl SecondOpinion for Sure {
    fn score(&self, _: &Input<'_>) -> Score {
        Score {
            probability: 0.9,
            raises_review: true,
            sure: true,
            category: None,
            sure_of: Vec::new(),
            strongest: Vec::new(),
        }
    }

    fn explain(&self, _: &Input<'_>, score: &mut Score) {
        score.category = Some(self.0);
        score.sure_of = vec![self.0];
    }
}

#[test]
fn a_second_opinion_confirms_a_doubt_and_never_blocks_alone() {
    let pack = Pack::parse(&PackFiles {
        name: "extra",
        policy: "pack = \"extra\"\ntitle = { zh = \"外\", en = \"extra\" }\n",
        lexicon: "[[entry]]\nid = \"content.abuse.extra\"\ncategory = \"abuse\"\nverdict = \"review\"\nlevel = \"house\"\nsureness = \"verified\"\nbasis = \"house rule\"\nwhy = \"test\"\nzh = \"外\"\nen = \"extra\"\nphrases = [\"蓝色柠檬\"]\n",
        cases: "",
    });
    let lexicons = Lexicons::compile(&[&pack.unwrap_or_else(|e| panic!("{e}")).lexicon]);
    let check = |text: &str, category: Category, expected: Verdict| {
        let opinion = Sure(category);
        let rules = ContentRules {
            lexicons: &lexicons,
            speaks: None,
            classifier: Some(&opinion),
        };
        let found = super::check(&agency(), &[Part::plain("text", text)], &rules);
        assert_eq!(found.verdict, expected, "{text}: {:?}", found.findings);
    };
    check("您是蓝色柠檬。", Category::Abuse, Verdict::Blocked);
    check("您是蓝色柠檬。", Category::UnauthorizedFee, Verdict::Review);
    check("请按期还款。", Category::Abuse, Verdict::Review);
}

/// Answers as it is told.
struct Told {
    probability: f32,
    raises: bool,
    sure_of: Option<Category>,
    category: Category,
}

impl SecondOpinion for Told {
    fn score(&self, _: &Input<'_>) -> Score {
        Score {
            probability: self.probability,
            raises_review: self.raises,
            sure: self.sure_of.is_some(),
            category: None,
            sure_of: Vec::new(),
            strongest: Vec::new(),
        }
    }

    fn explain(&self, _: &Input<'_>, score: &mut Score) {
        score.category = Some(self.category);
        score.sure_of = self.sure_of.into_iter().collect();
    }
}

/// An entry that a test makes up.
fn made_up(lines: &str) -> Lexicons {
    let entry = format!(
        "[[entry]]\nid = \"content.abuse.extra\"\ncategory = \"abuse\"\nlevel = \"house\"\nsureness = \"verified\"\nbasis = \"house rule\"\nwhy = \"test\"\nzh = \"外\"\nen = \"extra\"\n{lines}\n"
    );
    let pack = Pack::parse(&PackFiles {
        name: "extra",
        policy: "pack = \"extra\"\ntitle = { zh = \"外\", en = \"extra\" }\n",
        lexicon: &entry,
        cases: "",
    });
    Lexicons::compile(&[&pack.unwrap_or_else(|e| panic!("{e}")).lexicon])
}

#[test]
fn what_a_rule_nearly_says_is_confirmed_or_looked_at() {
    let lexicons = made_up("verdict = \"blocked\"\npatterns = [\"蓝色 ..2 柠檬\"]");
    let check = |text: &str, told: Told, expected: Verdict| {
        let rules = ContentRules {
            lexicons: &lexicons,
            speaks: None,
            classifier: Some(&told),
        };
        let found = super::check(&agency(), &[Part::plain("text", text)], &rules);
        assert_eq!(found.verdict, expected, "{text}: {:?}", found.findings);
    };
    let told = |probability: f32, raises: bool, sure_of: Option<Category>, category: Category| Told {
        probability,
        raises,
        sure_of,
        category,
    };
    let (near, far) = ("柠檬您喜欢怎样的,是不是蓝色。", "您喜欢怎样的柠檬。");
    let abuse = Category::Abuse;
    check(near, told(0.99, true, Some(abuse), abuse), Verdict::Blocked);
    check(far, told(0.99, true, Some(abuse), abuse), Verdict::Review);
    check(
        near,
        told(0.99, true, Some(Category::Threat), Category::Threat),
        Verdict::Review,
    );
    check(near, told(0.85, false, None, abuse), Verdict::Review);
    check(near, told(0.85, false, None, Category::Threat), Verdict::Cleared);
    check(far, told(0.85, false, None, abuse), Verdict::Cleared);
    check(near, told(0.3, false, None, abuse), Verdict::Cleared);
}

#[test]
fn a_second_opinion_takes_the_sense_of_words_down_and_nothing_else() {
    let check = |lines: &str, text: &str, probability: f32, expected: Verdict| {
        let lexicons = made_up(lines);
        let told = Told {
            probability,
            raises: false,
            sure_of: None,
            category: Category::Abuse,
        };
        let rules = ContentRules {
            lexicons: &lexicons,
            speaks: None,
            classifier: Some(&told),
        };
        let found = super::check(&agency(), &[Part::plain("text", text)], &rules);
        assert_eq!(
            found.verdict, expected,
            "{lines} {probability}: {:?}",
            found.findings
        );
    };
    let (block, doubt) = (
        "verdict = \"blocked\"\nphrases = [\"蓝色柠檬\"]",
        "verdict = \"review\"\nphrases = [\"蓝色柠檬\"]",
    );
    check(block, "您是蓝色柠檬。", 0.5, Verdict::Blocked);
    check(block, "您是蓝色柠檬。", 0.03, Verdict::Review);
    check(block, "您是蓝色柠檬。", 0.001, Verdict::Cleared);
    check(doubt, "您是蓝色柠檬。", 0.5, Verdict::Review);
    check(doubt, "您是蓝色柠檬。", 0.1, Verdict::Cleared);
    check(
        &format!("{block}\nfirm = true"),
        "您是蓝色柠檬。",
        0.001,
        Verdict::Blocked,
    );
    let number = "verdict = \"blocked\"\npatterns = [\"蓝色 ..6 <@wallet>\"]";
    check(
        number,
        "蓝色的0x52908400098527886e0f7030069857d2e4169ee7",
        0.001,
        Verdict::Blocked,
    );
}

#[test]
fn a_denial_reaches_as_far_as_its_clause() {
    let check = |text: &str, expected: Verdict| {
        let found = judged(&agency(), text);
        assert_eq!(found.verdict, expected, "{text}: {:?}", found.findings);
    };
    check(
        "我们不会把您的欠款情况告诉您的家人、同事或邻居。",
        Verdict::Cleared,
    );
    check("我们绝不会以任何理由要求您付款到个人账户。", Verdict::Cleared);
    check("如果您不能按时还款我们就告诉您的家人。", Verdict::Blocked);
    check("我们不会等你还钱就把你打断腿。", Verdict::Blocked);
    check("If you do not pay we will tell your boss.", Verdict::Blocked);
    check("We will never ask you to buy gift cards.", Verdict::Cleared);
}

#[test]
fn no_data_of_others_passes_unseen_or_blocks_a_clean_template() {
    let values = [
        "打断你的腿",
        "转到我微信",
        "法院传票已送达",
        "告诉你老板",
        "我行",
        "打 断 你 的 腿",
        "da duan ni de tui",
    ];
    let templates = [
        "尊敬的{},请按期还款。",
        "Dear {}, your payment is due.",
        "请付1,280元({})。",
    ];
    let rules = ContentRules {
        lexicons: &LEXICONS,
        speaks: None,
        classifier: None,
    };
    for (template, value) in templates.iter().flat_map(|t| values.iter().map(move |v| (t, v))) {
        let start = template.find("{}").unwrap();
        let text = template.replace("{}", value);
        let variables = [Variable {
            name: ("债务人姓名", "the debtor's name"),
            span: start..start + value.len(),
        }];
        let part = Part {
            variables: &variables,
            ..Part::plain("text", &text)
        };
        let found = super::check(&agency(), &[part], &rules);
        assert_eq!(found.verdict, Verdict::Review, "{text}: {:?}", found.findings);
        assert!(found.findings.iter().all(|f| f.variable.is_some()), "{text}");
    }
}

#[test]
fn what_is_disguised_as_a_whole_is_read_by_a_person() {
    let check = |text: &str, expected: bool| {
        let found = judged(&agency(), text);
        let named = found.findings.iter().any(|f| &*f.head.id == DISGUISED);
        assert_eq!(named, expected, "{text}: {:?}", found.findings);
    };
    check("您.好.请.于.八.月.十.五.日.前.还.款.谢.谢", true);
    check("nin hao qing yu ba yue shi wu ri qian huan kuan xie xie", true);
    check(
        "对 账 通 知\n您好,本期账单已出,请于8月15日前核对,如有疑问请与我们联系,谢谢。",
        false,
    );
}

#[test]
fn long_and_strange_texts_are_judged_in_time() {
    let check = |text: String| {
        let start = text.len();
        let found = judged(&agency(), &text);
        assert!(found.findings.iter().all(|f| f.span.end <= start));
    };
    check("打断你的腿,".repeat(20_000));
    check("不会".repeat(150_000));
    check(format!("e{}", "\u{0301}".repeat(100_000)));
    check("\u{202E}".repeat(50_000));
    check("a b ".repeat(100_000));
    check("6 ".repeat(200_000));
    check("法(fa)".repeat(50_000));
    check("《".repeat(100_000));
    check("!".repeat(200_000));
    check(format!("a {}", "6 ".repeat(200_000)));
    check("zqk vrt ".repeat(40_000));
    check("发院》《友卡".repeat(20_000));
    check("a.".repeat(200_000));
    check("k1ll".repeat(60_000));
    check("nide".repeat(60_000));
}

proptest! {
    #[test]
    fn any_text_has_an_answer_on_its_own_characters(text in ".{0,200}", han in "[\u{4e00}-\u{4fff}a-z0-9 .*]{0,80}") {
        for text in [text, han] {
            for finding in judged(&agency(), &text).findings {
                prop_assert!(text.get(finding.span.clone()).is_some());
            }
        }
    }
}
