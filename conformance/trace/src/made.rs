//! The checks that findings of a capture name.

use xoff_checks::capture::{T_01, T_02};
use xoff_checks::catalogue::Check;
use xoff_checks::congestion::{CC_01, CC_02, CC_14};
use xoff_checks::dcbx::{X_02, X_04, X_05, X_06, X_07, X_08, X_09, X_10, X_11};
use xoff_checks::pause::{P_01, P_02, P_06, P_07, P_08, P_20};
use xoff_checks::rc::{
    RC_03, RC_04, RC_05, RC_07, RC_08, RC_12, RC_13, RC_14, RC_17, RC_23, RC_26, RC_28, RC_30,
    RC_38, RC_40, UC_01,
};
use xoff_checks::smb::{S_01, S_02, S_03, S_04, S_07};
use xoff_checks::wire::{
    W_01, W_02, W_05, W_06, W_07, W_08, W_10, W_12, W_13, W_15, W_16, W_18, W_19, W_20, W_22, W_23,
    W_24, W_25,
};

/// All of them. [`super::analyzer::Analyzer::finish`] asserts it in debug builds.
pub static MADE: &[&Check] = &[
    &W_01, &W_02, &W_05, &W_06, &W_07, &W_08, &W_10, &W_12, &W_13, &W_15, &W_16, &W_18, &W_19,
    &W_20, &W_22, &W_23, &W_24, &W_25, &RC_03, &RC_04, &RC_05, &RC_07, &RC_08, &RC_12, &RC_13,
    &RC_14, &RC_17, &RC_23, &RC_26, &RC_28, &RC_30, &RC_38, &RC_40, &UC_01, &CC_01, &CC_02, &CC_14,
    &P_01, &P_02, &P_06, &P_07, &P_08, &P_20, &X_02, &X_04, &X_05, &X_06, &X_07, &X_08, &X_09,
    &X_10, &X_11, &S_01, &S_02, &S_03, &S_04, &S_07, &T_01, &T_02,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// Names of checks in code that is no test, in all files below a directory.
    fn named(dir: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" {
                named(&path, found);
            } else if name.ends_with(".rs")
                && !["made.rs", "tests.rs", "captures.rs"].contains(&&*name)
            {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let words = code.split(|c| !is_word(c));
                found.extend(words.filter(|w| is_check(w)).map(str::to_owned));
            }
        }
    }

    /// `RC_05`
    fn is_check(word: &str) -> bool {
        let parts = word.split_once('_');
        parts.is_some_and(|(group, n)| {
            let digits = n.len() == 2 && n.bytes().all(|b| b.is_ascii_digit());
            digits && !group.is_empty() && group.bytes().all(|b| b.is_ascii_uppercase())
        })
    }

    #[test]
    fn what_is_declared_is_what_the_code_names() {
        let mut found = BTreeSet::new();
        named(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut found,
        );
        let declared = MADE.iter().map(|check| check.id.replace('-', "_"));
        assert_eq!(found, declared.collect());
    }
}
