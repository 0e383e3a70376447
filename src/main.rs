//! The thin binary: installs the cryptography, starts the runtime, hands over to the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        eprintln!("error: another cryptography provider is installed already");
        return ExitCode::FAILURE;
    }
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(dunwell::cli::main()),
        Err(e) => {
            eprintln!("error: the program cannot start its threads: {e}");
            ExitCode::FAILURE
        }
    }
}
