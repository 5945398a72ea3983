//! The catalogue: every concrete node of the program, by name.

/// What a node is, for people and tools.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Descriptor {
    /// The type's name.
    pub name: &'static str,
    /// The module it was declared in.
    pub module: &'static str,
    /// Its documentation.
    pub docs: &'static str,
    /// Its input ports, by number.
    pub inputs: Vec<InputDescriptor>,
    /// Its output ports, by number.
    pub outputs: Vec<OutputDescriptor>,
    /// Its saved state fields.
    pub state: Vec<StateDescriptor>,
    /// The fingerprint of the saved state's schema; 0 where nothing is saved.
    pub fingerprint: u64,
}

/// An input port of a node.
#[derive(Clone, Debug)]
pub struct InputDescriptor {
    /// The port's name.
    pub name: &'static str,
    /// Its documentation.
    pub docs: &'static str,
    /// The type of its items, as Rust writes it.
    pub item: &'static str,
    /// Whether a graph may leave it unconnected.
    pub optional: bool,
}

/// An output port of a node.
#[derive(Clone, Debug)]
pub struct OutputDescriptor {
    /// The port's name.
    pub name: &'static str,
    /// Its documentation.
    pub docs: &'static str,
    /// The type of its items, as Rust writes it.
    pub item: &'static str,
    /// Whether it is declared as one that graphs may well leave unconnected.
    pub optional: bool,
}

/// A saved state field of a node.
#[derive(Clone, Debug)]
pub struct StateDescriptor {
    /// The field's name.
    pub name: &'static str,
    /// Its documentation.
    pub docs: &'static str,
    /// Its type, as Rust writes it.
    pub kind: &'static str,
}

impl Descriptor {
    /// A node called `name` in `module`, without documentation, ports and state so far.
    pub fn new(name: &'static str, module: &'static str) -> Self {
        Descriptor {
            name,
            module,
            docs: "",
            inputs: Vec::new(),
            outputs: Vec::new(),
            state: Vec::new(),
            fingerprint: 0,
        }
    }
}

/// A node's entry in the catalogue; `#[node]` submits one for every concrete node.
#[derive(Debug)]
pub struct Registered(pub fn() -> Descriptor);

inventory::collect!(Registered);

/// Every registered node of this program, sorted by name and module.
pub fn catalogue() -> Vec<Descriptor> {
    let mut nodes: Vec<_> =
        inventory::iter::<Registered>.into_iter().map(|registered| (registered.0)()).collect();
    nodes.sort_by_key(|node| (node.name, node.module));
    nodes
}
