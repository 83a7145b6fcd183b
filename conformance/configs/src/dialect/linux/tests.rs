use super::*;
use crate::describe::describe;
use crate::device::{PfcMode, Transport, Trust, Who};
use crate::language::Dialect;
use crate::repair::{Wish, apply};
use crate::source::FileId;
use crate::testing::{fault, read, sample, survives_mutations};

fn host(text: &str) -> Device {
    read(Dialect::Linux, &format!("#!/bin/sh\n{text}"))
}

#[test]
fn commands_set_what_they_say() {
    let device = host(
        "mlnx_qos -i eth0 --trust=dscp --pfc 0,0,0,1,0,0,0,0 --dscp2prio set,30,3\n\
         cma_roce_tos -d mlx5_0 -t 106\necho 0x6a > /sys/class/infiniband/mlx5_0/tc/1/traffic_class\n\
         ip link set dev eth0 mtu 9000\nethtool -A eth0 rx off tx off\n",
    );
    let port = device.port("eth0").unwrap();
    assert!(port.qos.trust.is(&Trust::Dscp) && port.qos.pfc.mode.is(&PfcMode::On));
    assert!(port.qos.pfc.send[3].is(&true) && port.qos.pfc.obey[4].is(&false));
    assert_eq!(port.qos.dscp[30].value(), Some(3));
    assert_eq!(port.qos.dscp[26].value(), Some(3));
    assert_eq!(port.mtu.value(), Some(9000));
    let rdma = port.rdma.as_ref().unwrap();
    assert!(rdma.transport.is(&Transport::RoceV2));
    for sender in &rdma.senders {
        assert_eq!(
            (sender.marking.dscp.value(), sender.marking.priority.value()),
            (Some(26), Some(3))
        );
    }
    assert_eq!(device.lines.qos(), device.lines.understood_count());
}

#[test]
fn defaults_are_those_of_connectx() {
    let device = host("mlnx_qos -i eth0 --pfc 0,0,0,1,0,0,0,0\n");
    let port = device.port("eth0").unwrap();
    assert!(port.qos.trust.is(&Trust::Pcp) && !port.qos.trust.is_stated());
    let rdma = port.rdma.as_ref().unwrap();
    assert_eq!(rdma.cnp.dscp.value(), Some(48));
    assert_eq!(rdma.senders[0].marking.dscp.value(), Some(0));
    assert_eq!(port.mtu.value(), Some(1500));
}

#[test]
fn scripts_are_followed() {
    let device = host(
        "PRIO=3; TOS=$((26 << 2))\nNICS=(eth0 eth1)\nlist=(0 0 0 0 0 0 0 0)\nlist[$PRIO]=1\n\
         pfc=$(echo \"${list[*]}\" | tr ' ' ',')\n\
         setup() { local nic=$1; mlnx_qos -i \"$nic\" --trust dscp --pfc $pfc; }\n\
         for nic in \"${NICS[@]}\"; do\n  setup $nic || exit 1\ndone\n\
         if [ \"$PRIO\" -eq 3 ]; then cma_roce_tos -d mlx5_0 -t ${TOS:-0}; else cma_roce_tos -d mlx5_0 -t 0; fi\n",
    );
    for name in ["eth0", "eth1"] {
        let port = device.port(name).unwrap();
        assert!(port.qos.pfc.send[3].is(&true), "{}", describe(&device));
        assert_eq!(
            port.rdma.as_ref().unwrap().senders[0].marking.dscp.value(),
            Some(26)
        );
    }
}

#[test]
fn what_cannot_be_known_is_unknown() {
    let device = host(
        "TOS=$(curl http://x/tos)\ncma_roce_tos -d mlx5_0 -t $TOS\nmlnx_qos -i eth0 --pfc $1\n",
    );
    let port = device.port("eth0").unwrap();
    assert_eq!(port.qos.pfc.send[3].value(), None);
    assert_eq!(
        port.rdma.as_ref().unwrap().senders[0].marking.dscp.value(),
        None
    );
    let device = host("if lspci | grep -q Mellanox; then mlnx_qos -i eth0 --trust dscp; fi\n");
    assert_eq!(device.port("eth0").unwrap().qos.trust.value(), None);
}

#[test]
fn other_tools_and_vlans() {
    let device = host(
        "dcb pfc set dev eth0 prio-pfc all:off 4:on\ndcb app replace dev eth0 dscp-prio 34:4\n\
         ip link add link eth0 name eth0.7 type vlan id 7 egress-qos-map 0:4 2:4 4:4 6:4\n\
         lldptool -T -i eth1 -V PFC enabled=3 willing=no\nlldptool -T -i eth2 -V PFC willing=yes enableTx=yes\n",
    );
    let port = device.port("eth0").unwrap();
    assert!(port.qos.trust.is(&Trust::Dscp) && port.qos.pfc.send[4].is(&true));
    assert_eq!(port.rdma.as_ref().unwrap().vlan.value(), Some(Some(7)));
    assert!(device.port("eth1").unwrap().qos.pfc.send[3].is(&true));
    let willing = device.port("eth2").unwrap();
    assert!(willing.qos.dcbx.willing.is(&true) && willing.qos.dcbx.on.is(&true));
}

