pub struct Map<A, B, F>
where
    F: Fn(A) -> B,
{
    f: F,
    items: PhantomData<fn(A) -> B>,
}
///The inputs of [`Map`].
#[allow(
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    reason = "written by `#[node]`"
)]
pub struct MapInputs<A, B, F>
where
    F: Fn(A) -> B,
{
    ///Input `input`.
    pub input: crate::node::In<Map<A, B, F>, 0, A>,
    #[doc(hidden)]
    pub __node: ::core::marker::PhantomData<fn() -> Map<A, B, F>>,
}
///The outputs of [`Map`].
#[allow(
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    reason = "written by `#[node]`"
)]
pub struct MapOutputs<A, B, F>
where
    F: Fn(A) -> B,
{
    ///Output `out`.
    pub out: crate::node::Out<Map<A, B, F>, B>,
    #[doc(hidden)]
    pub __node: ::core::marker::PhantomData<fn() -> Map<A, B, F>>,
}
///A record of any input of [`Map`]: what its dead letters hold.
#[allow(
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    reason = "written by `#[node]`"
)]
pub enum MapInput<A, B, F>
where
    F: Fn(A) -> B,
{
    ///A record of `input`.
    Input(A),
    /// A timer.
    OnTimer(crate::node::Timer<()>),
    #[doc(hidden)]
    __Node(
        ::core::convert::Infallible,
        ::core::marker::PhantomData<fn() -> Map<A, B, F>>,
    ),
}
///What the handlers of [`Map`] send to: a method for each output.
#[allow(dead_code, unreachable_pub, reason = "written by `#[node]`")]
pub trait MapOut<A, B, F>: crate::node::Context<Key = ()>
where
    F: Fn(A) -> B,
{
    ///Sends `item` to output `out`.
    fn out(&mut self, item: B);
}
///The handlers of [`Map`]: write `impl MapHandlers for Map`.
#[diagnostic::on_unimplemented(
    message = "node `Map` has no handlers",
    label = "`MapHandlers` is not implemented",
    note = "write `impl MapHandlers<A,B,F> for Map<A,B,F> { .. }`"
)]
#[allow(unreachable_pub, clippy::ptr_arg, reason = "written by `#[node]`")]
pub trait MapHandlers<A, B, F>
where
    F: Fn(A) -> B,
{
    ///A record of input `input`.
    fn on_input(&self, input: A, out: &mut impl MapOut<A, B, F>) -> crate::NodeResult;
    ///Before the first record, and again after a restart.
    fn on_start(&self, out: &mut impl MapOut<A, B, F>) -> crate::NodeResult {
        let _ = (out);
        ::core::result::Result::Ok(())
    }
    ///A timer is due that `out.set_timer` asked for.
    fn on_timer(
        &self,
        timer: crate::node::Timer<()>,
        out: &mut impl MapOut<A, B, F>,
    ) -> crate::NodeResult {
        let _ = (timer, out);
        ::core::result::Result::Ok(())
    }
    ///The node's frontier has risen; every timer before it has fired.
    fn on_frontier(
        &self,
        frontier: crate::Frontier,
        out: &mut impl MapOut<A, B, F>,
    ) -> crate::NodeResult {
        let _ = (frontier, out);
        ::core::result::Result::Ok(())
    }
    ///After the last record.
    fn on_stop(&self, out: &mut impl MapOut<A, B, F>) -> crate::NodeResult {
        let _ = (out);
        ::core::result::Result::Ok(())
    }
    ///A checkpoint is about to be taken, of everything so far.
    fn on_checkpoint(
        &self,
        checkpoint: u64,
        out: &mut impl MapOut<A, B, F>,
    ) -> crate::NodeResult {
        let _ = (checkpoint, out);
        ::core::result::Result::Ok(())
    }
    ///The checkpoints up to this one are complete: what was got ready for them can be made visible. Said with `u64::MAX` of everything so far: at the end, and after a restore. It may be said again after a failure.
    fn on_complete(
        &self,
        checkpoint: u64,
        out: &mut impl MapOut<A, B, F>,
    ) -> crate::NodeResult {
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
    impl<A, B, F> crate::node::Const for MapInputs<A, B, F>
    where
        F: Fn(A) -> B,
    {
        const NEW: Self = MapInputs {
            input: crate::node::In::NEW,
            __node: ::core::marker::PhantomData,
        };
    }
    impl<A, B, F> crate::node::Const for MapOutputs<A, B, F>
    where
        F: Fn(A) -> B,
    {
        const NEW: Self = MapOutputs {
            out: crate::node::Out::NEW,
            __node: ::core::marker::PhantomData,
        };
    }
    pub struct MapEmitters<__E0> {
        out: __E0,
    }
    impl crate::node::Const for MapEmitters<crate::node::Unconnected> {
        const NEW: Self = MapEmitters {
            out: crate::node::Unconnected,
        };
    }
    impl<__E0> MapEmitters<__E0> {
        pub fn out<__E>(self, emitter: __E) -> MapEmitters<__E> {
            MapEmitters { out: emitter }
        }
    }
    impl<__E0: crate::node::Part> crate::node::Emitters for MapEmitters<__E0> {
        #[inline(always)]
        fn each<__V: crate::node::EachPart>(&mut self, each: &mut __V) -> bool {
            each.part(&mut self.out)
        }
    }
    pub struct MapWiring<Input>(::core::marker::PhantomData<(Input,)>);
    impl<Input> crate::node::Const for MapWiring<Input> {
        const NEW: Self = MapWiring(::core::marker::PhantomData);
    }
    #[diagnostic::on_unimplemented(
        message = "input `input` of node `Map` is not connected",
        label = "its input `input` is not connected",
        note = "add an edge `.. => node.input`, or declare the input as `#[input(optional)]`"
    )]
    pub trait InputConnected {}
    impl InputConnected for crate::graph::check::Connected {}
    impl<Input> MapWiring<Input> {
        pub fn complete(self)
        where
            Input: InputConnected,
        {}
    }
    impl<Input> crate::graph::check::Connect<0> for MapWiring<Input> {
        type Next = MapWiring<crate::graph::check::Connected>;
    }
    impl<A, B, F> crate::node::Node for Map<A, B, F>
    where
        F: Fn(A) -> B,
        A: ::core::marker::Send + 'static,
        B: ::core::marker::Send + 'static,
        A: 'static,
        B: 'static,
        F: 'static,
        Map<A, B, F>: ::core::marker::Send + ::core::marker::Sync,
    {
        type Inputs = MapInputs<A, B, F>;
        type Outputs = MapOutputs<A, B, F>;
        type Open = MapEmitters<crate::node::Unconnected>;
        type Wiring = MapWiring<crate::graph::check::Missing>;
        type Key = ();
        type State = ();
        type Kind = crate::node::kind::Fused;
        const SOLE_KEY: ::core::option::Option<&'static ()> = ::core::option::Option::Some(
            &(),
        );
        fn new_state(&self) -> () {}
        fn descriptor() -> crate::node::Descriptor {
            __descriptor::<A, B, F>()
        }
        fn timer_letter(
            timer: crate::node::Timer<()>,
            about: crate::node::About,
        ) -> ::core::option::Option<crate::engine::Letter> {
            ::core::option::Option::Some(
                about.letter(<MapInput<A, B, F>>::OnTimer(timer)),
            )
        }
    }
    fn __descriptor<A, B, F>() -> crate::node::Descriptor
    where
        F: Fn(A) -> B,
        A: ::core::marker::Send + 'static,
        B: ::core::marker::Send + 'static,
        A: 'static,
        B: 'static,
        F: 'static,
        Map<A, B, F>: ::core::marker::Send + ::core::marker::Sync,
    {
        let mut node = crate::node::Descriptor::new("Map", ::core::module_path!());
        node.docs = "";
        node.inputs = ::std::vec![
            crate ::node::InputDescriptor { name : "input", docs : "", item : "A",
            optional : false, }
        ];
        node.outputs = ::std::vec![
            crate ::node::OutputDescriptor { name : "out", docs : "", item : "B",
            optional : false, }
        ];
        node.state = ::std::vec![];
        node
    }
    impl<A, B, F> ::core::clone::Clone for MapInput<A, B, F>
    where
        F: Fn(A) -> B,
        for<'__any> A: ::core::clone::Clone,
        for<'__any> crate::node::Timer<()>: ::core::clone::Clone,
    {
        fn clone(&self) -> Self {
            match self {
                Self::Input(record) => Self::Input(::core::clone::Clone::clone(record)),
                Self::OnTimer(record) => {
                    Self::OnTimer(::core::clone::Clone::clone(record))
                }
                Self::__Node(never, _) => match *never {}
            }
        }
    }
    impl<A, B, F> ::core::fmt::Debug for MapInput<A, B, F>
    where
        F: Fn(A) -> B,
        for<'__any> A: ::core::fmt::Debug,
        for<'__any> crate::node::Timer<()>: ::core::fmt::Debug,
    {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            match self {
                Self::Input(record) => f.debug_tuple("Input").field(record).finish(),
                Self::OnTimer(record) => f.debug_tuple("OnTimer").field(record).finish(),
                Self::__Node(never, _) => match *never {}
            }
        }
    }
    impl<A, B, F> crate::node::Letters for Map<A, B, F>
    where
        F: Fn(A) -> B,
        A: ::core::marker::Send + 'static,
        B: ::core::marker::Send + 'static,
        A: 'static,
        B: 'static,
        F: 'static,
        Map<A, B, F>: ::core::marker::Send + ::core::marker::Sync,
    {
        type Input = MapInput<A, B, F>;
    }
    impl<A, B, F> crate::node::InputPort<0> for Map<A, B, F>
    where
        F: Fn(A) -> B,
        A: ::core::marker::Send + 'static,
        B: ::core::marker::Send + 'static,
        A: 'static,
        B: 'static,
        F: 'static,
        Map<A, B, F>: ::core::marker::Send + ::core::marker::Sync,
    {
        type Item = A;
        type Passing = crate::node::ByValue;
        const NAME: &'static str = "input";
        const ROUTING: crate::node::Routing = crate::node::Routing::Deal;
        fn letter(
            item: A,
            about: crate::node::About,
        ) -> ::core::option::Option<crate::engine::Letter> {
            ::core::option::Option::Some(about.letter(<MapInput<A, B, F>>::Input(item)))
        }
    }
    impl<A, B, F, __T: MapOut<A, B, F> + ?::core::marker::Sized> MapOut<A, B, F>
    for &mut __T
    where
        F: Fn(A) -> B,
    {
        #[inline(always)]
        fn out(&mut self, item: B) {
            <__T as MapOut<A, B, F>>::out(&mut **self, item)
        }
    }
    impl<'__a, A, B, F, __T: MapOut<A, B, F>> MapOut<A, B, F>
    for crate::node::At<'__a, __T>
    where
        F: Fn(A) -> B,
    {
        #[inline(always)]
        fn out(&mut self, item: B) {
            <__T as MapOut<A, B, F>>::out(self.__context_mut(), item)
        }
    }
    impl<A, B, F, __E0: crate::node::Emit<B>> MapOut<A, B, F>
    for crate::node::Outlet<'_, (), MapEmitters<__E0>>
    where
        F: Fn(A) -> B,
        A: ::core::marker::Send + 'static,
        B: ::core::marker::Send + 'static,
        A: 'static,
        B: 'static,
        F: 'static,
        Map<A, B, F>: ::core::marker::Send + ::core::marker::Sync,
    {
        #[inline(always)]
        fn out(&mut self, item: B) {
            crate::node::Emit::emit(&mut self.to.out, self.cx, item)
        }
    }
    impl<A, B, F, __E0: crate::node::Emit<B>> crate::node::Receive<0, MapEmitters<__E0>>
    for Map<A, B, F>
    where
        F: Fn(A) -> B,
        A: ::core::marker::Send + 'static,
        B: ::core::marker::Send + 'static,
        A: 'static,
        B: 'static,
        F: 'static,
        Map<A, B, F>: ::core::marker::Send + ::core::marker::Sync,
    {
        #[inline(always)]
        fn receive(
            &self,
            state: &mut (),
            item: A,
            out: &mut crate::node::Outlet<'_, (), MapEmitters<__E0>>,
        ) -> crate::NodeResult {
            <Map<A, B, F> as MapHandlers<A, B, F>>::on_input(self, item, out)
        }
    }
    impl<A, B, F, __E0: crate::node::Emit<B>> crate::node::Lifecycle<MapEmitters<__E0>>
    for Map<A, B, F>
    where
        F: Fn(A) -> B,
        A: ::core::marker::Send + 'static,
        B: ::core::marker::Send + 'static,
        A: 'static,
        B: 'static,
        F: 'static,
        Map<A, B, F>: ::core::marker::Send + ::core::marker::Sync,
    {
        #[inline]
        fn on_start(
            &self,
            state: &mut (),
            out: &mut crate::node::Outlet<'_, (), MapEmitters<__E0>>,
        ) -> crate::NodeResult {
            <Map<A, B, F> as MapHandlers<A, B, F>>::on_start(self, out)
        }
        #[inline]
        fn on_timer(
            &self,
            state: &mut (),
            timer: crate::node::Timer<()>,
            out: &mut crate::node::Outlet<'_, (), MapEmitters<__E0>>,
        ) -> crate::NodeResult {
            <Map<A, B, F> as MapHandlers<A, B, F>>::on_timer(self, timer, out)
        }
        #[inline]
        fn on_frontier(
            &self,
            state: &mut (),
            frontier: crate::Frontier,
            out: &mut crate::node::Outlet<'_, (), MapEmitters<__E0>>,
        ) -> crate::NodeResult {
            <Map<A, B, F> as MapHandlers<A, B, F>>::on_frontier(self, frontier, out)
        }
        #[inline]
        fn on_stop(
            &self,
            state: &mut (),
            out: &mut crate::node::Outlet<'_, (), MapEmitters<__E0>>,
        ) -> crate::NodeResult {
            <Map<A, B, F> as MapHandlers<A, B, F>>::on_stop(self, out)
        }
        #[inline]
        fn on_checkpoint(
            &self,
            state: &mut (),
            checkpoint: u64,
            out: &mut crate::node::Outlet<'_, (), MapEmitters<__E0>>,
        ) -> crate::NodeResult {
            <Map<A, B, F> as MapHandlers<A, B, F>>::on_checkpoint(self, checkpoint, out)
        }
        #[inline]
        fn on_complete(
            &self,
            state: &mut (),
            checkpoint: u64,
            out: &mut crate::node::Outlet<'_, (), MapEmitters<__E0>>,
        ) -> crate::NodeResult {
            <Map<A, B, F> as MapHandlers<A, B, F>>::on_complete(self, checkpoint, out)
        }
    }
};
