//! A private instance of Postfix: settings, queue and ports of its own. It needs root, because Postfix does.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::require_or_skip;

const DAEMONS: &str = "/usr/lib/postfix/sbin";

/// A running mail system. It takes mail at `port`, knows one mailbox, `known@example.com`, and hands mail to
/// `@ruian.example` over by LMTP.
pub(crate) struct Postfix {
    pub(crate) port: u16,
    folder: TempDir,
    master: Child,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

impl Postfix {
    /// Starts one that hands over to `lmtp` on this machine; `None`, said aloud, where that is not possible.
    pub(crate) fn start(lmtp: u16) -> Option<Postfix> {
        let root = Command::new("id")
            .arg("-u")
            .output()
            .is_ok_and(|o| o.stdout == b"0\n");
        if !Path::new(DAEMONS).join("master").exists() || !root {
            require_or_skip("Postfix, as root: `make test` installs it");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let (port, inside) = (free_port(), free_port());
        let at = folder.path().display().to_string();
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        for name in ["etc", "queue", "data"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let run = |program: &str, args: &[&str]| {
            let mut command = Command::new(program);
            command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|s| s.success())
        };
        // Its processes leave root behind and must still find their folders.
        assert!(run(
            "chmod",
            &["755", &at, &format!("{at}/etc"), &format!("{at}/queue")]
        ));
        assert!(run("chown", &["postfix", &format!("{at}/data")]));
        write("etc/main.cf", main(&at));
        write("etc/mailboxes", "known@example.com known\n".to_owned());
        write(
            "etc/transport",
            format!(
                "known@example.com discard:\nexample.com smtp:[127.0.0.1]:{inside}\nruian.example lmtp:inet:127.0.0.1:{lmtp}\n"
            ),
        );
        write("etc/master.cf", services(port, inside));
        let settings = format!("{at}/etc");
        assert!(
            run("/usr/sbin/postfix", &["-c", &settings, "check"]),
            "the settings of Postfix are wrong"
        );
        let master = Command::new(format!("{DAEMONS}/master"))
            .args(["-c", &settings, "-d"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let postfix = Postfix { port, folder, master };
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(postfix);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("Postfix does not answer:\n{}", postfix.log());
    }

    /// What it noted.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // It ends its children when it is asked to end.
        let _ = Command::new("kill").arg(self.master.id().to_string()).status();
        let _ = self.master.wait();
    }
}

fn main(at: &str) -> String {
    format!(
        "compatibility_level = 3.6
queue_directory = {at}/queue
data_directory = {at}/data
command_directory = /usr/sbin
daemon_directory = {DAEMONS}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {at}/log
maillog_file_prefixes = {at}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = out.dunwell.test
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
virtual_mailbox_domains = example.com
virtual_mailbox_maps = texthash:{at}/etc/mailboxes
transport_maps = texthash:{at}/etc/transport
smtp_tls_security_level = none
smtpd_tls_security_level = none
smtp_host_lookup = native
notify_classes =
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
"
    )
}

/// One door that takes everything, and the real home of the mailboxes, which refuses whom it does not know.
fn services(port: u16, inside: u16) -> String {
    let mut text = format!(
        "127.0.0.1:{port} inet n - n - - smtpd -o smtpd_reject_unlisted_recipient=no
127.0.0.1:{inside} inet n - n - - smtpd -o myhostname=in.example.com
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"
    );
    for name in ["proxymap", "smtp", "lmtp", "error", "discard"] {
        text += &format!("{name} unix - - n - - {name}\n");
    }
    text
}
