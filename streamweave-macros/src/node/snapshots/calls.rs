struct Quote {}
///The inputs of [`Quote`].
#[allow(
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    reason = "written by `#[node]`"
)]
struct QuoteInputs {
    ///Input `orders`.
    pub orders: ::streamweave::node::In<Quote, 0, Order>,
}
///The outputs of [`Quote`].
#[allow(
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    reason = "written by `#[node]`"
)]
struct QuoteOutputs {
    ///Output `quotes`.
    pub quotes: ::streamweave::node::Out<Quote, u64>,
}
///A record of any input of [`Quote`]: what its dead letters hold.
#[allow(
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    reason = "written by `#[node]`"
)]
enum QuoteInput {
    ///A record of `orders`.
    Orders(Order),
    /// A timer.
    OnTimer(::streamweave::node::Timer<()>),
}
///What the handlers of [`Quote`] send to: a method for each output.
#[allow(dead_code, unreachable_pub, reason = "written by `#[node]`")]
trait QuoteOut: ::streamweave::node::Context<Key = ()> {
    ///Sends `item` to output `quotes`.
    fn quotes(&mut self, item: u64);
}
///The handlers of [`Quote`]: write `impl QuoteHandlers for Quote`.
#[diagnostic::on_unimplemented(
    message = "node `Quote` has no handlers",
    label = "`QuoteHandlers` is not implemented",
    note = "write `impl QuoteHandlers for Quote { .. }`"
)]
#[allow(unreachable_pub, clippy::ptr_arg, reason = "written by `#[node]`")]
trait QuoteHandlers {
    /// What a call gives.
    type Answer: ::core::marker::Send + 'static;
    ///Makes the call for a record of `orders`.
    fn call(
        &self,
        orders: &Order,
    ) -> impl ::core::future::Future<
        Output = ::streamweave::NodeResult<Self::Answer>,
    > + ::core::marker::Send;
    /// Takes the answer of a call.
    fn complete(
        &self,
        answer: Self::Answer,
        out: &mut impl QuoteOut,
    ) -> ::streamweave::NodeResult;
    ///Before the first record, and again after a restart.
    fn on_start(&self, out: &mut impl QuoteOut) -> ::streamweave::NodeResult {
        let _ = (out);
        ::core::result::Result::Ok(())
    }
    ///A timer is due that `out.set_timer` asked for.
    fn on_timer(
        &self,
        timer: ::streamweave::node::Timer<()>,
        out: &mut impl QuoteOut,
    ) -> ::streamweave::NodeResult {
        let _ = (timer, out);
        ::core::result::Result::Ok(())
    }
    ///The node's frontier has risen; every timer before it has fired.
    fn on_frontier(
        &self,
        frontier: ::streamweave::Frontier,
        out: &mut impl QuoteOut,
    ) -> ::streamweave::NodeResult {
        let _ = (frontier, out);
        ::core::result::Result::Ok(())
    }
    ///After the last record.
    fn on_stop(&self, out: &mut impl QuoteOut) -> ::streamweave::NodeResult {
        let _ = (out);
        ::core::result::Result::Ok(())
    }
    ///A checkpoint is about to be taken, of everything so far.
    fn on_checkpoint(
        &self,
        checkpoint: u64,
        out: &mut impl QuoteOut,
    ) -> ::streamweave::NodeResult {
        let _ = (checkpoint, out);
        ::core::result::Result::Ok(())
    }
    ///The checkpoints up to this one are complete: what was got ready for them can be made visible. Said with `u64::MAX` of everything so far: at the end, and after a restore. It may be said again after a failure.
    fn on_complete(
        &self,
        checkpoint: u64,
        out: &mut impl QuoteOut,
    ) -> ::streamweave::NodeResult {
        let _ = (checkpoint, out);
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
    impl ::streamweave::node::Const for QuoteInputs {
        const NEW: Self = QuoteInputs {
            orders: ::streamweave::node::In::NEW,
        };
    }
    impl ::streamweave::node::Const for QuoteOutputs {
        const NEW: Self = QuoteOutputs {
            quotes: ::streamweave::node::Out::NEW,
        };
    }
    pub struct QuoteEmitters<__E0> {
        quotes: __E0,
    }
    impl ::streamweave::node::Const for QuoteEmitters<::streamweave::node::Unconnected> {
        const NEW: Self = QuoteEmitters {
            quotes: ::streamweave::node::Unconnected,
        };
    }
    impl<__E0> QuoteEmitters<__E0> {
        pub fn quotes<__E>(self, emitter: __E) -> QuoteEmitters<__E> {
            QuoteEmitters { quotes: emitter }
        }
    }
    impl<__E0: ::streamweave::node::Part> ::streamweave::node::Emitters
    for QuoteEmitters<__E0> {
        #[inline(always)]
        fn each<__V: ::streamweave::node::EachPart>(&mut self, each: &mut __V) -> bool {
            each.part(&mut self.quotes)
        }
    }
    pub struct QuoteWiring<Orders>(::core::marker::PhantomData<(Orders,)>);
    impl<Orders> ::streamweave::node::Const for QuoteWiring<Orders> {
        const NEW: Self = QuoteWiring(::core::marker::PhantomData);
    }
    #[diagnostic::on_unimplemented(
        message = "input `orders` of node `Quote` is not connected",
        label = "its input `orders` is not connected",
        note = "add an edge `.. => node.orders`, or declare the input as `#[input(optional)]`"
    )]
    pub trait OrdersConnected {}
    impl OrdersConnected for ::streamweave::graph::check::Connected {}
    impl<Orders> QuoteWiring<Orders> {
        pub fn complete(self)
        where
            Orders: OrdersConnected,
        {}
    }
    impl<Orders> ::streamweave::graph::check::Connect<0> for QuoteWiring<Orders> {
        type Next = QuoteWiring<::streamweave::graph::check::Connected>;
    }
    impl ::streamweave::node::Node for Quote {
        type Inputs = QuoteInputs;
        type Outputs = QuoteOutputs;
        type Open = QuoteEmitters<::streamweave::node::Unconnected>;
        type Wiring = QuoteWiring<::streamweave::graph::check::Missing>;
        type Key = ();
        type State = ();
        type Kind = ::streamweave::node::kind::Concurrent;
        const SOLE_KEY: ::core::option::Option<&'static ()> = ::core::option::Option::Some(
            &(),
        );
        fn new_state(&self) -> () {}
        fn descriptor() -> ::streamweave::node::Descriptor {
            __descriptor()
        }
        fn timer_letter(
            timer: ::streamweave::node::Timer<()>,
            about: ::streamweave::node::About,
        ) -> ::core::option::Option<::streamweave::engine::Letter> {
            ::core::option::Option::Some(about.letter(<QuoteInput>::OnTimer(timer)))
        }
    }
    fn __descriptor() -> ::streamweave::node::Descriptor {
        let mut node = ::streamweave::node::Descriptor::new(
            "Quote",
            ::core::module_path!(),
        );
        node.docs = "";
        node.inputs = ::std::vec![
            ::streamweave::node::InputDescriptor { name : "orders", docs : "", item :
            "Order", optional : false, }
        ];
        node.outputs = ::std::vec![
            ::streamweave::node::OutputDescriptor { name : "quotes", docs : "", item :
            "u64", optional : false, }
        ];
        node.state = ::std::vec![];
        node
    }
    impl ::core::clone::Clone for QuoteInput
    where
        for<'__any> Order: ::core::clone::Clone,
        for<'__any> ::streamweave::node::Timer<()>: ::core::clone::Clone,
    {
        fn clone(&self) -> Self {
            match self {
                Self::Orders(record) => Self::Orders(::core::clone::Clone::clone(record)),
                Self::OnTimer(record) => {
                    Self::OnTimer(::core::clone::Clone::clone(record))
                }
            }
        }
    }
    impl ::core::fmt::Debug for QuoteInput
    where
        for<'__any> Order: ::core::fmt::Debug,
        for<'__any> ::streamweave::node::Timer<()>: ::core::fmt::Debug,
    {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            match self {
                Self::Orders(record) => f.debug_tuple("Orders").field(record).finish(),
                Self::OnTimer(record) => f.debug_tuple("OnTimer").field(record).finish(),
            }
        }
    }
    impl ::streamweave::node::Letters for Quote
    where
        for<'__node> Quote: ::core::marker::Send + ::core::marker::Sync,
    {
        type Input = QuoteInput;
    }
    impl ::streamweave::node::InputPort<0> for Quote
    where
        for<'__node> Quote: ::core::marker::Send + ::core::marker::Sync,
    {
        type Item = Order;
        type Passing = ::streamweave::node::ByRef;
        const NAME: &'static str = "orders";
        const ROUTING: ::streamweave::node::Routing = ::streamweave::node::Routing::Deal;
        fn letter(
            item: Order,
            about: ::streamweave::node::About,
        ) -> ::core::option::Option<::streamweave::engine::Letter> {
            ::core::option::Option::Some(about.letter(<QuoteInput>::Orders(item)))
        }
    }
    impl<__T: QuoteOut + ?::core::marker::Sized> QuoteOut for &mut __T {
        #[inline(always)]
        fn quotes(&mut self, item: u64) {
            <__T as QuoteOut>::quotes(&mut **self, item)
        }
    }
    impl<'__a, __T: QuoteOut> QuoteOut for ::streamweave::node::At<'__a, __T> {
        #[inline(always)]
        fn quotes(&mut self, item: u64) {
            <__T as QuoteOut>::quotes(self.__context_mut(), item)
        }
    }
    impl<__E0: ::streamweave::node::Emit<u64>> QuoteOut
    for ::streamweave::node::Outlet<'_, (), QuoteEmitters<__E0>>
    where
        for<'__node> Quote: ::core::marker::Send + ::core::marker::Sync,
    {
        #[inline(always)]
        fn quotes(&mut self, item: u64) {
            ::streamweave::node::Emit::emit(&mut self.to.quotes, self.cx, item)
        }
    }
    impl<
        __E0: ::streamweave::node::Emit<u64>,
    > ::streamweave::node::Call<QuoteEmitters<__E0>> for Quote
    where
        for<'__node> Quote: ::core::marker::Send + ::core::marker::Sync,
    {
        type Answer = <Quote as QuoteHandlers>::Answer;
        fn options(&self) -> ::streamweave::node::CallOptions {
            ::streamweave::node::CallOptions {
                concurrency: 8,
                ordered: false,
                timeout: ::core::option::Option::Some(
                    ::core::time::Duration::from_millis(2000u64),
                ),
                retries: 3,
                backoff: ::core::time::Duration::from_millis(100u64),
                max_backoff: ::core::time::Duration::from_millis(5000u64),
                breaker: ::core::option::Option::None,
            }
        }
        fn call(
            self: ::std::sync::Arc<Self>,
            item: Order,
            mut attempts: ::streamweave::engine::Attempts,
        ) -> ::streamweave::node::BoxFuture<
            'static,
            ::streamweave::NodeResult<<Quote as QuoteHandlers>::Answer>,
        > {
            ::std::boxed::Box::pin(async move {
                let answer = {
                    ::streamweave::node::bounds::lent_to_a_future::<Order>();
                    loop {
                        match attempts
                            .run(<Quote as QuoteHandlers>::call(&*self, &item))
                            .await
                        {
                            ::core::result::Result::Ok(answer) => break answer,
                            ::core::result::Result::Err(error) => {
                                attempts.again(error).await?
                            }
                        }
                    }
                };
                ::core::result::Result::Ok(answer)
            })
        }
        fn complete(
            &self,
            state: &mut (),
            answer: <Quote as QuoteHandlers>::Answer,
            out: &mut ::streamweave::node::Outlet<'_, (), QuoteEmitters<__E0>>,
        ) -> ::streamweave::NodeResult {
            <Quote as QuoteHandlers>::complete(self, answer, out)
        }
    }
    impl<
        __E0: ::streamweave::node::Emit<u64>,
    > ::streamweave::node::Lifecycle<QuoteEmitters<__E0>> for Quote
    where
        for<'__node> Quote: ::core::marker::Send + ::core::marker::Sync,
    {
        #[inline]
        fn on_start(
            &self,
            state: &mut (),
            out: &mut ::streamweave::node::Outlet<'_, (), QuoteEmitters<__E0>>,
        ) -> ::streamweave::NodeResult {
            <Quote as QuoteHandlers>::on_start(self, out)
        }
        #[inline]
        fn on_timer(
            &self,
            state: &mut (),
            timer: ::streamweave::node::Timer<()>,
            out: &mut ::streamweave::node::Outlet<'_, (), QuoteEmitters<__E0>>,
        ) -> ::streamweave::NodeResult {
            <Quote as QuoteHandlers>::on_timer(self, timer, out)
        }
        #[inline]
        fn on_frontier(
            &self,
            state: &mut (),
            frontier: ::streamweave::Frontier,
            out: &mut ::streamweave::node::Outlet<'_, (), QuoteEmitters<__E0>>,
        ) -> ::streamweave::NodeResult {
            <Quote as QuoteHandlers>::on_frontier(self, frontier, out)
        }
        #[inline]
        fn on_stop(
            &self,
            state: &mut (),
            out: &mut ::streamweave::node::Outlet<'_, (), QuoteEmitters<__E0>>,
        ) -> ::streamweave::NodeResult {
            <Quote as QuoteHandlers>::on_stop(self, out)
        }
        #[inline]
        fn on_checkpoint(
            &self,
            state: &mut (),
            checkpoint: u64,
            out: &mut ::streamweave::node::Outlet<'_, (), QuoteEmitters<__E0>>,
        ) -> ::streamweave::NodeResult {
            <Quote as QuoteHandlers>::on_checkpoint(self, checkpoint, out)
        }
        #[inline]
        fn on_complete(
            &self,
            state: &mut (),
            checkpoint: u64,
            out: &mut ::streamweave::node::Outlet<'_, (), QuoteEmitters<__E0>>,
        ) -> ::streamweave::NodeResult {
            <Quote as QuoteHandlers>::on_complete(self, checkpoint, out)
        }
    }
    ::streamweave::expansion::inventory::submit! {
        ::streamweave::node::Registered(__descriptor)
    }
};