#[test]
fn queue_pairs_of_the_gpu_are_senders_of_their_own() {
    let device = host(
        "echo 104 > /sys/class/infiniband/mlx5_0/tc/1/traffic_class\nmlnx_qos -i eth0 --trust dscp\nexport NCCL_GIN_ENABLE=1\n",
    );
    let senders = &device.port("eth0").unwrap().rdma.as_ref().unwrap().senders;
    let gpu = senders
        .iter()
        .find(|s| matches!(s.who, Who::App(_)))
        .unwrap();
    assert!(gpu.marking.dscp.is(&0) && !gpu.marking.dscp.is_stated());
}

#[test]
fn printed_tables_are_read() {
    let device = read(
        Dialect::Linux,
        "root@h:~# mlnx_qos -i eth0\nDCBX mode: OS controlled\nPriority trust state: dscp\ndscp2prio mapping:\n\
         \tprio:0 dscp:07,06,05,04,03,02,01,00,\n\tprio:3 dscp:31,30,29,28,27,26,25,24,\nPFC configuration:\n\
         \tpriority    0   1   2   3   4   5   6   7\n\tenabled     0   0   0   1   0   0   0   0\n\
         tc: 0 ratelimit: unlimited, tsa: ets, bw: 40%\n\t priority:  0\ntc: 3 ratelimit: unlimited, tsa: ets, bw: 60%\n\t priority:  3\n",
    );
    let port = device.port("eth0").unwrap();
    assert!(
        port.qos.trust.is(&Trust::Dscp)
            && port.qos.pfc.send[3].is(&true)
            && port.qos.pfc.send[4].is(&false)
    );
    assert_eq!(
        port.qos.queues[3].scheduler.value(),
        Some(crate::device::Scheduler::Percent(60))
    );
}

#[test]
fn faults_and_remarks() {
    assert!(
        fault(
            Dialect::Linux,
            "if true; then\nmlnx_qos -i x --trust dscp\n"
        )
        .contains("never ends")
    );
    assert!(fault(Dialect::Linux, "echo \"open\n").contains("a quote"));
    assert!(fault(Dialect::Linux, "cat <<EOF > /tmp/x\nfoo\n").contains("here-document"));
    let device = host("mlnx_qos -i eth0 --tcbw 50,49,0,0,0,0,0,0\nmlnx_qos -i eth0 --ecn 1\n");
    assert_eq!(device.remarks.len(), 2);
}

#[test]
fn repairs_are_read_again() {
    let text = "#!/bin/sh\nmlnx_qos -i eth0 --trust pcp\ncma_roce_tos -d mlx5_0 -t 26\n";
    let source = Source::new("h.sh", text);
    let device = read(Dialect::Linux, text);
    let again = |wish: Wish| {
        let edits = repair::repair(&device, &source, &wish).unwrap();
        read(Dialect::Linux, &apply(text, &edits))
    };
    let port = "eth0".to_owned();
    let fixed = again(Wish::Pfc {
        port: port.clone(),
        priority: 3,
    });
    assert!(fixed.port("eth0").unwrap().qos.pfc.send[3].is(&true));
    let fixed = again(Wish::MarkRdma {
        port: port.clone(),
        dscp: Some(26),
        priority: 3,
    });
    let sender = &fixed.port("eth0").unwrap().rdma.as_ref().unwrap().senders[0];
    assert_eq!(
        (sender.marking.dscp.value(), sender.marking.priority.value()),
        (Some(26), Some(3))
    );
    let fixed = again(Wish::Mtu { port, bytes: 9000 });
    assert_eq!(fixed.port("eth0").unwrap().mtu.value(), Some(9000));
}

#[test]
fn a_real_script_is_understood() {
    let text = sample("linux/rdma-qos.sh");
    let device = read(Dialect::Linux, &text);
    let (all, understood) = (device.lines.qos(), device.lines.understood_count());
    assert!(
        all >= 7 && understood * 100 >= all * 95,
        "{understood} of {all}"
    );
    let port = &device.other_ports;
    assert!(port.qos.pfc.send[5].is(&true), "{}", describe(&device));
    let rdma = port.rdma.as_ref().unwrap();
    assert_eq!(rdma.senders[0].marking.dscp.value(), Some(40));
    assert_eq!(rdma.cnp.dscp.value(), Some(48));
}

#[test]
fn any_bytes_end() {
    survives_mutations(Dialect::Linux, &sample("linux/rdma-qos.sh"));
    for text in [
        "$((((((",
        "${a:-${a:-${a:-x}}}",
        "a=(b",
        "((",
        "){",
        "case x in",
        "<<",
        "`",
        "f() { f; }\nf\n",
        "x=\\",
    ] {
        let source = Source::new("x.sh", format!("#!/bin/sh\n{text}"));
        let _ = import(Input {
            file: FileId(0),
            source: &source,
        });
    }
}
