//! What is known of a setting, and from where.

use crate::source::Span;
use std::borrow::Cow;

/// Words that go with a fact.
pub type Words = Cow<'static, str>;

/// From where a value is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// A line of the configuration says it.
    Stated(Span),
    /// No line says it; the device does it by default. The words tell which default that is:
    /// "NX-OS ports are in PFC mode auto".
    Default(Words),
    /// It follows from a line that does not say it in so many words: `nv set qos roce`. The words
    /// tell how.
    Implied(Span, Words),
    /// It cannot be known from what was given. The words tell why: "buffermgrd takes it from
    /// pg_profile_lookup.ini".
    Unknown(Words),
}

/// A setting: its value, if it is known, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact<T> {
    value: Option<T>,
    basis: Basis,
}

impl<T> Fact<T> {
    pub const fn stated(value: T, at: Span) -> Fact<T> {
        Fact {
            value: Some(value),
            basis: Basis::Stated(at),
        }
    }

    pub fn default(value: T, why: impl Into<Words>) -> Fact<T> {
        Fact {
            value: Some(value),
            basis: Basis::Default(why.into()),
        }
    }

    pub fn implied(value: T, at: Span, how: impl Into<Words>) -> Fact<T> {
        Fact {
            value: Some(value),
            basis: Basis::Implied(at, how.into()),
        }
    }

    pub fn unknown(why: impl Into<Words>) -> Fact<T> {
        Fact {
            value: None,
            basis: Basis::Unknown(why.into()),
        }
    }

    /// None if it is unknown.
    pub fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// The line that says or implies it.
    pub fn span(&self) -> Option<Span> {
        match self.basis {
            Basis::Stated(at) | Basis::Implied(at, _) => Some(at),
            Basis::Default(_) | Basis::Unknown(_) => None,
        }
    }

    /// Why it is unknown.
    pub fn why_unknown(&self) -> Option<&str> {
        match &self.basis {
            Basis::Unknown(why) => Some(why),
            _ => None,
        }
    }

    /// Whether a line says it.
    pub fn is_stated(&self) -> bool {
        self.span().is_some()
    }

    pub fn map<U>(&self, f: impl FnOnce(&T) -> U) -> Fact<U> {
        Fact {
            value: self.value.as_ref().map(f),
            basis: self.basis.clone(),
        }
    }
}

impl<T: Copy> Fact<T> {
    /// None if it is unknown.
    pub fn value(&self) -> Option<T> {
        self.value
    }
}

impl<T: PartialEq> Fact<T> {
    /// Whether it is known to be this.
    pub fn is(&self, value: &T) -> bool {
        self.value.as_ref() == Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;

    #[test]
    fn facts_know_where_they_come_from() {
        let at = Span::line(FileId(0), 7);
        assert_eq!(Fact::stated(3, at).span(), Some(at));
        let fact = Fact::default(3_u8, "the default").map(|v| u32::from(*v) + 1);
        assert_eq!((fact.value(), fact.span()), (Some(4), None));
        let fact = Fact::<u8>::unknown("nobody says");
        assert_eq!(
            (fact.value(), fact.why_unknown()),
            (None, Some("nobody says"))
        );
        assert!(!fact.is(&3) && Fact::implied(3, at, "so").is(&3));
    }
}
