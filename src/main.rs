//! The thin binary.

fn main() {
    let options = dunwell::cli::demo::DemoOptions {
        dir: "demo".into(),
        days: 60,
        seed: 1,
        accounts: 360,
    };
    let rt = tokio::runtime::Runtime::new().expect("x");
    let r = rt.block_on(dunwell::cli::demo::run(
        &options,
        &dunwell::config::Config::defaults(),
        |_, en| eprintln!("{en}"),
    ));
    match r {
        Ok(r) => println!("{}", r.text(dunwell::cli::Lang::En)),
        Err(e) => eprintln!("{e:?}"),
    }
}
