//! A PostgreSQL server of one's own: in a temporary folder, on the loopback interface, of an ordinary user.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tokio_postgres::{Client, NoTls};

/// Goes with its server.
pub(crate) struct Server {
    programs: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    running: Option<Child>,
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Server {
    /// A server that runs; none, and that is told, where it is not installed.
    pub(crate) fn start() -> Option<Server> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let programs = versions.map(|version| version.path().join("bin"));
        let Some(programs) = programs.filter(|bin| bin.join("initdb").exists()).max() else {
            streamweave_tests::skipped("no PostgreSQL server here (apt-get install postgresql)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let mut server = Server { programs, folder, port: 0, running: None };
        if is_root() {
            succeed(Command::new("chown").arg("postgres:").arg(server.folder.path()));
        }
        let mut initdb = server.command("initdb");
        succeed(initdb.args(["--no-sync", "--auth=trust", "--username=books", "--encoding=UTF8"]));
        server.up();
        Some(server)
    }

    /// A program of the server on its folder, which is killed with this thread.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if is_root() {
            // It runs as anybody else only.
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        }
        command.arg(self.programs.join(program)).arg("-D").arg(self.folder.path().join("data"));
        command.current_dir(self.folder.path());
        command
    }

    /// Lets it run, on the port that it had before.
    pub(crate) fn up(&mut self) {
        loop {
            let port = match self.port {
                0 => TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port(),
                port => port,
            };
            let mut command = self.command("postgres");
            command.args(["-h", "127.0.0.1", "-c", "fsync=off", "-c", "lc_messages=C"]);
            command.args(["-p", &port.to_string(), "-k"]).arg(self.folder.path());
            let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
            let mut told =
                BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
            if told.any(|line| line.contains("ready to accept connections")) {
                // It must not wait for anybody to read what else it tells.
                std::thread::spawn(move || told.for_each(drop));
                (self.port, self.running) = (port, Some(child));
                return;
            }
            assert_eq!(self.port, 0, "it does not run again");
            child.wait().unwrap();
        }
    }

    /// Ends it: what is on its way is aborted, and connections are told so.
    pub(crate) fn down(&mut self) {
        if let Some(mut child) = self.running.take() {
            succeed(Command::new("kill").args(["-INT", &child.id().to_string()]));
            child.wait().unwrap();
        }
    }

    pub(crate) fn config(&self) -> String {
        format!("host=127.0.0.1 port={} user=books dbname=postgres", self.port)
    }

    pub(crate) async fn client(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.config(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.down();
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}
