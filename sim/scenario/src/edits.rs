//! How far one word is from another.

/// Bytes of a word.
const LONGEST: usize = 256;

/// Edits (insert, delete, replace, swap of neighbours) that turn one word into the other. Words of more
/// than 256 bytes are no typing mistakes: nothing but themselves is near them.
pub fn edits(a: &str, b: &str) -> usize {
    if a.len().max(b.len()) > LONGEST {
        return usize::from(a != b) * a.len().max(b.len());
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i];
        for j in 1..=b.len() {
            let replace = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut cost = replace.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cost = cost.min(before[j - 2] + 1);
            }
            next.push(cost);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (a, b, d) in [
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("abc", "abd", 1),
        ] {
            assert_eq!(edits(a, b), d, "{a} {b}");
        }
    }

    #[test]
    fn long_words_are_far_from_all_others() {
        let long = "*a".repeat(500_000);
        assert_eq!(edits(&long, "h0"), 1_000_000);
        assert_eq!(edits(&long, &long), 0);
    }
}
