//! Calls to a service, eight at a time, with a limit of time and retries; answers in order.
//!
//! The service is a small HTTP server that the example starts itself; it fails now and then.

use std::sync::atomic::{AtomicU64, Ordering};

use streamweave::{NodeError, NodeResult, graph, node};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Asks the service for the price of an item.
#[node(async, concurrency = 8, ordered, timeout = "2s", retry = 3, backoff = "5ms..100ms")]
struct Price {
    #[input]
    items: &u64,
    #[output]
    prices: (u64, u64),
    address: std::net::SocketAddr,
}

impl PriceHandlers for Price {
    type Answer = (u64, u64);

    async fn call(&self, items: &u64) -> NodeResult<(u64, u64)> {
        let mut stream = TcpStream::connect(self.address).await?;
        let request = format!("GET /price/{items} HTTP/1.0\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("an answer without a body")?;
        if !head.starts_with("HTTP/1.0 200") {
            return Err(NodeError::new(format!("item {items}: {head}")));
        }
        Ok((*items, body.trim().parse()?))
    }

    fn complete(&self, answer: (u64, u64), out: &mut impl PriceOut) -> NodeResult {
        out.prices(answer);
        Ok(())
    }
}

/// Answers with three times the number in the path; every fifth request fails.
async fn serve(listener: TcpListener) {
    static REQUESTS: AtomicU64 = AtomicU64::new(0);
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut request = [0; 512];
            let read = stream.read(&mut request).await?;
            let request = String::from_utf8_lossy(&request[..read]);
            let item = request.split(['/', ' ']).nth(3).and_then(|item| item.parse::<u64>().ok());
            let answer = match item {
                _ if REQUESTS.fetch_add(1, Ordering::Relaxed) % 5 == 4 => {
                    "HTTP/1.0 503 busy\r\n\r\n".to_owned()
                }
                Some(item) => format!("HTTP/1.0 200 OK\r\n\r\n{}", item * 3),
                None => "HTTP/1.0 404 no such item\r\n\r\n".to_owned(),
            };
            stream.write_all(answer.as_bytes()).await
        });
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener));

    let graph = graph! {
        #![name = "async_enrich"]
        price: Price { address },
        graph.items  => price.items,
        price.prices => graph.prices,
    };
    let (inputs, mut outputs, run) = graph.start()?.split();
    tokio::spawn(async move {
        for item in 0..40 {
            let Ok(()) = inputs.items.send(item).await else { break };
        }
    });
    let prices = outputs.prices.collect().await;
    run.drain().await?;
    assert_eq!(prices, (0..40).map(|item| (item, item * 3)).collect::<Vec<_>>());
    println!("{} prices, in order: {:?} ...", prices.len(), &prices[..4]);
    Ok(())
}
