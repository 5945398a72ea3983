//! `--state`: the program killed at any instant and started again until it finishes tells the same
//! report, and leaves the same dead letters, byte for byte, as one that nobody disturbs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use streamweave::checkpoint::FileCheckpointStorage;

use super::{access_log, example, failure, folder, rows};

/// What is waited for before a kill, counted from the start of the process.
#[derive(Clone, Copy, Debug)]
enum Kill {
    /// So many checkpoints are complete.
    Checkpoints(u64),
    /// One more is begun, behind so many.
    Begun(u64),
    /// The file of dead letters has grown by so many bytes.
    Letters(u64),
}

/// A job in a folder of its own.
struct Job {
    folder: PathBuf,
    arguments: Vec<String>,
}

impl Job {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn start(&self, workers: u64, more: &[&str]) -> Child {
        self.command(workers, more).spawn().unwrap()
    }

    fn command(&self, workers: u64, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_access_log"));
        command
            .args(&self.arguments)
            .args(["-o", "jsonl", "--workers", &workers.to_string(), "--dead-letters"])
            .arg(self.path("dead.jsonl"))
            .args(more)
            .stdout(File::create(self.path("report.jsonl")).unwrap())
            .stderr(Stdio::inherit());
        command
    }

    /// The report and the dead letters.
    fn results(&self) -> [Vec<u8>; 2] {
        ["report.jsonl", "dead.jsonl"].map(|name| fs::read(self.path(name)).unwrap())
    }

    /// The greatest ids of checkpoints, complete and begun.
    fn ids(&self) -> [u64; 2] {
        let names = fs::read_dir(self.path("state")).into_iter().flatten().flatten();
        let names: Vec<_> =
            names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        ["checkpoint-", "begun-"].map(|prefix| {
            let ids = names.iter().filter_map(|name| name.strip_prefix(prefix)?.parse().ok());
            ids.max().unwrap_or(0)
        })
    }

    fn letters(&self) -> u64 {
        fs::metadata(self.path("dead.jsonl")).map_or(0, |file| file.len())
    }

    /// Runs it until it ends or is killed; whether it was.
    fn live(&self, workers: u64, kill: Option<Kill>) -> bool {
        let state = self.path("state");
        let ([before, _], mut length, mut grown) = (self.ids(), self.letters(), 0);
        let mut child =
            self.start(workers, &["--every", "1ms", "--state", state.to_str().unwrap()]);
        loop {
            if let Some(ended) = child.try_wait().unwrap() {
                assert!(ended.success());
                return false;
            }
            let due = match kill {
                None => false,
                Some(Kill::Checkpoints(count)) => self.ids()[0] >= before + count,
                Some(Kill::Begun(count)) => {
                    let [complete, begun] = self.ids();
                    complete >= before + count && begun > complete
                }
                Some(Kill::Letters(bytes)) => {
                    let now = self.letters();
                    // At the start it is cut back.
                    grown += now.saturating_sub(length);
                    length = now;
                    grown >= bytes
                }
            };
            if due {
                child.kill().unwrap();
                // It may have finished just before.
                return !child.wait().unwrap().success();
            }
            std::thread::yield_now();
        }
    }
}

/// The sample so often, as a file of its own.
fn repeated(folder: &Path, times: usize) -> String {
    let log = folder.join(format!("{times}.log"));
    fs::write(&log, fs::read(example("sample/access.log")).unwrap().repeat(times)).unwrap();
    log.to_str().unwrap().to_owned()
}

/// `STREAMWEAVE_KILLS` says how many kills at least.
#[test]
fn a_job_that_is_killed_again_and_again_tells_the_same() {
    let least = std::env::var("STREAMWEAVE_KILLS").ok().and_then(|kills| kills.parse().ok());
    let least: u64 = least.unwrap_or(10);
    let folder = folder("kills");
    let (log, short) = (repeated(&folder, 60), repeated(&folder, 8));
    let (gzip, common) = (example("sample/access.log.gz"), example("sample/common.log"));
    let timed = ["--per-minute", "--sliding", "--sessions", "--alerts", "1%", "--lateness", "1h"];
    let jobs = [
        vec![log],
        [vec![common, gzip.clone(), short, gzip], timed.map(str::to_owned).to_vec()].concat(),
    ];
    let jobs = jobs.map(|arguments| Job { folder: folder.clone(), arguments });
    let undisturbed = [0, 1].map(|job| {
        let job: &Job = &jobs[job];
        assert!(job.start(1, &[]).wait().unwrap().success());
        job.results()
    });
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    let (mut kills, mut by, mut runs) = (0, [0; 3], 0);
    while kills < least {
        let (job, expected) = (&jobs[runs % 2], &undisturbed[runs % 2]);
        runs += 1;
        let _ = fs::remove_dir_all(job.path("state"));
        let mut lives = 0;
        loop {
            let which = random(3);
            let kill = match which {
                0 => Kill::Checkpoints(1 + random(2)),
                1 => Kill::Begun(random(2)),
                _ => Kill::Letters(1 + random(expected[1].len() as u64 / 3)),
            };
            // A kill before the first checkpoint leads nowhere: now and then one is let be.
            lives += 1;
            if !job.live(1 + random(3), (lives % 10 != 0).then_some(kill)) {
                break;
            }
            kills += 1;
            by[which as usize] += 1;
        }
        let [report, letters] = job.results();
        assert!(report == expected[0], "another report after {kills} kills");
        assert!(letters == expected[1], "other dead letters after {kills} kills");
    }
    println!("{kills} kills in {runs} runs: behind, during checkpoints, and by letters {by:?}");
}

