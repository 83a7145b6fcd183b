//! A strict reader of the XML that test runners are given: elements, attributes, text. Comments and
//! document types are none of it.

/// An element, in the order in which they begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    /// What stands directly in it.
    pub(super) text: String,
}

impl Element {
    pub(super) fn attribute(&self, key: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(k, _)| k == key);
        found.map(|(_, value)| value.as_str())
    }
}

/// The elements of a document that is well formed.
pub(super) fn elements(text: &str) -> Result<Vec<Element>, String> {
    let allowed = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    if let Some(c) = text.chars().find(|c| !allowed(*c)) {
        return Err(format!("there is a character {c:?}"));
    }
    let start = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    let mut rest = start.ok_or("there is no XML declaration")?;
    let mut all: Vec<Element> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    while let Some((before, after)) = rest.split_once('<') {
        let (tag, behind) = after.split_once('>').ok_or("a tag does not end")?;
        add_text(&mut all, &open, before)?;
        rest = behind;
        if let Some(name) = tag.strip_prefix('/') {
            let closed = open.pop().map(|index| all[index].name.as_str());
            if closed != Some(name) {
                return Err(format!("</{name}> closes {closed:?}"));
            }
            continue;
        }
        if open.is_empty() && !all.is_empty() {
            return Err(format!("<{tag}> stands behind the root"));
        }
        if !tag.ends_with('/') {
            open.push(all.len());
        }
        all.push(element(tag.trim_end_matches('/'))?);
    }
    add_text(&mut all, &open, rest)?;
    match open.pop() {
        None => Ok(all),
        Some(index) => Err(format!("<{}> is not closed", all[index].name)),
    }
}

fn add_text(all: &mut [Element], open: &[usize], text: &str) -> Result<(), String> {
    match open.last() {
        Some(&index) => all[index].text += &unescape(text)?,
        None if text.trim().is_empty() => {}
        None => return Err(format!("{text:?} stands in no element")),
    }
    Ok(())
}

/// What stands between `<` and `>`. No raw `<` or `>` stands within a value.
fn element(tag: &str) -> Result<Element, String> {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c == '-') {
        return Err(format!("an element is called {name:?}"));
    }
    let mut attributes: Vec<(String, String)> = Vec::new();
    while !rest.is_empty() {
        let unquoted = || format!("an attribute of {name} is {rest:?}");
        let (key, value) = rest.split_once("=\"").ok_or_else(unquoted)?;
        let (value, behind) = value.split_once('"').ok_or_else(unquoted)?;
        if attributes.iter().any(|(known, _)| known == key) {
            return Err(format!("{name} has {key} twice"));
        }
        // White space that is not written by number is a space to readers.
        let value = value.replace(['\n', '\r', '\t'], " ");
        attributes.push((key.to_owned(), unescape(&value)?));
        rest = behind.strip_prefix(' ').unwrap_or(behind);
    }
    Ok(Element {
        name: name.to_owned(),
        attributes,
        text: String::new(),
    })
}

fn unescape(text: &str) -> Result<String, String> {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, rest) = part.split_once(';').ok_or("a raw &")?;
        let unknown = || format!("an entity &{entity};");
        out.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            number => {
                let number = number.strip_prefix('#').and_then(|n| n.parse().ok());
                number.and_then(char::from_u32).ok_or_else(unknown)?
            }
        });
        out += rest;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

    fn read(body: &str) -> Result<Vec<Element>, String> {
        elements(&format!("{HEAD}{body}"))
    }

    #[test]
    fn elements_attributes_and_text() {
        let all = read("<a x=\"1 &lt; 2&#10;\n\" y=\"\">\n<b/>t&amp;t<c-d>u</c-d></a>\n").unwrap();
        let names: Vec<_> = all.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c-d"]);
        assert_eq!(all[0].attribute("x"), Some("1 < 2\n "));
        assert_eq!(all[0].attribute("y"), Some(""));
        assert_eq!(all[0].attribute("z"), None);
        assert_eq!((all[0].text.as_str(), all[2].text.as_str()), ("\nt&t", "u"));
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for body in [
            "<a>",
            "<a></b>",
            "</a>",
            "<a/><b/>",
            "<a/>text",
            "<a x=1/>",
            "<a x=\"1/>",
            "<a x=\"1\" x=\"2\"/>",
            "<a>a & b</a>",
            "<a>&nbsp;</a>",
            "<a>\u{1b}</a>",
            "<a",
            "<A B C/>",
        ] {
            assert!(read(body).is_err(), "{body}");
        }
        assert!(elements("<a/>").is_err());
    }
}
