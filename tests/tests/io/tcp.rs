//! TCP on the loopback interface.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use streamweave::graph;
use streamweave::io::{TcpLines, TcpSink};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::Tested;

#[tokio::test]
async fn lines_of_several_clients() -> Tested {
    let source = TcpLines::bind("127.0.0.1:0")?.max_line(50).max_connections(3);
    let address = source.local_addr();
    let graph = graph! {
        source: source,
        source.lines => graph.lines,
        source.errors => graph.errors,
    };
    let mut run = graph.start()?;
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..8u64 {
        clients.spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            for n in 0..200u64 {
                stream.write_all(format!("{client} {n}\r\n").as_bytes()).await?;
            }
            stream.write_all(&[b'x'; 5000]).await?;
            stream.write_all(b"\n\xff\nlast").await?;
            stream.shutdown().await
        });
    }
    let mut by_peer: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for _ in 0..8 * 201 {
        let line = run.outputs.lines.recv().await.ok_or("it ended")?;
        by_peer.entry(line.peer).or_default().push(line);
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    assert_eq!(by_peer.len(), 8);
    for lines in by_peer.values_mut() {
        let last = lines.pop().ok_or("nothing")?;
        assert_eq!((last.number, &*last.text), (203, "last"));
        let client = lines[0].text.clone();
        let client = client.split(' ').next().unwrap_or_default();
        for (n, line) in lines.iter().enumerate() {
            assert_eq!((line.number, &*line.text), (n as u64 + 1, &*format!("{client} {n}")));
        }
    }
    for _ in 0..16 {
        let error = run.outputs.errors.recv().await.ok_or("it ended")?;
        assert!(error.file.starts_with("tcp://127.0.0.1:"), "{error}");
        let (line, what) = if error.line == 201 { (201, "5001 bytes") } else { (202, "UTF-8") };
        assert!(error.line == line && error.reason.contains(what), "{error}");
    }
    assert!(run.stop(Duration::from_secs(10)).await?.complete);
    Ok(())
}

/// How many clients there are, of which not all can be connected at once.
const CLIENTS: usize = 100;

/// A client that is connected waits until its line is there; those that cannot be are not lost, and the graph
/// goes on.
#[tokio::test]
async fn clients_wait_where_no_more_files_can_be_open() -> Tested {
    let limited =
        "ulimit -n 64; exec \"$0\" --exact tcp::a_server_with_few_files --ignored --nocapture";
    let mut server = Command::new("sh")
        .args(["-c", limited])
        .arg(std::env::current_exe()?)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut told = BufReader::new(server.stdout.take().ok_or("no output")?).lines();
    let mut clients = BTreeMap::new();
    while let Some(line) = told.next_line().await? {
        if let Some((_, address)) = line.split_once("listens on ") {
            for client in 0..CLIENTS {
                let mut stream = TcpStream::connect(address.trim()).await?;
                stream.write_all(format!("{client}\n").as_bytes()).await?;
                clients.insert(client, stream);
            }
        } else if let Some((_, client)) = line.split_once("has ") {
            clients.remove(&client.trim().parse()?).ok_or("told twice")?;
        }
    }
    assert!(server.wait().await?.success() && clients.is_empty(), "{} are left", clients.len());
    Ok(())
}

#[tokio::test]
#[ignore = "run by another test, with a limit"]
async fn a_server_with_few_files() -> Tested {
    let source = TcpLines::bind("127.0.0.1:0")?;
    println!("\nlistens on {}", source.local_addr());
    let mut run = graph! { source: source, source.lines => graph.lines }.start()?;
    for _ in 0..CLIENTS {
        println!("\nhas {}", run.outputs.lines.recv().await.ok_or("it ended")?.text);
    }
    run.stop(Duration::from_secs(10)).await?;
    Ok(())
}

#[tokio::test]
async fn a_line_that_is_none_fails_the_graph() -> Tested {
    let source = TcpLines::bind("127.0.0.1:0")?;
    let address = source.local_addr();
    let mut run = graph! { source: source, source.lines => graph.lines }.start()?;
    TcpStream::connect(address).await?.write_all(b"\xff\n").await?;
    assert!(run.outputs.lines.recv().await.is_none());
    let error = run.drain().await.err().ok_or("it went on")?.to_string();
    assert!(error.contains("line 1: not UTF-8"), "{error}");
    let taken = TcpListener::bind("127.0.0.1:0").await?;
    let error = TcpLines::bind(&taken.local_addr()?.to_string()).err().ok_or("bound twice")?;
    assert!(error.to_string().contains("choose another port"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_sink_of_lines() -> Tested {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let sink = TcpSink::connect(listener.local_addr()?.to_string());
    let run = graph! { sink: sink, graph.numbers => sink.records }.start()?;
    let (mut stream, _) = listener.accept().await?;
    let receive = async {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.map(|_| text)
    };
    let send = async {
        for n in 0..50_000u64 {
            run.inputs.numbers.send(n).await?;
        }
        run.drain().await?;
        Ok::<_, crate::Failure>(())
    };
    let (text, sent) = tokio::join!(receive, send);
    sent?;
    let expected: String = (0..50_000u64).map(|n| format!("{n}\n")).collect();
    assert!(text? == expected);
    drop(listener);
    Ok(())
}

#[tokio::test]
async fn nobody_listens() -> Tested {
    let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.to_string();
    let sink = TcpSink::<u64>::connect(&address);
    let run = graph! { sink: sink, graph.numbers => sink.records }.start()?;
    let error = run.drain().await.err().ok_or("connected")?.to_string();
    assert!(error.contains(&format!("connecting to {address} failed")), "{error}");
    assert!(error.contains("start what listens there"), "{error}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_sink_sends_soon() -> Tested {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let sink = TcpSink::connect(listener.local_addr()?.to_string());
    let run = graph! { sink: sink, graph.numbers => sink.records }.start()?;
    let (mut stream, _) = listener.accept().await?;
    for n in 1..=3u64 {
        run.inputs.numbers.send(n).await?;
        let mut line = [0; 2];
        stream.read_exact(&mut line).await?;
        assert_eq!(line, [b'0' + n as u8, b'\n']);
    }
    run.drain().await?;
    Ok(())
}
