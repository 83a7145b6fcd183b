//! Where the lab keeps kernels, and which one fits.

use super::LabError;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use xoff_model::rng::mix;

/// The configuration of the guests' kernel.
pub const CONFIG: &str = include_str!("../kernel.config");

/// A kernel in the cache has this name in the directory of its key.
const KERNEL: &str = "linux";

/// The directory: `$XOFF_CACHE`, else `xoff` in `$XDG_CACHE_HOME` or `~/.cache`.
///
/// # Errors
/// None of the variables is set, or the path is not absolute.
pub fn directory(var: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, LabError> {
    let given = |name| var(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let dir = given("XOFF_CACHE")
        .or_else(|| given("XDG_CACHE_HOME").map(|d| d.join("xoff")))
        .or_else(|| given("HOME").map(|d| d.join(".cache/xoff")));
    match dir {
        Some(dir) if dir.is_absolute() => Ok(dir),
        Some(dir) => Err(LabError::Message(format!(
            "the cache {} is no absolute path: set XOFF_CACHE to one",
            dir.display()
        ))),
        None => Err(LabError::Message(
            "no place for a cache: set XOFF_CACHE to a directory".to_owned(),
        )),
    }
}

/// 16 hexadecimal digits that depend on every byte.
pub(super) fn digest(parts: &[&str]) -> String {
    let mut state = 0u64;
    for part in parts {
        state = mix(state ^ part.len() as u64);
        for byte in part.bytes() {
            state = mix(state ^ u64::from(byte));
        }
    }
    format!("{state:016x}")
}

/// Name of the directory of a kernel of this configuration and source version.
pub fn key(config: &str, version: &str) -> String {
    format!("{}-{}", digest(&[config]), digest(&[version]))
}

/// The kernel of a key, whether or not it is there.
pub fn kernel(cache: &Path, key: &str) -> PathBuf {
    cache.join("kernels").join(key).join(KERNEL)
}

/// The newest kernel that was built with `config`, from whatever source.
pub fn newest(cache: &Path, config: &str) -> Option<PathBuf> {
    let prefix = format!("{}-", digest(&[config]));
    let entries = fs::read_dir(cache.join("kernels")).ok()?;
    let kernels = entries.filter_map(Result::ok).filter_map(|entry| {
        let fits = entry.file_name().to_string_lossy().starts_with(&prefix);
        let path = entry.path().join(KERNEL);
        let built = fs::metadata(&path).ok().filter(|m| fits && m.is_file())?;
        Some((built.modified().unwrap_or(SystemTime::UNIX_EPOCH), path))
    });
    kernels.max().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_environment_says() {
        let find = |vars: &[(&str, &str)]| {
            directory(|name| {
                let found = vars.iter().find(|(n, _)| *n == name);
                found.map(|(_, v)| OsString::from(v))
            })
        };
        let all = [
            ("XOFF_CACHE", "/c"),
            ("XDG_CACHE_HOME", "/x"),
            ("HOME", "/h"),
        ];
        assert_eq!(find(&all).unwrap(), Path::new("/c"));
        assert_eq!(find(&all[1..]).unwrap(), Path::new("/x/xoff"));
        assert_eq!(find(&all[2..]).unwrap(), Path::new("/h/.cache/xoff"));
        assert_eq!(
            find(&[("XOFF_CACHE", ""), ("HOME", "/h")]).unwrap(),
            Path::new("/h/.cache/xoff")
        );
        assert!(find(&[]).is_err());
        assert!(find(&[("XOFF_CACHE", "c")]).is_err());
    }

    #[test]
    fn a_key_depends_on_configuration_and_version() {
        let keys = [key("a", "1"), key("b", "1"), key("a", "2")];
        assert_eq!(keys[0], key("a", "1"));
        assert!(keys[0] != keys[1] && keys[0] != keys[2]);
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }

    #[test]
    fn only_complete_kernels_of_the_configuration_are_found() {
        let cache = std::env::temp_dir().join(format!("xoff-cache-{}", std::process::id()));
        let put = |config, version| {
            let path = kernel(&cache, &key(config, version));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        assert_eq!(newest(&cache, "a"), None);
        fs::write(put("b", "1"), "").unwrap();
        put("a", "2");
        assert_eq!(newest(&cache, "a"), None);
        let path = put("a", "1");
        fs::write(&path, "").unwrap();
        assert_eq!(newest(&cache, "a"), Some(path));
        fs::remove_dir_all(&cache).unwrap();
    }
}