/// A job that has finished tells its report again, and looks at its files no more.
#[test]
fn a_finished_job_tells_its_report_again() {
    let folder = folder("finished");
    let job = Job { arguments: vec![repeated(&folder, 2)], folder };
    assert!(!job.live(2, None));
    let results = job.results();
    assert!(results.iter().all(|result| !result.is_empty()));
    let log = &job.arguments[0];
    fs::write(log, fs::read(log).unwrap().repeat(2)).unwrap();
    assert!(!job.live(3, None));
    assert!(job.results() == results);
}

/// Where the state cannot be saved, that is said, and the job does its work.
#[test]
fn a_state_that_cannot_be_saved_is_no_failure_of_the_job() {
    let folder = folder("unsaved");
    let job = Job { arguments: vec![repeated(&folder, 30)], folder };
    assert!(job.start(1, &[]).wait().unwrap().success());
    let (expected, state) = (job.results(), job.path("state"));
    let mut attempts = 0;
    let said = loop {
        let said = job.path("said");
        let mut child = job.command(2, &["--every", "1ms", "--state", state.to_str().unwrap()]);
        let mut child = child.stderr(File::create(&said).unwrap()).spawn().unwrap();
        while job.ids()[0] == 0 && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        fs::rename(&state, job.path(&format!("away{attempts}"))).unwrap();
        assert!(child.wait().unwrap().success());
        assert!(job.results() == expected);
        let said = fs::read_to_string(said).unwrap();
        attempts += 1;
        // It may have saved its last state just before.
        if !said.is_empty() || attempts == 10 {
            break said;
        }
    };
    for line in said.lines() {
        assert!(
            line.starts_with("access_log: warning: the state was not saved: cannot "),
            "{line}"
        );
    }
    assert!(said.contains("state/begun-"), "{said}");
}

#[test]
fn a_job_that_cannot_be_resumed_is_refused() {
    let folder = folder("refused");
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (log, other) = (repeated(&folder, 1), example("sample/common.log"));
    let (state, dead) = (file("state"), file("dead.jsonl"));
    let ours = [&log, "--state", &state, "--dead-letters", &dead];
    let with = |more: &[&str]| failure(&[&ours[..], more].concat(), 1);

    assert!(failure(&["-", "--state", &state], 1).contains("- can be read only once"));
    for conflict in ["--plain", "--follow"] {
        assert!(failure(&[&log, "--state", &state, conflict], 2).contains("cannot be used with"));
    }
    assert!(failure(&[&log, "--every", "1s"], 2).contains("--state <DIR>"));
    assert!(failure(&[&ours[..], &["--every", "0s"]].concat(), 2).contains("at least 1ms"));
    assert!(failure(&[&log, "--state", &log], 1).contains("cannot make the folder"));
    if cfg!(unix) {
        let pipe = file("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(failure(&[&pipe, "--state", &state], 1).contains("can be read only once"));
        let full = failure(&[&log, "--state", &state, "--dead-letters", "/dev/null"], 1);
        assert!(full.contains("/dev/null cannot be cut back"), "{full}");
    }

    rows(&ours, b"");
    let letters = fs::read(&dead).unwrap();
    let refused = with(&["--format", "combined", "--per-minute"]);
    assert!(refused.contains("(--format was auto, --per-minute was false)"), "{refused}");
    let refused = failure(&[&log, "--state", &state], 1);
    assert!(refused.contains(&format!("--dead-letters was {dead}")), "{refused}");
    let refused = with(&[&other]);
    assert!(refused.contains(&format!("had other files: name {log}, in this order")), "{refused}");
    {
        let _used = FileCheckpointStorage::open(&state).unwrap();
        assert!(with(&[]).contains("are in use"));
    }
    // Nothing of this has touched anything.
    assert!(fs::read(&dead).unwrap() == letters);
    rows(&[&ours[..], &["--every", "1h", "--workers", "3"]].concat(), b"");
    assert!(fs::read(&dead).unwrap() == letters);

    fs::write(&dead, &letters[1..]).unwrap();
    let refused = with(&[]);
    assert!(refused.contains("is shorter than it was"), "{refused}");
    fs::write(&dead, &letters).unwrap();
    fs::copy(&other, &log).unwrap();
    assert!(with(&[]).contains("is not the file that the job began with"));
    fs::remove_file(folder.join("state/job.json")).unwrap();
    assert!(with(&[]).contains("does not say which job"));
    let begun_anew = access_log(&[&log, "--state", &file("another")], b"");
    assert!(begun_anew.status.success());
}
