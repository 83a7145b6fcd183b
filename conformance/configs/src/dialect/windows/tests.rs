use super::*;
use crate::describe::describe;
use crate::device::{PfcMode, Scheduler, Transport, Trust};
use crate::languages::detect;
use crate::remark::RemarkKind;
use crate::repair::{Wish, apply};
use crate::source::FileId;
use crate::testing::{fault, read, read_all, sample, survives_mutations};

const NODE: &str = "New-NetQosPolicy \"SMBD\" -NetDirectPortMatchCondition 445 -PriorityValue8021Action 3\n\
    New-NetQosPolicy \"HB\" -Cluster -PriorityValue8021Action 7\n\
    Enable-NetQosFlowControl -Priority 3\nDisable-NetQosFlowControl -Priority 0,1,2,4-7\n\
    New-NetQosTrafficClass \"SMBD\" -Priority 3 -BandwidthPercentage 50 -Algorithm ETS\n\
    New-NetQosTrafficClass \"HB\" -Priority 7 -BandwidthPercentage 1 -Algorithm ETS\n\
    Set-NetQosDcbxSetting -Willing $false -Confirm:$false\n\
    Set-NetAdapterAdvancedProperty -Name \"pNIC-S1\" -RegistryKeyword \"*JumboPacket\" -RegistryValue 9014\n\
    Set-NetAdapterAdvancedProperty -Name \"pNIC-S1\" -RegistryKeyword \"VlanID\" -RegistryValue 711\n\
    Enable-NetAdapterRdma -Name \"pNIC-S1\"\nEnable-NetAdapterQos -Name \"pNIC-S1\"\n";

fn node(text: &str) -> Device {
    read(Dialect::Windows, text)
}

fn direct(device: &Device, port: &str) -> Option<u8> {
    let rdma = device.port(port)?.rdma.as_ref()?;
    rdma.senders[0].marking.priority.value()
}

fn kinds(device: &Device) -> Vec<RemarkKind> {
    device.remarks.iter().map(|r| r.kind).collect()
}

#[test]
fn a_plain_script_is_read() {
    let device = node(NODE);
    let port = device.port("pNIC-S1").unwrap();
    assert_eq!(port.mtu.value(), Some(9000));
    assert!(port.qos.trust.is(&Trust::Pcp) && port.qos.pfc.mode.is(&PfcMode::On));
    let on: Vec<bool> = port.qos.pfc.send.iter().map(|f| f.is(&true)).collect();
    assert_eq!(on, [false, false, false, true, false, false, false, false]);
    assert!(port.qos.dcbx.willing.is(&false));
    assert_eq!(port.qos.classes[3].queue.value(), Some(1));
    assert_eq!(
        port.qos.queues[1].scheduler.value(),
        Some(Scheduler::Percent(50))
    );
    assert_eq!(
        port.qos.queues[0].scheduler.value(),
        Some(Scheduler::Percent(49))
    );
    let rdma = port.rdma.as_ref().unwrap();
    assert!(rdma.tagged.is(&true) && rdma.vlan.is(&Some(711)));
    assert_eq!(direct(&device, "pNIC-S1"), Some(3));
    assert!(device.host.as_ref().unwrap().microsoft);
    assert_eq!(
        (device.lines.qos(), device.lines.understood_count()),
        (11, 11)
    );
    assert!(device.remarks.is_empty());
    assert_eq!(
        describe(&device),
        describe(&node(&NODE.replace('\n', "\r\n")))
    );
}

#[test]
fn defaults_are_those_of_windows() {
    let device = node("Enable-NetAdapterQos -Name S1\n");
    let port = device.port("S1").unwrap();
    assert!(port.qos.dcbx.willing.is(&true) && !port.qos.dcbx.willing.is_stated());
    assert!(port.qos.pfc.send.iter().all(|f| f.is(&false)));
    assert_eq!(
        (port.mtu.value(), direct(&device, "S1")),
        (Some(1500), Some(0))
    );
    assert_eq!(port.rdma.as_ref().unwrap().tagged.value(), None);
    let device =
        node("New-NetQosPolicy SMB -SMB -PriorityValue8021Action 3\nEnable-NetAdapterQos S1\n");
    assert_eq!(direct(&device, "S1"), Some(0));
    let device =
        node("New-NetQosPolicy D -Default -PriorityValue8021Action 5\nEnable-NetAdapterQos S1\n");
    assert_eq!(direct(&device, "S1"), Some(5));
}

