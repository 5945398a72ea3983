//! What an editor shows inside `graph!` and `#[node]`: a scripted session with rust-analyzer.
//! Where it cannot be had, the test says on standard error that it was skipped.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

const VENUE: &str = include_str!("language_server/venue.rs");
const HANDLERS: &str = "impl MatcherHandlers for Matcher {
    fn on_orders(&self, _: &Order, _: &mut impl MatcherOut) -> NodeResult { Ok(()) }
}";

/// A session with the server over one file.
struct Session {
    server: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    file: String,
    version: i64,
    next: i64,
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Session {
    /// `None` when there is no rust-analyzer.
    fn start(folder: &Path) -> Option<Self> {
        let works = Command::new("rust-analyzer").arg("--version").output();
        if !works.is_ok_and(|output| output.status.success()) {
            return None;
        }
        let mut server = Command::new("rust-analyzer")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let (to, from) = (server.stdin.take()?, BufReader::new(server.stdout.take()?));
        let file = format!("file://{}", folder.join("src/main.rs").display());
        let mut session = Session { server, to, from, file, version: 0, next: 0 };
        session.request(
            "initialize",
            json!({
                "processId": null,
                "rootUri": format!("file://{}", folder.display()),
                "capabilities": {
                    "experimental": { "serverStatusNotification": true },
                    "textDocument": {
                        "codeAction": {
                            "codeActionLiteralSupport": { "codeActionKind": { "valueSet": [] } },
                            "resolveSupport": { "properties": ["edit"] },
                        },
                        "hover": { "contentFormat": ["plaintext"] },
                    },
                },
                "initializationOptions": {
                    "checkOnSave": false,
                    "cachePriming": { "enable": false },
                    "procMacro": { "enable": true },
                    "cargo": { "buildScripts": { "enable": true } },
                },
            }),
        );
        session.notify("initialized", json!({}));
        session.open(VENUE);
        session.until_quiet();
        Some(session)
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.to, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.to.flush().unwrap();
    }

    fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn receive(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).unwrap() > 0, "rust-analyzer has ended");
            match line.trim().split_once(": ") {
                Some(("Content-Length", text)) => length = text.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut text = vec![0; length];
        self.from.read_exact(&mut text).unwrap();
        let message: Value = serde_json::from_slice(&text).unwrap();
        // What the server asks of the client gets an empty answer.
        if let (Some(id), Some(_)) = (message.get("id"), message.get("method")) {
            let answer = json!({ "jsonrpc": "2.0", "id": id, "result": null });
            self.send(&answer);
        }
        message
    }

    fn request(&mut self, method: &str, params: Value) -> Value {
        loop {
            self.next += 1;
            let id = self.next;
            self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
            let answer = loop {
                let message = self.receive();
                if message.get("method").is_none() && message["id"] == id {
                    break message;
                }
            };
            // "Content modified": the server was still taking in what was sent before.
            if answer["error"]["code"] == -32801 {
                continue;
            }
            assert!(answer.get("error").is_none(), "{method}: {}", answer["error"]);
            return answer["result"].clone();
        }
    }

    /// Waits until the server has loaded everything.
    fn until_quiet(&mut self) {
        loop {
            let message = self.receive();
            if message["method"] == "experimental/serverStatus"
                && message["params"]["quiescent"] == true
            {
                assert_ne!(message["params"]["health"], "error", "{message}");
                return;
            }
        }
    }

    fn open(&mut self, text: &str) {
        let file = self.file.clone();
        self.notify(
            "textDocument/didOpen",
            json!({ "textDocument": { "uri": file, "languageId": "rust", "version": 0, "text": text } }),
        );
    }

