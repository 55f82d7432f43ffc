//! The data folder: private, on a local disk, owned by one process at a time.

use std::{
    fs::{File, TryLockError},
    path::Path,
    time::{Duration, Instant},
};

use crate::StoreError;

/// A former owner in the same process may still be closing.
const PATIENCE: Duration = Duration::from_secs(1);

/// The right to the folder, until dropped.
#[derive(Debug)]
pub(super) struct Owner(#[expect(dead_code, reason = "held, not read")] File);

/// Makes the folder if need be, and takes `NAME.db` in it: `NAME.db.lock` is locked as long as this process has it open.
pub(super) fn own(folder: &Path, name: &str) -> Result<Owner, StoreError> {
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        StoreError::Unavailable(format!("the data folder {}: {what}: {error}", folder.display()))
    };
    make(folder).map_err(|error| failed("can't be made", &error))?;
    if let Some(kind) = network(folder) {
        return Err(StoreError::Unavailable(format!(
            "the data folder {} lies on a network file system ({kind}), where SQLite loses data; \
             choose a folder on a local disk, or use PostgreSQL (--database-url)",
            folder.display()
        )));
    }
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(format!("{name}.db.lock")))
        .map_err(|error| failed("can't be written to", &error))?;
    let since = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Owner(file)),
            Err(TryLockError::Error(error)) => return Err(failed("can't be locked", &error)),
            Err(TryLockError::WouldBlock) if since.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(failed("is in use", &"another Usher has it open; stop that one first"));
            }
        }
    }
}

#[cfg(unix)]
fn make(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    if !folder.is_dir() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut permissions = std::fs::metadata(folder)?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o700);
        std::fs::set_permissions(folder, permissions)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn make(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)
}

/// The kind of network file system the folder lies on, if it does: WAL needs shared memory and honest locks.
#[cfg(target_os = "linux")]
fn network(folder: &Path) -> Option<String> {
    let kind = rustix::fs::statfs(folder).ok()?.f_type;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "magic numbers are 32 bits wide"
    )]
    match kind as u32 {
        0x6969 => Some("nfs".to_owned()),
        0x517B => Some("smb".to_owned()),
        0xFF53_4D42 => Some("cifs".to_owned()),
        0xFE53_4D42 => Some("smb2".to_owned()),
        0x5346_414F => Some("afs".to_owned()),
        0x00C3_6400 => Some("ceph".to_owned()),
        0x0BD0_0BD0 => Some("lustre".to_owned()),
        0x6573_5546 => {
            fuse(&std::fs::read_to_string("/proc/self/mountinfo").ok()?, &folder.canonicalize().ok()?)
        }
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn network(_folder: &Path) -> Option<String> {
    None
}

/// FUSE carries local file systems and remote ones; the mount's type tells which.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
fn fuse(mounts: &str, folder: &Path) -> Option<String> {
    const REMOTE: &[&str] = &[
        "sshfs",
        "s3fs",
        "gcsfuse",
        "goofys",
        "rclone",
        "glusterfs",
        "ceph",
        "davfs",
        "juicefs",
        "blobfuse",
        "hdfs",
    ];
    // "36 35 98:0 /mnt1 /mount/point rw,noatime master:1 - fuse.sshfs host:/path rw"
    let (_, kind) = mounts
        .lines()
        .filter_map(|line| {
            let (mount, file_system) = line.split_once(" - ")?;
            let point = mount.split(' ').nth(4)?.replace("\\040", " ");
            folder.starts_with(&point).then_some((point.len(), file_system.split(' ').next()?))
        })
        .max_by_key(|(length, _)| *length)?;
    REMOTE.iter().any(|remote| kind.contains(remote)).then(|| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fuse_is_refused_where_it_is_remote() {
        let mounts = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                      30 22 0:50 / /mnt/far rw - fuse.sshfs host:/x rw\n\
                      31 22 0:51 / /mnt/near rw - fuse.mergerfs a:b rw\n";
        assert_eq!(fuse(mounts, Path::new("/mnt/far/data")).as_deref(), Some("fuse.sshfs"));
        assert_eq!(fuse(mounts, Path::new("/mnt/near/data")), None);
        assert_eq!(fuse(mounts, Path::new("/mnt/farther")), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_is_private_and_has_one_owner() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/data");
        let owner = own(&folder, "usher").unwrap();
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        let error = own(&folder, "usher").unwrap_err().to_string();
        assert!(error.contains("another Usher"), "{error}");
        let beside = own(&folder, "trail").unwrap();
        drop((owner, beside));
        own(&folder, "usher").unwrap();
    }
}
