//! Headroom rules of the field.

use super::{Input, RESPONSE_QUANTA, Term};
use crate::framing::header::FRAME_MIN;
use crate::units::{BitRate, Bytes};

/// `(301 + 216 × metres / 100) × Mb/s / 1000 + 272 × MTU / 100`, every division rounded down and
/// the rate at least 40 Gb/s.
pub(super) fn mlx5_terms(input: &Input) -> Vec<Term> {
    let speed = (input.rate.bps() / 1_000_000).max(40_000);
    let metres = input.cable.0.div_ceil(1_000);
    let mtu = u64::from(input.port_mtu);
    let fixed = 301 * speed / 1_000;
    let with_cable = (301 + 216 * metres / 100) * speed / 1_000;
    vec![
        Term {
            name: "fixed latency",
            formula: format!("301 × {speed} / 1000"),
            bytes: fixed,
        },
        Term {
            name: "cable",
            formula: format!("(216 × {metres} / 100) × {speed} / 1000"),
            bytes: with_cable - fixed,
        },
        Term {
            name: "frames",
            formula: format!("272 × {mtu} / 100"),
            bytes: 272 * mtu / 100,
        },
    ]
}

/// SONiC rounds up to this many bytes.
const SONIC_UNIT: u128 = 1_024;
/// Speed of light in the cable in SONiC's formula, m/s.
const SONIC_LIGHT: u128 = 198_000_000;

/// `Xoff` of SONiC's formula, computed as its scripts do it: cable and gearbox are divided by 8 ×
/// 1024 although the product is in thousands of bits (so they come out 2.3 % low), the result is
/// rounded up to 1024. The scripts use floating point; this is the exact value.
///
/// `lossless mtu + (port mtu + 2 × (cable + gearbox) + MAC/PHY + peer response) × cell occupancy`
pub(super) fn sonic_terms(input: &Input) -> Vec<Term> {
    // Everything is counted in 1 / (8192 c × 1000) bytes: lengths are in millimetres.
    let unit = SONIC_LIGHT * 8_192 * 1_000;
    let speed = u128::from(input.rate.bps() / 1_000_000);
    let cable = 2 * u128::from(input.cable.0) * speed * 1_000_000_000;
    let gearbox_ps = u128::from(input.gearbox_delay.ps());
    let gearbox = 2 * speed * gearbox_ps * (unit / 8_192) / 1_000;
    let (peer, peer_formula) = sonic_peer_response(input);
    let (scale, of) = sonic_occupancy(input);
    let mtu = u128::from(input.port_mtu);
    let parts = [
        ("port mtu", mtu * unit, format!("{mtu} B")),
        (
            "cable",
            cable,
            format!("2 × {} mm × {speed} Mb/s / c", input.cable.0),
        ),
        (
            "gearbox",
            gearbox,
            format!("2 × {} × {speed} Mb/s", input.gearbox_delay),
        ),
        (
            "MAC/PHY",
            u128::from(input.mac_phy_bytes) * unit,
            format!("{} B", input.mac_phy_bytes),
        ),
        ("peer response", u128::from(peer) * unit, peer_formula),
    ];
    let lossless = u64::from(input.mtu_frame_bytes);
    let formula = format!("{lossless} B");
    let mut terms = vec![Term {
        name: "lossless mtu",
        formula,
        bytes: lossless,
    }];
    let (mut sum, mut before) = (0, 0);
    for (name, part, formula) in parts {
        sum += part;
        let now = (sum * scale / (unit * of)) as u64;
        let formula = format!("{formula} × occupancy {scale}/{of}");
        terms.push(Term {
            name,
            formula,
            bytes: now - before,
        });
        before = now;
    }
    let exact = u128::from(lossless) * unit * of + sum * scale;
    let rounded = exact.div_ceil(unit * of * SONIC_UNIT) * SONIC_UNIT;
    let bytes = rounded as u64 - lossless - before;
    terms.push(Term {
        name: "rounding",
        formula: "up to 1024 B".to_owned(),
        bytes,
    });
    terms
}

/// Lanes of a port whose pipeline SONiC takes for twice as long.
const SONIC_WIDE_PORT: u32 = 8;

/// `Xon` of SONiC's formula: the pipeline latency, rounded up. Of 8 lanes it takes twice the
/// latency less 1 KiB.
pub(super) fn sonic_xon(input: &Input) -> Bytes {
    let unit = SONIC_UNIT as u64;
    let pipeline = match input.lanes {
        SONIC_WIDE_PORT => (2 * input.pipeline_bytes).saturating_sub(unit),
        _ => input.pipeline_bytes,
    };
    Bytes(pipeline.next_multiple_of(unit))
}

/// `size` of SONiC's formula without a shared headroom pool: `Xon` + `Xoff`, and of 8 lanes the
/// port's MTU, rounded up.
pub(super) fn sonic_size(input: &Input, xoff: Bytes) -> Bytes {
    let overhead = match input.lanes {
        SONIC_WIDE_PORT => u64::from(input.port_mtu),
        _ => 0,
    };
    let size = xoff.0 + sonic_xon(input).0 + overhead;
    Bytes(size.next_multiple_of(SONIC_UNIT as u64))
}

