//! Whole nodes, and bytes that are damaged.

use super::*;

fn small_node() -> NodeSnapshot {
    let mut state: Keyed<(u16, String), Order> = Keyed::new();
    for n in 0..3 {
        let side = [Side::Buy, Side::Sell(n), Side::At { limit: 0.5 }][usize::from(n)].clone();
        let order = Order { price: -5, tags: vec!["t".into()], side: Some(side) };
        state.insert((u16::from(n), "x".repeat(usize::from(n))), order);
    }
    let (shape, bytes) = (Shape::of::<Order>(), saved(&state, ALL_GROUPS));
    let field = SavedField { shape, bytes, changes: false, version: 1 };
    NodeSnapshot { fingerprint: 7, fields: [("orders".to_string(), field)].into() }
}

// Catches allocation by a claimed length, a panic on any input, and bytes after the end ignored.
#[test]
fn damaged_bytes_are_errors_or_other_state_but_never_panics() {
    type Orders = Keyed<(u16, String), Order>;
    let node = small_node();
    let bytes = node.fields["orders"].bytes.clone();
    restored::<Orders>(&bytes);
    for end in 0..bytes.len() {
        assert!(Orders::new().restore(&bytes[..end]).is_err(), "cut at {end}");
    }
    let mut longer = bytes.clone();
    longer.push(0xC0);
    assert!(Orders::new().restore(&longer).is_err());
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // Some flips are only another value; what is read must be writable again.
        let mut state = Orders::new();
        if state.restore(&flipped).is_ok() {
            restored::<Orders>(&saved(&state, ALL_GROUPS));
        }
        let _ = KeyedMap::<(u16, String), String, i64>::new().restore(&flipped);
        let _ = KeyedList::<(u16, String), Order>::new().restore(&flipped);
        let _ = Value::new(0u64).restore(&flipped);
    }
}

#[test]
fn claimed_lengths_allocate_nothing() {
    // Two fields; "removed" claims 2^32 - 1 keys.
    let mut bytes = vec![0x82, 0xA7];
    bytes.extend_from_slice(b"removed");
    bytes.extend_from_slice(&[0xDD, 0xFF, 0xFF, 0xFF, 0xFF]);
    assert!(Keyed::<u64, u64>::new().restore(&bytes).is_err());
    // A string, a binary, a list, a map of that length.
    for marker in [0xDB, 0xC6, 0xDD, 0xDF] {
        let bytes = [marker, 0xFF, 0xFF, 0xFF, 0xFF];
        assert!(Value::new(String::new()).restore(&bytes).is_err());
        assert!(Value::new(vec![0u64]).restore(&bytes).is_err());
        assert!(Value::new(BTreeMap::<u8, u8>::new()).restore(&bytes).is_err());
    }
    // Nesting without end.
    #[derive(Clone, Serialize, Deserialize)]
    struct Deep(Vec<Deep>);
    assert!(Value::new(Deep(vec![])).restore(&[0x91; 100_000]).is_err());
}

#[test]
fn node_snapshots_notice_every_flipped_bit_and_truncation() {
    let node = small_node();
    let bytes = node.encode().unwrap();
    assert_eq!(NodeSnapshot::decode(&bytes, "n").unwrap(), node);
    for end in 0..bytes.len() {
        assert!(NodeSnapshot::decode(&bytes[..end], "n").is_err());
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(NodeSnapshot::decode(&flipped, "n").is_err(), "bit {bit}");
    }
    let mut newer = bytes;
    newer[4] = 3;
    let error = NodeSnapshot::decode(&newer, "shop/join").unwrap_err().to_string();
    assert!(error.contains("shop/join") && error.contains("version 3"), "{error}");
}

#[derive(Default)]
struct Two {
    orders: Keyed<u32, u64>,
    seen: Value<u64>,
}

impl NodeState for Two {
    fn fields<V: FieldVisitor>(&mut self, visitor: &mut V) {
        visitor.field("orders", &mut self.orders);
        visitor.field("seen", &mut self.seen);
    }

    fn schema() -> NodeSchema {
        NodeSchema::new([
            FieldSchema::of::<Value<u64>>("seen"),
            FieldSchema::of::<Keyed<u32, u64>>("orders"),
        ])
    }
}

#[test]
fn a_node_goes_back_and_is_saved_as_a_whole() {
    let mut node = Two::default();
    node.set_undo(true);
    node.orders.insert(1, 10);
    node.seen.set(1);
    node.begin();
    node.orders.insert(2, 20);
    node.seen.set(2);
    node.rollback();
    assert_eq!((node.orders.len(), *node.seen), (1, 1));

    let snapshot = node.snapshot("a/b", ALL_GROUPS).unwrap();
    let mut again = Two::default();
    again.restore("a/b", &snapshot).unwrap();
    assert_eq!((again.orders.get(&1), *again.seen), (Some(&10), 1));

    let mut other = snapshot.clone();
    other.fields.get_mut("orders").unwrap().shape = Shape::of::<String>();
    let error = again.restore("a/b", &other).unwrap_err().to_string();
    assert!(error.contains("a/b") && error.contains("orders"), "{error}");
    let mut unclaimed = snapshot.clone();
    unclaimed.fields.insert("gone".into(), snapshot.fields["seen"].clone());
    let error = again.restore("a/b", &unclaimed).unwrap_err().to_string();
    assert!(error.contains("gone"), "{error}");
    assert!(().restore("a/b", &snapshot).is_err());
    assert!(().snapshot("a/b", ALL_GROUPS).unwrap().fields.is_empty());
}
