//! A private Postfix: its own settings, queue and log in a temporary folder, on a free port, stopped when it is dropped. It
//! delivers mail for a few known people into maildirs and returns all other mail to its sender, who has a maildir too. Mail to
//! `@ruian.example` it hands over by LMTP where somebody listens.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::require_or_skip;

/// A running Postfix.
pub(crate) struct Postfix {
    pub(crate) port: u16,
    folder: TempDir,
}

const SERVICES: &str = "pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

/// Whose mail is delivered, and into which maildir. Everybody else is unknown, which Postfix finds out after it took the mail.
const BOXES: &str = "/^li\\.wei@/ li.wei/\n/^bounce(\\+.*)?@/ bounces/\n";

impl Postfix {
    /// Starts one; none, said aloud, where Postfix is missing or who runs the tests may not start it.
    pub(crate) fn start() -> Option<Postfix> {
        Postfix::start_beside(None)
    }

    /// The same, handing mail to `@ruian.example` to this port of this machine; then nobody has a mailbox here.
    pub(crate) fn start_beside(lmtp: Option<u16>) -> Option<Postfix> {
        let programs = ["/usr/lib/postfix/sbin", "/usr/libexec/postfix"];
        let daemons = programs
            .iter()
            .find(|folder| Path::new(folder).join("master").exists());
        let id = |what: &str, name: &str| {
            let out = Command::new("id")
                .args([what, name])
                .stderr(Stdio::null())
                .output()
                .ok()?;
            String::from_utf8(out.stdout).ok()?.trim().parse::<u32>().ok()
        };
        let me = fs::metadata("/proc/self").ok().map(|me| me.uid());
        let (Some(daemons), Some(owner), Some(0), Some(nobody)) =
            (daemons, id("-u", "postfix"), me, id("-u", "nobody"))
        else {
            require_or_skip("a Postfix of one's own: `make test` installs it, and root starts it");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| folder.path().join(name);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["conf", "queue", "data", "mail"] {
            fs::create_dir(of(name)).unwrap();
        }
        chown(of("data"), Some(owner), None).unwrap();
        chown(of("mail"), Some(nobody), None).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let base = folder.path().display();
        let settings = format!(
            "compatibility_level = 3.6\nqueue_directory = {base}/queue\ndata_directory = {base}/data\n\
             command_directory = /usr/sbin\ndaemon_directory = {daemons}\nmail_owner = postfix\nsetgid_group = postdrop\n\
             myhostname = mail.dunwell.test\nmydestination =\nmynetworks = 127.0.0.0/8\ninet_interfaces = 127.0.0.1\n\
             inet_protocols = ipv4\nalias_maps =\nalias_database =\nlocal_recipient_maps =\nsmtputf8_enable = yes\n\
             smtpd_relay_restrictions = permit_mynetworks, reject\nvirtual_mailbox_domains = static:all\n\
             virtual_mailbox_base = {base}/mail\nvirtual_mailbox_maps = regexp:{base}/conf/boxes\n\
             virtual_uid_maps = static:{nobody}\nvirtual_gid_maps = static:{nobody}\nvirtual_minimum_uid = 1\n\
             recipient_delimiter =\nsmtpd_reject_unlisted_recipient = no\n\
             transport_maps = texthash:{base}/conf/transport\n\
             maillog_file = {base}/mail.log\nmaillog_file_prefixes = {base}\n"
        );
        fs::write(of("conf/main.cf"), settings).unwrap();
        fs::write(of("conf/boxes"), if lmtp.is_some() { "" } else { BOXES }).unwrap();
        let onward = lmtp.map(|port| format!("ruian.example lmtp:inet:127.0.0.1:{port}\n"));
        fs::write(of("conf/transport"), onward.unwrap_or_default()).unwrap();
        fs::write(
            of("conf/master.cf"),
            format!("127.0.0.1:{port} inet n - n - - smtpd\n{SERVICES}"),
        )
        .unwrap();
        let postfix = Postfix { port, folder };
        if !postfix.command("start") || !postfix.answers() {
            require_or_skip(&format!("Postfix does not start here: {}", postfix.log()));
            return None;
        }
        Some(postfix)
    }

    /// What it noted.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("mail.log")).unwrap_or_default()
    }

    fn command(&self, what: &str) -> bool {
        let mut command = Command::new("/usr/sbin/postfix");
        command.arg("-c").arg(self.folder.path().join("conf")).arg(what);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    fn answers(&self) -> bool {
        (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(25));
            std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        })
    }

    /// The mails delivered into a maildir (`li.wei`, `bounces`), once there are so many.
    pub(crate) fn delivered(&self, name: &str, at_least: usize) -> Vec<PathBuf> {
        let folder = self.folder.path().join("mail").join(name).join("new");
        for _ in 0..400 {
            let found: Vec<PathBuf> = fs::read_dir(&folder)
                .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
                .unwrap_or_default();
            if found.len() >= at_least {
                return found;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("no {at_least} mails in {name}\n{}", self.log());
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.command("stop");
    }
}