#[test]
fn qos_must_be_enabled_on_the_adapter() {
    let device = node(&NODE.replace("Enable-NetAdapterQos", "Disable-NetAdapterQos"));
    let port = device.port("pNIC-S1").unwrap();
    assert!(port.qos.pfc.mode.is(&PfcMode::Off));
    assert_eq!(port.qos.pfc.mode.span().unwrap().line, 11);
    assert_eq!(kinds(&device), [RemarkKind::Prerequisite]);
    assert_eq!(
        (device.remarks[0].at.line, device.remarks[0].priorities),
        (11, 8)
    );
    let device = node(&NODE.replace("Enable-NetAdapterQos -Name \"pNIC-S1\"", ""));
    assert_eq!(kinds(&device), [RemarkKind::Prerequisite]);
}

#[test]
fn scripts_are_followed() {
    let device = node(
        "$Prio = 3 # of storage\n$nics = @('S1','S2')\n$qos = @{ Priority = $Prio ; BandwidthPercentage = 60\n Algorithm = 'ETS' }\n\
         New-NetQosPolicy -Name \"SMB_$Prio\" `\n  -NetDirectPort 445 `\n  -PriorityValue8021Action $Prio\n\
         New-NetQosTrafficClass 'SMB' @qos\nif ($Prio -eq 3) { Enable-NetQosFlowControl $Prio } else { Enable-NetQosFlowControl 4 }\n\
         foreach ($n in $nics) {\n Set-NetAdapterAdvancedProperty $n -DisplayName 'Jumbo Packet' -DisplayValue '9014 Bytes'\n\
         Get-NetAdapter $n | Set-NetAdapter -VlanID 711 -Confirm:$false }\n\
         Get-NetAdapter S* | Enable-NetAdapterQos\n\
         1..2 | ForEach-Object { Set-NetAdapterAdvancedProperty -Name \"S$_\" -DisplayName 'NetworkDirect Technology' -DisplayValue 'RoCEv2' }\n\
         <# Enable-NetQosFlowControl 5 #>\nSet-NetQosDcbxSetting –Willing $false\n",
    );
    for name in ["S1", "S2"] {
        let port = device.port(name).unwrap();
        assert!(port.qos.pfc.send[3].is(&true) && port.qos.pfc.send[4].is(&false));
        assert!(port.qos.pfc.mode.is(&PfcMode::On), "{}", describe(&device));
        assert_eq!(port.mtu.value(), Some(9000));
        let rdma = port.rdma.as_ref().unwrap();
        assert!(rdma.vlan.is(&Some(711)) && rdma.transport.is(&Transport::RoceV2));
        assert_eq!(direct(&device, name), Some(3));
        assert!(port.qos.dcbx.willing.is(&false));
    }
    assert_eq!(
        device.host.as_ref().unwrap().ets[0].percent.value(),
        Some(60)
    );
    let span = device.host.as_ref().unwrap().policies[0].at;
    assert_eq!((span.line, span.end_line), (5, 7));
}

#[test]
fn what_cannot_be_known_is_unknown() {
    let device = node(
        "$p = Read-Host 'priority'\nNew-NetQosPolicy SMB -NetDirectPortMatchCondition 445 -PriorityValue8021Action $p\n\
         Enable-NetQosFlowControl -Priority $p\nEnable-NetAdapterQos S1\n",
    );
    assert_eq!(direct(&device, "S1"), None);
    assert_eq!(device.port("S1").unwrap().qos.pfc.send[3].value(), None);
    let device = node(
        "if (Test-Path C:\\x) { Enable-NetAdapterQos -Name S1 }\nEnable-NetQosFlowControl 3\n",
    );
    assert_eq!(device.port("S1").unwrap().qos.pfc.mode.value(), None);
    assert!(device.remarks.is_empty());
}

#[test]
fn each_computer_is_a_device() {
    let devices = read_all(
        Dialect::Windows,
        "$nodes = 'nodeA','nodeB.corp.local'\nInvoke-Command -ComputerName $nodes -ScriptBlock {\n\
         Enable-NetQosFlowControl -Priority 3\nEnable-NetAdapterQos -Name 'S1' }\n\
         New-NetQosPolicy SMB -NetDirectPortMatchCondition 445 -PriorityValue8021Action 3 -CimSession $nodes\n\
         Invoke-Command nodeA { param($v) Set-NetAdapter -Name S1 -VlanID $v } -ArgumentList 711\n",
    );
    let names: Vec<&str> = devices.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["nodeA", "nodeB"]);
    assert!(devices.iter().all(|d| direct(d, "S1") == Some(3)));
    let vlan = |d: &Device| d.port("S1").unwrap().rdma.as_ref().unwrap().vlan.value();
    assert_eq!(
        (vlan(&devices[0]), vlan(&devices[1])),
        (Some(Some(711)), None)
    );
}

