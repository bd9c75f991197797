//! `cargo xtask docs`: the pages of docs/reference that the program itself writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::command::Call;
use crate::project::Project;

/// What every page says that the program writes; others in the folder are left alone.
const MADE: &str = "Made by `cargo xtask docs`";

pub(crate) fn run(project: &Project, arguments: &[String]) -> Outcome {
    let check = match arguments {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => return Err("takes --check or nothing".into()),
    };
    let made = project.target.join("reference");
    if made.exists() {
        fs::remove_dir_all(&made)?;
    }
    fs::create_dir_all(&made)?;
    // With the whole workspace, so that features are the same as in the tests and nothing is compiled twice.
    Call::cargo(project, ["build", "--workspace", "--bin", "gristmill"]).run()?;
    Call::program(
        project,
        project.program("gristmill").into(),
        "gristmill",
        ["reference".into(), made.clone().into_os_string()],
    )
    .run()?;

    let kept = project.root.join("docs/reference");
    let (new, mut old) = (pages(&made)?, pages(&kept)?);
    old.retain(|_, text| String::from_utf8_lossy(text).contains(MADE));
    if new.is_empty() {
        return Err(format!("the program wrote no page to {}", made.display()).into());
    }
    let differing: Vec<String> = new
        .keys()
        .chain(old.keys().filter(|page| !new.contains_key(*page)))
        .filter(|page| new.get(*page) != old.get(*page))
        .map(|page| format!("docs/reference/{}", page.display()))
        .collect();
    if differing.is_empty() {
        println!("docs/reference says what the program says ({} pages)", new.len());
        return Ok(());
    }
    if check {
        let list = differing.join("\n  ");
        return Err(format!("out of date; run `cargo xtask docs` and look at the change:\n  {list}").into());
    }
    for page in old.keys().filter(|page| !new.contains_key(*page)) {
        fs::remove_file(kept.join(page))?;
    }
    for (page, text) in &new {
        let path = kept.join(page);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
    }
    println!("written: {}", differing.join(", "));
    Ok(())
}

/// Every file below `folder` with its content, by its path from there. A folder that does not exist has none.
fn pages(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, Box<dyn std::error::Error>> {
    let mut pages = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        if !next.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                pages.insert(path.strip_prefix(folder)?.to_owned(), fs::read(&path)?);
            }
        }
    }
    Ok(pages)
}
