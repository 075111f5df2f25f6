//! Generates what the tests compile: the test schemas by us, the real ones by `sbe_gen`, and the
//! glue between the two generators' structs.
//!
//! A build script because its output is compiled: a dev-dependency could write it only at run time.

mod glue;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use isochron_codegen::{emit, parse};

/// The real schemas: their file, the module of `sbe_gen`'s output and our crate.
const REAL: [(&str, &str, &str); 3] = [
    ("schemas/events.xml", "sbe_gen_events", "isochron_events"),
    ("schemas/market-data.xml", "sbe_gen_market_data", "isochron_messages"),
    ("schemas/cluster.xml", "sbe_gen_cluster", "isochron_cluster"),
];

/// The test schemas and their modules.
const TEST: [(&str, &str); 6] = [
    ("codegen/tests/schemas/version0.xml", "version0"),
    ("codegen/tests/schemas/version2.xml", "version2"),
    ("codegen/tests/schemas/groups0.xml", "groups0"),
    ("codegen/tests/schemas/groups2.xml", "groups2"),
    ("codegen/tests/schemas/car.xml", "car"),
    ("codegen/tests/schemas/specification.xml", "specification"),
];

/// The test schemas that `sbe_gen` reads too, and the modules of its output.
const BOTH: [(&str, &str); 2] = [
    ("codegen/tests/schemas/car.xml", "sbe_gen_car"),
    ("codegen/tests/schemas/groups0.xml", "sbe_gen_groups"),
];

/// What `sbe_gen` 0.7.3 writes otherwise than we do, lint by lint: style, in modules that nobody
/// outside the tests can reach, and made anew with each build, so that it cannot be mended. All
/// else is denied to it as to ours.
const FOREIGN: &str = "#[allow(unreachable_pub, unused_qualifications, unused_imports, unused_mut, \
    unused_parens, clippy::absurd_extreme_comparisons, clippy::double_parens, clippy::get_first, \
    clippy::identity_op, clippy::int_plus_one, clippy::needless_lifetimes, \
    clippy::redundant_closure_for_method_calls, clippy::unnecessary_cast, \
    reason = \"sbe_gen writes it anew with each build: a style that is not ours to mend\")]\n";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut modules = String::new();
    for (schema, module) in TEST {
        let model = parse(schema, &read(&root.join(schema))?)?;
        for (path, text) in emit::rust::generate(&model, &format!("crate::{module}"))? {
            let file = out.join(module).join(path);
            fs::create_dir_all(file.parent().unwrap_or(&out))?;
            fs::write(file, text)?;
        }
        modules += &declaration(&out, module, "lib.rs", "A test schema's messages.", "");
    }
    for (schema, module, ours) in REAL {
        let text = read(&root.join(schema))?;
        modules += &foreign(&out, module, &text)?;
        let model = parse(schema, &text)?;
        let name = format!("{module}_glue");
        fs::write(out.join(format!("{name}.rs")), glue::emit(&model, module, ours))?;
        modules += &declaration(&out, &name, "", "From our structs to `sbe_gen`'s, and back.", "");
    }
    for (schema, module) in BOTH {
        modules += &foreign(&out, module, &read(&root.join(schema))?)?;
    }
    fs::write(out.join("modules.rs"), modules)?;
    Ok(())
}

/// What `sbe_gen` makes of a schema, as a module.
fn foreign(out: &Path, module: &str, text: &str) -> Result<String, Box<dyn Error>> {
    let folder = out.join(module);
    fs::create_dir_all(&folder)?;
    sbe_gen::generate_to(text, &folder, &sbe_gen::GeneratorOptions::default())?;
    Ok(declaration(out, module, "mod.rs", "What `sbe_gen` makes of a schema.", FOREIGN))
}

fn read(path: &Path) -> Result<String, Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn declaration(out: &Path, module: &str, file: &str, words: &str, attribute: &str) -> String {
    let file = if file.is_empty() {
        out.join(format!("{module}.rs"))
    } else {
        out.join(module).join(file)
    };
    // What nobody can reach from outside is not compiled to the end: most of `sbe_gen`'s output.
    let visible = if attribute == FOREIGN { "pub(crate)" } else { "pub" };
    format!(
        "/// {words}\n{attribute}#[path = {:?}]\n{visible} mod {module};\n",
        file.display().to_string()
    )
}