#[test]
fn vnics_bring_their_vlan() {
    let device = node(
        "New-VMSwitch -Name sw -NetAdapterName p1,p2 -EnableEmbeddedTeaming $true\n\
         Add-VMNetworkAdapter -SwitchName sw -Name SMB1 -ManagementOS\nAdd-VMNetworkAdapter -SwitchName sw -Name SMB2 -ManagementOS\n\
         Set-VMNetworkAdapterVlan -VMNetworkAdapterName SMB1 -VlanId 711 -Access -ManagementOS\n\
         Set-VMNetworkAdapterIsolation -ManagementOS -VMNetworkAdapterName SMB2 -IsolationMode Vlan -DefaultIsolationID 712\n\
         Enable-NetAdapterRdma 'vEthernet (SMB1)','vEthernet (SMB2)'\n\
         Set-VMNetworkAdapterTeamMapping -ManagementOS -VMNetworkAdapterName SMB1 -PhysicalNetAdapterName p1\n",
    );
    let one = device.port("vEthernet (SMB1)").unwrap();
    assert_eq!(one.lag.as_ref().unwrap().0, "p1");
    assert!(one.rdma.as_ref().unwrap().vlan.is(&Some(711)));
    let two = device.port("p2").unwrap().rdma.as_ref().unwrap();
    assert!(two.tagged.is(&true) && two.vlan.value().is_none());
}

#[test]
fn intents_imply_everything() {
    let device = node(
        "$q = New-NetIntentQosPolicyOverrides\n$q.PriorityValue8021Action_Cluster = 5\n$q.BandwidthPercentage_SMB = 60\n\
         Add-NetIntent -Name Storage -Storage -AdapterName pNIC1, pNIC2 -QosPolicyOverrides $q -StorageVlans 711,712\n",
    );
    let port = device.port("pNIC2").unwrap();
    assert!(port.qos.pfc.send[3].is(&true) && port.qos.pfc.mode.is(&PfcMode::On));
    assert!(port.qos.dcbx.willing.is(&false));
    assert!(port.rdma.as_ref().unwrap().vlan.is(&Some(712)));
    assert_eq!(direct(&device, "pNIC1"), Some(3));
    let ets = &device.host.as_ref().unwrap().ets;
    assert_eq!(
        (ets[0].percent.value(), ets[1].priorities),
        (Some(60), 1 << 5)
    );
}

#[test]
fn printed_tables_and_lists_are_read() {
    let device = node(
        "PS C:\\> Get-NetQosFlowControl\n\nPriority   Enabled    PolicySet        IfIndex IfAlias\n\
         --------   -------    ---------        ------- -------\n0          False      Global\n3          True       Global\n\n\
         PS C:\\> Get-NetAdapterQos\n\nName                       : M1\nEnabled                    : True\n\
         Capabilities               :                       Hardware     Current\n\
         \x20                                                  --------     -------\n\
         \x20                            NumTCs(Max/ETS/PFC) : 8/8/8        8/8/8\n\n\
         OperationalTrafficClasses  : TC TSA    Bandwidth Priorities\n\
         \x20                            -- ---    --------- ----------\n\
         \x20                             0 ETS    70%       0-2,4-7\n\x20                             1 ETS    30%       3\n\n\
         OperationalFlowControl     : Priority 3 Enabled\nOperationalClassifications : Protocol  Port/Type Priority\n\
         \x20                            --------  --------- --------\n\
         \x20                            Default             0\n\x20                            NetDirect 445       3\n\n\
         PS C:\\> Get-NetQosDcbxSetting\n\nWilling PolicySet IfIndex IfAlias\n------- --------- ------- -------\nFalse   Global\n\n\
         PS C:\\> Get-NetAdapterAdvancedProperty M1\n\n\
         Name   DisplayName    DisplayValue   RegistryKeyword RegistryValue\n\
         ----   -----------    ------------   --------------- -------------\n\
         M1     Jumbo Packet   9014           *JumboPacket    {9014}\nM1     VLAN ID        101            VlanID          {101}\n",
    );
    let port = device.port("M1").unwrap();
    let text = describe(&device);
    assert!(
        port.qos.pfc.send[3].is(&true) && port.qos.pfc.send[0].is(&false),
        "{text}"
    );
    assert!(
        port.qos.pfc.mode.is(&PfcMode::On) && port.qos.dcbx.willing.is(&false),
        "{text}"
    );
    assert_eq!(port.mtu.value(), Some(9000), "{text}");
    assert!(port.rdma.as_ref().unwrap().vlan.is(&Some(101)), "{text}");
    assert_eq!(direct(&device, "M1"), Some(3), "{text}");
    let device = node(
        "Name           : SMB\nOwner          : Group Policy (Machine)\nNetworkProfile : All\nPrecedence     : 127\n\
         JobObject      :\nNetDirectPort  : 445\nPriorityValue  : 4\n\nName  InterfaceDescription  Enabled\n----  --------------------  -------\nM1    Mellanox ConnectX-5   True\n",
    );
    assert_eq!(direct(&device, "M1"), Some(4));
    assert_eq!(device.port("M1").unwrap().qos.dcbx.willing.value(), None);
}

