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
    let run = graph.start()?;
    for name in ["Ada", "Grace", "Edsger"] {
        run.inputs.names.send(name.to_owned()).await?;
    }
    let mut run = run.close_inputs();
    while let Some(greeting) = run.outputs.greetings.recv().await {
        println!("{greeting}");
    }
    run.drain().await?;
    Ok(())
}
