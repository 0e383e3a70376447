//! The templates and policy packs that travel inside the program, or a folder that replaces them.

use std::path::Path;

use rust_embed::RustEmbed;

use super::read::text_of;
use super::{Config, ConfigError};

#[derive(RustEmbed)]
#[folder = "templates/"]
#[exclude = ".*"]
#[exclude = "*/.*"]
#[exclude = "*.md"]
#[exclude = "fonts/*"]
#[exclude = "evidence/*"]
#[exclude = "unsubscribe/*"]
struct Templates;

#[derive(RustEmbed)]
#[folder = "policies/"]
#[exclude = ".*"]
#[exclude = "*/.*"]
#[exclude = "*.md"]
struct Policies;

#[derive(RustEmbed)]
#[folder = "gateways/"]
#[include = "*.toml"]
struct Gateways;

/// The names of the gateways whose descriptions are inside the program.
pub fn gateway_names() -> Vec<String> {
    let mut names: Vec<String> = Gateways::iter()
        .filter_map(|f| Some(f.strip_suffix(".toml")?.to_owned()))
        .collect();
    names.sort();
    names
}

/// The description of a gateway: one inside the program by its name, or a file; its path for messages, and its text.
pub fn gateway_file(name: &str) -> Result<(String, String), ConfigError> {
    let shipped = format!("{name}.toml");
    match Gateways::get(&shipped) {
        Some(file) => {
            let path = format!("gateways/{shipped}");
            let text = String::from_utf8(file.data.into_owned());
            Ok((
                path.clone(),
                text.map_err(|_| ConfigError::NotText { path: path.into() })?,
            ))
        }
        None => Ok((name.to_owned(), text_of(Path::new(name))?)),
    }
}

/// The bytes of a file that a setting names.
pub fn file_bytes(path: &Path) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|e| ConfigError::Unreadable {
        path: path.into(),
        reason: e.to_string(),
    })
}

/// Every template file: path below the templates folder, and text; sorted by path.
pub fn templates(config: &Config) -> Result<Vec<(String, String)>, ConfigError> {
    match &config.templates_dir {
        Some(folder) => of_folder(folder),
        None => embedded::<Templates>("templates"),
    }
}

/// Every file of the policy packs: path below the policies folder, and text; sorted by path.
pub fn policies(config: &Config) -> Result<Vec<(String, String)>, ConfigError> {
    match &config.policies_dir {
        Some(folder) => of_folder(folder),
        None => embedded::<Policies>("policies"),
    }
}

fn embedded<E: RustEmbed>(folder: &str) -> Result<Vec<(String, String)>, ConfigError> {
    let mut files = Vec::new();
    for path in E::iter() {
        let not_text = || ConfigError::NotText {
            path: Path::new(folder).join(path.as_ref()),
        };
        let file = E::get(&path).ok_or_else(not_text)?;
        let text = String::from_utf8(file.data.into_owned()).map_err(|_| not_text())?;
        files.push((path.replace('\\', "/"), text));
    }
    files.sort();
    Ok(files)
}

fn of_folder(folder: &Path) -> Result<Vec<(String, String)>, ConfigError> {
    let mut files = Vec::new();
    collect(folder, "", &mut files)?;
    files.sort();
    Ok(files)
}

/// Adds the files of `folder`, whose own path below the first folder is `below`.
fn collect(folder: &Path, below: &str, files: &mut Vec<(String, String)>) -> Result<(), ConfigError> {
    let unreadable = |e: std::io::Error| ConfigError::Unreadable {
        path: folder.into(),
        reason: e.to_string(),
    };
    for found in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = found.map_err(unreadable)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(ConfigError::NotText { path });
        };
        let inside = if below.is_empty() {
            name.to_owned()
        } else {
            format!("{below}/{name}")
        };
        // As inside the program: no hidden files, no notes for people, no fonts, which are no text, and nothing that goes
        // with evidence rather than to debtors.
        if name.starts_with('.')
            || name.ends_with(".md")
            || ["fonts", "evidence", "unsubscribe"].contains(&inside.as_str())
        {
            continue;
        }
        if path.is_dir() {
            collect(&path, &inside, files)?;
        } else {
            files.push((inside, text_of(&path)?));
        }
    }
    Ok(())
}
