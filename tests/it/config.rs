//! The settings: precedence, origins, errors, and the example file.

use std::path::PathBuf;

use dunwell::config::{Carrier, Config, ConfigError, Origin, Sources, policies, templates};
use secrecy::ExposeSecret;

const EXAMPLE: &str = include_str!("../../dunwell.example.toml");

fn file(text: &str) -> Sources {
    Sources {
        file: Some(("dunwell.toml".into(), text.into())),
        ..Sources::default()
    }
}

fn environment(variables: &[(&str, &str)]) -> Sources {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Sources {
        environment: variables.iter().map(own).collect(),
        ..Sources::default()
    }
}

fn error(sources: &Sources) -> String {
    Config::load(sources).unwrap_err().to_string()
}

fn shown(config: &Config) -> Vec<(&'static str, String)> {
    config
        .entries()
        .iter()
        .map(|entry| (entry.key, entry.shown.clone()))
        .collect()
}

#[test]
fn the_example_mentions_every_key_and_equals_the_defaults() {
    let defaults = Config::defaults();
    assert_eq!(shown(&Config::load(&file(EXAMPLE)).unwrap()), shown(&defaults));

    let mut section = "";
    let mut mentioned = Vec::new();
    for line in EXAMPLE.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((word, _)) = line.trim_start_matches("# ").split_once(" = ")
            && !word.contains(' ')
        {
            mentioned.push(if section.is_empty() {
                word.to_owned()
            } else {
                format!("{section}.{word}")
            });
        }
    }
    let keys: Vec<&str> = defaults.entries().iter().map(|entry| entry.key).collect();
    let secrets = [
        "letter_gateway.secret",
        "letter_gateway.token",
        "smtp.password",
        "smpp.password",
        "gateway.secret",
        "gateway.token",
    ];
    let without_secret: Vec<&str> = keys.into_iter().filter(|key| !secrets.contains(key)).collect();
    assert_eq!(mentioned, without_secret);
    for secret in secrets {
        let variable = secret.to_ascii_uppercase().replace('.', "__");
        assert!(EXAMPLE.contains(&format!("DUNWELL_{variable}")), "{secret}");
        let mut table = secret.split('.');
        let (section, key) = (table.next().unwrap(), table.next().unwrap());
        let told = Config::load(&file(&format!("[{section}]\n{key} = \"s3cret\"\n")))
            .unwrap_err()
            .to_string();
        assert!(
            told.contains(&format!("DUNWELL_{variable}")) && !told.contains("s3cret"),
            "{told}"
        );
    }
}

