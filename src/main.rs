//! Starts faultlab: everything lives in the library.

fn main() -> std::process::ExitCode {
    faultlab::cli::main()
}
