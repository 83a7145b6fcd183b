//! What must be installed, told by files rather than by a package manager.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A Debian package, and files of which one shows that it is there. A name without a slash is a
/// program.
type Requirement = (&'static str, &'static [&'static str]);

/// To build the kernel.
const BUILD: &[Requirement] = &[
    ("bc", &["bc"]),
    ("binutils", &["strip"]),
    ("bison", &["bison"]),
    ("flex", &["flex"]),
    ("gcc", &["gcc"]),
    ("libc6-dev", &["/usr/include/stdio.h"]),
    (
        "libelf-dev",
        &["/usr/include/libelf.h", "/usr/include/libelf/libelf.h"],
    ),
    ("libssl-dev", &["/usr/include/openssl/opensslv.h"]),
    ("make", &["make"]),
];

/// To unpack the source that Debian packages.
const UNPACK: &[Requirement] = &[
    (DEBIAN_PACKAGE, &[DEBIAN_SOURCE]),
    ("tar", &["tar"]),
    ("xz-utils", &["xz"]),
];

/// To run guests.
const RUN: &[Requirement] = &[
    ("ibverbs-providers", &["/etc/libibverbs.d/rxe.driver"]),
    (
        "iproute2",
        &["/sbin/ip", "/usr/sbin/ip", "/bin/ip", "/usr/bin/ip"],
    ),
    ("iproute2", &["rdma"]),
];

const DEBIAN_PACKAGE: &str = "linux-source-6.12";
/// The kernel's source as Debian installs it.
pub const DEBIAN_SOURCE: &str = "/usr/src/linux-source-6.12.tar.xz";

/// Where to look.
#[derive(Clone, Debug)]
pub struct Places {
    pub root: PathBuf,
    /// Directories of programs, below `root`.
    pub path: Vec<PathBuf>,
}

impl Places {
    /// This machine, and the directories of administrators' programs beside `$PATH`.
    pub fn of_machine(path: Option<&OsStr>) -> Places {
        let mut dirs: Vec<PathBuf> = path
            .map(|p| std::env::split_paths(p).collect())
            .unwrap_or_default();
        dirs.extend(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from));
        Places {
            root: PathBuf::from("/"),
            path: dirs,
        }
    }

    fn has(&self, name: &str) -> bool {
        let within = |path: &Path| {
            let relative = path.strip_prefix("/").unwrap_or(path);
            self.root.join(relative).exists()
        };
        match name.starts_with('/') {
            true => within(Path::new(name)),
            false => self.path.iter().any(|dir| within(&dir.join(name))),
        }
    }

    fn missing(&self, wanted: &[&[Requirement]]) -> Vec<&'static str> {
        let mut packages: Vec<_> = wanted
            .iter()
            .flat_map(|part| part.iter())
            .filter(|(_, files)| !files.iter().any(|file| self.has(file)))
            .map(|(package, _)| *package)
            .collect();
        packages.sort_unstable();
        packages.dedup();
        packages
    }

    /// Packages to install before a kernel can be built and run, in order. `own_source`: from a
    /// tree that the user has.
    pub fn missing_to_build(&self, own_source: bool) -> Vec<&'static str> {
        match own_source {
            true => self.missing(&[BUILD, RUN]),
            false => self.missing(&[BUILD, UNPACK, RUN]),
        }
    }

    /// Packages to install before guests can run.
    pub fn missing_to_run(&self) -> Vec<&'static str> {
        self.missing(&[RUN])
    }
}

/// What to type.
pub fn install_line(packages: &[&str]) -> String {
    format!(
        "apt-get install --no-install-recommends {}",
        packages.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn create(root: &Path, path: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    #[test]
    fn packages_are_told_by_their_files() {
        let root = std::env::temp_dir().join(format!("xoff-packages-{}", std::process::id()));
        let places = Places {
            root: root.clone(),
            path: vec![PathBuf::from("/usr/bin")],
        };
        assert_eq!(places.missing_to_run(), ["ibverbs-providers", "iproute2"]);
        let all = places.missing_to_build(false);
        assert_eq!(all.len(), BUILD.len() + UNPACK.len() + 2);
        assert!(all.is_sorted() && all.contains(&DEBIAN_PACKAGE));
        assert!(!places.missing_to_build(true).contains(&DEBIAN_PACKAGE));

        for program in [
            "bc", "strip", "bison", "gcc", "make", "tar", "xz", "rdma", "ip",
        ] {
            create(&root, &format!("usr/bin/{program}"));
        }
        create(&root, "usr/include/stdio.h");
        create(&root, "usr/include/openssl/opensslv.h");
        create(&root, "etc/libibverbs.d/rxe.driver");
        let missing = places.missing_to_build(false);
        assert_eq!(missing, ["flex", "libelf-dev", DEBIAN_PACKAGE]);
        assert_eq!(
            install_line(&missing),
            "apt-get install --no-install-recommends flex libelf-dev linux-source-6.12"
        );
        assert!(places.missing_to_run().is_empty());
        // A program that is not on the path is not there.
        create(&root, "opt/flex");
        assert!(places.missing_to_build(false).contains(&"flex"));
        fs::remove_dir_all(&root).unwrap();
    }
}
