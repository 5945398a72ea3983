/// Reads an event.
pub fn parse(line: &str) -> Result<Option<Event>, ParseError> {
    read(line)
}
/// Reads an event.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parse;
///The inputs of [`Parse`].
#[allow(
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    reason = "written by `#[node]`"
)]
pub struct ParseInputs {
    /// What the function takes.
    pub input: ::streamweave::node::In<Parse, 0, ::std::string::String>,
}
///The outputs of [`Parse`].
#[allow(
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    reason = "written by `#[node]`"
)]
pub struct ParseOutputs {
    /// What the function returns.
    pub out: ::streamweave::node::Out<Parse, Event>,
    /// The errors that the function returns; unconnected, an error fails its record.
    pub errors: ::streamweave::node::Out<Parse, ParseError>,
}
///A record of any input of [`Parse`]: what its dead letters hold.
#[allow(
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    reason = "written by `#[node]`"
)]
pub enum ParseInput {
    ///A record of `input`.
    Input(::std::string::String),
    /// A timer.
    OnTimer(::streamweave::node::Timer<()>),
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
    impl ::streamweave::node::Const for ParseInputs {
        const NEW: Self = ParseInputs {
            input: ::streamweave::node::In::NEW,
        };
    }
    impl ::streamweave::node::Const for ParseOutputs {
        const NEW: Self = ParseOutputs {
            out: ::streamweave::node::Out::NEW,
            errors: ::streamweave::node::Out::NEW,
        };
    }
    pub struct ParseEmitters<__E0, __E1> {
        out: __E0,
        errors: __E1,
    }
    impl ::streamweave::node::Const
    for ParseEmitters<
        ::streamweave::node::Unconnected,
        ::streamweave::node::Unconnected,
    > {
        const NEW: Self = ParseEmitters {
            out: ::streamweave::node::Unconnected,
            errors: ::streamweave::node::Unconnected,
        };
    }
    impl<__E0, __E1> ParseEmitters<__E0, __E1> {
        pub fn out<__E>(self, emitter: __E) -> ParseEmitters<__E, __E1> {
            ParseEmitters {
                out: emitter,
                errors: self.errors,
            }
        }
        pub fn errors<__E>(self, emitter: __E) -> ParseEmitters<__E0, __E> {
            ParseEmitters {
                out: self.out,
                errors: emitter,
            }
        }
    }
    impl<
        __E0: ::streamweave::node::Part,
        __E1: ::streamweave::node::Part,
    > ::streamweave::node::Emitters for ParseEmitters<__E0, __E1> {
        #[inline(always)]
        fn each<__V: ::streamweave::node::EachPart>(&mut self, each: &mut __V) -> bool {
            each.part(&mut self.out) && each.part(&mut self.errors)
        }
    }
    pub struct ParseWiring<Input>(::core::marker::PhantomData<(Input,)>);
    impl<Input> ::streamweave::node::Const for ParseWiring<Input> {
        const NEW: Self = ParseWiring(::core::marker::PhantomData);
    }
    #[diagnostic::on_unimplemented(
        message = "input `input` of node `Parse` is not connected",
        label = "its input `input` is not connected",
        note = "add an edge `.. => node.input`, or declare the input as `#[input(optional)]`"
    )]
    pub trait InputConnected {}
    impl InputConnected for ::streamweave::graph::check::Connected {}
    impl<Input> ParseWiring<Input> {
        pub fn complete(self)
        where
            Input: InputConnected,
        {}
    }
    impl<Input> ::streamweave::graph::check::Connect<0> for ParseWiring<Input> {
        type Next = ParseWiring<::streamweave::graph::check::Connected>;
    }
    impl ::streamweave::node::Node for Parse {
        type Inputs = ParseInputs;
        type Outputs = ParseOutputs;
        type Open = ParseEmitters<
            ::streamweave::node::Unconnected,
            ::streamweave::node::Unconnected,
        >;
        type Wiring = ParseWiring<::streamweave::graph::check::Missing>;
        type Key = ();
        type State = ();
        type Kind = ::streamweave::node::kind::Fused;
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
            ::core::option::Option::Some(about.letter(<ParseInput>::OnTimer(timer)))
        }
    }
    fn __descriptor() -> ::streamweave::node::Descriptor {
        let mut node = ::streamweave::node::Descriptor::new(
            "Parse",
            ::core::module_path!(),
        );
        node.docs = "Reads an event.";
        node.inputs = ::std::vec![
            ::streamweave::node::InputDescriptor { name : "input", docs :
            "What the function takes.", item : "::std::string::String", optional : false,
            }
        ];
        node.outputs = ::std::vec![
            ::streamweave::node::OutputDescriptor { name : "out", docs :
            "What the function returns.", item : "Event", optional : false, },
            ::streamweave::node::OutputDescriptor { name : "errors", docs :
            "The errors that the function returns; unconnected, an error fails its record.",
            item : "ParseError", optional : true, }
        ];
        node.state = ::std::vec![];
        node
    }
    impl ::core::clone::Clone for ParseInput
    where
        for<'__any> ::std::string::String: ::core::clone::Clone,
        for<'__any> ::streamweave::node::Timer<()>: ::core::clone::Clone,
    {
        fn clone(&self) -> Self {
            match self {
                Self::Input(record) => Self::Input(::core::clone::Clone::clone(record)),
                Self::OnTimer(record) => {
                    Self::OnTimer(::core::clone::Clone::clone(record))
                }
            }
        }
    }
    impl ::core::fmt::Debug for ParseInput
    where
        for<'__any> ::std::string::String: ::core::fmt::Debug,
        for<'__any> ::streamweave::node::Timer<()>: ::core::fmt::Debug,
    {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            match self {
                Self::Input(record) => f.debug_tuple("Input").field(record).finish(),
                Self::OnTimer(record) => f.debug_tuple("OnTimer").field(record).finish(),
            }
        }
    }
    impl ::streamweave::node::Letters for Parse
    where
        for<'__node> Parse: ::core::marker::Send + ::core::marker::Sync,
    {
        type Input = ParseInput;
    }
    impl ::streamweave::node::InputPort<0> for Parse
    where
        for<'__node> Parse: ::core::marker::Send + ::core::marker::Sync,
    {
        type Item = ::std::string::String;
        type Passing = ::streamweave::node::ByRef;
        const NAME: &'static str = "input";
        const ROUTING: ::streamweave::node::Routing = ::streamweave::node::Routing::Deal;
        fn letter(
            item: ::std::string::String,
            about: ::streamweave::node::About,
        ) -> ::core::option::Option<::streamweave::engine::Letter> {
            ::core::option::Option::Some(about.letter(<ParseInput>::Input(item)))
        }
    }
    impl<
        __E0: ::streamweave::node::Emit<Event>,
        __E1: ::streamweave::node::Emit<ParseError>,
    > ::streamweave::node::Receive<0, ParseEmitters<__E0, __E1>> for Parse
    where
        for<'__node> Parse: ::core::marker::Send + ::core::marker::Sync,
    {
        #[inline(always)]
        fn receive(
            &self,
            state: &mut (),
            item: ::std::string::String,
            out: &mut ::streamweave::node::Outlet<'_, (), ParseEmitters<__E0, __E1>>,
        ) -> ::streamweave::NodeResult {
            <Self as ::streamweave::node::Receive<
                0,
                ParseEmitters<__E0, __E1>,
            >>::receive_lent(self, state, &item, out)
        }
        #[inline(always)]
        fn receive_lent(
            &self,
            state: &mut (),
            item: &::std::string::String,
            out: &mut ::streamweave::node::Outlet<'_, (), ParseEmitters<__E0, __E1>>,
        ) -> ::streamweave::NodeResult {
            let returned = parse(item);
            match returned {
                ::core::result::Result::Ok(returned) => {
                    if let ::core::option::Option::Some(returned) = returned {
                        ::streamweave::node::Emit::emit(
                            &mut out.to.out,
                            out.cx,
                            returned,
                        );
                    }
                    ::core::result::Result::Ok(())
                }
                ::core::result::Result::Err(error) => {
                    if <__E1 as ::streamweave::node::Emit<ParseError>>::CONNECTED {
                        ::streamweave::node::Emit::emit(
                            &mut out.to.errors,
                            out.cx,
                            error,
                        );
                        ::core::result::Result::Ok(())
                    } else {
                        ::core::result::Result::Err(
                            ::streamweave::node::bounds::failure::<ParseError>(error),
                        )
                    }
                }
            }
        }
    }
    impl<
        __E0: ::streamweave::node::Emit<Event>,
        __E1: ::streamweave::node::Emit<ParseError>,
    > ::streamweave::node::Lifecycle<ParseEmitters<__E0, __E1>> for Parse
    where
        for<'__node> Parse: ::core::marker::Send + ::core::marker::Sync,
    {}
    ::streamweave::expansion::inventory::submit! {
        ::streamweave::node::Registered(__descriptor)
    }
};
