//! Regenerates what is committed and made from the schemas, or with `--check` says what differs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use isochron_codegen::model::Schema;
use isochron_codegen::{emit, parse};

/// Each schema and the sources of the crate made from it, from the workspace's root.
const CRATES: [(&str, &str); 3] = [
    ("schemas/events.xml", "codegen/events/src"),
    ("schemas/market-data.xml", "codegen/messages/src"),
    ("schemas/cluster.xml", "codegen/cluster/src"),
];

type Emit = fn(&Schema) -> String;

/// Each schema and a page made from it: field tables, and the dissector of what is public.
const PAGES: [(&str, &str, Emit); 4] = [
    ("schemas/events.xml", "docs/protocols/events.md", emit::markdown::generate),
    ("schemas/market-data.xml", "docs/protocols/market-data.md", emit::markdown::generate),
    ("schemas/cluster.xml", "docs/protocols/cluster.md", emit::markdown::generate),
    ("schemas/market-data.xml", "docs/protocols/isochron.lua", dissector),
];

const USAGE: &str = "usage: isochron-codegen [--root DIR] [--check]
       isochron-codegen --dissector SCHEMA NAME    (prints a dissector for Wireshark)";

type Failure = Box<dyn std::error::Error>;

fn dissector(schema: &Schema) -> String {
    emit::lua::generate(schema, "isochron")
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let home = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => run(Path::new(home), false),
        ["--check"] => run(Path::new(home), true),
        ["--root", root] => run(Path::new(root), false),
        ["--root", root, "--check"] => run(Path::new(root), true),
        ["--dissector", schema, name] => read(Path::new(schema), schema).map(|model| {
            print!("{}", emit::lua::generate(&model, name));
            ExitCode::SUCCESS
        }),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    result.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

/// Updates everything below `root`; with `check`, only says what differs.
fn run(root: &Path, check: bool) -> Result<ExitCode, Failure> {
    let mut different = Vec::new();
    for (schema, sources) in CRATES {
        let model = read(&root.join(schema), schema)?;
        let files = emit::rust::generate(&model, "crate")?;
        let folder = root.join(sources);
        let found = update(&folder, files.into_iter().collect(), &list(&folder)?, check)?;
        different.extend(found.into_iter().map(|path| Path::new(sources).join(path)));
    }
    for (schema, page, emit) in PAGES {
        let text = emit(&read(&root.join(schema), schema)?);
        different.extend(update(root, BTreeMap::from([(page.into(), text)]), &[], check)?);
    }
    for path in &different {
        println!("{}: {}", path.display(), if check { "differs" } else { "written" });
    }
    if check && !different.is_empty() {
        let count = different.len();
        eprintln!("{count} files are not what the schemas give: cargo run -p isochron-codegen");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path, name: &str) -> Result<Schema, Failure> {
    let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    Ok(parse(name, &text)?)
}

/// Makes what stands in `folder` what is wanted, and removes what else is `present`; with `check`,
/// only finds what differs.
fn update(
    folder: &Path,
    wanted: BTreeMap<PathBuf, String>,
    present: &[PathBuf],
    check: bool,
) -> Result<Vec<PathBuf>, Failure> {
    let mut different = Vec::new();
    for (path, text) in &wanted {
        let file = folder.join(path);
        if fs::read_to_string(&file).is_ok_and(|old| old == *text) {
            continue;
        }
        different.push(path.clone());
        if !check {
            fs::create_dir_all(file.parent().unwrap_or(folder))?;
            fs::write(file, text)?;
        }
    }
    for path in present.iter().filter(|path| !wanted.contains_key(*path)) {
        if !check {
            fs::remove_file(folder.join(path))?;
        }
        different.push(path.clone());
    }
    Ok(different)
}

/// The files below `root`, relative to it.
fn list(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    Ok(files)
}