#[test]
fn remarks_are_made() {
    let one = |text: &str| {
        let device = node(&format!("{text}\nEnable-NetAdapterQos S1\n"));
        kinds(&device)
    };
    assert_eq!(
        one(
            "New-NetQosPolicy S -NetDirectPortMatchCondition 445 -DSCPAction 26 -PriorityValue8021Action 3"
        ),
        [RemarkKind::NoSuchStatement]
    );
    assert_eq!(
        one("New-NetQosPolicy S -NetDirectPortMatch 445 -PriorityValue802Action 3"),
        [RemarkKind::NoSuchStatement]
    );
    assert_eq!(
        one("Set-NetQosFlowControl -Priority 3 -Enabled $true"),
        [RemarkKind::NoSuchStatement]
    );
    assert_eq!(
        one("Enable-NetQosFlowControl -Priority 9"),
        [RemarkKind::BadValue]
    );
    assert_eq!(
        one("New-NetQosTrafficClass S -Priority 3 -BandwidthPercentage 50 -Algorithm WRR"),
        [RemarkKind::BadValue]
    );
    assert_eq!(
        one(
            "New-NetQosTrafficClass A -Priority 3 -BandwidthPercentage 60 -Algorithm ETS\nNew-NetQosTrafficClass B -Priority 7 -BandwidthPercentage 50 -Algorithm ETS"
        ),
        [RemarkKind::Sum]
    );
    assert_eq!(
        one("Enable-NetQosFlowControl -Priority 3 -CimSession x -ErrorAction Stop -Confirm:$false"),
        []
    );
}

#[test]
fn what_is_cut_short_is_told() {
    assert!(
        fault(
            Dialect::Windows,
            "Invoke-Command x {\nEnable-NetAdapterQos S1\n"
        )
        .contains("the `{`")
    );
    assert!(fault(Dialect::Windows, "$x = @\"\nabc\n").contains("the here-string"));
    assert!(fault(Dialect::Windows, "Enable-NetAdapterQos \"S1\n").contains("the quote"));
    assert!(fault(Dialect::Windows, "<# open\nEnable-NetAdapterQos S1\n").contains("the comment"));
    assert!(fault(Dialect::Windows, "$x = @{ a = 1\n").contains("the `@{`"));
}

#[test]
fn repairs_are_read_again() {
    let text = "New-NetQosPolicy SMB -SMB -PriorityValue8021Action 3\nNew-NetQosTrafficClass SMB -Priority 3 -BandwidthPercentage 5 -Algorithm ETS\n\
                Disable-NetAdapterQos -Name \"S1\"\nEnable-NetAdapterRdma \"S1\"\n";
    let source = Source::new("n.ps1", text);
    let device = import(Input {
        file: FileId(0),
        source: &source,
    })
    .unwrap()
    .remove(0);
    let again = |wish: Wish| {
        let edits = repair::repair(&device, &source, &wish).unwrap();
        let fixed = node(&apply(text, &edits));
        let port = fixed.port("S1").unwrap().clone();
        (direct(&fixed, "S1"), port)
    };
    let port = || "S1".to_owned();
    assert!(
        again(Wish::Pfc {
            port: port(),
            priority: 3
        })
        .1
        .qos
        .pfc
        .send[3]
            .is(&true)
    );
    assert!(
        again(Wish::AdapterQos { port: port() })
            .1
            .qos
            .pfc
            .mode
            .is(&PfcMode::On)
    );
    assert!(
        again(Wish::Willing {
            port: port(),
            willing: false
        })
        .1
        .qos
        .dcbx
        .willing
        .is(&false)
    );
    assert_eq!(
        again(Wish::Mtu {
            port: port(),
            bytes: 9000
        })
        .1
        .mtu
        .value(),
        Some(9000)
    );
    assert!(
        again(Wish::Tag {
            port: port(),
            vlan: 711
        })
        .1
        .rdma
        .unwrap()
        .vlan
        .is(&Some(711))
    );
    assert_eq!(
        again(Wish::MarkRdma {
            port: port(),
            dscp: None,
            priority: 3
        })
        .0,
        Some(3)
    );
    assert!(
        again(Wish::NoLinkPause { port: port() })
            .1
            .qos
            .pause_rx
            .is(&false)
    );
    let share = again(Wish::Share {
        port: port(),
        queue: 1,
        percent: 50,
    })
    .1;
    assert!(share.qos.queues[1].scheduler.is(&Scheduler::Percent(50)));
}

