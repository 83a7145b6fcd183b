//! Names of ports: the same one in several ways of writing, and ranges of them.

/// What two ways of writing a port's name have in common: `Eth1/1`, `ethernet 1/1` and `Ethernet1/1`
/// are one, as are `Po10` and `port-channel 10`.
pub fn key(name: &str) -> String {
    let name: String = name
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .to_ascii_lowercase();
    let digits = name
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(name.len());
    let (kind, number) = name.split_at(digits);
    let kind = match kind {
        "et" | "eth" | "ethernet" if number.contains('/') => "",
        "et" | "eth" => "ethernet",
        "po" | "port-channel" | "portchannel" => "port-channel",
        "te" | "tengigabitethernet" => "te",
        "tf" | "twentyfivegige" => "tf",
        "fo" | "fortygige" => "fo",
        "hu" | "hundredgige" => "hu",
        "gi" | "gigabitethernet" => "gi",
        other => other,
    };
    format!("{kind}{number}")
}

/// Most ports that a range may name; more is a typing mistake.
pub const MOST_PORTS: usize = 4096;

/// The ports of a range of the last number: `Ethernet1/1-4` gives four, `1/1/1-1/1/4` (both ends in
/// full) as well, and lists with commas. Names without a range are themselves. None if it is no range,
/// or names more than [`MOST_PORTS`].
pub fn range(text: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    // A part without letters goes on with the kind of the one before: `Ethernet1/1,1/3`.
    let mut kind = String::new();
    for part in text.split(',').map(str::trim) {
        let digits = part
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(part.len());
        let (own, number) = part.split_at(digits);
        if !own.trim().is_empty() {
            kind = own.to_owned();
        }
        let Some((low, high)) = number.split_once('-') else {
            found.push(format!("{kind}{number}"));
            continue;
        };
        let (low, high) = (low.trim(), high.trim());
        // The far end may repeat the kind and the numbers before the last one.
        let high = high.trim_start_matches(|c: char| !c.is_ascii_digit());
        let cut = low.rfind(['/', ':', '.']).map_or(0, |n| n + 1);
        let stem = &low[..cut];
        let high = high.strip_prefix(stem).unwrap_or(high);
        let (first, last): (u32, u32) = (low[cut..].parse().ok()?, high.parse().ok()?);
        if first > last || (last - first) as usize >= MOST_PORTS - found.len() {
            return None;
        }
        found.extend((first..=last).map(|n| format!("{kind}{stem}{n}")));
    }
    (found.len() <= MOST_PORTS).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_in_every_way_of_writing() {
        let same = |a: &str, b: &str| assert_eq!(key(a), key(b));
        same("Eth1/1", "Ethernet 1/1");
        same("1/1/1", "ethernet1/1/1");
        same("Po10", "port-channel 10");
        same("Te 0/1", "TenGigabitEthernet 0/1");
        same("Ethernet0", "Eth0");
        assert_ne!(key("et-0/0/1"), key("Ethernet0/0/1"));
        assert_ne!(key("Te 0/1"), key("Fo 0/1"));
    }

    #[test]
    fn ranges_are_spread() {
        let spread = |text: &str| range(text).map(|all| all.join(" "));
        assert_eq!(
            spread("Ethernet1/1-3").as_deref(),
            Some("Ethernet1/1 Ethernet1/2 Ethernet1/3")
        );
        assert_eq!(spread("1/1/9-1/1/10").as_deref(), Some("1/1/9 1/1/10"));
        assert_eq!(spread("swp1-2,swp5").as_deref(), Some("swp1 swp2 swp5"));
        assert_eq!(
            spread("Ethernet1/1,1/3").as_deref(),
            Some("Ethernet1/1 Ethernet1/3")
        );
        assert_eq!(spread("Ethernet1/1-99999"), None);
        assert_eq!(spread("ens1np0").as_deref(), Some("ens1np0"));
    }
}
