//! All dialects: which one a file is in, and reading it.

use crate::device::Device;
use crate::dialect;
use crate::language::{Dialect, Input, Language};
use crate::source::{Fault, Source};

/// All of them.
pub static LANGUAGES: [&Language; 13] = [
    &dialect::sonic::LANGUAGE,
    &dialect::nxos::LANGUAGE,
    &dialect::os9::LANGUAGE,
    &dialect::os10::LANGUAGE,
    &dialect::eos::LANGUAGE,
    &dialect::junos::LANGUAGE,
    &dialect::cumulus::LANGUAGE,
    &dialect::nvue::LANGUAGE,
    &dialect::onyx::LANGUAGE,
    &dialect::vrp::LANGUAGE,
    &dialect::windows::LANGUAGE,
    &dialect::validate_dcb::LANGUAGE,
    &dialect::linux::LANGUAGE,
];

impl Dialect {
    pub fn language(self) -> &'static Language {
        LANGUAGES[self as usize]
    }

    pub fn named(name: &str) -> Option<Dialect> {
        let is = |l: &&&Language| l.name.eq_ignore_ascii_case(name);
        LANGUAGES.iter().find(is).map(|l| l.dialect)
    }
}

/// The dialect of a file; None if nothing speaks for any. Two that are equally likely cannot be: the
/// name of the file (`leaf1.nxos.cfg`) then decides, as it does where nothing else speaks; else the
/// first of [`LANGUAGES`].
pub fn detect(source: &Source) -> Option<Dialect> {
    let score = |l: &Language| {
        let score = (l.recognise)(source);
        score * 2 + u32::from(named_in(source, l.name))
    };
    let best = LANGUAGES.iter().map(|l| (score(l), l.dialect)).rev();
    best.max_by_key(|&(score, _)| score)
        .filter(|&(score, _)| score > 0)
        .map(|(_, d)| d)
}

/// Whether the file's name says the dialect: `leaf1.nxos.cfg`.
fn named_in(source: &Source, name: &str) -> bool {
    let file = source.path.rsplit(['/', '\\']).next().unwrap_or_default();
    file.split('.').any(|part| part.eq_ignore_ascii_case(name))
}

/// Reads a file, in the dialect given or detected.
///
/// # Errors
/// No dialect is recognised, or the file is cut short.
pub fn import(input: Input, dialect: Option<Dialect>) -> Result<Vec<Device>, Fault> {
    let names = || LANGUAGES.map(|l| l.name).join(", ");
    if input.source.text.trim().is_empty() {
        return Err(Fault::whole("the file is empty", "a configuration"));
    }
    let dialect = match dialect.or_else(|| detect(input.source)) {
        Some(dialect) => dialect,
        None => {
            return Err(Fault::whole(
                "no configuration that is known",
                format!("one of {} (give it with --dialect if it is one)", names()),
            ));
        }
    };
    (dialect.language().import)(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;

    #[test]
    fn languages_stand_where_their_dialect_says() {
        for language in LANGUAGES {
            assert_eq!(language.dialect.language().name, language.name);
            assert_eq!(Dialect::named(language.name), Some(language.dialect));
        }
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        let read = |text: &str| {
            let source = Source::new("x.txt", text);
            let file = FileId(0);
            import(
                Input {
                    file,
                    source: &source,
                },
                None,
            )
            .unwrap_err()
            .to_string()
        };
        assert_eq!(read(" \r\n"), "the file is empty; expected a configuration");
        assert!(
            read("Dear all,\nthe meeting is moved.\n").contains("no configuration that is known")
        );
    }
}
