//! Reads the tree and takes Rust text apart, well enough for the checks of `tidy.rs`.
//!
//! No parser: comments and literals are blanked, what remains is cut into tokens, and paths
//! (`use` trees included) are written out in full. Code that only tests compile is marked.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What the contents of a literal become, so that a column can still be counted.
const LITERAL: char = '\u{1}';

/// One file of the project.
pub(crate) struct Source {
    /// From the project's root, with `/`.
    pub(crate) path: String,
    /// As it stands on disk.
    pub(crate) text: String,
    /// The text with comments as blanks and literals as `LITERAL`; empty where it is no Rust.
    blanked: String,
    /// The Rust tokens.
    pub(crate) tokens: Vec<Token>,
    /// Every path in the code, `use` trees written out.
    pub(crate) paths: Vec<CodePath>,
}

/// A word, a number, `::` or one other character.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) text: String,
    /// From 1.
    pub(crate) line: usize,
    /// Compiled for tests alone.
    pub(crate) test: bool,
}

/// A path such as `std::net::UdpSocket`, or a single word.
#[derive(Clone, Debug)]
pub(crate) struct CodePath {
    pub(crate) parts: Vec<String>,
    pub(crate) line: usize,
    pub(crate) test: bool,
    /// Stands in a `use` declaration.
    pub(crate) imported: bool,
    /// How many `mod name { .. }` it stands in.
    pub(crate) inline_depth: usize,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let rust = Path::new(path).extension().is_some_and(|e| e == "rs");
        let blanked = if rust { blank(text) } else { String::new() };
        let mut tokens = tokens(&blanked);
        mark_tests(&mut tokens);
        if is_test_file(path) {
            tokens.iter_mut().for_each(|t| t.test = true);
        }
        let paths = paths(&tokens);
        Self { path: path.to_string(), text: text.to_string(), blanked, tokens, paths }
    }

    pub(crate) fn is_rust(&self) -> bool {
        !self.blanked.is_empty()
    }

    /// Written by the generator, never by hand.
    pub(crate) fn is_generated(&self) -> bool {
        ["codegen/events/src/", "codegen/messages/src/", "codegen/cluster/src/"]
            .iter()
            .any(|folder| self.path.starts_with(folder))
    }

    /// The modules that lead to this file from its crate's root: `[]` for `lib.rs`.
    pub(crate) fn modules(&self) -> Vec<String> {
        let inside = match self.path.split_once("src/") {
            Some((_, rest)) => rest,
            None => self.path.split_once('/').map_or(self.path.as_str(), |(_, rest)| rest),
        };
        let inside = inside.trim_end_matches(".rs");
        let inside = inside.strip_suffix("/mod").unwrap_or(inside);
        if ["lib", "main", "mod"].contains(&inside) {
            return Vec::new();
        }
        inside.split('/').map(String::from).collect()
    }

    /// The module directly below the crate's root that `path` names, if it names one: through
    /// `crate::`, `isochron::`, or enough `super::`.
    pub(crate) fn root_module(&self, path: &CodePath) -> Option<String> {
        let first = path.parts.first()?.as_str();
        if ["crate", "isochron"].contains(&first) {
            return path.parts.get(1).cloned();
        }
        let ups = path.parts.iter().take_while(|p| ["self", "super"].contains(&p.as_str())).count();
        let supers = path.parts[..ups].iter().filter(|p| *p == "super").count();
        let own = self.modules().len() + path.inline_depth;
        if supers > 0 && supers == own { path.parts.get(ups).cloned() } else { None }
    }

    /// Columns of each line; in Rust without the contents of literals, which cannot be broken.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> {
        let text = if self.is_rust() { &self.blanked } else { &self.text };
        text.lines().map(|line| line.chars().filter(|c| *c != LITERAL).count())
    }
}

