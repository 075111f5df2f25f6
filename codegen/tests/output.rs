//! What is committed is what the schemas give, and `--check` sees where it is not.

use std::path::Path;
use std::process::{Command, Output};
use std::{fs, io};

fn run(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_isochron-codegen");
    Command::new(program).args(arguments).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_is_committed_is_what_the_schemas_give() {
    let output = run(&["--check"]);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "run `cargo run -p isochron-codegen`:\n{said}");
}

/// A copy of the schemas and of what is made from them, in a directory of its own.
fn copy(root: &Path) -> io::Result<()> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let crates = ["codegen/events/src", "codegen/messages/src", "codegen/cluster/src"];
    for folder in ["schemas", "docs/protocols"].into_iter().chain(crates) {
        copy_folder(&home.join(folder), &root.join(folder))?;
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

#[test]
fn check_names_what_differs_and_a_run_repairs_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    copy(root).expect("a copy");
    let changed = root.join("codegen/events/src/types/side.rs");
    let good = fs::read_to_string(&changed).expect("the file");
    fs::write(&changed, good.replace("Self(1)", "Self(3)")).expect("written");
    fs::remove_file(root.join("codegen/messages/src/templates/trade.rs")).expect("removed");
    let stale = root.join("codegen/messages/src/types/stale.rs");
    fs::write(&stale, "//! Nothing.\n").expect("written");

    let page = root.join("docs/protocols/market-data.md");
    fs::write(&page, "nothing").expect("written");
    let dissector = root.join("docs/protocols/isochron.lua");
    fs::remove_file(&dissector).expect("removed");

    let root_argument = root.to_str().expect("text");
    let output = run(&["--root", root_argument, "--check"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = "codegen/events/src/types/side.rs: differs\n\
                    codegen/messages/src/templates/trade.rs: differs\n\
                    codegen/messages/src/types/stale.rs: differs\n\
                    docs/protocols/market-data.md: differs\n\
                    docs/protocols/isochron.lua: differs\n";
    assert_eq!(text(&output.stdout), expected);
    assert!(stale.exists(), "--check changes nothing");

    assert!(run(&["--root", root_argument]).status.success());
    assert_eq!(fs::read_to_string(&changed).expect("the file"), good);
    assert!(!stale.exists());
    assert!(fs::read_to_string(&page).expect("the page").contains("## OrderAdded"));
    assert!(dissector.exists());
    assert!(run(&["--root", root_argument, "--check"]).status.success());
}

#[test]
fn a_faulty_schema_is_refused_with_file_and_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    copy(root).expect("a copy");
    let schema = root.join("schemas/market-data.xml");
    let good = fs::read_to_string(&schema).expect("the schema");
    let line = good.lines().position(|line| line.contains("name=\"Trade\"")).expect("a Trade") + 1;
    fs::write(&schema, good.replace("name=\"Trade\"", "nam=\"Trade\"")).expect("written");
    let output = run(&["--root", root.to_str().expect("text")]);
    assert_eq!(output.status.code(), Some(1));
    let expected =
        format!("schemas/market-data.xml:{line}: attribute `nam` of <message> is not supported\n");
    assert_eq!(text(&output.stderr), expected);
}
