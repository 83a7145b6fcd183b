//! Names of cmdlets and parameters.

/// Cmdlets about QoS, with those of their parameters that others do not have. A cmdlet without any is
/// not looked into.
const CMDLETS: [(&str, &[&str]); 46] = [
    (
        "New-NetQosPolicy",
        &[
            "Name",
            "PolicyStore",
            "Precedence",
            "NetworkProfile",
            "UserMatchCondition",
            "AppPathNameMatchCondition",
            "IPProtocolMatchCondition",
            "IPPortMatchCondition",
            "IPSrcPrefixMatchCondition",
            "IPSrcPortMatchCondition",
            "IPSrcPortStartMatchCondition",
            "IPSrcPortEndMatchCondition",
            "IPDstPrefixMatchCondition",
            "IPDstPortMatchCondition",
            "IPDstPortStartMatchCondition",
            "IPDstPortEndMatchCondition",
            "NetDirectPortMatchCondition",
            "URIMatchCondition",
            "URIRecursiveMatchCondition",
            "PriorityValue8021Action",
            "PriorityValue",
            "DSCPAction",
            "DSCPValue",
            "MinBandwidthWeightAction",
            "ThrottleRateActionBitsPerSecond",
            "ThrottleRateAction",
            "ThrottleRateActionBytesPerSecond",
            "SMB",
            "NFS",
            "LiveMigration",
            "iSCSI",
            "FCOE",
            "Cluster",
            "Default",
            "TemplateMatchCondition",
            "Template",
        ],
    ),
    ("Set-NetQosPolicy", &[]),
    (
        "Remove-NetQosPolicy",
        &["Name", "PolicyStore", "InputObject"],
    ),
    ("Get-NetQosPolicy", &["Name", "PolicyStore"]),
    (
        "Enable-NetQosFlowControl",
        &[
            "Priority",
            "InterfaceAlias",
            "IfAlias",
            "InterfaceIndex",
            "IfIndex",
            "InputObject",
        ],
    ),
    (
        "Disable-NetQosFlowControl",
        &[
            "Priority",
            "InterfaceAlias",
            "IfAlias",
            "InterfaceIndex",
            "IfIndex",
            "InputObject",
        ],
    ),
    ("Get-NetQosFlowControl", &[]),
    (
        "New-NetQosTrafficClass",
        &[
            "Name",
            "Algorithm",
            "Priority",
            "BandwidthPercentage",
            "Bandwidth",
            "InterfaceAlias",
            "IfAlias",
            "InterfaceIndex",
            "IfIndex",
        ],
    ),
    ("Set-NetQosTrafficClass", &[]),
    ("Remove-NetQosTrafficClass", &[]),
    ("Switch-NetQosTrafficClass", &[]),
    ("Get-NetQosTrafficClass", &[]),
    (
        "Set-NetQosDcbxSetting",
        &[
            "Willing",
            "InterfaceAlias",
            "IfAlias",
            "InterfaceIndex",
            "IfIndex",
            "InputObject",
        ],
    ),
    ("Get-NetQosDcbxSetting", &[]),
    ("Switch-NetQosDcbxSetting", &[]),
    ("Switch-NetQosFlowControl", &[]),
    (
        "Enable-NetAdapterQos",
        &[
            "Name",
            "InterfaceAlias",
            "IfAlias",
            "InterfaceDescription",
            "IncludeHidden",
            "NoRestart",
            "InputObject",
        ],
    ),
    (
        "Disable-NetAdapterQos",
        &[
            "Name",
            "InterfaceAlias",
            "IfAlias",
            "InterfaceDescription",
            "IncludeHidden",
            "NoRestart",
            "InputObject",
        ],
    ),
    ("Set-NetAdapterQos", &[]),
    ("Get-NetAdapterQos", &[]),
    (
        "Enable-NetAdapterRdma",
        &[
            "Name",
            "InterfaceAlias",
            "IfAlias",
            "InterfaceDescription",
            "IncludeHidden",
            "NoRestart",
            "InputObject",
        ],
    ),
    (
        "Disable-NetAdapterRdma",
        &[
            "Name",
            "InterfaceAlias",
            "IfAlias",
            "InterfaceDescription",
            "IncludeHidden",
            "NoRestart",
            "InputObject",
        ],
    ),
    ("Set-NetAdapterRdma", &[]),
    ("Get-NetAdapterRdma", &[]),
    ("Set-NetAdapterAdvancedProperty", &[]),
    ("Get-NetAdapterAdvancedProperty", &[]),
    ("Reset-NetAdapterAdvancedProperty", &[]),
    ("New-NetAdapterAdvancedProperty", &[]),
    ("Set-VMNetworkAdapterVlan", &[]),
    ("Get-VMNetworkAdapterVlan", &[]),
    ("Set-VMNetworkAdapterIsolation", &[]),
    ("Get-VMNetworkAdapterIsolation", &[]),
    ("Set-VMNetworkAdapterTeamMapping", &[]),
    ("Get-VMNetworkAdapterTeamMapping", &[]),
    ("Set-VMNetworkAdapter", &[]),
    ("Set-VMNetworkAdapterRdma", &[]),
    ("Add-VMNetworkAdapter", &[]),
    ("New-VMSwitch", &[]),
    ("Add-VMSwitchTeamMember", &[]),
    ("Enable-NetLldpAgent", &[]),
    ("Disable-NetLldpAgent", &[]),
    ("Set-NetLldpAgent", &[]),
    ("Get-NetLldpAgent", &[]),
    ("Add-NetIntent", &[]),
    ("Set-NetIntent", &[]),
    ("Set-SmbBandwidthLimit", &[]),
];

