//! On what a run was made: what a reader needs to know who wants to repeat it.

use std::path::Path;
use std::process::Command;

use serde::Serialize;

/// The machine, the build and the moment. What can't be told is null.
#[derive(Serialize)]
pub(super) struct Machine {
    cpu: Option<String>,
    cores: Option<usize>,
    kernel: Option<String>,
    load_average: Option<String>,
    /// Of the folder that the figures are written to, which need not be the journal's.
    file_system: Option<String>,
    /// Of the folder whose disk is measured beside the journal.
    disk_file_system: Option<String>,
}

impl Machine {
    pub(super) fn of(folder: &Path, disk: Option<&Path>) -> Self {
        let read = |path| std::fs::read_to_string(path).ok();
        let cpu = read("/proc/cpuinfo").and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
        let mounts = read("/proc/self/mountinfo");
        let on = |folder| file_system(mounts.as_deref()?, &std::fs::canonicalize(folder).ok()?);
        Self {
            cpu,
            // Not those that this thread may use, which may be kept on one.
            cores: read("/proc/cpuinfo")
                .map(|text| text.lines().filter(|line| line.starts_with("processor")).count()),
            kernel: read("/proc/sys/kernel/osrelease").map(|kernel| kernel.trim().to_owned()),
            load_average: read("/proc/loadavg").map(|load| load.trim().to_owned()),
            file_system: on(folder),
            disk_file_system: disk.and_then(on),
        }
    }
}

/// The kind of file system that a folder is on: that of the longest mount point above it.
fn file_system(mounts: &str, folder: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let (point, rest) = (line.split(' ').nth(4)?, line.split_once(" - ")?.1);
        Some((point, rest.split(' ').next()?))
    });
    let above = mounts.filter(|(point, _)| folder.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind.to_owned())
}

/// The commit of the folder that this runs in, with `-changed` where files of it are others, but for runs that are kept; none
/// where it is no checkout.
pub(super) fn commit() -> Option<String> {
    let git = |args: &[&str]| {
        let done = Command::new("git").args(args).output().ok().filter(|done| done.status.success())?;
        Some(String::from_utf8(done.stdout).ok()?.trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    let but_runs = ["--", ":(top)", ":(top,exclude)benches/runs"];
    let changed = git(&[&["status", "--porcelain", "--untracked-files=no"], &but_runs[..]].concat())?;
    Some(if changed.is_empty() { commit } else { commit + "-changed" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_on_the_mount_right_above_it() {
        let mounts = "22 1 254:0 / / rw - ext4 /dev/vda rw\n\
                      30 22 0:26 / /data rw,nosuid shared:5 - xfs /dev/vdb rw\n\
                      31 22 0:27 / /database rw - tmpfs tmpfs rw\n";
        let on = |folder: &str| file_system(mounts, Path::new(folder)).unwrap();
        assert_eq!(
            (on("/data/j"), on("/home"), on("/databases")),
            ("xfs".into(), "ext4".into(), "ext4".into())
        );
    }
}
