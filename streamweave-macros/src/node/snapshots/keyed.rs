/// Matches orders.
pub struct Matcher {
    depth: usize,
}
///What [`Matcher`] keeps between records.
#[allow(missing_debug_implementations, unreachable_pub, reason = "written by `#[node]`")]
pub struct MatcherState {
    ///State field `books`.
    books: Keyed<Symbol, Book>,
    ///State field `halted`.
    halted: Expiring<Keyed<Symbol, ()>>,
    ///Scratch field, never saved: `buffer`.
    buffer: Vec<Fill>,
}
///The inputs of [`Matcher`].
#[allow(
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    reason = "written by `#[node]`"
)]
pub struct MatcherInputs {
    /// New orders.
    pub orders: ::streamweave::node::In<Matcher, 0, Order>,
    ///Input `scales`.
    pub scales: ::streamweave::node::In<Matcher, 1, u64>,
}
///The outputs of [`Matcher`].
#[allow(
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    reason = "written by `#[node]`"
)]
pub struct MatcherOutputs {
    /// Executed trades.
    pub fills: ::streamweave::node::Out<Matcher, Fill>,
}
///A record of any input of [`Matcher`]: what its dead letters hold.
#[allow(
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    reason = "written by `#[node]`"
)]
pub enum MatcherInput {
    ///A record of `orders`.
    Orders(Order),
    ///A record of `scales`.
    Scales(u64),
    /// A timer.
    OnTimer(::streamweave::node::Timer<Symbol>),
}
///What the handlers of [`Matcher`] send to: a method for each output.
#[allow(dead_code, unreachable_pub, reason = "written by `#[node]`")]
pub trait MatcherOut: ::streamweave::node::Context<Key = Symbol> {
    /// Executed trades.
    fn fills(&mut self, item: Fill);
}
///The handlers of [`Matcher`]: write `impl MatcherHandlers for Matcher`.
#[diagnostic::on_unimplemented(
    message = "node `Matcher` has no handlers",
    label = "`MatcherHandlers` is not implemented",
    note = "write `impl MatcherHandlers for Matcher { .. }`"
)]
#[allow(unreachable_pub, clippy::ptr_arg, reason = "written by `#[node]`")]
pub trait MatcherHandlers {
    /// New orders.
    fn on_orders(
        &self,
        state: &mut MatcherState,
        orders: &Order,
        out: &mut impl MatcherOut,
    ) -> ::streamweave::NodeResult;
    ///A record of input `scales`.
    fn on_scales(
        &self,
        state: &mut MatcherState,
        scales: u64,
        out: &mut impl MatcherOut,
    ) -> ::streamweave::NodeResult;
    ///Before the first record, and again after a restart.
    fn on_start(
        &self,
        state: &mut MatcherState,
        out: &mut impl MatcherOut,
    ) -> ::streamweave::NodeResult {
        let _ = (state, out);
        ::core::result::Result::Ok(())
    }
    ///A timer is due that `out.set_timer` asked for.
    fn on_timer(
        &self,
        state: &mut MatcherState,
        timer: ::streamweave::node::Timer<Symbol>,
        out: &mut impl MatcherOut,
    ) -> ::streamweave::NodeResult {
        let _ = (state, timer, out);
        ::core::result::Result::Ok(())
    }
    ///The node's frontier has risen; every timer before it has fired.
    fn on_frontier(
        &self,
        state: &mut MatcherState,
        frontier: ::streamweave::Frontier,
        out: &mut impl MatcherOut,
    ) -> ::streamweave::NodeResult {
        let _ = (state, frontier, out);
        ::core::result::Result::Ok(())
    }
    ///After the last record.
    fn on_stop(
        &self,
        state: &mut MatcherState,
        out: &mut impl MatcherOut,
    ) -> ::streamweave::NodeResult {
        let _ = (state, out);
        ::core::result::Result::Ok(())
    }
    ///A checkpoint is about to be taken, of everything so far.
    fn on_checkpoint(
        &self,
        state: &mut MatcherState,
        checkpoint: u64,
        out: &mut impl MatcherOut,
    ) -> ::streamweave::NodeResult {
        let _ = (state, checkpoint, out);
        ::core::result::Result::Ok(())
    }
    ///The checkpoints up to this one are complete: what was got ready for them can be made visible. Said with `u64::MAX` of everything so far: at the end, and after a restore. It may be said again after a failure.
    fn on_complete(
        &self,
        state: &mut MatcherState,
        checkpoint: u64,
        out: &mut impl MatcherOut,
    ) -> ::streamweave::NodeResult {
        let _ = (state, checkpoint, out);
        ::core::result::Result::Ok(())
    }
}
#[doc(hidden)]
#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    unused_variables,
    trivial_bounds,
    clippy::all,
    reason = "written by `#[node]`"
)]
const _: () = {
    impl ::streamweave::state::NodeState for MatcherState
    where
        for<'__node> Matcher: ::core::marker::Send + ::core::marker::Sync,
    {
        const EXPIRES: bool = false
            || <Keyed<Symbol, Book> as ::streamweave::node::bounds::StateField>::EXPIRES
            || <Expiring<
                Keyed<Symbol, ()>,
            > as ::streamweave::node::bounds::StateField>::EXPIRES;
        #[inline(always)]
        fn fields<__V: ::streamweave::state::FieldVisitor>(
            &mut self,
            visitor: &mut __V,
        ) {
            <Keyed<
                Symbol,
                Book,
            > as ::streamweave::node::bounds::StateField>::visit(
                &mut self.books,
                "books",
                visitor,
            );
            <Expiring<
                Keyed<Symbol, ()>,
            > as ::streamweave::node::bounds::StateField>::visit(
                &mut self.halted,
                "halted",
                visitor,
            );
        }
        fn schema() -> ::streamweave::state::NodeSchema {
            ::streamweave::state::NodeSchema::new([
                <Keyed<
                    Symbol,
                    Book,
                > as ::streamweave::node::bounds::StateField>::schema("books"),
                <Expiring<
                    Keyed<Symbol, ()>,
                > as ::streamweave::node::bounds::StateField>::schema("halted"),
            ])
        }
        fn keep_saved(&mut self, before: &mut Self) {
            ::core::mem::swap(&mut self.books, &mut before.books);
            ::core::mem::swap(&mut self.halted, &mut before.halted);
        }
    }
    impl ::streamweave::node::Const for MatcherInputs {
        const NEW: Self = MatcherInputs {
            orders: ::streamweave::node::In::NEW,
            scales: ::streamweave::node::In::NEW,
        };
    }
    impl ::streamweave::node::Const for MatcherOutputs {
        const NEW: Self = MatcherOutputs {
            fills: ::streamweave::node::Out::NEW,
        };
    }
    pub struct MatcherEmitters<__E0> {
        fills: __E0,
    }
    impl ::streamweave::node::Const
    for MatcherEmitters<::streamweave::node::Unconnected> {
        const NEW: Self = MatcherEmitters {
            fills: ::streamweave::node::Unconnected,
        };
    }
    impl<__E0> MatcherEmitters<__E0> {
        pub fn fills<__E>(self, emitter: __E) -> MatcherEmitters<__E> {
            MatcherEmitters { fills: emitter }
        }
    }
    impl<__E0: ::streamweave::node::Part> ::streamweave::node::Emitters
    for MatcherEmitters<__E0> {
        #[inline(always)]
        fn each<__V: ::streamweave::node::EachPart>(&mut self, each: &mut __V) -> bool {
            each.part(&mut self.fills)
        }
    }
    pub struct MatcherWiring<Orders>(::core::marker::PhantomData<(Orders,)>);
    impl<Orders> ::streamweave::node::Const for MatcherWiring<Orders> {
        const NEW: Self = MatcherWiring(::core::marker::PhantomData);
    }
    #[diagnostic::on_unimplemented(
        message = "input `orders` of node `Matcher` is not connected",
        label = "its input `orders` is not connected",
        note = "add an edge `.. => node.orders`, or declare the input as `#[input(optional)]`"
    )]
    pub trait OrdersConnected {}
    impl OrdersConnected for ::streamweave::graph::check::Connected {}
    impl<Orders> MatcherWiring<Orders> {
        pub fn complete(self)
        where
            Orders: OrdersConnected,
        {}
    }
    impl<Orders> ::streamweave::graph::check::Connect<0> for MatcherWiring<Orders> {
        type Next = MatcherWiring<::streamweave::graph::check::Connected>;
    }
    impl<Orders> ::streamweave::graph::check::Connect<1> for MatcherWiring<Orders> {
        type Next = MatcherWiring<Orders>;
    }
    impl ::streamweave::node::Node for Matcher {
        type Inputs = MatcherInputs;
        type Outputs = MatcherOutputs;
        type Open = MatcherEmitters<::streamweave::node::Unconnected>;
        type Wiring = MatcherWiring<::streamweave::graph::check::Missing>;
        type Key = Symbol;
        type State = MatcherState;
        type Kind = ::streamweave::node::kind::Fused;
        const SOLE_KEY: ::core::option::Option<&'static Symbol> = ::core::option::Option::None;
        fn new_state(&self) -> MatcherState {
            MatcherState {
                books: <Keyed<Symbol, Book> as ::core::default::Default>::default(),
                halted: <Expiring<
                    Keyed<Symbol, ()>,
                > as ::streamweave::node::bounds::TimeToLive>::after_millis(1800000u64),
                buffer: <Vec<Fill> as ::core::default::Default>::default(),
            }
        }
        fn descriptor() -> ::streamweave::node::Descriptor {
            __descriptor()
        }
        fn timer_letter(
            timer: ::streamweave::node::Timer<Symbol>,
            about: ::streamweave::node::About,
        ) -> ::core::option::Option<::streamweave::engine::Letter> {
            ::core::option::Option::Some(about.letter(<MatcherInput>::OnTimer(timer)))
        }
    }
    fn __descriptor() -> ::streamweave::node::Descriptor {
        let mut node = ::streamweave::node::Descriptor::new(
            "Matcher",
            ::core::module_path!(),
        );
        node.docs = "Matches orders.";
        node.inputs = ::std::vec![
            ::streamweave::node::InputDescriptor { name : "orders", docs : "New orders.",
            item : "Order", optional : false, }, ::streamweave::node::InputDescriptor {
            name : "scales", docs : "", item : "u64", optional : true, }
        ];
        node.outputs = ::std::vec![
            ::streamweave::node::OutputDescriptor { name : "fills", docs :
            "Executed trades.", item : "Fill", optional : false, }
        ];
        node.state = ::std::vec![
            ::streamweave::node::StateDescriptor { name : "books", docs : "", kind :
            "Keyed<Symbol, Book>", }, ::streamweave::node::StateDescriptor { name :
            "halted", docs : "", kind : "Expiring<Keyed<Symbol,()>>", }
        ];
        node.fingerprint = <MatcherState as ::streamweave::state::NodeState>::schema()
            .fingerprint();
        node
    }
    impl ::core::clone::Clone for MatcherInput
    where
        for<'__any> Order: ::core::clone::Clone,
        for<'__any> u64: ::core::clone::Clone,
        for<'__any> ::streamweave::node::Timer<Symbol>: ::core::clone::Clone,
    {
        fn clone(&self) -> Self {
            match self {
                Self::Orders(record) => Self::Orders(::core::clone::Clone::clone(record)),
                Self::Scales(record) => Self::Scales(::core::clone::Clone::clone(record)),
                Self::OnTimer(record) => {
                    Self::OnTimer(::core::clone::Clone::clone(record))
                }
            }
        }
    }
    impl ::core::fmt::Debug for MatcherInput
    where
        for<'__any> Order: ::core::fmt::Debug,
        for<'__any> u64: ::core::fmt::Debug,
        for<'__any> ::streamweave::node::Timer<Symbol>: ::core::fmt::Debug,
    {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            match self {
                Self::Orders(record) => f.debug_tuple("Orders").field(record).finish(),
                Self::Scales(record) => f.debug_tuple("Scales").field(record).finish(),
                Self::OnTimer(record) => f.debug_tuple("OnTimer").field(record).finish(),
            }
        }
    }
    impl ::streamweave::node::Letters for Matcher
    where
        for<'__node> Matcher: ::core::marker::Send + ::core::marker::Sync,
    {
        type Input = MatcherInput;
    }
    #[inline(always)]
    fn __key_0<'record>(
        item: &'record Order,
    ) -> impl ::streamweave::node::bounds::KeyOf<Symbol> + 'record
    where
        for<'__node> Matcher: ::core::marker::Send + ::core::marker::Sync,
    {
        let key = |o: &'record Order| o.symbol;
        key(item)
    }
    impl ::streamweave::node::InputPort<0> for Matcher
    where
        for<'__node> Matcher: ::core::marker::Send + ::core::marker::Sync,
    {
        type Item = Order;
        type Passing = ::streamweave::node::ByRef;
        const NAME: &'static str = "orders";
        const ROUTING: ::streamweave::node::Routing = ::streamweave::node::Routing::ByKey;
        fn key_hash(item: &Order) -> u64 {
            ::streamweave::node::bounds::key_hash::<
                Self,
            >(::streamweave::node::bounds::KeyOf::key(&__key_0(item)))
        }
        fn letter(
            item: Order,
            about: ::streamweave::node::About,
        ) -> ::core::option::Option<::streamweave::engine::Letter> {
            ::core::option::Option::Some(about.letter(<MatcherInput>::Orders(item)))
        }
    }
    impl ::streamweave::node::InputPort<1> for Matcher
    where
        for<'__node> Matcher: ::core::marker::Send + ::core::marker::Sync,
    {
        type Item = u64;
        type Passing = ::streamweave::node::ByValue;
        const NAME: &'static str = "scales";
        const ROUTING: ::streamweave::node::Routing = ::streamweave::node::Routing::Broadcast;
        fn copy(item: &u64) -> ::core::option::Option<u64> {
            ::core::option::Option::Some(<u64 as ::core::clone::Clone>::clone(item))
        }
        fn letter(
            item: u64,
            about: ::streamweave::node::About,
        ) -> ::core::option::Option<::streamweave::engine::Letter> {
            ::core::option::Option::Some(about.letter(<MatcherInput>::Scales(item)))
        }
    }
    impl<__T: MatcherOut + ?::core::marker::Sized> MatcherOut for &mut __T {
        #[inline(always)]
        fn fills(&mut self, item: Fill) {
            <__T as MatcherOut>::fills(&mut **self, item)
        }
    }
    impl<'__a, __T: MatcherOut> MatcherOut for ::streamweave::node::At<'__a, __T> {
        #[inline(always)]
        fn fills(&mut self, item: Fill) {
            <__T as MatcherOut>::fills(self.__context_mut(), item)
        }
    }
    impl<__E0: ::streamweave::node::Emit<Fill>> MatcherOut
    for ::streamweave::node::Outlet<'_, Symbol, MatcherEmitters<__E0>>
    where
        for<'__node> Matcher: ::core::marker::Send + ::core::marker::Sync,
    {
        #[inline(always)]
        fn fills(&mut self, item: Fill) {
            ::streamweave::node::Emit::emit(&mut self.to.fills, self.cx, item)
        }
    }
    impl<
        __E0: ::streamweave::node::Emit<Fill>,
    > ::streamweave::node::Receive<0, MatcherEmitters<__E0>> for Matcher
    where
        for<'__node> Matcher: ::core::marker::Send + ::core::marker::Sync,
    {
        #[inline(always)]
        fn receive(
            &self,
            state: &mut MatcherState,
            item: Order,
            out: &mut ::streamweave::node::Outlet<'_, Symbol, MatcherEmitters<__E0>>,
        ) -> ::streamweave::NodeResult {
            <Self as ::streamweave::node::Receive<
                0,
                MatcherEmitters<__E0>,
            >>::receive_lent(self, state, &item, out)
        }
        #[inline(always)]
        fn receive_lent(
            &self,
            state: &mut MatcherState,
            item: &Order,
            out: &mut ::streamweave::node::Outlet<'_, Symbol, MatcherEmitters<__E0>>,
        ) -> ::streamweave::NodeResult {
            let key = __key_0(item);
            let out = &mut out.keyed(::streamweave::node::bounds::KeyOf::key(&key));
            <Matcher as MatcherHandlers>::on_orders(self, state, item, out)
        }
    }
    impl<
        __E0: ::streamweave::node::Emit<Fill>,
    > ::streamweave::node::Receive<1, MatcherEmitters<__E0>> for Matcher
    where
        for<'__node> Matcher: ::core::marker::Send + ::core::marker::Sync,
    {
        #[inline(always)]
        fn receive(
            &self,
            state: &mut MatcherState,
            item: u64,
            out: &mut ::streamweave::node::Outlet<'_, Symbol, MatcherEmitters<__E0>>,
        ) -> ::streamweave::NodeResult {
            <Matcher as MatcherHandlers>::on_scales(self, state, item, out)
        }
    }
    impl<
        __E0: ::streamweave::node::Emit<Fill>,
    > ::streamweave::node::Lifecycle<MatcherEmitters<__E0>> for Matcher
    where
        for<'__node> Matcher: ::core::marker::Send + ::core::marker::Sync,
    {
        #[inline]
        fn on_start(
            &self,
            state: &mut MatcherState,
            out: &mut ::streamweave::node::Outlet<'_, Symbol, MatcherEmitters<__E0>>,
        ) -> ::streamweave::NodeResult {
            <Matcher as MatcherHandlers>::on_start(self, state, out)
        }
        #[inline]
        fn on_timer(
            &self,
            state: &mut MatcherState,
            timer: ::streamweave::node::Timer<Symbol>,
            out: &mut ::streamweave::node::Outlet<'_, Symbol, MatcherEmitters<__E0>>,
        ) -> ::streamweave::NodeResult {
            <Matcher as MatcherHandlers>::on_timer(self, state, timer, out)
        }
        #[inline]
        fn on_frontier(
            &self,
            state: &mut MatcherState,
            frontier: ::streamweave::Frontier,
            out: &mut ::streamweave::node::Outlet<'_, Symbol, MatcherEmitters<__E0>>,
        ) -> ::streamweave::NodeResult {
            <Matcher as MatcherHandlers>::on_frontier(self, state, frontier, out)
        }
        #[inline]
        fn on_stop(
            &self,
            state: &mut MatcherState,
            out: &mut ::streamweave::node::Outlet<'_, Symbol, MatcherEmitters<__E0>>,
        ) -> ::streamweave::NodeResult {
            <Matcher as MatcherHandlers>::on_stop(self, state, out)
        }
        #[inline]
        fn on_checkpoint(
            &self,
            state: &mut MatcherState,
            checkpoint: u64,
            out: &mut ::streamweave::node::Outlet<'_, Symbol, MatcherEmitters<__E0>>,
        ) -> ::streamweave::NodeResult {
            <Matcher as MatcherHandlers>::on_checkpoint(self, state, checkpoint, out)
        }
        #[inline]
        fn on_complete(
            &self,
            state: &mut MatcherState,
            checkpoint: u64,
            out: &mut ::streamweave::node::Outlet<'_, Symbol, MatcherEmitters<__E0>>,
        ) -> ::streamweave::NodeResult {
            <Matcher as MatcherHandlers>::on_complete(self, state, checkpoint, out)
        }
    }
    ::streamweave::expansion::inventory::submit! {
        ::streamweave::node::Registered(__descriptor)
    }
};