    /// Puts `text` on the screen, without its `|`, and returns where that was.
    fn show(&mut self, text: &str) -> Value {
        let at = text.find('|').unwrap();
        let (before, text) = (&text[..at], format!("{}{}", &text[..at], &text[at + 1..]));
        self.version += 1;
        let (file, version) = (self.file.clone(), self.version);
        self.notify(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": file, "version": version },
                "contentChanges": [{ "text": text }],
            }),
        );
        let line = before.matches('\n').count();
        let character = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
        json!({
            "textDocument": { "uri": self.file },
            "position": { "line": line, "character": character },
        })
    }

    fn completions(&mut self, text: &str) -> Vec<String> {
        let at = self.show(text);
        let answer = self.request("textDocument/completion", at);
        let items = answer.get("items").unwrap_or(&answer).as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|item| item["label"].as_str().map(str::to_owned)).collect()
    }
}

/// The file with `edge` as the last edge of the graph, its handlers written.
fn with_edge(edge: &str) -> String {
    VENUE.replace("/*HANDLERS*/", HANDLERS).replace("/*EDGE*/", edge)
}

/// The folder of a user's crate.
fn user_crate() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("language_server");
    std::fs::create_dir_all(folder.join("src")).unwrap();
    let streamweave = Path::new(env!("CARGO_MANIFEST_DIR")).join("../streamweave");
    let manifest = format!(
        "[package]\nname = \"venue\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nstreamweave = {{ path = {:?} }}\n\n[workspace]\n",
        streamweave.canonicalize().unwrap()
    );
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    std::fs::copy(lock, folder.join("Cargo.lock")).unwrap();
    std::fs::write(folder.join("src/main.rs"), with_edge("")).unwrap();
    folder
}

#[test]
fn an_editor_understands_the_graph() {
    let Some(mut session) = Session::start(&user_crate()) else {
        streamweave_tests::skipped("no rust-analyzer here (rustup component add rust-analyzer)");
        return;
    };

    // Wherever a port is still to be written.
    for edge in ["feed.|", "feed.|,", "feed.o|", "feed.| => matcher.orders,"] {
        let ports = session.completions(&with_edge(edge));
        for port in ["orders", "rates"] {
            assert!(ports.iter().any(|label| label == port), "no `{port}` at `{edge}`: {ports:?}");
        }
    }
    let ports = session.completions(&with_edge("graph.raw => feed.|"));
    assert!(ports.iter().any(|label| label == "raw"), "no `raw` after `feed.`: {ports:?}");

    let names = session.completions(&with_edge("fe|"));
    assert!(names.iter().any(|label| label == "feed"), "no `feed` among {} names", names.len());

    // Go to the definition: from the port in `graph!` to its field.
    let text = with_edge("").replace("matcher.fills => graph", "matcher.fil|ls => graph");
    let at = session.show(&text);
    let found = session.request("textDocument/definition", at.clone());
    let target = if found.is_array() { &found[0] } else { &found };
    let range = target.get("targetSelectionRange").or_else(|| target.get("range")).unwrap();
    let line = range["start"]["line"].as_u64().unwrap() as usize;
    assert_eq!(VENUE.lines().nth(line).map(str::trim), Some("fills: Fill,"), "{found}");

    // Hover: the field's documentation.
    let hover = session.request("textDocument/hover", at);
    assert!(hover.to_string().contains("Executed trades."), "{hover}");

    // The stubs that the editor writes for the handlers.
    let stub = VENUE
        .replace("/*EDGE*/", "")
        .replace("/*HANDLERS*/", "impl MatcherHandlers for Mat|cher {}");
    let mut at = session.show(&stub);
    at["range"] = json!({ "start": at["position"], "end": at["position"] });
    at["context"] = json!({ "diagnostics": [] });
    let actions = session.request("textDocument/codeAction", at);
    let wanted = actions.as_array().unwrap().iter().find(|action| {
        action["title"].as_str().is_some_and(|title| title.contains("Implement missing members"))
    });
    let wanted = wanted.unwrap_or_else(|| panic!("no stubs are offered: {actions}")).clone();
    let resolved = session.request("codeAction/resolve", wanted).to_string();
    // The server writes what comes from a macro with spaces of its own.
    let resolved: String = resolved.split_whitespace().collect();
    let signature =
        "on_orders(&self,orders:&Order,out:&mutimplMatcherOut)->::streamweave::NodeResult";
    assert!(resolved.contains(signature), "{resolved}");
}
