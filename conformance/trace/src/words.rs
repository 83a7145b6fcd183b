//! Figures in the sentences of findings.

pub(crate) use xoff_scenario::metrics::value::grouped;

/// "67.1 ms", "4.2 us", of nanoseconds.
pub(crate) fn time(ns: u64) -> String {
    let (unit, name) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (1_000, "us"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let tenths = u128::from(ns) * 10 / unit;
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// "1.0 us to 3.1 us (mean 1.7 us)", or one time if all read alike.
pub(crate) fn times([least, mean, most]: [u64; 3]) -> String {
    let [least, mean, most] = [least, mean, most].map(time);
    if least == most {
        return least;
    }
    format!("{least} to {most} (mean {mean})")
}

/// "3.2 %".
pub(crate) fn share(part: u64, whole: u64) -> String {
    let tenths = u128::from(part) * 1_000 / u128::from(whole.max(1));
    if tenths == 0 && part > 0 {
        return "less than 0.1 %".to_owned();
    }
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// "1 packet", "3,000 packets".
pub(crate) fn many(count: u64, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{} {noun}{s}", grouped(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_in_words() {
        assert_eq!(time(999), "999 ns");
        assert_eq!(time(67_108_864), "67.1 ms");
        assert_eq!(time(1_073_741_824), "1.0 s");
        assert_eq!(times([1_010, 1_020, 1_090]), "1.0 us");
        assert_eq!(times([20, 21, 1_000]), "20 ns to 1.0 us (mean 21 ns)");
        assert_eq!(share(1, 8), "12.5 %");
        assert_eq!(share(1, 100_000), "less than 0.1 %");
        assert_eq!(many(1, "packet"), "1 packet");
        assert_eq!(many(12_227, "packet"), "12,227 packets");
    }
}