/// Every text file of the project below `root`, with the tests that only `#[cfg(test)] mod x;`
/// reveals marked as such.
pub(crate) fn tree(root: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    read_folder(root, root, &mut sources);
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    let tests: BTreeSet<String> = sources.iter().flat_map(test_modules).collect();
    for source in &mut sources {
        let stem = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
        if tests.iter().any(|t| stem == t || stem.starts_with(&format!("{t}/"))) {
            source.tokens.iter_mut().for_each(|t| t.test = true);
            source.paths.iter_mut().for_each(|p| p.test = true);
        }
    }
    sources
}

fn read_folder(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry of a folder").path();
        let name = path.strip_prefix(root).expect("below the root").to_string_lossy().to_string();
        if [".git", "target", "mutants.out", "mutants.out.old"].contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            read_folder(root, &path, sources);
        } else if let Ok(text) = fs::read_to_string(&path) {
            sources.push(Source::new(&name, &text));
        }
    }
}

/// Whether the place or the name of a file says that only tests compile it.
fn is_test_file(path: &str) -> bool {
    let mut parts = path.split('/');
    path.ends_with("/tests.rs") || parts.any(|p| ["tests", "benches", "examples"].contains(&p))
}

/// The paths, without `.rs`, of the modules that `source` declares for tests alone.
fn test_modules(source: &Source) -> Vec<String> {
    let Some(folder) = source.path.strip_suffix(".rs") else { return Vec::new() };
    let folder = ["/mod", "/lib", "/main"].iter().find_map(|f| folder.strip_suffix(f));
    let folder = folder.unwrap_or(source.path.trim_end_matches(".rs"));
    let declares = |t: &&[Token]| t[0].test && t[0].text == "mod" && t[2].text == ";";
    let declared = source.tokens.windows(3).filter(declares);
    declared.map(|t| format!("{folder}/{}", t[1].text)).collect()
}

/// The text with comments as blanks and the contents of literals as `LITERAL`; the same lines,
/// the same columns.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let (end, fill) = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => (line_end(&chars, at), ' '),
            '/' if chars.get(at + 1) == Some(&'*') => (comment_end(&chars, at), ' '),
            '"' => (string_end(&chars, at + 1), LITERAL),
            'r' => (raw_string_end(&chars, at), LITERAL),
            '\'' => (character_end(&chars, at), LITERAL),
            _ => (at, ' '),
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
        }
        out.extend(chars[at..end.max(at)].iter().map(|c| if *c == '\n' { '\n' } else { fill }));
        at = end.max(at);
    }
    out
}

fn line_end(chars: &[char], at: usize) -> usize {
    chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |n| at + n)
}

/// Block comments nest.
fn comment_end(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn string_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// `at` itself where no raw string begins there.
fn raw_string_end(chars: &[char], at: usize) -> usize {
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    let open = at + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return at;
    }
    let closes = |i: &usize| {
        chars[*i] == '"'
            && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    (open + 1..chars.len()).find(closes).map_or(chars.len(), |i| i + 1 + hashes)
}

/// `at` itself where the quote begins a lifetime.
fn character_end(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => {
            let close = chars[(at + 3).min(chars.len())..].iter().position(|c| *c == '\'');
            close.map_or(chars.len(), |n| at + 4 + n)
        }
        (Some(_), Some('\'')) => at + 3,
        _ => at,
    }
}

fn tokens(blanked: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for (line, text) in blanked.lines().enumerate() {
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        while at < chars.len() {
            let after_dot = tokens.last().is_some_and(|t| t.text == ".");
            let end = token_end(&chars, at, after_dot);
            let word: String = chars[at..end].iter().collect();
            if !word.starts_with([' ', '\t', LITERAL]) {
                tokens.push(Token { text: word, line: line + 1, test: false });
            }
            at = end;
        }
    }
    tokens
}

fn token_end(chars: &[char], at: usize, after_dot: bool) -> usize {
    let word = |c: &char| c.is_alphanumeric() || *c == '_';
    let run = |from: usize| from + chars[from..].iter().take_while(|c| word(c)).count();
    if chars[at..].starts_with(&[':', ':']) {
        return at + 2;
    }
    let end = run(at).max(at + 1);
    // `1.5` is one number; in `pair.0.1` the dots reach fields.
    let fraction = chars[at].is_ascii_digit()
        && !after_dot
        && chars.get(end) == Some(&'.')
        && chars.get(end + 1).is_some_and(char::is_ascii_digit);
    if fraction { run(end + 1) } else { end }
}