#[test]
fn the_example_with_every_commented_key_switched_on_has_no_unknown_key() {
    let on: String = EXAMPLE
        .lines()
        .map(|line| {
            let key = line
                .strip_prefix("# ")
                .filter(|rest| rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')));
            format!("{}\n", key.unwrap_or(line))
        })
        .collect();
    let on = [
        "password_file = \"smtp-password\"\n",
        "password_file = \"smpp-password\"\n",
        "secret_file = \"gateway-secret\"\n",
        "token_file = \"gateway-token\"\n",
        "secret_file = \"letter-gateway-secret\"\n",
        "token_file = \"letter-gateway-token\"\n",
    ]
    .into_iter()
    .fold(on, |on, line| on.replace(line, ""));
    let mut sources = file(&on);
    sources
        .environment
        .push(("DUNWELL_SMTP__PASSWORD".into(), "s3cret".into()));
    let config = Config::load(&sources).unwrap();
    assert_eq!(config.templates_dir, Some(PathBuf::from("my-templates")));
    assert_eq!(config.smtp.password.as_ref().unwrap().expose_secret(), "s3cret");
    assert!(!format!("{config:?} {:?}", config.entries()).contains("s3cret"));
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let mut sources = file("[dispatch]\nbatch = 1\nconcurrency = 1\ninterval_seconds = 1\n");
    sources
        .environment
        .push(("DUNWELL_DISPATCH__BATCH".into(), "2".into()));
    sources
        .environment
        .push(("DUNWELL_DISPATCH__CONCURRENCY".into(), "2".into()));
    sources.flags.push(("dispatch.batch", "3".into()));
    let config = Config::load(&sources).unwrap();
    let (dispatch, tick) = (&config.dispatch, config.scheduler.tick_seconds);
    assert_eq!(
        (
            dispatch.batch,
            dispatch.concurrency,
            dispatch.interval_seconds,
            tick
        ),
        (3, 2, 1, 60)
    );

    let origin = |key| {
        config
            .entries()
            .iter()
            .find(|entry| entry.key == key)
            .unwrap()
            .origin
            .to_string()
    };
    assert_eq!(origin("dispatch.batch"), "flag --dispatch-batch");
    assert_eq!(
        origin("dispatch.concurrency"),
        "environment DUNWELL_DISPATCH__CONCURRENCY"
    );
    assert_eq!(origin("dispatch.interval_seconds"), "dunwell.toml:4");
    assert_eq!(origin("scheduler.tick_seconds"), "default");
}

#[test]
fn a_wrong_file_names_file_line_what_was_found_and_what_is_expected() {
    let check = |text: &str, expected: &str| assert_eq!(error(&file(text)), expected);
    check(
        "\n[dispatch]\nbacth = 1\n",
        "dunwell.toml:3: found unknown key `dispatch.bacth`, expected a key of dunwell.example.toml\n\
         did you mean `dispatch.batch`?",
    );
    check(
        "[dispatch]\nbatch = \"many\"\n",
        "dunwell.toml:2: `dispatch.batch`: found a text, expected a whole number from 1 to 10000",
    );
    check(
        "[dispatch]\nbatch = 0\n",
        "dunwell.toml:2: `dispatch.batch`: found `0`, expected a whole number from 1 to 10000",
    );
    check(
        "[channels.sms]\ncarrier = \"smtp\"\n",
        "dunwell.toml:2: `channels.sms.carrier`: found `smtp`, expected one of \"sandbox\", \"smpp\", \"gateway\", \"null\", \"none\"",
    );
    check(
        "database_url = \"mysql://me:secret@db.example/x\"\n",
        "dunwell.toml:1: `database_url`: found a hidden value, expected `sqlite://...` or `postgres://...`",
    );
    check(
        "[smtp]\npassword = \"secret\"\n",
        "dunwell.toml:2: `smtp.password`: found a secret in the settings file, expected the environment variable \
         DUNWELL_SMTP__PASSWORD or the key `smtp.password_file`",
    );
    assert!(error(&file("a = 1\nb = = 2\n")).starts_with("dunwell.toml:2: is not valid TOML: "));
    assert!(error(&file("dispatch = 3\n")).starts_with("dunwell.toml:1: found unknown key `dispatch`"));
}

#[test]
fn a_misspelt_variable_is_an_error_and_foreign_ones_are_left_alone() {
    let check = |name: &str, expected: bool| {
        assert_eq!(
            Config::load(&environment(&[(name, "sqlite://x.sqlite")])).is_ok(),
            expected,
            "{name}"
        );
    };
    check("DUNWELL_DATABASE_URL", true);
    check("DUNWELL_DATABSE_URL", false);
    check("DUNWELL_DISPATCH__BACTH", false);
    check("DUNWELL_TEST_POSTGRES", true);
    check("DUNWELL_REQUIRE", true);
    check("DUNWELL_CONFIG", true);
    check("OTHER_DATABSE_URL", true);
}

#[test]
fn settings_that_do_not_fit_together_are_refused() {
    let smtp = ("DUNWELL_CHANNELS__EMAIL__CARRIER", "smtp");
    let check = |variables: &[(&str, &str)], expected: Option<&str>| {
        let found = Config::load(&environment(variables)).err();
        let key = found.map(|e| match e {
            ConfigError::Conflict { key, .. } => key,
            other => panic!("{other}"),
        });
        assert_eq!(key, expected, "{variables:?}");
    };
    let (host, here) = (
        ("DUNWELL_SMTP__HOST", "mail.example.com"),
        ("DUNWELL_SMTP__HOST", "127.0.0.1"),
    );
    let plain = ("DUNWELL_SMTP__SECURITY", "plain-loopback");
    check(&[smtp], Some("smtp.host"));
    check(&[smtp, host], None);
    check(&[smtp, host, plain], Some("smtp.host"));
    check(&[smtp, here, plain], None);
    check(
        &[smtp, host, ("DUNWELL_SMTP__USERNAME", "me")],
        Some("smtp.username"),
    );
    check(
        &[smtp, host, ("DUNWELL_SMTP__PASSWORD", "x")],
        Some("smtp.username"),
    );
    let selector = ("DUNWELL_SMTP__DKIM__SELECTOR", "s1");
    let file = ("DUNWELL_SMTP__DKIM__KEY_FILE", "dkim.pem");
    let second = ("DUNWELL_SMTP__DKIM__SECOND_SELECTOR", "s1");
    let second_file = ("DUNWELL_SMTP__DKIM__SECOND_KEY_FILE", "rsa.pem");
    check(&[selector], Some("smtp.dkim.selector"));
    check(&[file], Some("smtp.dkim.key_file"));
    check(&[selector, file], None);
    check(&[second, second_file], Some("smtp.dkim.second_selector"));
    check(
        &[selector, file, second, second_file],
        Some("smtp.dkim.second_selector"),
    );
    check(
        &[("DUNWELL_SMTP__DKIM__DOMAIN", "example.com")],
        Some("smtp.dkim.domain"),
    );
    let path = |text| ("DUNWELL_SMTP__RETURN_PATH", text);
    check(&[path("bounce@mail.example.com")], None);
    check(&[path("bounce")], Some("smtp.return_path"));
    check(
        &[path("more-than-twenty-one-characters@example.com")],
        Some("smtp.return_path"),
    );
    let listen = ("DUNWELL_UNSUBSCRIBE__LISTEN", "127.0.0.1:8326");
    let url = |text| ("DUNWELL_UNSUBSCRIBE__PUBLIC_URL", text);
    check(&[listen], Some("unsubscribe.listen"));
    check(&[listen, url("https://pay.example.com/mail")], None);
    check(&[url("http://pay.example.com")], Some("unsubscribe.public_url"));
    check(
        &[url("https://pay.example.com/?a=b")],
        Some("unsubscribe.public_url"),
    );
    let config = Config::load(&environment(&[smtp, host])).unwrap();
    assert_eq!(config.email.carrier, Carrier::Smtp);
}

#[test]
fn a_password_file_is_read_without_its_line_break_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "pass word\n").unwrap();
    let sources = environment(&[
        ("DUNWELL_SMTP__HOST", "mail.example.com"),
        ("DUNWELL_SMTP__USERNAME", "me"),
        ("DUNWELL_SMTP__PASSWORD_FILE", path.to_str().unwrap()),
    ]);
    let config = Config::load(&sources).unwrap();
    assert_eq!(config.smtp.password.unwrap().expose_secret(), "pass word");
    std::fs::remove_file(&path).unwrap();
    assert!(error(&sources).starts_with(&format!("{}: cannot be read", path.display())));
}

