//! The page at the head of src/main.rs says how the program is built, and it is built so.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::markdown::{literals, text};

/// Each module's floor, counted from the top, as the page has them.
fn floors() -> BTreeMap<String, usize> {
    let source = text("src/main.rs");
    let page = source.lines().map_while(|line| line.strip_prefix("//!"));
    let floors = page.skip_while(|line| *line != " # Floors").skip(1);
    let floors = floors.take_while(|line| !line.starts_with(" # "));
    let mut found = BTreeMap::new();
    for line in floors {
        let Some((number, modules)) = line.trim().split_once(". ") else {
            continue;
        };
        let floor = number.parse().expect("it is a number");
        // What follows a colon is a remark.
        let modules = modules.split(':').next().unwrap_or_default();
        let modules = modules.replace("mod@", "");
        for module in literals(&modules) {
            found.insert(module.to_owned(), floor);
        }
    }
    found
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        match path.is_dir() {
            true => files.extend(rust_files(&path)),
            false if path.extension() == Some(OsStr::new("rs")) => files.push(path),
            false => {}
        }
    }
    files
}

/// Which of our modules uses which, and where.
fn arrows() -> Vec<(String, String, PathBuf)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut arrows = Vec::new();
    for path in rust_files(&src) {
        let below = path.strip_prefix(&src).expect("it was found there");
        let first = below.iter().next().expect("it has a name");
        let module = first.to_string_lossy().replace(".rs", "");
        let source = fs::read_to_string(&path).expect("it is text");
        for used in source.split("crate::").skip(1) {
            let name = used.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let name = name.take(1).collect::<String>();
            if name != module {
                arrows.push((module.clone(), name, below.to_owned()));
            }
        }
    }
    arrows
}

#[test]
fn the_page_has_every_module_and_no_other() {
    let source = text("src/main.rs");
    let declared = source.lines().filter_map(|line| line.strip_prefix("mod "));
    let mut declared: Vec<_> = declared.map(|name| name.trim_end_matches(';')).collect();
    declared.push("main");
    declared.sort_unstable();
    let floors = floors();
    assert_eq!(floors.keys().collect::<Vec<_>>(), declared);
}

#[test]
fn no_module_uses_one_on_a_floor_above_it() {
    let floors = floors();
    let arrows = arrows();
    assert!(arrows.len() > 100, "{}", arrows.len());
    for (module, used, file) in arrows {
        let (from, to) = (floors[&module], floors[&used]);
        assert!(from <= to, "{}: {module} uses {used}", file.display());
        let apart = ["session", "source", "server"];
        let among_them = apart.contains(&module.as_str()) && apart.contains(&used.as_str());
        assert!(!among_them, "{}: {module} uses {used}", file.display());
    }
}