#[test]
fn a_real_script_is_understood() {
    let text = sample("windows/22H2_WithoutNetATC.ps1");
    let devices = read_all(Dialect::Windows, &text);
    let named = devices.iter().filter(|d| d.name.starts_with("ASNode"));
    assert_eq!(named.count(), 2);
    let device = devices.iter().find(|d| d.name == "ASNode1").unwrap();
    let (all, understood) = (device.lines.qos(), device.lines.understood_count());
    let missing: Vec<_> = device.lines.unknown_lines().collect();
    assert!(
        all >= 24 && understood * 100 >= all * 95,
        "{understood} of {all}: {missing:?}"
    );
    insta::assert_snapshot!(describe(device));
    let port = &device.other_ports;
    assert!(port.qos.pfc.send[3].is(&true) && port.qos.dcbx.willing.is(&false));
}

#[test]
fn other_files_are_not_taken() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/");
    for folder in ["configs", "check"] {
        for group in std::fs::read_dir(format!("{root}{folder}"))
            .unwrap()
            .flatten()
        {
            for file in std::fs::read_dir(group.path())
                .into_iter()
                .flatten()
                .flatten()
            {
                let path = file.path().display().to_string();
                if path.ends_with(".toml") || path.ends_with(".md") {
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let found = detect(&Source::new("x", text));
                let ours =
                    path.ends_with(".ps1") && !path.contains("validate") && !path.contains("NDKm1");
                assert_eq!(found == Some(Dialect::Windows), ours, "{path}");
            }
        }
    }
}

#[test]
fn any_bytes_end() {
    survives_mutations(Dialect::Windows, NODE);
    survives_mutations(Dialect::Windows, &sample("windows/22H2_WithoutNetATC.ps1"));
    let deep = "(".repeat(3000) + &"@{a=".repeat(3000) + &"{".repeat(3000) + &"!".repeat(3000);
    for text in [
        "$(",
        "@(",
        "\"$(\"",
        "`",
        "$",
        "-",
        "[",
        "[[[",
        "a[",
        "${",
        "@'",
        "'",
        "%",
        "1..",
        "1..9999999",
        "$x.",
        "$x[",
        "&",
        "foreach",
        "if",
        "switch",
        "param(",
        "function",
        "try",
        "do",
        "2>",
        "-f",
        "é`",
        &deep,
    ] {
        let source = Source::new("x.ps1", format!("Enable-NetAdapterQos x\n{text}"));
        let _ = import(Input {
            file: FileId(0),
            source: &source,
        });
    }
}

#[test]
fn the_reference_fabric_holds() {
    crate::testing::fabric_holds("windows", 15);
}

#[test]
fn pages_have_their_code_in_blocks() {
    let device = node(
        "# How (to\n```powershell\nEnable-NetQosFlowControl 3\nEnable-NetAdapterQos S1\n```\nThat's it.\n",
    );
    assert!(device.port("S1").unwrap().qos.pfc.send[3].is(&true));
    let device = node(
        "function Set-Node {\n[CmdletBinding()]\nparam([Parameter(Mandatory=$true, HelpMessage=\"a ] (\")][string[]]$Nic, $p = 3)\n\
                       Enable-NetQosFlowControl $p\nEnable-NetAdapterQos $Nic }\nSet-Node -Nic S1,S2\n",
    );
    assert!(device.port("S2").unwrap().qos.pfc.send[3].is(&true));
}