/// Bytes that the peer sends until it obeys: of the time that is stated, or that SONiC has for the
/// rate, otherwise of the next listed rate.
fn sonic_peer_response(input: &Input) -> (u64, String) {
    let listed = |gbps| BitRate::from_gbps(gbps) == input.rate;
    let quanta = RESPONSE_QUANTA.iter().find(|(gbps, _)| listed(*gbps));
    match (input.response, quanta) {
        (None, Some((_, quanta))) => (quanta * 64, format!("{quanta} quanta × 512 / 8")),
        _ => (
            input.rate.bytes_in_floor(input.response()),
            format!("{} at {}", input.response(), input.rate),
        ),
    }
}

/// Share of buffer that a byte takes, as a fraction: small packets cost the worst-case factor.
fn sonic_occupancy(input: &Input) -> (u128, u128) {
    let cell = u128::from(input.cell_bytes);
    let small = u128::from(input.small_packet_percent);
    let (num, den) = if cell > 2 * u128::from(FRAME_MIN) {
        (cell, u128::from(FRAME_MIN))
    } else {
        (2 * cell, 1 + cell)
    };
    ((100 - small) * den + small * num, 100 * den)
}

#[cfg(test)]
mod tests {
    use super::super::{Profile, calculate};
    use super::*;
    use crate::time::SimDuration;
    use crate::units::Length;

    #[test]
    fn mlx5_matches_the_driver() {
        let total = |gbps, metres: u64, mtu| {
            let input = Input {
                port_mtu: mtu,
                ..Input::roce(BitRate::from_gbps(gbps), Length(metres * 1_000), 1_024)
            };
            calculate(Profile::Mlx5, &input).unwrap().total.0
        };
        assert_eq!(total(100, 7, 9_216), 56_667);
        assert_eq!(total(100, 100, 4_096), 62_841);
        assert_eq!(total(400, 100, 4_096), 217_941);
        assert_eq!(total(400, 5, 4_096), 135_541);
        assert_eq!(total(10, 7, 9_216), total(40, 7, 9_216));
    }

    fn sonic(gbps: u64, metres: u64) -> Input {
        Input::sonic(BitRate::from_gbps(gbps), Length(metres * 1_000))
    }

    #[test]
    fn sonic_follows_its_design_document() {
        let total = |input: &Input| calculate(Profile::Sonic, input).unwrap().total.0;
        // 1024 + (9100 + 2 × 5 m × 100 Gb/s / c + 819 + 394 × 64) × 144 / 64, rounded up.
        assert_eq!(total(&sonic(100, 5)), 81_920);
        assert_eq!(total(&sonic(100, 300)), 163_840);
        let input = Input {
            gearbox_delay: SimDuration::from_ns(9),
            ..sonic(400, 300)
        };
        assert_eq!(total(&input), 489_472);
        let input = Input {
            cell_bytes: 96,
            small_packet_percent: 40,
            ..sonic(25, 40)
        };
        assert_eq!(total(&input), 24_576);
        let breakdown = calculate(Profile::Sonic, &sonic(100, 5)).unwrap();
        assert_eq!(breakdown.xon, Some(Bytes(18_432)));
        assert_eq!(breakdown.size, Some(Bytes(81_920 + 18_432)));
    }

    /// Xoff and XON of the table that SONiC ships for NVIDIA's SN4280: what its formula gives if
    /// 2 % of the packets are small.
    #[test]
    fn sonic_matches_a_published_table() {
        for (gbps, metres, xoff) in [
            (10, 5, 16_384),
            (25, 5, 17_408),
            (100, 5, 37_888),
            (200, 5, 43_008),
            (400, 5, 73_728),
            (10, 40, 16_384),
            (25, 40, 18_432),
            (100, 40, 43_008),
            (100, 300, 75_776),
        ] {
            let input = Input {
                small_packet_percent: 2,
                pipeline_bytes: 19 * 1_024,
                ..sonic(gbps, metres)
            };
            let breakdown = calculate(Profile::Sonic, &input).unwrap();
            assert_eq!(breakdown.total, Bytes(xoff), "{gbps}G {metres} m");
            assert_eq!(breakdown.xon, Some(Bytes(19_456)));
        }
        let wide = Input {
            lanes: 8,
            pipeline_bytes: 19 * 1_024,
            ..sonic(400, 5)
        };
        let breakdown = calculate(Profile::Sonic, &wide).unwrap();
        assert_eq!(breakdown.xon, Some(Bytes(37 * 1_024)));
        let whole = breakdown.total.0 + 37 * 1_024 + 9_100;
        assert_eq!(breakdown.size, Some(Bytes(whole.next_multiple_of(1_024))));
    }

    #[test]
    fn every_input_of_sonic_counts() {
        let total = |input: &Input| {
            let breakdown = calculate(Profile::Sonic, input).unwrap();
            (breakdown.total, breakdown.xon)
        };
        let base = sonic(100, 40);
        let stated = |response| Input { response, ..base };
        let second = SimDuration::from_us(1);
        for other in [
            Input {
                mtu_frame_bytes: 4_096,
                ..base
            },
            Input {
                port_mtu: 4_096,
                ..base
            },
            Input {
                cell_bytes: 208,
                ..base
            },
            Input {
                small_packet_percent: 50,
                ..base
            },
            Input {
                mac_phy_bytes: 4_096,
                ..base
            },
            Input {
                gearbox_delay: second,
                ..base
            },
            Input {
                pipeline_bytes: 40_000,
                ..base
            },
            stated(Some(second)),
            Input { lanes: 8, ..base },
        ] {
            assert_ne!(total(&other), total(&base), "{other:?}");
        }
        // Stated as it would be by default, the response changes nothing.
        let by_rate = Some(super::super::response_time(base.rate));
        assert_eq!(total(&stated(by_rate)), total(&base));
    }
}
