//! Regenerates the committed crates from the schemas, or with `--check` says what differs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use isochron_codegen::{emit, parse};

/// Each schema and the crate made from it, from the workspace's root.
const TARGETS: [(&str, &str); 2] =
    [("schemas/events.xml", "codegen/events"), ("schemas/market-data.xml", "codegen/messages")];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let home = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let (root, check) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => (home, false),
        ["--check"] => (home, true),
        ["--root", root] => (root, false),
        ["--root", root, "--check"] => (root, true),
        _ => {
            eprintln!("usage: isochron-codegen [--root DIR] [--check]");
            return ExitCode::from(2);
        }
    };
    let root = Path::new(root);
    let mut different = 0;
    for (schema, package) in TARGETS {
        match update(root, schema, &root.join(package).join("src"), check) {
            Ok(files) => {
                for file in &files {
                    println!(
                        "{package}/src/{}: {}",
                        file.display(),
                        if check { "differs" } else { "written" }
                    );
                }
                different += files.len();
            }
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    if check && different > 0 {
        eprintln!("{different} files are not what the schemas give: cargo run -p isochron-codegen");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Makes `sources` what the schema gives; with `check`, only finds what differs.
fn update(
    root: &Path,
    schema: &str,
    sources: &Path,
    check: bool,
) -> Result<Vec<PathBuf>, Box<dyn std::error::Error>> {
    let model = parse(schema, &fs::read_to_string(root.join(schema))?)?;
    let wanted: BTreeMap<PathBuf, String> =
        emit::rust::generate(&model, "crate")?.into_iter().collect();
    let mut present = Vec::new();
    list(sources, Path::new(""), &mut present)?;
    let mut different = Vec::new();
    for (path, text) in &wanted {
        let file = sources.join(path);
        if fs::read_to_string(&file).is_ok_and(|old| old == *text) {
            continue;
        }
        different.push(path.clone());
        if !check {
            fs::create_dir_all(file.parent().unwrap_or(sources))?;
            fs::write(file, text)?;
        }
    }
    for path in present.into_iter().filter(|path| !wanted.contains_key(path)) {
        if !check {
            fs::remove_file(sources.join(&path))?;
        }
        different.push(path);
    }
    Ok(different)
}

/// The files below `root/under`, relative to `root`.
fn list(root: &Path, under: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(under))? {
        let entry = entry?;
        let path = under.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            list(root, &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
