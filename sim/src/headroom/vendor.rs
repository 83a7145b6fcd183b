//! Headroom rules of the field.

use super::{Input, MIN_FRAME, RESPONSE_QUANTA, Term};
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

/// `Xon` of SONiC's formula: the pipeline latency, rounded up.
pub(super) fn sonic_xon(input: &Input) -> Bytes {
    Bytes(input.pipeline_bytes.next_multiple_of(SONIC_UNIT as u64))
}

/// Bytes that the peer sends until it obeys.
fn sonic_peer_response(input: &Input) -> (u64, String) {
    let listed = |gbps| BitRate::from_gbps(gbps) == input.rate;
    match RESPONSE_QUANTA.iter().find(|(gbps, _)| listed(*gbps)) {
        Some((_, quanta)) => (quanta * 64, format!("{quanta} quanta × 512 / 8")),
        None => (
            input.rate.bytes_in_floor(input.response),
            format!("{} at {}", input.response, input.rate),
        ),
    }
}

/// Share of buffer that a byte takes, as a fraction: small packets cost the worst-case factor.
fn sonic_occupancy(input: &Input) -> (u128, u128) {
    let cell = u128::from(input.cell_bytes);
    let small = u128::from(input.small_packet_percent);
    let (num, den) = if cell > 2 * u128::from(MIN_FRAME) {
        (cell, u128::from(MIN_FRAME))
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
        Input {
            mtu_frame_bytes: 1_024,
            port_mtu: 9_100,
            cell_bytes: 144,
            small_packet_percent: 100,
            mac_phy_bytes: 819,
            pipeline_bytes: 18 * 1_024,
            ..Input::roce(BitRate::from_gbps(gbps), Length(metres * 1_000), 1_024)
        }
    }

    #[test]
    fn sonic_follows_its_design_document() {
        let total = |input: &Input| calculate(Profile::Sonic, input).unwrap().total.0;
        // 1024 + (9100 + 2 × 5 m × 100 Gb/s / c + 819 + 394 × 64) × 144 / 64, rounded up.
        assert_eq!(total(&sonic(100, 5)), 81_920);
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
    }
}
