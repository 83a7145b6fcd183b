//! Text that people write: scenarios, files of other simulators, tables, assertions.

use xoff_configs::languages::LANGUAGES;
use xoff_configs::load::Given;
use xoff_configs::source::Source;
use xoff_scenario::Overrides;
use xoff_scenario::hpcc;
use xoff_scenario::metrics::expect::Expectation;
use xoff_scenario::workload;

/// Scenario text; the files that it names do not exist.
pub fn scenario(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let read = |name: &str| Err(format!("{name}: not there"));
    let _ = xoff_scenario::load("fuzz.toml", text, &Overrides::default(), &read);
}

/// Config, topology, flow and trace file, separated by NUL bytes.
pub fn hpcc(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut parts = text.split('\0');
    let [config, topology, flow, trace] =
        std::array::from_fn(|_| parts.next().unwrap_or_default().to_owned());
    let read = |name: &str| {
        Ok(match name {
            "config.txt" => config.clone(),
            "flow.txt" => flow.clone(),
            "trace.txt" => trace.clone(),
            _ => topology.clone(),
        })
    };
    if let Ok(input) = hpcc::load("config.txt", &read) {
        let _ = hpcc::scenario_text(&input.model, &input.files, "fuzz");
    }
}

/// A configuration: the first byte chooses a dialect, or has it detected; what is read is checked.
pub fn configs(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let source = Source::new("fuzz.cfg", String::from_utf8_lossy(rest).into_owned());
    let dialect = LANGUAGES.get(usize::from(first)).map(|l| l.dialect);
    let given = vec![Given {
        source,
        perhaps: false,
    }];
    if let Ok(loaded) = xoff_configs::load::load(given, None, dialect) {
        let found = xoff_configs::rules::check(&loaded.fabric);
        let _ = xoff_configs::fixing::fixed(&loaded.fabric, &found);
    }
}

/// Flow lists, connection matrices and size distributions.
pub fn tables(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = workload::parse_csv(text, &|name| name.parse().ok());
    let hosts: Vec<u32> = (0..16).collect();
    let _ = workload::parse_htsim(text, &hosts);
    if let Ok(cdf) = workload::Cdf::parse(text) {
        let mut rng = xoff_model::rng::Stream::new(1, 0, 0, xoff_model::rng::Purpose::Workload);
        let _ = (cdf.mean(), cdf.sample(&mut rng));
    }
}

/// Assertions about results.
pub fn assertion(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Err(error) = Expectation::parse(text)
    {
        assert!(error.offset <= text.len());
    }
}
