//! Turns a schema's names into those of other languages.

/// Words that no field may be called.
const KEYWORDS: [&str; 52] = [
    "as", "break", "const", "continue", "crate", "else", "enum", "extern", "false", "fn", "for",
    "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return",
    "self", "Self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where",
    "while", "async", "await", "dyn", "abstract", "become", "box", "do", "final", "macro",
    "override", "priv", "typeof", "unsized", "virtual", "yield", "try", "gen",
];

/// Methods that readers and writers have already.
const VIEW_METHODS: [&str; 4] = ["new", "read", "acting_version", "encoded_length"];

/// Methods that the union of messages has already.
const UNION_METHODS: [&str; 6] =
    ["decode", "encode", "template_id", "encoded_length", "name", "fields"];

/// The words of `name`: at capitals, and at a capital that begins a word after an acronym.
fn words(name: &str) -> Vec<String> {
    let characters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (index, &character) in characters.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| characters[before]);
        let after = characters.get(index + 1);
        let begins = character.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase() || after.is_some_and(char::is_ascii_lowercase)
            });
        if begins || character == '_' {
            words.push(String::new());
        }
        if character != '_' {
            words.last_mut().expect("never empty").push(character.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// `orderId` as `order_id`, without regard for keywords: for file names and labels.
pub(super) fn snake(name: &str) -> String {
    words(name).join("_")
}

/// `orderId` as a struct's field.
pub(super) fn field(name: &str) -> String {
    let name = snake(name);
    if KEYWORDS.contains(&name.as_str()) { name + "_" } else { name }
}

/// `orderId` as a method of a reader or writer.
pub(super) fn view_method(name: &str) -> String {
    method(name, &VIEW_METHODS)
}

/// `orderId` as a method of the union.
pub(super) fn union_method(name: &str) -> String {
    method(name, &UNION_METHODS)
}

/// `orderId` where some names are taken.
pub(super) fn method(name: &str, taken: &[&str]) -> String {
    let name = field(name);
    if taken.contains(&name.as_str()) { name + "_" } else { name }
}

/// `orderId` as `ORDER_ID`.
pub(super) fn upper(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

/// `orderId` as `OrderId`.
pub(super) fn pascal(name: &str) -> String {
    let capital = |word: String| word[..1].to_ascii_uppercase() + &word[1..];
    words(name).into_iter().map(capital).collect()
}