#[test]
fn a_named_settings_file_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    assert!(matches!(
        Sources::of_process(Some(&path), vec![]),
        Err(ConfigError::Unreadable { .. })
    ));
    std::fs::write(&path, "installation = \"harbour\"\n").unwrap();
    let config = Config::load(&Sources::of_process(Some(&path), vec![]).unwrap()).unwrap();
    assert_eq!(config.installation, "harbour");
    let origin = &config
        .entries()
        .iter()
        .find(|entry| entry.key == "installation")
        .unwrap()
        .origin;
    assert_eq!(*origin, Origin::File { path, line: 1 });
}

#[test]
fn a_folder_replaces_the_shipped_files_and_a_file_that_is_no_text_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("zh-CN/green");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("sms.txt"), "您好").unwrap();
    std::fs::write(folder.path().join("b.txt"), "b").unwrap();
    std::fs::write(folder.path().join("README.md"), "for people").unwrap();
    std::fs::create_dir(folder.path().join("fonts")).unwrap();
    std::fs::write(folder.path().join("fonts/a.otf"), [0xff]).unwrap();
    let text = format!("templates_dir = '{}'\n", folder.path().display());
    let config = Config::load(&file(&text)).unwrap();
    let found = templates(&config).unwrap();
    assert_eq!(
        found,
        [
            ("b.txt".into(), "b".into()),
            ("zh-CN/green/sms.txt".into(), "您好".into())
        ]
    );

    std::fs::write(place.join("email.txt"), [0xff, 0xfe]).unwrap();
    let error = templates(&config).unwrap_err();
    assert_eq!(
        error,
        ConfigError::NotText {
            path: place.join("email.txt")
        }
    );
}

#[test]
fn the_shipped_files_are_text_and_sorted() {
    let config = Config::defaults();
    for files in [templates(&config).unwrap(), policies(&config).unwrap()] {
        assert!(files.is_sorted());
        let left_out =
            |path: &str| path.starts_with('.') || path.contains("/.") || path.starts_with("fonts/");
        assert!(
            files
                .iter()
                .all(|(path, _)| !left_out(path) && !path.ends_with(".md"))
        );
    }
}