/// Marks what stands behind `#[cfg(test)]`, `#[cfg(all(test, ..))]` and the like.
fn mark_tests(tokens: &mut [Token]) {
    let mut at = 0;
    while at + 1 < tokens.len() {
        if tokens[at].text != "#" || tokens[at + 1].text != "[" {
            at += 1;
            continue;
        }
        let close = closing(tokens, at + 1);
        if is_test_attribute(&tokens[at..close]) {
            let end = item_end(tokens, close + 1);
            tokens[at..end].iter_mut().for_each(|t| t.test = true);
            at = end;
        } else {
            at = close;
        }
    }
}

fn is_test_attribute(attribute: &[Token]) -> bool {
    let word = |i: usize| attribute.get(i).map_or("", |t| t.text.as_str());
    let asked = |i: usize| word(i) == "test" && !(word(i - 1) == "(" && word(i - 2) == "not");
    word(2) == "test" || (word(2) == "cfg" && (4..attribute.len()).any(asked))
}

/// The index of the bracket that closes the one at `open`.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return i;
        }
    }
    tokens.len() - 1
}

/// The index after the item that begins at `at`: after its `;`, or after its braces.
fn item_end(tokens: &[Token], mut at: usize) -> usize {
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            ";" => return at + 1,
            "{" => return closing(tokens, at) + 1,
            "}" => return at,
            "(" | "[" => at = closing(tokens, at) + 1,
            _ => at += 1,
        }
    }
    tokens.len()
}

fn paths(tokens: &[Token]) -> Vec<CodePath> {
    let text = |i: usize| tokens.get(i).map_or("", |t: &Token| t.text.as_str());
    let mut paths = Vec::new();
    let mut depth = 0_usize;
    let mut inline: Vec<usize> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if text(at) == "{" {
            depth += 1;
            if at >= 2 && text(at - 2) == "mod" {
                inline.push(depth);
            }
        } else if text(at) == "}" {
            if inline.last() == Some(&depth) {
                inline.pop();
            }
            depth = depth.saturating_sub(1);
        } else if is_word(text(at)) {
            let before = if at > 0 && text(at - 1) == "::" { at - 1 } else { at };
            let first = paths.len();
            let end = path_tree(tokens, at, &[], &mut paths);
            for path in &mut paths[first..] {
                path.imported = before > 0 && text(before - 1) == "use";
                path.inline_depth = inline.len();
            }
            at = end;
            continue;
        }
        at += 1;
    }
    paths
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Writes out the path or `use` tree at `at`; returns the index after it.
fn path_tree(tokens: &[Token], mut at: usize, above: &[String], out: &mut Vec<CodePath>) -> usize {
    let mut parts = above.to_vec();
    let (line, test) = (tokens[at].line, tokens[at].test);
    while let Some(token) = tokens.get(at) {
        if token.text == "{" && parts.is_empty() {
            break;
        }
        if token.text == "{" {
            at += 1;
            while at < tokens.len() && tokens[at].text != "}" {
                let inner = is_word(&tokens[at].text) || tokens[at].text == "*";
                at = if inner { path_tree(tokens, at, &parts, out) } else { at + 1 };
            }
            return at + 1;
        }
        if !is_word(&token.text) && token.text != "*" {
            break;
        }
        parts.push(token.text.clone());
        at += 1;
        if tokens.get(at).is_none_or(|t| t.text != "::") {
            break;
        }
        at += 1;
    }
    out.push(CodePath { parts, line, test, imported: false, inline_depth: 0 });
    let renamed = !above.is_empty() && tokens.get(at).is_some_and(|t| t.text == "as");
    if renamed { at + 2 } else { at }
}