/// Parameters that all of them have.
const COMMON: [&str; 17] = [
    "cimsession",
    "session",
    "throttlelimit",
    "asjob",
    "passthru",
    "confirm",
    "whatif",
    "verbose",
    "debug",
    "erroraction",
    "ea",
    "errorvariable",
    "warningaction",
    "outvariable",
    "outbuffer",
    "informationaction",
    "computername",
];

fn find(name: &str) -> Option<&'static (&'static str, &'static [&'static str])> {
    CMDLETS
        .iter()
        .find(|(cmdlet, _)| cmdlet.eq_ignore_ascii_case(name))
}

/// As it is written in the manual.
pub(super) fn written(name: &str) -> &str {
    find(name).map_or(name, |(cmdlet, _)| cmdlet)
}

/// A cmdlet about QoS, or one whose name looks like it.
pub(super) fn bears_on_qos(name: &str) -> bool {
    find(name).is_some()
        || looks_so(name)
        || matches!(
            name,
            "mlx5cmd"
                | "mlx5cmd.exe"
                | "get-netintent"
                | "get-netintentstatus"
                | "remove-netintent"
        )
}

fn looks_so(name: &str) -> bool {
    let Some((verb, noun)) = name.split_once('-') else {
        return false;
    };
    verb.chars().all(|c| c.is_ascii_alphabetic())
        && (noun.starts_with("netqos")
            || noun.starts_with("netadapterqos")
            || noun.starts_with("netadapterrdma"))
}

/// The cmdlet that is meant by one that does not exist.
pub(super) fn no_such_cmdlet(name: &str) -> Option<&'static str> {
    if find(name).is_some() || !looks_so(name) {
        return None;
    }
    let all = CMDLETS.iter().map(|(cmdlet, _)| *cmdlet);
    all.min_by_key(|cmdlet| distance(name, &cmdlet.to_ascii_lowercase()))
}

/// Some: the cmdlet has no such parameter; and which one is meant.
pub(super) fn no_such_parameter(cmdlet: &str, param: &str) -> Option<Option<&'static str>> {
    let (_, params) = find(cmdlet).filter(|(_, params)| !params.is_empty())?;
    let begins = |full: &str| full.to_ascii_lowercase().starts_with(param);
    if COMMON.iter().any(|p| begins(p)) || params.iter().any(|p| begins(p)) {
        return None;
    }
    Some(meant(param, params.iter().copied()))
}

/// The word of these that is nearest to one that is not among them.
pub(in crate::dialect) fn meant<'a>(
    word: &str,
    all: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let with = all.map(|p| {
        let small = p.to_ascii_lowercase();
        let near = match small.contains(&word) || word.contains(&small) {
            true => 1,
            false => distance(&word, &small),
        };
        (near, p)
    });
    let (far, best) = with.min_by_key(|(far, _)| *far)?;
    (far <= word.len() / 3 + 1).then_some(best)
}

/// Letters to change, add or take away.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<u8>, Vec<u8>) = (a.bytes().take(48).collect(), b.bytes().take(48).collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut last = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = last + usize::from(x != y);
            last = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(last + 1);
        }
    }
    row[b.len()]
}
