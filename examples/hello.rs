//! The smallest graph: a function is a node, and the graph has an input and an output.

use streamweave::{graph, node};

/// Greets.
#[node]
fn greet(name: String) -> String {
    format!("Hello, {name}!")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let graph = graph! {
        #![name = "hello"]
        greet: Greet,
        graph.names => greet.input,
        greet.out   => graph.greetings,
    };
    let (inputs, mut outputs, run) = graph.start()?.split();
    // Beside the reader: `send` waits for room, which is there again when something was read.
    tokio::spawn(async move {
        for name in ["Ada", "Grace", "Edsger"] {
            let Ok(()) = inputs.names.send(name.to_owned()).await else { break };
        }
    });
    let mut greetings = 0;
    while let Some(greeting) = outputs.greetings.recv().await {
        println!("{greeting}");
        greetings += 1;
    }
    run.drain().await?;
    assert_eq!(greetings, 3);
    Ok(())
}
